"""A training run: it learns, resumes exactly, and leaves folders that transformers and PEFT read alike."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import (
    BASE,
    PLAN,
    VOCABULARY,
    Letters,
    a_line,
    a_run,
    row_loss,
    shaken,
    some_rows,
    tiny_llama,
    tuned,
)
from transformers import LlamaForCausalLM

from assistant.decide import Speaker, prompt_of
from assistant.memory import Past
from assistant.situation import Situation
from domain.errors import BadData
from finetune.adapters import Making
from finetune.packing import Row, collate, epoch_steps, read_rows, with_earlier
from finetune.sft import Supervised, validate
from finetune.training import Plan, dtype_of, load_checkpoint, probe_speed, save_weights, train
from prompts.render import BEGIN, END

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread"),
]


def test_only_the_completion_counts() -> None:
    row = Row((5, 6, 7, 8, 9, 2), 4)
    batch = collate([Row((3, 4), 1), row])
    assert batch.at.tolist() == [0, 5, 6]
    assert batch.labels.tolist() == [4, 9, 2]
    assert batch.positions.tolist()[:9] == [0, 1, 0, 1, 2, 3, 4, 5, 0]
    assert len(batch.ids) == 64


def test_an_epoch_has_every_row_once_in_an_order_of_its_own() -> None:
    rows = some_rows()
    first, again, second = (epoch_steps(rows, 120, 60, f"3/{epoch}") for epoch in (0, 0, 1))
    flat = [row for step in first for packed in step for row in packed]
    assert sorted(r.ids for r in flat) == sorted(r.ids for r in rows)
    assert first == again
    assert first != second
    assert all(sum(len(row.ids) for row in packed) <= 60 for step in first for packed in step)


def test_training_learns_its_rows(tmp_path: Path) -> None:
    run = a_run(tmp_path, total=60)
    known = some_rows()[:8]
    run.task = Supervised(some_rows(), known)
    before, _ = validate(run.net, known, 60)
    train(run, BASE, save_every_s=1e9, val_every=20)
    after, _ = validate(run.net, known, 60)
    assert after < 0.5 * before
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "val_loss" in line] == [20, 40, 60]
    assert len([line for line in lines if "tokens_s" in line]) == 60


def test_val_exact_is_the_share_of_rows_that_greedy_decoding_says() -> None:
    net, rows = shaken(tuned()), some_rows(12)
    said = [net.judge(collate([row]))[1].tolist() for row in rows]
    assert not all(hit for hits in said for hit in hits)
    lucky = []  # rows whose completion is what the network says
    for row in rows[:5]:
        ids = list(row.ids[: row.quiet])
        for _ in range(3):
            said_next = net.judge(collate([Row((*ids, i), len(ids)) for i in range(VOCABULARY)]))[1]
            ids.append(int(said_next.nonzero().item()))
        lucky.append(Row(tuple(ids), row.quiet))
    wrong = [row for row, hits in zip(rows, said, strict=True) if not all(hits)][:5]
    assert validate(net, lucky + wrong, 60)[1] == pytest.approx(5 / (5 + len(wrong)))


class PowerCut(torch.optim.AdamW):
    """An optimiser that fails for good after so many steps."""

    steps_left = 5

    def step(self, closure: Any = None) -> Any:
        if not self.steps_left:
            raise KeyboardInterrupt
        self.steps_left -= 1
        return super().step(closure)


@pytest.mark.parametrize("full", [False, True])
def test_a_killed_run_resumed_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path, full: bool) -> None:
    plan = Plan(**{**PLAN.__dict__, "full": full, "lr": 1e-3})
    runs = [a_run(tmp_path / name, plan) for name in ("whole", "cut", "cut")]
    for run in runs[:2]:
        run.out.mkdir()
    train(runs[0], BASE, save_every_s=1e9, val_every=1000)
    runs[1].optimiser = PowerCut(runs[1].net.trained(), plan.lr, weight_decay=0.0, fused=True)
    with pytest.raises(KeyboardInterrupt):
        train(runs[1], BASE, save_every_s=0, val_every=1000)
    runs[2].total = 0
    load_checkpoint(runs[2])
    assert (runs[2].step, runs[2].total) == (5, 12)
    train(runs[2], BASE, save_every_s=1e9, val_every=1000)
    for one, other in zip(runs[0].net.trained(), runs[2].net.trained(), strict=True):
        assert torch.equal(one, other)


def test_a_run_is_not_resumed_with_other_flags(tmp_path: Path) -> None:
    train(a_run(tmp_path, total=1), BASE, save_every_s=1e9, val_every=1000)
    other = a_run(tmp_path, Plan(**{**PLAN.__dict__, "lr": 1e-3}))
    with pytest.raises(BadData, match="other flags or rows"):
        load_checkpoint(other)
    with pytest.raises(BadData, match="nothing to resume"):
        load_checkpoint(a_run(tmp_path / "elsewhere"))


MADE = Making("sft", "tiny", "b" * 64, "d" * 64, "s1", "small-2", 24, {})


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"data_digest": "e" * 64}, "made of rows dddddddddddd, given is eeeeeeeeeeee"),
        ({"base_digest": "c" * 64}, "made of a base bbbbbbbbbbbb, given is cccccccccccc"),
        ({"prompt_hash": "small-9"}, "made of prompts of style small-2, given is small-9"),
    ],
)
def test_a_run_is_not_resumed_with_as_many_other_rows_or_on_another_base(
    tmp_path: Path, changed: dict[str, Any], told: str, older: bool
) -> None:
    first = a_run(tmp_path, total=1)
    first.making = MADE
    train(first, BASE, save_every_s=1e9, val_every=1000)
    if older:  # then training.json beside it says what it was made of
        state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        del state["making"]
        torch.save(state, tmp_path / "checkpoint.pt")
    other, same = a_run(tmp_path), a_run(tmp_path)
    other.making, same.making = replace(MADE, **changed), replace(MADE, schema_hash="s2")
    with pytest.raises(BadData, match=told):
        load_checkpoint(other)
    load_checkpoint(same)
    assert same.step == 1


def test_a_checkpoint_from_before_a_plan_s_newer_fields_goes_on(tmp_path: Path) -> None:
    train(a_run(tmp_path, total=1), BASE, save_every_s=1e9, val_every=1000)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for name in ("style", "init", "beta", "keep"):
        del state["plan"][name]
    torch.save(state, tmp_path / "checkpoint.pt")
    again = a_run(tmp_path)
    load_checkpoint(again)
    assert again.step == 1


def test_a_run_asked_to_stop_saves_and_can_go_on(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    run.stop = True
    train(run, BASE, save_every_s=1e9, val_every=1000)
    again = a_run(tmp_path)
    load_checkpoint(again)
    assert again.step == 0
    assert again.total == 12


def test_the_speed_probe_leaves_the_weights_alone(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    before = [p.detach().clone() for p in run.net.trained()]
    assert probe_speed(run) > 0
    assert all(torch.equal(a, b) for a, b in zip(before, run.net.trained(), strict=True))


def test_peft_loads_the_saved_adapter_and_finds_the_same_loss(tmp_path: Path) -> None:
    from peft import PeftModel

    run = a_run(tmp_path)
    shaken(run.net)
    save_weights(run, BASE)
    loaded = PeftModel.from_pretrained(tiny_llama(), tmp_path)
    rows = some_rows(6)
    with torch.no_grad():
        mine = -run.net(collate(rows)).sum().item()
        theirs = sum(row_loss(loaded, row).item() for row in rows)
    assert theirs == pytest.approx(mine, rel=2e-3)  # saved in fp16


def test_transformers_loads_a_fully_tuned_model_and_finds_the_same_loss(tmp_path: Path) -> None:
    base = tmp_path / "base"
    tiny_llama().save_pretrained(base)
    run = a_run(tmp_path, Plan(**{**PLAN.__dict__, "full": True, "lr": 1e-3}), total=3)
    train(run, base, save_every_s=1e9, val_every=1000)
    loaded = LlamaForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    rows = some_rows(6)
    with torch.no_grad():
        mine = -run.net(collate(rows)).sum().item()
        theirs = sum(row_loss(loaded, row).item() for row in rows)
    assert theirs == pytest.approx(mine, rel=1e-2)  # saved in bf16


@pytest.mark.parametrize(("style", "end"), [("small", "<|im_end|>"), ("llama3", "<|eot_id|>")])
def test_a_row_is_the_served_prompt_and_the_call_with_the_end_token_of_its_style(
    tmp_path: Path, style: str, end: str
) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(a_line() + "\n")
    (row,) = read_rows(file, Letters(), 200_000, style)
    asked = Situation("berkeley", "manager", "", Past("t"), "bins near Evans")
    prompt = prompt_of(Speaker(None, style=style), asked)
    assert "".join(map(chr, row.ids[: row.quiet])) == prompt
    assert "".join(map(chr, row.ids[row.quiet :])) == '{"name":"find_bins","parameters":{"near":"Evans"}}' + end


@pytest.mark.parametrize("style", list(END))
def test_what_the_assistant_said_earlier_counts_too_when_asked_for(tmp_path: Path, style: str) -> None:
    first, second, last = (f'{{"name":"find_bins","parameters":{{"near":"{place}"}}}}' for place in "ABC")
    turns = [
        {"question": "bins near A", "marks": [], "steps": [[first, "none"]]},
        {"question": "near B and C", "marks": [], "steps": [[second, "ok"]]},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text(a_line(turns=turns, call=last) + "\n")
    (row,) = read_rows(file, Letters(), 200_000, style)
    begin, end = (Letters().encode(mark[style], False) for mark in (BEGIN, END))
    assert row.ids[: row.quiet][-len(begin) :] == tuple(begin)
    told = with_earlier(row, begin, end)
    assert "".join(chr(told.ids[place]) for place in told.learned()) == "".join(
        call + END[style] for call in (first, second, last)
    )
    batch = collate([row, told])
    assert len(batch.labels) == row.counted + told.counted
    assert batch.ids[batch.at + 1].tolist() == batch.labels.tolist()


def test_an_unknown_style_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(BadData, match=r"no prompt style chatml; there are small, llama3"):
        read_rows(tmp_path / "rows.jsonl", Letters(), 2000, "chatml")


@pytest.mark.parametrize(
    "line",
    [
        '{"prompt": "a", "completion": "b"}',
        "[]",
        "{",
        a_line(call=1),
        a_line(setting={"town": "berkeley"}),
        a_line(turns=[{"question": "a"}]),
        a_line(turns=[{"question": "a", "marks": [], "steps": [{"call": "{}", "outcome": "ok"}]}]),
        a_line(turns=[{"question": 60 * "long ", "marks": [], "steps": []}]),
    ],
)
def test_a_bad_row_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(a_line() + "\n" + line + "\n")
    with pytest.raises(BadData, match=r"rows\.jsonl:2"):
        read_rows(file, Letters(), 250)


@pytest.mark.parametrize(
    ("said", "able", "dtype"),
    [
        ("auto", {"avx2": True}, "float32"),
        ("auto", {"avx2": True, "avx512_bf16": True}, "bfloat16"),
        ("auto", {"amx_bf16": True}, "bfloat16"),
        ("bfloat16", {}, "bfloat16"),
    ],
)
def test_products_are_in_the_type_that_the_processor_multiplies(
    said: str, able: dict[str, bool], dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    flags = argparse.Namespace(dtype=said, device="cpu", resume=False, out=tmp_path)
    assert dtype_of(flags) == dtype


def test_a_resumed_run_keeps_its_type_on_another_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    flags = argparse.Namespace(dtype="auto", device="cpu", resume=True, out=tmp_path)
    assert dtype_of(flags) == "bfloat16"  # nothing to resume yet
    torch.save({"plan": asdict(PLAN)}, tmp_path / "checkpoint.pt")
    assert dtype_of(flags) == "float32"
    torch.save({}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadData, match="not a checkpoint"):
        dtype_of(flags)
