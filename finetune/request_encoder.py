"""The encoder of tools/request_encoder.py: MiniLM tuned to tell at which gaps of a message another request begins."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from finetune.minilm import Trunk, batches, descend, optimiser_of, padded, rate_of, with_masked
from tools.request_encoder import SEEN
from tools.request_parts import SCORES, gaps
from tools.thread_tokens import Reader

BATCH = 32


@dataclass(frozen=True)
class Message:
    """A message, its marks, and where requests begin behind the first."""

    text: str
    marks: tuple[str, ...]
    begins: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A message as numbers: its tokens, and the tokens behind its gaps, each with whether a request begins there;
    `unread` gaps more are behind what is read."""

    tokens: tuple[int, ...]
    gaps: tuple[tuple[int, int], ...]
    unread: int = 0


@dataclass(frozen=True)
class Plan:
    """How it is learned: `masked` is the share of the words' pieces that a look does not see."""

    lr: float
    masked: float
    seed: int


def example_of(message: Message, read: Reader) -> Example:
    """The message as it is read."""
    every = gaps(message.text, message.marks)
    tokens, places = read.message(message.text, message.marks, every)
    found = tuple((at, int(place in message.begins)) for place, at in places.items())
    return Example(tokens, found, len(every) - len(found))


class Net(Trunk):
    """MiniLM with the scores of gaps."""

    def __init__(self, read: Reader) -> None:
        super().__init__(read)
        self.begins = nn.Linear(SEEN, SCORES.stop)

    def forward(self, ids: Tensor, mask: Tensor, places: tuple[Tensor, Tensor]) -> Tensor:
        """(gaps, 2) scores of the gaps at `places` (rows, columns)."""
        seen, mean = self.states(ids, mask)
        rows, columns = places
        scores: Tensor = self.begins(torch.cat((seen[rows, columns], seen[rows, columns - 1], mean[rows]), 1))
        return scores


def _batch(examples: Sequence[Example]) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor], Tensor]:
    """Ids, mask, places of gaps and their targets."""
    ids, mask = padded(examples)
    found = [(row, at, begins) for row, each in enumerate(examples) for at, begins in each.gaps]
    rows, columns, targets = (torch.tensor([each[part] for each in found]) for part in range(3))
    return ids, mask, (rows, columns), targets


def learn(net: Net, examples: Sequence[Example], plan: Plan, *, half: bool) -> Iterator[tuple[int, int, float]]:
    """One epoch; (step, of how many, loss) of each step. `half`: products in bfloat16."""
    steps = batches([each for each in examples if each.gaps], BATCH, random.Random(plan.seed))
    optimiser = optimiser_of(net, plan.lr)
    for step, rows in enumerate(steps):
        ids, mask, places, targets = _batch(rows)
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            scores = net(with_masked(ids, net.read, plan.masked), mask, places)
        loss = F.cross_entropy(scores.float(), targets)
        descend(net, optimiser, loss, rate_of(plan.lr, step, len(steps)))
        yield step + 1, len(steps), float(loss.item())


def scores_of(net: Net, examples: Sequence[Example]) -> Tensor:
    """The scores of all gaps, in their order, (gaps, 2); of those that are not read, none."""
    with_gaps = [each for each in examples if each.gaps]
    net.eval()
    with torch.no_grad():
        found = [net(*_batch(with_gaps[at : at + BATCH])[:3]) for at in range(0, len(with_gaps), BATCH)]
    net.train()
    told = iter(torch.cat(found) if found else [])
    rows = [[*(next(told) for _ in each.gaps), *[torch.zeros(SCORES.stop)] * each.unread] for each in examples]
    return torch.stack([row for of in rows for row in of])
