r"""The call classifier of tools/call_classifier.py, made of rows of finetune.rows in some minutes on one core.

    python -m finetune.calls --rows all.jsonl fewer.jsonl --val validation.jsonl \
        --words finetune/adapter/roundsman-words.txt --out finetune/adapter/roundsman-calls.npz

Of each file of rows one member is learned, and their scores are averaged: members that know other people's ways of
speaking err in other places. Rows with listed tools are left out. The names and each argument's choices are learned
together, over one table, and have a temperature each that suits the validation rows best; those rows' frames and names
training never saw.
"""

from __future__ import annotations

from pathlib import Path

import torch

from domain.values import Call
from finetune.regressions import OTHER, Examples, Kind, flags, make, read_own, thread_of
from finetune.stage import run_stage
from tools.call_classifier import choices, features, groups, made_for, names
from tools.slips import Spelling


def read_examples(file: Path, spelling: Spelling | None = None) -> Examples:
    """The rows of a file that list no tools. Raises BadData for a file that cannot be read or has none."""
    own = read_own(file, lambda row: (features(thread_of(row, spelling)), targets_of(Call.read(row.call))))
    return Examples([torch.tensor(buckets) for buckets, _ in own], torch.tensor([targets for _, targets in own]))


def targets_of(call: Call) -> list[int]:
    """Of each group of scores what is right of a call; OTHER in those of other calls."""
    said = (
        of.index(call.parameters.get(argument)) if tool == call.name else OTHER
        for (tool, argument), of in choices().items()
    )
    return [names().index(call.name), *said]


def main() -> None:
    """Make the classifier as the flags say."""
    make(
        Kind(read_examples, groups(), {"names": slice(0, 1), "choices": slice(1, None)}, made_for()),
        flags(__doc__).parse_args(),
    )


if __name__ == "__main__":
    run_stage(main)
