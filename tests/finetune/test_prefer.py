"""Preference tuning: the paper's loss as transformers computes it, a reference asked once, exact resumption."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import BASE, PLAN, Letters, a_line, row_loss, shaken, some_rows, tuned, with_peft

from domain.errors import BadData
from finetune.packing import Row
from finetune.prefer import Pair, Preferred, judge_pairs, read_pairs, referenced, with_reference
from finetune.training import Run, load_checkpoint, train

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning"),
    pytest.mark.usefixtures("one_thread"),
]
BETA = 0.3
CALM = replace(PLAN, lr=3e-3, beta=BETA)


def some_pairs(count: int = 12, seed: int = 1) -> list[Pair]:
    """The rows of tiny.py, each against the same prompt with its completion in reverse."""
    return [
        Pair(row, Row((*row.ids[: row.quiet], *reversed(row.ids[row.quiet :])), row.quiet))
        for row in some_rows(count, seed)
    ]


def a_run(out: Path, keep: float = 0.0, total: int = 12) -> Run:
    net = shaken(tuned(CALM), 0.02)
    pairs, val = (with_reference(net, some_pairs(seed=seed), 60) for seed in (1, 2))
    optimiser = torch.optim.AdamW(net.trained(), CALM.lr, weight_decay=0.0, fused=True)
    return Run(replace(CALM, keep=keep), net, optimiser, Preferred(pairs, val, BETA, keep), out, total)


@pytest.mark.parametrize("keep", [0.0, 0.5])
def test_loss_and_gradients_are_the_paper_s_formula_computed_by_transformers(keep: float) -> None:
    """-log sigmoid(beta ((policy chosen - policy rejected) - (reference chosen - reference rejected))), and the chosen
    call's own loss per token beside it."""
    before = shaken(tuned(), 0.05)
    pairs = with_reference(before, some_pairs(), 60)
    old, net = with_peft(before), shaken(tuned(), 0.08)
    policy = with_peft(net)
    expected = torch.zeros(())
    for pair in pairs:
        chosen, rejected = (-row_loss(policy, row) for row in (pair.chosen, pair.rejected))
        with torch.no_grad():
            ahead = row_loss(old, pair.rejected) - row_loss(old, pair.chosen)
        expected = expected - torch.log(torch.sigmoid(BETA * (chosen - rejected - ahead)))
        expected = expected - keep * chosen / pair.chosen.counted
    (expected / len(pairs)).backward()
    task = Preferred(pairs, [], BETA, keep)
    figures = task.learn(net, [pairs[:5], pairs[5:]])
    assert figures["loss"] == pytest.approx(expected.item() / len(pairs), rel=1e-4)
    slopes = {n.replace(".default", ""): p.grad for n, p in policy.named_parameters() if "lora_" in n}
    for name, group, place in net.projections():
        other = slopes[f"base_model.model.{name}.lora_B.weight"]
        assert (group.b[place].grad - other).norm() <= 1e-3 * other.norm(), name


def test_before_the_first_step_nothing_is_ahead_of_the_reference(tmp_path: Path) -> None:
    run = a_run(tmp_path)
    figures = run.task.check(run.net, run.plan)
    assert figures["val_loss"] == pytest.approx(0.6931, abs=1e-3)  # log 2
    assert figures["val_margin"] == pytest.approx(0.0, abs=1e-3)


def test_training_comes_to_prefer_what_was_chosen(tmp_path: Path) -> None:
    run = a_run(tmp_path, total=40)
    before, _ = judge_pairs(run.net, run.task.pairs, 60)
    train(run, BASE, save_every_s=1e9, val_every=1000)
    after, _ = judge_pairs(run.net, run.task.pairs, 60)
    share = [(said[0::2] > said[1::2]).float().mean().item() for said in (before, after)]
    assert share[0] < 0.9
    assert share[1] == 1.0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[0]["margin"] == pytest.approx(0.0, abs=1e-2)
    assert lines[-2]["right"] == 1.0


def test_keeping_the_chosen_call_likely_keeps_it_likelier(tmp_path: Path) -> None:
    ends = []
    for keep in (0.0, 2.0):
        run = a_run(tmp_path / str(keep), keep, total=40)
        run.out.mkdir()
        train(run, BASE, save_every_s=1e9, val_every=1000)
        ends.append(judge_pairs(run.net, run.task.pairs, 60)[0][0::2].mean().item())
    assert ends[1] > ends[0] + 1.0


def test_a_resumed_run_ends_bit_for_bit_like_an_undisturbed_one(tmp_path: Path) -> None:
    runs = [a_run(tmp_path / name) for name in ("whole", "cut", "cut")]
    for run in runs[:2]:
        run.out.mkdir()
    train(runs[0], BASE, save_every_s=1e9, val_every=1000)
    asked = runs[1].task.steps(runs[1].plan, 0)
    runs[1].task = StopsAfter(runs[1], 5)
    train(runs[1], BASE, save_every_s=1e9, val_every=1000)
    load_checkpoint(runs[2])
    assert 0 < runs[2].step == 5 < runs[2].total
    assert asked == runs[2].task.steps(runs[2].plan, 0)
    train(runs[2], BASE, save_every_s=1e9, val_every=1000)
    for one, other in zip(runs[0].net.trained(), runs[2].net.trained(), strict=True):
        assert torch.equal(one, other)


class StopsAfter(Preferred):
    """The same task in a run that is asked to stop after so many steps."""

    def __init__(self, run: Run, steps: int) -> None:
        super().__init__(run.task.pairs, run.task.val, run.task.beta, run.task.keep)
        object.__setattr__(self, "run", run)
        object.__setattr__(self, "left", steps)

    def learn(self, net: object, step: object) -> dict[str, float]:
        object.__setattr__(self, "left", self.left - 1)
        self.run.stop = self.left == 0
        return super().learn(net, step)


def test_the_reference_is_asked_once_and_its_answers_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text("the pairs")
    first = referenced(shaken(tuned()), file, some_pairs(), PLAN, tmp_path)
    assert any(pair.ahead for pair in first)
    assert referenced(shaken(tuned(), 0.3), file, some_pairs(), PLAN, tmp_path) == first
    other = referenced(shaken(tuned(), 0.3), file, some_pairs(), replace(PLAN, init="another"), tmp_path)
    assert other != first


def test_a_pair_is_the_served_prompt_with_two_calls(tmp_path: Path) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(a_line(rejected='{"name":"reply"}') + "\n")
    (pair,) = read_pairs(file, Letters(), 2000, "small")
    assert pair.chosen.ids[: pair.chosen.quiet] == pair.rejected.ids[: pair.rejected.quiet]
    assert "".join(map(chr, pair.rejected.ids[pair.rejected.quiet :])) == '{"name":"reply"}<|im_end|>'
    assert pair.size == len(pair.chosen.ids) + len(pair.rejected.ids)


@pytest.mark.parametrize("line", [a_line(), a_line(rejected=1), a_line(rejected=json.loads(a_line())["call"])])
def test_a_pair_without_another_call_is_named_by_its_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "pairs.jsonl"
    file.write_text(a_line(rejected="{}") + "\n" + line + "\n")
    with pytest.raises(BadData, match=r"pairs\.jsonl:2"):
        read_pairs(file, Letters(), 2000, "small")
