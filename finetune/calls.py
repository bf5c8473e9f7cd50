r"""The call classifier of tools/call_classifier.py, made of rows of finetune.rows in some minutes on one core.

    python -m finetune.calls --rows all.jsonl fewer.jsonl --val validation.jsonl \
        --words finetune/adapter/roundsman-words.txt --out finetune/adapter/roundsman-calls.npz

Of each file of rows one member is learned, and their scores are averaged ("bagging": Breiman 1996, here of authors:
members that know other people's ways of speaking err in other places). Scores are linear in a table's columns, so the
members' columns side by side, with a share of the weights each, are that mean.

Rows with listed tools are left out. The names and each argument's choices are learned together, over one table.
N-grams are dropped at random while it learns ("word dropout": Iyyer et al. 2015), so that no single one decides, and
the logarithms of its probabilities are divided by the temperatures that suit the validation rows best, one of names
and one of choices (Guo et al. 2017, arXiv:1706.04599); those rows' frames and names training never saw.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tools  # noqa: F401  # declares them
from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from finetune.stage import run_stage
from prompts.render import Step
from prompts.row import Row, from_json
from tools.call_classifier import BUCKETS, Made, Thread, choices, features, groups, made_for, names
from tools.slips import Spelling, load_spelling

SEED = 7
"""Of the first member; each later one has the next."""
BATCH = 256
OTHER = -100
TEMPERATURES = [2 ** (step / 4) for step in range(-8, 13)]


@dataclass(frozen=True)
class Examples:
    """Rows as numbers: the `buckets` of each row's features, and of each group the place of what its call is.

    `targets`: (rows, groups), the first of the names; OTHER where a choice is of another tool than the call's.
    """

    buckets: Sequence[Tensor]
    targets: Tensor


def thread_of(row: Row, spelling: Spelling | None = None) -> Thread:
    """What the classifier reads of a row, slips of the keyboard mended as they are when it is served."""
    now, before = row.turns[-1], row.turns[-2] if len(row.turns) > 1 else None
    earlier, steps = (before.question, before.steps) if before else ("", ())
    asked, earlier = (spelling.mended(said, now.marks).text if spelling else said for said in (now.question, earlier))
    return Thread(asked, now.marks, tuple(map(_made, now.steps)), earlier, tuple(map(_made, steps)))


def _made(step: Step) -> Made:
    return Made(Call.read(step.call), step.outcome)


def read_examples(file: Path, spelling: Spelling | None = None) -> Examples:
    """The rows of a file that list no tools. Raises BadData for a file that cannot be read or has none."""
    try:
        rows = [from_json(line) for line in file.read_text(encoding="utf-8").splitlines()]
        own = [row for row in rows if not row.setting.tools]
        targets = [_targets(Call.read(row.call)) for row in own]
    except (OSError, ValueError, KeyError, TypeError) as unreadable:
        raise BadData(f"{file} does not hold rows of python -m finetune.rows: {unreadable}") from unreadable
    if not own:
        raise BadData(f"{file} has no row without listed tools")
    return Examples([torch.tensor(features(thread_of(row, spelling))) for row in own], torch.tensor(targets))


def _targets(call: Call) -> list[int]:
    said = (
        of.index(call.parameters.get(argument)) if tool == call.name else OTHER
        for (tool, argument), of in choices().items()
    )
    return [names().index(call.name), *said]


class Regression(nn.Module):  # type: ignore[misc]
    """The table and the weights of the names and choices."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, size, mode="sum")
        nn.init.normal_(self.table.weight, std=0.05)
        self.heads = nn.Linear(size, groups()[-1].stop)

    def forward(self, buckets: Sequence[Tensor]) -> Tensor:
        """Scores of the names and choices, (rows, N)."""
        counts = torch.tensor([len(each) for each in buckets])
        starts = torch.cat((torch.zeros(1, dtype=torch.long), counts.cumsum(0)[:-1]))
        summed = self.table(torch.cat(list(buckets)), starts)
        scores: Tensor = self.heads(summed / counts.clamp(min=1).sqrt()[:, None])
        return scores


def mean_of(members: Sequence[Regression]) -> Regression:
    """The regression whose scores are the mean of its members'."""
    whole = Regression(sum(each.heads.in_features for each in members))
    with torch.no_grad():
        whole.table.weight.copy_(torch.cat([each.table.weight for each in members], 1))
        whole.heads.weight.copy_(torch.cat([each.heads.weight for each in members], 1) / len(members))
        whole.heads.bias.copy_(torch.stack([each.heads.bias for each in members]).mean(0))
    return whole


