"""How each suite reads its options and what it gives back."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from pydantic import JsonValue
from sqlalchemy import make_url

from assistant.decide import Speaker
from assistant.experts import aided, load_experts
from assistant.language_model import OpenAIModel
from assistant.local_model import EngineOptions, LocalModel
from assistant.surfaces.terminal import settings_in_force
from domain.errors import BadData
from evals import bfcl_file
from evals import conversations as talks
from evals import ingestion as ingesting
from evals import ledger as ledger_suite
from evals import new_tools as added
from evals import patterns as repeated
from evals import toolcalling as generic
from evals.bench import Bench, bench
from evals.cases_file import Case, read_cases
from evals.forecast import suite as fill
from evals.operations import suite as simulated
from evals.operations.foresight import Belief
from evals.operations.rounds import Aim
from evals.provenance import adapter_file, file_beside, reader_file
from evals.routing import ablation
from evals.routing import reasons as told_reasons
from evals.routing import suite as routes
from evals.search import judged
from evals.search import spatial as space
from evals.synthetic import COMPARED, minus, read_synthetic
from retrieval.embedder import MiniLM
from tools.beside import BESIDE
from tools.listed_reader import ListedReader, load_listed_reader
from tools.mentions import marks_of
from tools.registry import registry_version

JsonObject = dict[str, JsonValue]
Found = TypeVar("Found")


@dataclass(frozen=True)
class Measured:
    """Figures of ours, those of the baselines by name, how many cases they rest on; a chart (SVG) if any."""

    figures: JsonObject
    baselines: JsonObject = field(default_factory=dict)
    cases: int = 0
    chart: str = ""


def conversations(options: argparse.Namespace) -> Measured:
    """The cases of `--data`, by the shipped adapter or another; beside it what was asked for.

    `--rows` adds a linear classifier of tool names, `--stock` the untuned model with the tools in its prompt,
    `--synthetic` validation rows measured as the cases are.
    """
    data = _needed(options, "FILE (JSON lines, one case a line)")
    cases = [c for c in read_cases(data) if not options.single or len(c.turns) == 1]
    baselines: JsonObject = {}
    if options.rows:
        from evals.linear import tool_names  # scikit-learn, only here

        baselines["linear"] = tool_names(options.rows, cases)
    with bench() as where:
        beside = {**vars(options), "runs": 1, "mistakes": None}
        if options.stock:
            untuned = argparse.Namespace(**{**beside, "adapter": "none", "model": options.stock})
            baselines["stock"] = _talked(where, cases, untuned)
        figures = _talked(where, cases, options)
        if options.synthetic:
            rows = read_synthetic(options.synthetic, where.demo_time)
            derived = _talked(where, rows, argparse.Namespace(**beside))
            baselines["synthetic"] = derived
            figures = {"synthetic_minus_human": minus(derived[COMPARED], figures[COMPARED]), **figures}
    return Measured(figures, baselines, len(cases))


def _talked(where: Bench, cases: Sequence[Case], options: argparse.Namespace) -> JsonObject:
    with speaking(options) as speaker:
        return asyncio.run(_talk(where, speaker, cases, options))


def _needed(options: argparse.Namespace, what: str) -> Path:
    """`--data`, or BadData that says what belongs there."""
    if not isinstance(options.data, Path):
        raise BadData(f"{options.suite} needs --data {what}")
    return options.data


async def _talk(where: Bench, speaker: Speaker, cases: Sequence[Case], options: argparse.Namespace) -> JsonObject:
    plan = talks.Plan(options.runs, options.seed, options.mistakes)
    return await _closing(speaker, talks.measure(where, speaker, cases, plan))


@contextmanager
def speaking(options: argparse.Namespace) -> Iterator[Speaker]:
    """The language model of the options with its adapter (`shipped`, `none` or a file), stopped at the end."""
    own, small = options.own_words, options.style == "small"
    copying, marking, covering = not options.free, not options.unmarked, not options.uncovered
    if options.engine:
        server = OpenAIModel(options.engine, options.model, None, "vllm")
        speaker = Speaker(server, options.style, own or not small, copying=copying)  # own words as app.py has it
        yield replace(_aided(speaker, options) if small else speaker, marking=marking, covering=covering)
        return
    file = adapter_file(options.adapter)
    with TemporaryDirectory() as logs:
        engine = EngineOptions(Path(logs), adapter=file, schema_hash=registry_version(), threads=options.threads)
        with LocalModel(engine) as model:
            speaker = Speaker(model, free_words=own, copying=copying, show_tools=file is None)
            yield replace(_aided(speaker, options) if file else speaker, marking=marking, covering=covering)


def _aided(speaker: Speaker, options: argparse.Namespace) -> Speaker:
    """The speaker with the classifiers, the encoder and the words of the options. Raises BadData for misfits."""
    return aided(speaker, load_experts({name: file_beside(options, name) for name in BESIDE}))


def toolcalling(options: argparse.Namespace) -> Measured:
    """Generic tools of leaderboard files, beside calling the first tool always and calling none."""
    questions = bfcl_file.read_bfcl(_needed(options, "FOLDER (of the leaderboard's files)"), options.limit)
    with speaking(options) as speaker:
        figures = asyncio.run(_closing(speaker, generic.measure(speaker, questions, _listed_reader(options))))
    return Measured(figures, generic.baselines(questions), len(questions))


def _listed_reader(options: argparse.Namespace) -> ListedReader | None:
    """The reader of the options. Raises BadData for a misfit."""
    file = reader_file(options)
    return load_listed_reader(file) if file else None


def new_tools(options: argparse.Namespace) -> Measured:
    """Questions with tools of their own, that the model was never trained on."""
    cases = added.read_new_tools(_needed(options, "FILE (JSON lines with `tools` in each case)"))
    with bench() as where, speaking(options) as speaker:
        city = where.operation("berkeley")
        now = city.demo_now.astimezone(city.zone)
        read = added.measure(speaker, cases, lambda said: marks_of(said, city, now), _listed_reader(options))
        marked = asyncio.run(_closing(speaker, read))
    if options.mistakes:
        lines = [json.dumps(each, ensure_ascii=False) + "\n" for each in added.mistakes(marked)]
        options.mistakes.write_text("".join(lines), encoding="utf-8")
    return Measured(added.figures(marked), added.baselines(cases), len(cases))


async def _closing(speaker: Speaker, measured: Coroutine[Any, Any, Found]) -> Found:
    """What was measured, the model's connections closed."""
    found = await measured
    if isinstance(speaker.model, OpenAIModel):
        await speaker.model.close()
    return found


