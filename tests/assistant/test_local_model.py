"""The embedded engine: its weights are checked before it starts, and its end and Roundsman's are apart."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf import GGUFWriter

from app import SHIPPED_ADAPTER
from assistant.engine_process import SPINS
from assistant.local_model import (
    EngineOptions,
    LocalModel,
    adapter_metadata,
    check_adapter,
    default_threads,
    file_digest,
    packaged_weights,
    usable_cores,
)
from domain.errors import ModelUnavailable, PromptTooLong
from prompts.render import VERSION_OF_STYLE, Setting, Turn, render
from tools.registry import TOOLS, registry_version
from tools.schema import call_schema
from tools.spans import Spans
from tools.words import WORDS

QUESTION = "Which compost bins near Sather Gate will be over 80 percent by tomorrow noon?"


def adapter_file(file: Path, **said: str) -> Path:
    """A LoRA adapter of rank one for one matrix, all zeros, with metadata `roundsman.<name>`."""
    writer = GGUFWriter(file, "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", 1.0)
    for name, value in said.items():
        writer.add_string(f"roundsman.{name}", value)
    writer.add_tensor("blk.0.attn_q.weight.lora_a", np.zeros((1, 576), np.float32))
    writer.add_tensor("blk.0.attn_q.weight.lora_b", np.zeros((576, 1), np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A file in the place of the base weights."""
    file = tmp_path / "base.gguf"
    file.write_bytes(b"weights")
    return file


def ended(pid: int | None, *, within_s: float = 5.0) -> bool:
    """Whether the process is gone, or goes in time."""
    give_up = time.monotonic() + within_s
    while time.monotonic() < give_up:
        try:
            os.kill(pid or 0, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


# ---------------------------------------------------------------- before the start


def test_an_adapter_made_for_this_registry_and_base_is_accepted(tmp_path: Path, base: Path) -> None:
    adapter = adapter_file(tmp_path / "a.gguf", schema_hash="abc", base_digest=file_digest(base), prompt_hash="p-1")
    check_adapter(adapter, base, "abc", "p-1")
    assert adapter_metadata(adapter)["roundsman.schema_hash"] == "abc"


def test_an_adapter_of_another_registry_is_refused_naming_both_hashes(tmp_path: Path, base: Path) -> None:
    adapter = adapter_file(tmp_path / "a.gguf", schema_hash="0123old", base_digest=file_digest(base))
    with pytest.raises(ModelUnavailable, match=r"schema_hash is 0123old, needed is 4567new"):
        check_adapter(adapter, base, "4567new", "p-1")


def test_an_adapter_of_another_prompt_style_is_refused_naming_both(tmp_path: Path, base: Path) -> None:
    adapter = adapter_file(tmp_path / "a.gguf", schema_hash="abc", base_digest=file_digest(base), prompt_hash="p-1")
    with pytest.raises(ModelUnavailable, match=r"prompt_hash is p-1, needed is p-2"):
        check_adapter(adapter, base, "abc", "p-2")


def test_an_adapter_of_another_base_is_refused_naming_both_digests(tmp_path: Path, base: Path) -> None:
    adapter = adapter_file(tmp_path / "a.gguf", schema_hash="abc", base_digest="f00d")
    with pytest.raises(ModelUnavailable, match=f"base_digest is f00d, needed is {file_digest(base)}"):
        LocalModel(EngineOptions(tmp_path, base=base, adapter=adapter, schema_hash="abc"))


def test_an_adapter_without_marks_is_refused_unless_the_check_is_off(tmp_path: Path, base: Path) -> None:
    adapter = adapter_file(tmp_path / "a.gguf")
    with pytest.raises(ModelUnavailable, match="schema_hash is missing"):
        LocalModel(EngineOptions(tmp_path, base=base, adapter=adapter, schema_hash="abc"))
    model = LocalModel(EngineOptions(tmp_path, base=base, adapter=adapter, check_adapter=False))
    assert model.identity.adapter == "a"
    assert model.identity.digests == {"base": file_digest(base), "adapter": file_digest(adapter)}


def test_an_adapter_that_is_no_adapter_is_refused(tmp_path: Path, base: Path) -> None:
    with pytest.raises(ModelUnavailable, match="does not exist"):
        check_adapter(tmp_path / "none.gguf", base, "abc", "p-1")
    with pytest.raises(ModelUnavailable, match="not a readable GGUF"):
        check_adapter(base, base, "abc", "p-1")


def test_a_changed_file_has_another_digest(base: Path) -> None:
    before = file_digest(base)
    base.write_bytes(b"other weights")
    assert file_digest(base) != before


def test_missing_weights_are_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"none\.gguf does not exist"):
        LocalModel(EngineOptions(tmp_path, base=tmp_path / "none.gguf"))


