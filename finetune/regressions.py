"""Learning the regressions of tools/regression.py: mini-batches, word dropout, a temperature, a small file.

N-grams are dropped at random while they learn ("word dropout": Iyyer et al. 2015), so that no single one decides.
Members that were learned of different rows are averaged ("bagging": Breiman 1996): scores are linear in a table's
columns, so the members' columns side by side, with a share of the weights each, are that mean. Probabilities are
calibrated by one temperature of each kind of groups (Guo et al. 2017, arXiv:1706.04599).
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tools  # noqa: F401  # declares them
from domain.errors import BadData
from domain.files import file_digest
from domain.values import Call
from finetune.adapters import write_parts
from finetune.row_file import rows_in
from prompts.render import Step
from prompts.row import Row
from tools.call_classifier import Made, Thread
from tools.regression import BUCKETS
from tools.slips import Spelling, load_spelling

SEED = 7
"""Of the first member; each later one has the next."""
BATCH = 256
OTHER = -100
"""The target of a group that an example says nothing of."""
TEMPERATURES = [2 ** (step / 4) for step in range(-8, 13)]


@dataclass(frozen=True)
class Examples:
    """Rows as numbers: the `buckets` of each one's features, and of each group the place of what is right.

    `targets`: (rows, groups); OTHER in the groups that a row is not of.
    """

    buckets: Sequence[Tensor]
    targets: Tensor


@dataclass(frozen=True)
class Plan:
    """How a member is learned: the `size` of its table in columns, `dropped` the share of the n-grams left out at each
    look."""

    size: int
    epochs: int
    lr: float
    dropped: float


class Regressions(nn.Module):  # type: ignore[misc]
    """The table and the weights of all `scores`."""

    def __init__(self, size: int, scores: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, size, mode="sum")
        nn.init.normal_(self.table.weight, std=0.05)
        self.heads = nn.Linear(size, scores)

    def forward(self, buckets: Sequence[Tensor]) -> Tensor:
        """All scores, (rows, N)."""
        counts = torch.tensor([len(each) for each in buckets])
        starts = torch.cat((torch.zeros(1, dtype=torch.long), counts.cumsum(0)[:-1]))
        summed = self.table(torch.cat(list(buckets)), starts)
        scores: Tensor = self.heads(summed / counts.clamp(min=1).sqrt()[:, None])
        return scores


def mean_of(members: Sequence[Regressions]) -> Regressions:
    """The regressions whose scores are the mean of their members'."""
    whole = Regressions(sum(each.heads.in_features for each in members), members[0].heads.out_features)
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


def scores_of(net: Regressions, examples: Examples) -> Tensor:
    """All rows' scores, (rows, N)."""
    with torch.no_grad():
        starts = range(0, len(examples.buckets), BATCH)
        return torch.cat([net(examples.buckets[at : at + BATCH]) for at in starts])


def learn(net: Regressions, rows: Examples, plan: Plan, parts: Sequence[slice], seed: int) -> Iterator[float]:
    """The mean loss of each epoch; the rate falls straight to zero. `parts`: the groups."""
    chance = random.Random(seed)
    optimiser = torch.optim.AdamW(net.parameters(), plan.lr, weight_decay=0.0)
    steps = plan.epochs * -(-len(rows.buckets) // BATCH)
    falling = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: 1 - step / (steps + 1))
    for _ in range(plan.epochs):
        total = 0.0
        for kept, targets in batches(rows, plan.dropped, chance):
            loss = loss_of(net(kept), targets, parts) / len(kept)
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
    """The share of some groups' targets that score highest."""
    of = targets != OTHER
    best = torch.stack([scores[:, part].argmax(-1) for part in parts], 1)
    return int(((best == targets) & of).sum()) / max(int(of.sum()), 1)


