"""The embedded model's weights with an adapter merged in: the same function as the two apart, or no file."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, quants

from assistant.local_model import EngineOptions, LocalModel
from assistant.merged_weights import KEPT, in_8_bits, merged_file, write_merged
from prompts.render import Setting, Turn, render
from tools.registry import TOOLS, registry_version
from tools.schema import Freedom, call_schema, calls_by_name
from tools.spans import Spans

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "finetune" / "adapter" / "roundsman-small.gguf"
RANK, ALPHA = 4, 8.0
ASKED = [
    "which bins near Sather Gate overflow by tomorrow noon?",
    "plan a round for tonight with T1 and T3, skip Birge Path, at most 6 hours",
    "how did overflows develop since July, by zone?",
    "tell me a joke",
    "and without truck 2?",
]

Floats = npt.NDArray[np.float32]


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(5)


def gguf_file(file: Path, tensors: Mapping[str, Floats], *, quantised: bool, alpha: float | None = None) -> Path:
    writer = GGUFWriter(file, "llama")
    writer.add_array("tokenizer.ggml.tokens", ["a", "ü", ""])
    if alpha is not None:
        writer.add_float32("adapter.lora.alpha", alpha)
    for name, tensor in tensors.items():
        if quantised and tensor.ndim > 1:
            kind = GGMLQuantizationType.Q4_1
            writer.add_tensor(name, quants.quantize(tensor, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, tensor)
    for write in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file):
        write()
    writer.close()
    return file


def of_rank(chance: np.random.Generator, name: str, rows: int, columns: int) -> dict[str, Floats]:
    sizes = {"lora_a": (RANK, columns), "lora_b": (rows, RANK)}
    return {f"{name}.{part}": chance.normal(size=size).astype(np.float32) for part, size in sizes.items()}


def read(file: Path) -> dict[str, Floats]:
    return {each.name: quants.dequantize(each.data, each.tensor_type) for each in GGUFReader(file).tensors}


def test_eight_bits_are_read_back_within_half_a_step(chance: np.random.Generator) -> None:
    weight = chance.normal(size=(3, 64)).astype(np.float32)
    weight[1] = 0
    back = quants.dequantize(in_8_bits(weight), GGMLQuantizationType.Q8_0)
    step = np.abs(weight.reshape(3, 2, 32)).max(2).repeat(32, 1) / 127
    assert (np.abs(back - weight) <= step * 0.51 + 1e-6 + np.abs(weight) * 1e-3).all()
    assert not back[1].any()


def test_a_weight_and_its_adapter_become_their_sum_and_all_else_stays(
    tmp_path: Path, chance: np.random.Generator
) -> None:
    tensors = {name: chance.normal(size=size).astype(np.float32)
               for name, size in {"up": (8, 64), "embedding": (5, 32), "norm": (64,)}.items()}  # fmt: skip
    base = gguf_file(tmp_path / "base.gguf", tensors, quantised=True)
    low = of_rank(chance, "up", 8, 64)
    adapter = gguf_file(tmp_path / "adapter.gguf", low, quantised=False, alpha=ALPHA)
    file = merged_file("b", "a", tmp_path / "cache")
    assert write_merged(base, adapter, file)
    before, after = read(base), read(file)
    wanted = before["up"] + low["up.lora_b"] @ low["up.lora_a"] * (ALPHA / RANK)
    assert np.abs(after["up"] - wanted).max() <= np.abs(wanted).max() / 127
    assert (after["embedding"] == before["embedding"]).all()
    assert (after["norm"] == before["norm"]).all()
    assert GGUFReader(file).fields["tokenizer.ggml.tokens"].contents() == ["a", "ü", ""]


@pytest.mark.parametrize("other", [{"down": (8, 64)}, {"up": (8, 32)}])
def test_an_adapter_of_other_weights_leaves_nothing_behind(
    tmp_path: Path, chance: np.random.Generator, other: dict[str, tuple[int, int]]
) -> None:
    base = gguf_file(tmp_path / "base.gguf", {"up": np.ones((8, 64), np.float32)}, quantised=True)
    ((name, size),) = other.items()
    adapter = gguf_file(tmp_path / "adapter.gguf", of_rank(chance, name, *size), quantised=False, alpha=ALPHA)
    assert not write_merged(base, adapter, merged_file("b", "a", tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_file_that_is_no_model_and_a_folder_that_is_a_file_are_no_errors(tmp_path: Path) -> None:
    torn = tmp_path / "torn.gguf"
    torn.write_bytes(b"GGUF")
    assert not write_merged(torn, torn, merged_file("b", "a", tmp_path / "cache"))
    assert not write_merged(torn, torn, torn / "merged-1.gguf")


def test_only_the_newest_files_stay(tmp_path: Path, chance: np.random.Generator) -> None:
    base = gguf_file(tmp_path / "base.gguf", {"up": np.ones((8, 64), np.float32)}, quantised=True)
    adapter = gguf_file(tmp_path / "adapter.gguf", of_rank(chance, "up", 8, 64), quantised=False, alpha=ALPHA)
    files = [merged_file("b", str(number), tmp_path / "cache") for number in range(KEPT + 2)]
    for file in files:
        assert write_merged(base, adapter, file)
    assert {*(tmp_path / "cache").iterdir()} == {*files[-KEPT:]}


def test_the_command_says_what_is_missing() -> None:
    asked = [sys.executable, "-m", "assistant.prepare", "no-such.gguf"]
    said = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert said.returncode == 1
    assert "no-such.gguf does not exist" in said.stderr


@pytest.mark.model
async def test_merged_weights_make_the_same_calls_as_base_and_adapter_apart(tmp_path: Path) -> None:
    answers = []
    for merge in (False, True):
        options = EngineOptions(
            tmp_path, adapter=SHIPPED, schema_hash=registry_version(), merge=merge, cache=tmp_path / "cache"
        )
        with LocalModel(options) as model:
            assert model.identity.engine.endswith(", merged in 8 bits") == merge
            answers.append([await _call(model, question) for question in ASKED])
    for (apart, before), (merged, after) in zip(*answers, strict=True):
        assert merged == apart
        assert after == pytest.approx(before, abs=0.15)


async def _call(model: LocalModel, question: str) -> tuple[str, float]:
    schema = call_schema(TOOLS, Spans.of([question]), Freedom(False, None))
    prompt = render("small", Setting("berkeley", "manager", "", "2025-08-31"), [Turn(question)])
    answer = await model.decide_among(prompt, schema, list(calls_by_name(schema)), deadline_s=30)
    return answer.text, answer.weight or 0.0