def test_weights_that_are_no_model_end_in_a_sentence_that_names_the_log(tmp_path: Path, base: Path) -> None:
    model = LocalModel(EngineOptions(tmp_path / "logs", base=base))
    with pytest.raises(ModelUnavailable, match=r"could not start; see .*engine\.log"):
        model.start()
    assert not model.alive
    assert (tmp_path / "logs" / "engine.log").stat().st_size > 0


async def test_a_model_that_was_stopped_stays_off_and_says_so(tmp_path: Path, base: Path) -> None:
    model = LocalModel(EngineOptions(tmp_path, base=base))
    assert not await model.ready()
    model.stop()
    with pytest.raises(ModelUnavailable, match="was stopped"):
        await model.decide("<prompt>", {}, deadline_s=5)


# ---------------------------------------------------------------- the real engine


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalModel]:
    """The packaged weights, running."""
    with LocalModel(EngineOptions(tmp_path_factory.mktemp("engine"))) as model:
        yield model


async def ask(model: LocalModel, question: str = QUESTION, *, deadline_s: float = 30.0) -> dict[str, object]:
    """The model's call for `question`."""
    prompt = render("small", Setting("berkeley", "manager"), [Turn(question)])
    answer = await model.decide(prompt, call_schema(TOOLS, Spans.of([question])), deadline_s=deadline_s)
    assert answer.new_tokens > 0
    call: dict[str, object] = json.loads(answer.text)
    return call


@pytest.mark.model
async def test_the_engine_answers_with_a_call_whose_words_are_spans_of_the_question(engine: LocalModel) -> None:
    assert await engine.ready()
    call = await ask(engine)
    allowed = Spans.of([QUESTION]).up_to(40)
    parameters = call["parameters"]
    assert isinstance(parameters, dict)
    values = [v for value in parameters.values() for v in (value if isinstance(value, list) else [value])]
    fixed = {str(v) for t in TOOLS.values() for a in t.arguments for v in a.schema.get("enum") or []}  # type: ignore[union-attr]
    assert all(v in allowed or v in fixed or str(v).startswith("{{") or v == 80 for v in values)


@pytest.mark.model
async def test_the_engine_decodes_words_that_json_must_escape(engine: LocalModel) -> None:
    odd = 'lid says "stuck\\shut" — ½ café'
    schema = {"type": "object", "additionalProperties": False, "required": ["name", "parameters"], "properties": {
        "name": {"const": "x"}, "parameters": {"type": "object", "properties": {"note": {"enum": [odd]}},
                                               "required": ["note"], "additionalProperties": False}}}  # fmt: skip
    answer = await engine.decide("<prompt>", schema, deadline_s=20)
    assert json.loads(answer.text)["parameters"] == {"note": odd}


