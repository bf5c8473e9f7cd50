"""How each suite reads its options and what it gives back."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import JsonValue

from assistant.decide import Speaker
from assistant.language_model import OpenAIModel
from assistant.local_model import EngineOptions, LocalModel
from domain.errors import BadData
from evals import conversations as talks
from evals import ledger as ledger_suite
from evals.bench import Bench, bench
from evals.cases_file import Case, read_cases
from tools.registry import registry_version

SHIPPED = Path(__file__).parent.parent / "finetune" / "adapter" / "roundsman-small.gguf"
JsonObject = dict[str, JsonValue]


@dataclass(frozen=True)
class Measured:
    """Figures of ours, those of the baselines by name, and how many cases they rest on."""

    figures: JsonObject
    baselines: JsonObject = field(default_factory=dict)
    cases: int = 0


def conversations(options: argparse.Namespace) -> Measured:
    """The cases of `--data`, by the shipped adapter or another; a linear classifier of tool names beside it."""
    if options.data is None:
        raise BadData("conversations needs --data FILE (JSON lines, one case a line)")
    cases = [c for c in read_cases(options.data) if not options.single or len(c.turns) == 1]
    baselines: JsonObject = {}
    if options.rows:
        from evals.linear import tool_names  # scikit-learn, only here

        baselines["linear"] = tool_names(options.rows, cases)
    with bench() as where, speaking(options) as speaker:
        return Measured(asyncio.run(_talk(where, speaker, cases, options)), baselines, len(cases))


async def _talk(where: Bench, speaker: Speaker, cases: Sequence[Case], options: argparse.Namespace) -> JsonObject:
    found = await talks.measure(where, speaker, cases, talks.Plan(options.runs, options.seed, options.mistakes))
    if isinstance(speaker.model, OpenAIModel):
        await speaker.model.close()
    return found


@contextmanager
def speaking(options: argparse.Namespace) -> Iterator[Speaker]:
    """The language model of the options, stopped at the end."""
    if options.engine:
        yield Speaker(OpenAIModel(options.engine, "roundsman", None, "vllm"), copying=not options.free)
        return
    adapter = {"shipped": SHIPPED, "none": None}.get(options.adapter, Path(options.adapter))
    with TemporaryDirectory() as logs:
        engine = EngineOptions(Path(logs), adapter=adapter, schema_hash=registry_version(), threads=1)
        with LocalModel(engine) as model:
            yield Speaker(model, copying=not options.free, show_tools=adapter is None)


def ledger(options: argparse.Namespace) -> Measured:
    """Kills, lost, doubled, forked records; mutations tried and found; speed."""
    figures: JsonObject = {**ledger_suite.figures(options.rounds, options.seed)}
    return Measured(figures, {}, options.rounds)