def batches(examples: Examples, dropped: float, chance: random.Random) -> Iterator[tuple[list[Tensor], Tensor]]:
    """One epoch in random order, a share of each row's features dropped."""
    order = list(range(len(examples.buckets)))
    chance.shuffle(order)
    for start in range(0, len(order), BATCH):
        rows = order[start : start + BATCH]
        kept = [each[torch.rand(len(each)) >= dropped] for each in (examples.buckets[row] for row in rows)]
        yield kept, examples.targets[rows]


def scores_of(net: Regression, examples: Examples) -> Tensor:
    """All rows' scores, (rows, N)."""
    with torch.no_grad():
        starts = range(0, len(examples.buckets), BATCH)
        return torch.cat([net(examples.buckets[at : at + BATCH]) for at in starts])


@dataclass(frozen=True)
class Plan:
    """How a member is learned: the `size` of its table in columns, `dropped` the share of the n-grams left out at each
    look."""

    size: int
    epochs: int
    lr: float
    dropped: float


def learn(net: Regression, rows: Examples, plan: Plan, seed: int) -> Iterator[float]:
    """The mean loss of each epoch; the rate falls straight to zero."""
    chance = random.Random(seed)
    optimiser = torch.optim.AdamW(net.parameters(), plan.lr, weight_decay=0.0)
    steps = plan.epochs * -(-len(rows.buckets) // BATCH)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / (steps + 1))
    for _ in range(plan.epochs):
        total = 0.0
        for kept, targets in batches(rows, plan.dropped, chance):
            loss = loss_of(net(kept), targets, groups()) / len(kept)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            falling.step()
            total += loss.item() * len(kept)
        yield total / len(rows.buckets)


def loss_of(scores: Tensor, targets: Tensor, parts: Sequence[slice]) -> Tensor:
    """The summed loss of groups' scores, each over the rows that it is of. `targets`: one column a group."""
    losses = (
        F.cross_entropy(scores[:, part], each, ignore_index=OTHER, reduction="sum")
        for part, each in zip(parts, targets.T, strict=True)
    )
    return sum(losses, torch.zeros(()))


def temperature_of(scores: Tensor, targets: Tensor, parts: Sequence[slice]) -> float:
    """The temperature of least loss of some groups."""
    return min(TEMPERATURES, key=lambda heat: loss_of(scores / heat, targets, parts).item())


def told_rightly(scores: Tensor, targets: Tensor, parts: Sequence[slice]) -> float:
    """The share of names, or of choices, that score highest and are right."""
    of = targets != OTHER
    best = torch.stack([scores[:, part].argmax(-1) for part in parts], 1)
    return int(((best == targets) & of).sum()) / max(int(of.sum()), 1)


def save(net: Regression, file: Path, temperatures: Tensor, about: Mapping[str, object]) -> None:
    """The table in 8 bits with one scale a column, the weights of names and choices in fp32 over their `temperatures`,
    (N,)."""
    table = net.table.weight.detach().numpy()
    scale = np.abs(table).max(0, keepdims=True) / 127
    heads = net.heads.weight.detach() / temperatures[:, None], net.heads.bias.detach() / temperatures
    with file.open("wb") as out:
        np.savez_compressed(
            out,
            table=np.round(table / scale).astype(np.int8),
            scale=scale.astype(np.float32),
            weights=heads[0].numpy(),
            bias=heads[1].numpy(),
            about=json.dumps(about),
        )


def member_of(file: Path, spelling: Spelling, plan: Plan, seed: int) -> Regression:
    """A regression of one file of rows; tells of each epoch."""
    rows = read_examples(file, spelling)
    torch.manual_seed(seed)
    net = Regression(plan.size)
    for epoch, loss in enumerate(learn(net, rows, plan, seed), 1):
        print(f"{file} ({len(rows.buckets)} rows), epoch {epoch}: loss {loss:.4f}", flush=True)
    return net


def main() -> None:
    """Learn the members, suit the temperatures of their mean, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="a member is learned of each file")
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True, help="of finetune.words")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=64, help="columns of a member's table")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--dropped", type=float, default=0.5, help="share of the n-grams left out at each look")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    spelling = load_spelling(options.words)
    validation, digests = read_examples(options.val, spelling), [file_digest(file) for file in options.rows]
    plan = Plan(options.size, options.epochs, options.lr, options.dropped)
    net = mean_of([member_of(file, spelling, plan, seed) for seed, file in enumerate(options.rows, SEED)])
    scores = scores_of(net, validation)
    about: dict[str, object] = {**made_for(), "data_digests": digests}
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