def table_of(net: Regressions, temperatures: Tensor) -> dict[str, npt.NDArray[Any]]:
    """The table in 8 bits with one scale a column, the weights in fp32 over their `temperatures`, (N,)."""
    table = net.table.weight.detach().numpy()
    scale = np.abs(table).max(0, keepdims=True) / 127
    heads = net.heads.weight.detach() / temperatures[:, None], net.heads.bias.detach() / temperatures
    return {
        "table": np.round(table / scale).astype(np.int8),
        "scale": scale.astype(np.float32),
        "weights": heads[0].numpy(),
        "bias": heads[1].numpy(),
    }


@dataclass(frozen=True)
class Kind:
    """What is made: how examples are `read` of a file of rows, the `parts` of the scores, by name those that share a
    temperature, and what a file is `made_for`."""

    read: Callable[[Path, Spelling], Examples]
    parts: Sequence[slice]
    heated: Mapping[str, slice]
    made_for: Mapping[str, str]


def make(kind: Kind, options: argparse.Namespace) -> None:
    """Learn a member of each file of rows, suit the temperatures of their mean, write; tells of each epoch."""
    torch.set_num_threads(options.threads)
    spelling, last = load_spelling(options.words), kind.parts[-1].stop
    validation = kind.read(options.val, spelling)
    rows = {file: kind.read(file, spelling) for file in options.rows}
    plan = Plan(options.size, options.epochs, options.lr, options.dropped)
    members = []
    for seed, (file, examples) in enumerate(rows.items(), SEED):
        torch.manual_seed(seed)
        members.append(Regressions(plan.size, last))
        for epoch, loss in enumerate(learn(members[-1], examples, plan, kind.parts, seed), 1):
            print(f"{file} ({len(examples.buckets)} examples), epoch {epoch}: loss {loss:.4f}", flush=True)
    net = mean_of(members)
    scores, temperatures, told = scores_of(net, validation), torch.ones(last), []
    for what, of in kind.heated.items():
        parts, targets = kind.parts[of], validation.targets[:, of]
        heat = temperature_of(scores, targets, parts)
        temperatures[parts[0].start : parts[-1].stop] = heat
        told.append(f"{what} right {told_rightly(scores, targets, parts):.4f}, temperature {heat:.2f}")
    write_parts(
        options.out,
        table_of(net, temperatures),
        {**kind.made_for, "data_digests": [file_digest(file) for file in rows]},
    )
    size = options.out.stat().st_size / 1e6
    print(f"{options.out}: {size:.1f} MB; {len(validation.buckets)} validation examples: {'; '.join(told)}")


def flags(about: str | None) -> argparse.ArgumentParser:
    """The flags of both classifiers."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, help="a member is learned of each file")
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--words", type=Path, required=True, help="of finetune.words")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=64, help="columns of a member's table")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--lr", type=float, default=1e-2)
    parser.add_argument("--dropped", type=float, default=0.5, help="share of the n-grams left out at each look")
    parser.add_argument("--threads", type=int, default=1)
    return parser


Read = TypeVar("Read")


def read_own(file: Path, one: Callable[[Row], Read]) -> list[Read]:
    """`one` of each row of a file that lists no tools. Raises BadData for a file that cannot be read or has none."""
    try:
        own = [one(row) for row in rows_in(file) if not row.setting.tools]
    except (ValueError, KeyError) as unknown:
        raise BadData(f"{file} holds calls that no tool of today takes ({unknown}): make its rows again") from unknown
    if not own:
        raise BadData(f"{file} has no row without listed tools")
    return own


def thread_of(row: Row, spelling: Spelling | None = None) -> Thread:
    """What a classifier reads of a row, slips of the keyboard mended as they are when it is served."""
    now, before = row.turns[-1], row.turns[-2] if len(row.turns) > 1 else None
    earlier, steps = (before.question, before.steps) if before else ("", ())
    asked, earlier = (spelling.mended(said, now.marks).text if spelling else said for said in (now.question, earlier))
    return Thread(asked, now.marks, tuple(map(_made, now.steps)), earlier, tuple(map(_made, steps)))


def _made(step: Step) -> Made:
    return Made(Call.read(step.call), step.outcome)
