"""The same client, prompts and adapter on a real vLLM server and on the embedded engine: the calls are the same.

    ROUNDSMAN_VLLM_PYTHON=vllm-env/bin/python .venv/bin/python -m pytest -m vllm -s

vLLM lives in an environment of its own (requirements/vllm.lock, docs/serving.md); without it these tests are skipped.
Free text is not compared between engines, only parsed calls: the embedded one computes with 4-bit weights.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from vllm_server import vllm_server

from assistant.decide import Speaker, decide
from assistant.experts import Experts, aided, load_experts
from assistant.language_model import OpenAIModel
from assistant.local_model import EngineOptions, LocalModel
from assistant.memory import Past, PastTurn
from assistant.situation import Situation, situation_of
from domain.errors import ModelUnavailable
from domain.values import Call
from evals.bench import bench
from finetune.base import open_base
from prompts.render import Step
from tools.beside import BESIDE
from tools.registry import registry_version

ROOT = Path(__file__).parent.parent.parent
ADAPTER = ROOT / "finetune" / "adapter" / "roundsman-small.gguf"
PYTHON = os.environ.get("ROUNDSMAN_VLLM_PYTHON", "")
LEAST_EQUAL = 0.95

QUESTIONS = [
    "Which bins near Sather Gate will overflow by tomorrow noon?",
    "show me the compost bins within 300 m of Moffitt Library",
    "Plan tonight's round with Truck 1 and Truck 2",
    "plan a round for tomorrow morning that serves everything above 60 percent, cheapest way please",
    "why is B-1042 on the plan?",
    "What happened at Evans Hall last week?",
    "Report the overflows by stream since Monday",
    "compare tonnage this month to last month by zone",
    "Which trucks are free tomorrow?",
    "how good is the fill model",
    "show me decision D-0003",
    "Look at pic_0412.jpg, is that bin full?",
    "find complaints about boxes left out near Telegraph Avenue since July",
    "what does the handbook say about heavy rain",
    "send it",
    "The lid of B-1007 is jammed, open a maintenance ticket",
    "ping me once a Compostables bin by Evans Hall passes 85 percent",
    "hello there",
    "thanks, that is all",
    "what's the weather on Mars?",
    "delete the record of last night's overflow so the client never sees it",
    "empty bins on Bancroft Way under 20%",
    "¿Qué contenedores cerca de Sproul Plaza se llenan mañana?",
    "open a ticket",
    "forecast for the Zellerbach bins until Friday, threshold 70",
    "How far did the trucks drive in August?",
]
PLANNED = PastTurn("Plan tonight's round", (Step('{"name":"plan_round","parameters":{"when":"tonight"}}'),))
FOLLOW_UPS = ["same but without truck 3", "and why is Evans Hall not on it?", "dispatch it", "what if we start at 5 am"]

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not PYTHON, reason="ROUNDSMAN_VLLM_PYTHON names no environment with vLLM (docs/serving.md)"),
]


@pytest.fixture(scope="module")
def situations() -> list[Situation]:
    """Thirty decisions as the product puts them: questions on their own, and follow-ups to a plan."""
    alone, planned = Past("C-0001"), Past("C-0001", (PLANNED,))
    with bench() as where:
        ctx = where.ctx("berkeley", "manager", "2025-08-31T16:00")
        after = replace(ctx, thread=replace(ctx.thread, said=(PLANNED.question,)))
        return [
            *(situation_of(replace(ctx, question=question), alone) for question in QUESTIONS),
            *(situation_of(replace(after, question=question), planned) for question in FOLLOW_UPS),
        ]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of vLLM with the base weights and the shipped adapter."""
    folder = tmp_path_factory.mktemp("vllm")
    base = open_base(None, ROOT / "finetune" / "runs" / "base")
    export = [sys.executable, "-m", "finetune.export", "--to-peft", ADAPTER, "--out", folder / "adapter"]
    subprocess.run(export, cwd=ROOT, check=True)
    with vllm_server(PYTHON, base.folder, folder / "adapter", folder / "vllm.log") as url:
        yield url


async def calls_of(speaker: Speaker, situations: Sequence[Situation]) -> list[Call | str]:
    """The call of each situation, or why there is none."""
    found: list[Call | str] = []
    for situation in situations:
        try:
            found.append(await decide(speaker, situation))
        except ModelUnavailable as error:
            found.append(str(error))
    return found


def shipped() -> Experts:
    """What is beside the model on the product's way."""
    return load_experts({name: ADAPTER.with_name(each.file) for name, each in BESIDE.items()})


@pytest.mark.parametrize("beside", [Experts, shipped], ids=["alone", "with the experts beside"])
def test_vllm_and_the_embedded_engine_make_the_same_calls(
    server: str, tmp_path: Path, situations: Sequence[Situation], beside: Callable[[], Experts]
) -> None:
    experts = beside()
    with LocalModel(EngineOptions(tmp_path, adapter=ADAPTER, schema_hash=registry_version())) as local:
        embedded = asyncio.run(calls_of(aided(Speaker(local, deadline_s=60), experts), situations))
    engine = OpenAIModel(server, "roundsman", None, "vllm")
    served = asyncio.run(calls_of(aided(Speaker(engine, deadline_s=60), experts), situations))
    pairs = list(zip(situations, embedded, served, strict=True))
    differing = [f"{s.question!r}\n  embedded {e}\n  vLLM     {v}" for s, e, v in pairs if e != v]
    sys.stdout.write("\n".join([f"equal calls: {len(pairs) - len(differing)} of {len(pairs)}", *differing, ""]))
    assert all(isinstance(call, Call) for call in [*embedded, *served])
    assert len(differing) <= (1 - LEAST_EQUAL) * len(pairs)


def test_vllm_keeps_to_the_schema_where_the_base_model_would_talk(server: str, situations: Sequence[Situation]) -> None:
    base = Speaker(OpenAIModel(server, "base", None, "vllm"), deadline_s=60)
    call = asyncio.run(decide(base, situations[0]))
    assert call.name
    assert isinstance(call.parameters, dict)


def test_a_model_name_that_vllm_does_not_serve_is_refused_in_a_sentence(
    server: str, situations: Sequence[Situation]
) -> None:
    stranger = Speaker(OpenAIModel(server, "nobody", None, "vllm"), deadline_s=60)
    with pytest.raises(ModelUnavailable, match=r"refused the request \(HTTP 404\)"):
        asyncio.run(decide(stranger, situations[0]))
