r"""The thread encoder of tools/thread_encoder.py: MiniLM tuned on rows of finetune.rows, in 18 to 40 minutes of a core.

    python -m finetune.encoder --rows rows.jsonl --val validation.jsonl \
        --words finetune/adapter/roundsman-words.txt --out finetune/adapter/roundsman-encoder.npz

Which call a row's thread is for, the choices of its arguments and which of them takes in each mark are learned together
(joint intent and slots: Chen et al. 2019, arXiv:1902.10909). Its embeddings of words stay; of each matrix the change is
kept in a few whole numbers. Rows with listed tools are left out. A run that was broken off goes on with `--resume`.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import torch
from torch import Tensor, nn

from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from finetune.adapters import write_parts
from finetune.arguments import targets_of as mark_targets
from finetune.calls import targets_of as call_targets
from finetune.minilm import (
    Run,
    Trunk,
    batches,
    changes_of,
    head_of,
    keep,
    optimiser_of,
    padded,
    restore,
    with_masked,
)
from finetune.regressions import loss_of, read_own, temperature_of, thread_of, told_rightly
from finetune.stage import run_stage
from finetune.training import native_bfloat16
from prompts.row import Row
from tools import argument_classifier as arguments
from tools import call_classifier as calls
from tools.slips import Spelling, load_spelling
from tools.thread_encoder import made_for, part_name, scores
from tools.thread_tokens import Reader
from tools.tuned_minilm import WIDTH, reader

TOLD_EVERY, KEPT_EVERY = 50, 500
"""Steps."""


@dataclass(frozen=True)
class Example:
    """A row as numbers: its tokens, the target of each group of a call's scores, and of each mark its place and the
    targets of its groups (OTHER where a group is not asked)."""

    tokens: tuple[int, ...]
    call: tuple[int, ...]
    marks: tuple[tuple[int, tuple[int, ...]], ...]


def read_examples(file: Path, spelling: Spelling | None, read: Reader) -> list[Example]:
    """The rows of a file that list no tools. Raises BadData for a file that cannot be read or has none."""
    return read_own(file, lambda row: _example(row, spelling, read))


def _example(row: Row, spelling: Spelling | None, read: Reader) -> Example:
    call, pieces = Call.read(row.call), read.pieces(thread_of(row, spelling))
    marks = {at: mark for mark, at in (*pieces.trucks, *pieces.places.items())}
    alone = set(pieces.places.values())
    roles = {at: mark_targets(mark, call, alone=at in alone) for at, mark in marks.items()}
    asked = tuple((at, tuple(targets)) for at, targets in roles.items() if targets)
    return Example(pieces.tokens, tuple(call_targets(call)), asked)


class Net(Trunk):
    """MiniLM with the scores of calls and of marks."""

    def __init__(self, read: Reader) -> None:
        super().__init__(read)
        self.calls = nn.Linear(2 * WIDTH, scores()["calls"])
        self.marks = nn.Linear(2 * WIDTH, scores()["marks"])

    def forward(self, ids: Tensor, mask: Tensor, places: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """(rows, N) scores of calls, (marks, M) of the marks at `places` (rows, columns)."""
        seen, mean = self.states(ids, mask)
        whole = torch.cat((seen[:, 0], mean), 1)
        rows, columns = places
        return self.calls(whole), self.marks(torch.cat((seen[rows, columns], mean[rows]), 1))


Batch = tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor, Tensor]


def batch_of(examples: Sequence[Example]) -> Batch:
    """Ids, mask, places of marks, targets of calls and of marks."""
    ids, mask = padded(examples)
    marks = [(row, at, roles) for row, each in enumerate(examples) for at, roles in each.marks]
    rows, columns = (torch.tensor([mark[part] for mark in marks], dtype=torch.long) for part in (0, 1))
    roles = torch.tensor([m[2] for m in marks], dtype=torch.long).reshape(len(marks), len(arguments.groups()))
    return ids, mask, (rows, columns), torch.tensor([each.call for each in examples]), roles


Judged = Mapping[str, tuple[Tensor, Tensor, Sequence[slice]]]
"""By kind of HEATED: scores, targets and groups."""
_ROLES = list(arguments.groups().values())
HEATED: Mapping[str, tuple[str, Sequence[slice]]] = {
    "names": ("calls", calls.groups()[:1]), "choices": ("calls", calls.groups()[1:]),
    "arguments": ("marks", _ROLES[:-1]), "trucks that drive or stay": ("marks", _ROLES[-1:]),
}  # fmt: skip
"""What has a temperature of its own: scores of calls or of marks, and which groups of them, in their order."""


def scored(net: Net, examples: Sequence[Example]) -> Judged:
    """The scores of all examples."""
    net.eval()
    found: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
    with torch.no_grad():
        for at in range(0, len(examples), 64):
            ids, mask, places, wanted, roles = batch_of(examples[at : at + 64])
            of_calls, of_marks = net(ids, mask, places)
            found.append((of_calls, of_marks, wanted, roles))
    net.train()
    of_calls, of_marks, wanted, roles = (torch.cat(each) for each in zip(*found, strict=True))
    columns = (wanted[:, :1], wanted[:, 1:], roles[:, :-1], roles[:, -1:])
    return {
        what: (of_calls if where == "calls" else of_marks, targets, parts)
        for (what, (where, parts)), targets in zip(HEATED.items(), columns, strict=True)
    }


# ---------------------------------------------------------------- learning


def train_step(run: Run[Net], examples: Sequence[Example], *, half: bool) -> float:
    """One step; the mean loss of its examples."""
    ids, mask, places, wanted, roles = batch_of(examples)
    ids = with_masked(ids, run.net.read, run.masked)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        of_calls, of_marks = run.net(ids, mask, places)
    loss = loss_of(of_calls.float(), wanted, calls.groups())
    loss = (loss + loss_of(of_marks.float(), roles, list(arguments.groups().values()))) / len(examples)
    run.descend(loss)
    return float(loss.item())


def told(judged: Judged) -> str:
    """What share of validation targets is right, by kind."""
    return ", ".join(f"{what} {told_rightly(*each):.4f}" for what, each in judged.items())


# ---------------------------------------------------------------- the file


def save(net: Net, file: Path, heats: Mapping[str, float], about: Mapping[str, object]) -> None:
    """What tuning changed, and the heads over their temperatures."""
    stored = changes_of(net)
    for of, head in {"calls": net.calls, "marks": net.marks}.items():
        spans = [
            (slice(parts[0].start, parts[-1].stop), heats[what])
            for what, (where, parts) in HEATED.items()
            if where == of
        ]
        stored |= head_of(of, head, spans)
    write_parts(file, {part_name(0, name): value for name, value in stored.items()}, about)


def flags() -> argparse.Namespace:
    """The flags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True, help="of finetune.words")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--lr", type=float, default=2e-4, help="of MiniLM's own weights; what is new learns faster")
    parser.add_argument("--masked", type=float, default=0.1, help="share of the words' pieces that a look does not see")
    parser.add_argument("--batch", type=int, default=32, help="rows of a step")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    return parser.parse_args()