@pytest.mark.model
async def test_the_name_of_a_call_weighs_as_much_beside_it_as_alone_and_no_other_less(tmp_path: Path) -> None:
    names = [*TOOLS, *WORDS]
    prompt = render("small", Setting("berkeley", "manager"), [Turn(QUESTION)])
    alternatives: Any = call_schema(TOOLS, None)["anyOf"]
    with LocalModel(EngineOptions(tmp_path, adapter=SHIPPED_ADAPTER, schema_hash=registry_version())) as model:
        alone = dict(zip(names, await model.weigh(prompt, names, deadline_s=60), strict=True))
        for each in alternatives:
            answer = await model.decide_among(prompt, each, names, deadline_s=30)
            said = json.loads(answer.text)["name"]
            assert answer.names[said] == pytest.approx(alone[said], abs=0.2)
            assert all(answer.names[name] >= alone[name] - 0.2 for name in names)


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the engine is not built with libgomp")
async def test_two_threads_say_the_same_as_one_and_do_not_spin_long(
    engine: LocalModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_DISPLAY_ENV", "VERBOSE")  # libgomp then says what it has read, on standard error
    calls = []
    for threads in (1, 2):
        with LocalModel(EngineOptions(tmp_path / str(threads), threads=threads)) as model:
            calls.append(await ask(model))
        assert f"GOMP_SPINCOUNT = '{SPINS}'" in (tmp_path / str(threads) / "engine.log").read_text()
    assert calls[0] == calls[1] == await ask(engine)


def test_a_containers_share_of_the_processor_counts(tmp_path: Path) -> None:
    here, quota = len(os.sched_getaffinity(0)), tmp_path / "cpu.max"
    assert usable_cores(quota) == here  # no such file
    shares = [("max 100000", here), ("100000 100000", 1), ("150000 100000", 2), ("5000 100000", 1), ("", here)]
    for said, given in shares:
        quota.write_text(said)
        assert usable_cores(quota) == min(here, given), said


def test_an_engine_has_a_thread_a_core_and_two_at_most() -> None:
    assert [default_threads(cores) for cores in (1, 2, 16)] == [1, 2, 2]
    assert default_threads() == default_threads(usable_cores())


@pytest.mark.model
async def test_a_prompt_beyond_the_engines_context_is_told_apart(engine: LocalModel) -> None:
    with pytest.raises(PromptTooLong):
        await engine.decide("bin " * 5_000, {"type": "object"}, deadline_s=20)
    assert "name" in await ask(engine)


@pytest.mark.model
async def test_an_engine_that_is_killed_is_started_again(engine: LocalModel) -> None:
    killed = engine.pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    answers = await asyncio.gather(ask(engine), ask(engine))
    assert answers[0] == answers[1]
    assert engine.pid != killed


@pytest.mark.model
async def test_an_engine_that_dies_twice_before_it_answers_stays_off(tmp_path: Path) -> None:
    with LocalModel(EngineOptions(tmp_path)) as model:
        first = model.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        asked = asyncio.create_task(ask(model))
        while model.pid in {first, None}:
            await asyncio.sleep(0.001)
        os.kill(model.pid or 0, signal.SIGKILL)
        with pytest.raises(ModelUnavailable):
            await asked
        with pytest.raises(ModelUnavailable, match="twice in a row"):
            await ask(model)
        model.start()
        assert "name" in await ask(model)


@pytest.mark.model
async def test_a_long_answer_is_given_up_at_the_deadline_and_the_engine_lives_on(engine: LocalModel) -> None:
    words = {"type": "object", "properties": {"name": {"type": "string", "minLength": 3000}}, "required": ["name"]}
    with pytest.raises(ModelUnavailable, match=r"within 0\.3 seconds"):
        await engine.decide("Once upon a time", words, deadline_s=0.3)
    assert await engine.ready(deadline_s=10)


@pytest.mark.model
def test_stop_ends_the_process_and_leaves_a_quiet_log(tmp_path: Path) -> None:
    model = LocalModel(EngineOptions(tmp_path))
    started = time.monotonic()
    model.start()
    assert time.monotonic() - started < 20  # half a second on a quiet machine
    pid = model.pid
    model.stop()
    assert ended(pid, within_s=0.1)
    assert not model.alive
    assert (tmp_path / "engine.log").stat().st_size < 2000


@pytest.mark.model
def test_no_engine_outlives_a_program_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time, pathlib\n"
        "from assistant.local_model import EngineOptions, LocalModel\n"
        "model = LocalModel(EngineOptions(pathlib.Path(sys.argv[1]))); model.start()\n"
        "print(model.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    with parent.stdout:
        engine = int(parent.stdout.readline())
    assert not ended(engine, within_s=0.1)
    parent.kill()
    parent.wait()
    assert ended(engine)


@pytest.mark.model
async def test_the_engine_loads_an_adapter_for_the_packaged_weights(tmp_path: Path) -> None:
    digest = file_digest(packaged_weights())
    adapter = adapter_file(
        tmp_path / "rank-one.gguf", schema_hash="abc", base_digest=digest, prompt_hash=VERSION_OF_STYLE["small"]
    )
    with LocalModel(EngineOptions(tmp_path, adapter=adapter, schema_hash="abc")) as model:
        assert await model.ready(deadline_s=10)
        assert model.identity.adapter == "rank-one"
