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

from domain.files import file_digest
from domain.values import Call
from finetune.regressions import (
    OTHER,
    Examples,
    flags,
    members_of,
    read_own,
    save,
    scores_of,
    temperature_of,
    thread_of,
    told_rightly,
)
from finetune.stage import run_stage
from tools.call_classifier import choices, features, groups, made_for, names
from tools.slips import Spelling, load_spelling


def read_examples(file: Path, spelling: Spelling | None = None) -> Examples:
    """The rows of a file that list no tools. Raises BadData for a file that cannot be read or has none."""
    own = read_own(file, lambda row: (features(thread_of(row, spelling)), _targets(Call.read(row.call))))
    return Examples([torch.tensor(buckets) for buckets, _ in own], torch.tensor([targets for _, targets in own]))


def _targets(call: Call) -> list[int]:
    said = (
        of.index(call.parameters.get(argument)) if tool == call.name else OTHER
        for (tool, argument), of in choices().items()
    )
    return [names().index(call.name), *said]


def main() -> None:
    """Learn the members, suit the temperatures of their mean, write."""
    options = flags(__doc__).parse_args()
    torch.set_num_threads(options.threads)
    spelling = load_spelling(options.words)
    validation = read_examples(options.val, spelling)
    rows = {file: read_examples(file, spelling) for file in options.rows}
    net = members_of(rows, groups()[-1].stop, groups(), options)
    scores = scores_of(net, validation)
    about: dict[str, object] = {**made_for(), "data_digests": [file_digest(file) for file in options.rows]}
    temperatures, told = torch.ones(scores.shape[-1]), []
    for what, first, last in (("names", 0, 1), ("choices", 1, None)):
        parts, targets = groups()[first:last], validation.targets[:, first:last]
        heat = temperature_of(scores, targets, parts)
        temperatures[parts[0].start : parts[-1].stop] = heat
        told.append(f"{what} right {told_rightly(scores, targets, parts):.4f}, temperature {heat:.2f}")
    save(net, options.out, temperatures, about)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {size:.1f} MB; {len(validation.buckets)} validation rows: {'; '.join(told)}")


if __name__ == "__main__":
    run_stage(main)