def main() -> None:
    """Make the encoder as the flags say."""
    options = flags()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    read, spelling = reader(), load_spelling(options.words)
    validation, rows = (read_examples(file, spelling, read) for file in (options.val, options.rows))
    net, chance, checkpoint = Net(read), random.Random(options.seed), options.out.with_suffix(".pt")
    steps = [step for _ in range(ceil(options.epochs)) for step in batches(rows, options.batch, chance)]
    total = int(options.epochs * len(rows) / options.batch)
    if not total:
        raise BadData(f"{options.rows} has {len(rows)} rows without listed tools: a step takes {options.batch}")
    made = {**made_for(read), "data_digests": [file_digest(options.rows)]}
    same = {name: getattr(options, name) for name in ("epochs", "lr", "masked", "batch", "seed")}
    making = {**made, **same, "words": file_digest(options.words)}
    run = Run(net, optimiser_of(net, options.lr), total, options.lr, options.masked, making=making)
    if options.resume:
        restore(run, checkpoint)
    half, began = native_bfloat16(), time.monotonic()
    for step in steps[run.step : run.total]:
        loss = train_step(run, step, half=half)
        if run.step % TOLD_EVERY == 0:
            print(f"step {run.step} of {run.total}, {time.monotonic() - began:.0f} s: loss {loss:.3f}", flush=True)
        if run.step % KEPT_EVERY == 0:
            print(told(scored(net, validation)), flush=True)
            keep(run, checkpoint)
    judged = scored(net, validation)
    heats = {what: temperature_of(*each) for what, each in judged.items()}
    save(net, options.out, heats, made)
    checkpoint.unlink(missing_ok=True)
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {size:.1f} MB; {len(validation)} validation rows: {told(judged)}; temperatures {heats}")


if __name__ == "__main__":
    run_stage(main)
