"""The mean of two adapters: between them, of one base, and open about what it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny import BASE, PLAN, a_run

from domain.errors import BadData
from domain.files import file_digest
from finetune.adapters import Making, describe, read_adapter
from finetune.average import average
from finetune.card import newest
from finetune.training import save_weights

MADE = Making("sft", "smollm2-0", "b" * 64, "d" * 64, "s3", "small-2", 24, {"lr": 0.002})


def a_folder(folder: Path, seed: int, made: Making | None = MADE, rank: int = PLAN.rank) -> Path:
    """A tiny adapter with weights of its own."""
    folder.mkdir()
    run = a_run(folder, replace(PLAN, rank=rank))
    torch.manual_seed(seed)
    with torch.no_grad():
        for weights in run.net.trained():
            weights.copy_(torch.randn_like(weights))
    run.making = made
    save_weights(run, BASE)
    return folder


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_every_weight_lies_between_the_two(share: float, tmp_path: Path) -> None:
    first, second = (describe(a_folder(tmp_path / name, seed)) for name, seed in (("a", 1), ("b", 2)))
    average(first, second, share, tmp_path / "mean")
    before, after, found = (read_adapter(each) for each in (first, second, describe(tmp_path / "mean")))
    for name, value in found.items():
        wanted = (1 - share) * before[name].float() + share * after[name].float()
        torch.testing.assert_close(value.float(), wanted, atol=2e-3, rtol=2e-3)
    assert any(not torch.equal(before[name], after[name]) for name in found)


def test_it_says_what_it_was_made_of(tmp_path: Path) -> None:
    first, second = (describe(a_folder(tmp_path / name, seed)) for name, seed in (("a", 1), ("b", 2)))
    lines = ['{"step": 1, "epoch": 0.5}', '{"step": 2, "epoch": 0.75}', '{"val_loss": 0.1}']
    (second.folder / "log.jsonl").write_text("\n".join(lines))
    average(first, second, 0.5, tmp_path / "mean")
    assert newest(tmp_path / "mean", "epoch")["epoch"] == 0.75
    assert not newest(tmp_path / "mean", "val_loss")  # of the second alone
    making = describe(tmp_path / "mean").making
    assert making
    assert making.data_digest == MADE.data_digest
    assert making.plan["averaged"] == file_digest(first.weights)
    assert making.plan["tuned"] == file_digest(second.weights)
    assert making.plan["share"] == 0.5


def test_what_cannot_be_averaged_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    first, other = describe(a_folder(tmp_path / "a", 1)), describe(a_folder(tmp_path / "b", 2, rank=2))
    unsaid = describe(a_folder(tmp_path / "c", 3, made=None))
    out = tmp_path / "mean"
    with pytest.raises(BadData, match="between 0"):
        average(first, first, 1.5, out)
    with pytest.raises(BadData, match="their rank"):
        average(first, other, 0.5, out)
    with pytest.raises(BadData, match=r"no training\.json"):
        average(first, unsaid, 0.5, out)
    assert not out.exists()
