"""The weighted mean of two adapters of one base: of one that was tuned further, and the one that it started from.

    python -m finetune.average --first finetune/runs/a --second finetune/runs/b --share 0.5 --out finetune/runs/mean

A further leg on new rows gains where the rows are new and loses elsewhere; halfway between the two weights much of the
gain is kept and little is lost (Wortsman et al. 2022, "Robust fine-tuning of zero-shot models", arXiv:2109.01903). The
factors A and B are averaged, not their products: the rank stays, and of two adapters that lie near each other the
difference is small.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from domain.errors import BadData
from domain.files import file_digest
from finetune.adapters import Described, describe, read_adapter, write_adapter, write_making, write_whole
from finetune.card import newest
from finetune.stage import run_stage

if TYPE_CHECKING:
    from torch import Tensor


def mean(first: Mapping[str, Tensor], second: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """First and second weighed 1 - `share` and `share`, in fp32. Raises BadData for tensors that do not match."""
    if first.keys() != second.keys() or any(first[name].shape != second[name].shape for name in first):
        raise BadData("the adapters differ in their layers or their rank: average an adapter with one it began as")
    return {name: (1.0 - share) * first[name].float() + share * second[name].float() for name in first}


def average(first: Described, second: Described, share: float, out: Path) -> None:
    """Write the mean to a PEFT folder that says what it was made of. Raises BadData for adapters of different kinds."""
    if not 0.0 <= share <= 1.0:
        raise BadData(f"--share is between 0 (the first) and 1 (the second), not {share:g}")
    if second.making is None:
        raise BadData(f"{second.folder} has no training.json, so nobody could say what the mean was made of")
    if (first.base, first.alpha) != (second.base, second.alpha):
        raise BadData(f"{first.folder} and {second.folder} are of different bases or scales: both must be the same")
    state = mean(read_adapter(first), read_adapter(second), share)
    out.mkdir(parents=True, exist_ok=True)
    write_adapter(out, state, second.alpha, second.base)
    said = {"averaged": file_digest(first.weights), "tuned": file_digest(second.weights), "share": share}
    write_making(out, replace(second.making, plan=second.making.plan | said))
    write_whole(out / "log.jsonl", lambda part: part.write_text(json.dumps(newest(second.folder, "epoch")) + "\n"))


def main() -> None:
    """Average as the flags say."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--first", type=Path, required=True, help="a PEFT folder")
    p.add_argument("--second", type=Path, required=True, help="one that was tuned further, with its training.json")
    p.add_argument("--share", type=float, default=0.5, help="of the second (default: %(default)s)")
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    average(describe(args.first), describe(args.second), args.share, args.out)
    print(args.out)


if __name__ == "__main__":
    run_stage(main)
