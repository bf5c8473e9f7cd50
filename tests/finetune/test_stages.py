"""The stages from their command lines, one after another, on a base of the 8B's kind with a tokenizer of bytes."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import LARGE, a_line, tiny_llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from domain.errors import BadData
from finetune import card, export, merge, prefer, sft
from finetune.adapters import describe
from finetune.stage import run_stage

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread", "same_signals"),
]
CALLS = [f'{{"name":"find_bins","parameters":{{"near":"{place}"}}}}' for place in ("Evans", "Soda", "Moffitt", "Doe")]
SHORT = ["--eager", "--no-diary", "--dtype", "float32", "--micro-tokens", "1024", "--step-tokens", "1024"]


@pytest.fixture
def same_signals() -> Iterator[None]:
    """A stage listens to SIGTERM and Ctrl-C; the test runner wants them back."""
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGINT)]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face folder: random weights, 256 bytes and two end tokens."""
    folder = tmp_path_factory.mktemp("stages") / "base"
    tiny_llama(LARGE | {"vocab_size": 258}).save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_end|>", "<|eot_id|>"])
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


def a_file(folder: Path, name: str, **more: Any) -> str:
    """Sixteen rows."""
    file = folder / name
    file.write_text("".join(a_line(call=CALLS[i % 4], **more) + "\n" for i in range(16)))
    return str(file)


def call(monkeypatch: pytest.MonkeyPatch, stage: Any, *flags: object) -> None:
    """`python -m finetune.<stage> flags`."""
    monkeypatch.setattr(sys, "argv", [stage.__name__, *map(str, flags)])
    stage.main()


def test_rows_become_an_adapter_a_better_one_a_served_file_a_merged_model_and_a_card(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, pairs = a_file(tmp_path, "rows.jsonl"), a_file(tmp_path, "pairs.jsonl", rejected='{"name":"reply"}')
    a, b = tmp_path / "a", tmp_path / "b"
    call(
        monkeypatch, sft, "--base", base, "--rows", rows, "--val", rows, "--out", a, "--rank", 4, "--epochs", 2, *SHORT
    )
    call(monkeypatch, prefer, "--base", base, "--rows", pairs, "--val", pairs, "--init", a, "--out", b, *SHORT)
    first, second = describe(a), describe(b)
    assert first.making is not None
    assert second.making is not None
    assert (first.rank, second.rank, second.alpha) == (4, 4, 8.0)
    assert first.making.base_digest == second.making.base_digest
    assert (first.making.stage, second.making.stage, second.making.rows) == ("sft", "prefer", 16)
    lines = [json.loads(line) for line in (b / "log.jsonl").read_text().splitlines()]
    assert lines[0]["loss"] == pytest.approx(0.6931, abs=1e-3)
    assert lines[-1]["val_margin"] > 0
    call(monkeypatch, export, "--adapter", b, "--base", base, "--out", tmp_path / "b.gguf")
    call(monkeypatch, export, "--to-peft", tmp_path / "b.gguf", "--base", base, "--out", tmp_path / "back")
    assert describe(tmp_path / "back").weights.read_bytes() == second.weights.read_bytes()
    call(monkeypatch, merge, "--adapter", b, "--base", base, "--out", tmp_path / "merged")
    assert (tmp_path / "merged" / "tokenizer.json").is_file()
    call(monkeypatch, card, "--adapter", b, "--results", tmp_path)
    page = (b / "model-card.md").read_text()
    assert second.making.data_digest in page
    assert f"SHA-256 {second.making.plan['init']}" in page


def test_a_run_goes_on_only_when_asked_to_and_with_the_same_start(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, a, b = a_file(tmp_path, "rows.jsonl"), tmp_path / "a", tmp_path / "b"
    whole = ["--base", base, "--rows", rows, "--epochs", 2, *SHORT]
    call(monkeypatch, sft, *whole, "--out", a)
    with pytest.raises(BadData, match="holds a run already"):
        call(monkeypatch, sft, *whole, "--out", a)
    call(monkeypatch, sft, *whole, "--out", b, "--init", a)
    weights = torch.load(b / "checkpoint.pt", weights_only=True)["trained"]
    call(monkeypatch, sft, *whole, "--out", b, "--init", a, "--resume")
    again = torch.load(b / "checkpoint.pt", weights_only=True)["trained"]
    assert all(torch.equal(one, other) for one, other in zip(weights, again, strict=True))
    with pytest.raises(BadData, match="other flags or rows"):
        call(monkeypatch, sft, *whole, "--out", b, "--resume")


def test_earlier_turns_are_learned_too_when_asked_for(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    question, said = "which trucks are out?", '{"name":"fleet_status"}'
    before = {"question": question, "marks": [], "steps": [[said, "ok"]]}
    rows = a_file(tmp_path, "rows.jsonl", turns=[before, {"question": "bins near Evans", "marks": [], "steps": []}])
    val = tmp_path / "earlier.jsonl"
    val.write_text(a_line(turns=[before | {"steps": []}], call=said) + "\n")
    whole = ["--base", base, "--rows", rows, "--val", val, "--rank", 4, "--epochs", 8, "--lr", 2e-2, *SHORT]
    losses = []
    for name, flags in (("a", []), ("b", ["--earlier"])):
        call(monkeypatch, sft, *whole, "--out", tmp_path / name, *flags)
        losses.append(json.loads((tmp_path / name / "log.jsonl").read_text().splitlines()[-1])["val_loss"])
    assert losses[1] < losses[0]
    with pytest.raises(BadData, match="other flags or rows"):
        call(monkeypatch, sft, *whole, "--out", tmp_path / "b", "--resume")


def test_what_cannot_be_tuned_is_said_before_anything_is_written(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, out = a_file(tmp_path, "rows.jsonl"), tmp_path / "out"
    (tmp_path / "else").mkdir()
    other = tmp_path / "other"
    call(monkeypatch, sft, "--base", base, "--rows", rows, "--out", other, *SHORT)
    said = json.loads((other / "training.json").read_text())
    (other / "training.json").write_text(json.dumps(said | {"base_digest": "f00d" * 16}))
    for flags, words in (
        (["--base", tmp_path / "nowhere"], "no readable config"),
        (["--base", base, "--init", tmp_path / "else"], "no adapter here"),
        (["--base", base, "--init", other], "another base: its base_digest is f00df00df00d"),
    ):
        with pytest.raises(BadData, match=words):
            call(monkeypatch, sft, "--rows", rows, "--out", out, *flags, *SHORT)
    assert not out.exists()


def test_on_the_command_line_bad_data_is_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["merge", "--adapter", str(tmp_path), "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        run_stage(merge.main)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "no adapter here" in said
    assert said.count("\n") == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_said(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadData, match="torch sees no GPU here"):
        call(
            monkeypatch,
            sft,
            "--base",
            base,
            "--rows",
            a_file(tmp_path, "r"),
            "--out",
            tmp_path / "o",
            "--device",
            "cuda",
            *SHORT,
        )
