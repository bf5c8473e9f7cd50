r"""The argument classifier of tools/argument_classifier.py, made of rows of finetune.rows in some minutes on one core.

    python -m finetune.arguments --rows all.jsonl fewer.jsonl --val validation.jsonl \
        --words finetune/adapter/roundsman-words.txt --out finetune/adapter/roundsman-arguments.npz

An example is a mark of a row's question, or a number that it counts with: which argument of the row's call holds it;
and of trucks in plans whether they drive or are left out.
Of each file of rows one member is learned, and their scores are averaged, as by finetune.calls.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from domain.errors import BadData
from domain.values import Call
from finetune.regressions import OTHER, Examples, Kind, flags, make, read_own, thread_of
from finetune.stage import run_stage
from prompts.row import Row
from tools.argument_classifier import POLARITY, Read, groups, holders, made_for, roles
from tools.mentions import Mention
from tools.slips import Spelling
from tools.trucks_out import polarity_in

HEATED = {"arguments": slice(0, -1), "trucks that drive or stay": slice(-1, None)}
"""POLARITY is the last of the groups."""


def read_examples(file: Path, spelling: Spelling | None = None) -> Examples:
    """The marks of a file's rows that list no tools. Raises BadData for a file that cannot be read or has none."""
    made = list(itertools.chain.from_iterable(read_own(file, lambda row: list(_examples(row, spelling)))))
    if not made:
        raise BadData(f"{file} has no row with a mark that an argument of its call could take in")
    return Examples([torch.tensor(buckets) for buckets, _ in made], torch.tensor([targets for _, targets in made]))


def _examples(row: Row, spelling: Spelling | None) -> Iterator[tuple[Sequence[int], Sequence[int]]]:
    """The features of each mark, and its targets: OTHER but in the group of the call's tool and the mark's kind.

    A mark that two arguments hold is none of an example.
    """
    call, read = Call.read(row.call), Read.of(thread_of(row, spelling))
    for mark, at in dict.fromkeys((*read.places.items(), *read.trucks)):
        if targets := targets_of(mark, call, alone=mark in read.places):
            yield read.features(mark, at), targets


def targets_of(mark: Mention, call: Call, *, alone: bool) -> list[int]:
    """Of each group of scores what is right of a mark, OTHER in the groups that it is not of; empty if it is of none.
    Only a mark that stands in the question `alone` has a role."""
    targets, keys = [OTHER] * len(roles()), list(roles())
    key, held = (call.name, mark.kind), holders(mark, call)
    if alone and key in roles() and len(held) <= 1:
        targets[keys.index(key)] = roles()[key].index(held[0] if held else None)
    if mark.kind == "truck" and (polarity := polarity_in(mark, call)):
        targets[keys.index(POLARITY)] = roles()[POLARITY].index(polarity)
    return targets if any(target != OTHER for target in targets) else []


def main() -> None:
    """Make the classifier as the flags say."""
    make(
        Kind(read_examples, list(groups().values()), HEATED, made_for()),
        flags(__doc__).parse_args(),
    )


if __name__ == "__main__":
    run_stage(main)