def routing(options: argparse.Namespace) -> Measured:
    """Routing benchmarks against their best-known costs, the peers beside us on the same CPU seconds."""
    asked = routes.Asked(options.data, options.seconds, options.seeds, options.peers)
    if options.ablation:
        return Measured(ablation.figures(asked, options.ablation))
    figures = routes.figures(asked)
    instances = figures["instances"]
    return Measured(figures, routes.baselines(figures), len(instances) if isinstance(instances, dict) else 0)


def operations(options: argparse.Namespace) -> Measured:
    """Policies of choosing bins, played on the same worlds (the cases) and compared at equal overflow rate."""
    asked = simulated.Asked(
        options.data, options.weeks, options.seeds, options.test_from, options.target, options.looks,
        options.truck_times, Aim(options.aim), options.until, options.first_seed, options.readings == "sensors",
        Belief(options.belief), options.members,
    )  # fmt: skip
    figures = simulated.figures(asked)
    return Measured(figures, simulated.baselines(figures), asked.seeds, simulated.chart(figures))


def forecast(options: argparse.Namespace) -> Measured:
    """Fill forecasts beside naive answers; on emptyings, what crews find."""
    data = _needed(options, "FILE (readings as container,time_utc,fill_pct, or emptyings)")
    asked = fill.Asked(
        data, options.test_from, options.unseen, options.ablation, options.seed, options.members, options.serving,
        options.until, options.zone,
    )  # fmt: skip
    found = fill.measure(asked)
    return Measured(found.figures, found.baselines, found.cases, found.chart)


def reasons(options: argparse.Namespace) -> Measured:
    """Told reasons against full searches, on bins of rounds that are planned as the assistant plans them."""
    asked = told_reasons.Asked(options.data, options.samples, options.seconds, options.seed)
    figures = told_reasons.figures(asked)
    return Measured(figures, {}, int(str(figures["samples"])))


def ledger(options: argparse.Namespace) -> Measured:
    """Kills, lost, doubled, forked records; mutations tried and found; speed."""
    figures: JsonObject = {**ledger_suite.figures(options.rounds, options.seed)}
    return Measured(figures, {}, options.rounds)


def ingestion(options: argparse.Namespace) -> Measured:
    """Documents torn, lost and left over after kills of whoever writes the index."""
    figures: JsonObject = {**ingesting.figures(options.kills, options.seed, options.database)}
    return Measured(figures, {}, options.kills)


def patterns(options: argparse.Namespace) -> Measured:
    """Findings in a city's records, beside what chance gives in shuffled ones."""
    return Measured(*repeated.figures(_needed(options, "FOLDER (a city)"), options.shuffles, options.seed))


def retrieval(options: argparse.Namespace) -> Measured:
    """Judged questions by words, by meaning and by both; vectors are made once and kept under the home."""
    folder = _needed(options, "FOLDER (corpus.jsonl, queries.jsonl, qrels/)")
    asked = judged.Asked(folder, options.split, options.cache or settings_in_force().home / "measured", options.sweep)
    figures, baselines, cases = judged.figures(asked, MiniLM())
    return Measured(figures, baselines, cases)


def spatial(options: argparse.Namespace) -> Measured:
    """Search over place and meaning in a made-up city, against brute force and against each plan alone."""
    asked = space.Asked(options.bins, options.questions, options.seed, not options.exact)
    figures, baselines, cases = space.figures(asked)
    return Measured(figures, baselines, cases)


def production(options: argparse.Namespace) -> Measured:
    """The same over the servers of a production, and without one of them."""
    from evals.search import production as servers  # the client of Weaviate takes a second to import
    from retrieval.weaviate_side import WeaviateAddress

    key = settings_in_force().weaviate_key
    said = key.get_secret_value() if key else None
    address = WeaviateAddress(options.weaviate, options.grpc_port, said, options.replicas)
    asked = servers.Asked(make_url(options.database), address, options.bins, options.questions, options.seed)
    return Measured(*servers.figures(asked))
