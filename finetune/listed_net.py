"""The net behind tools/listed_reader.py: it learns which tool serves, which slots are said, and what they hold."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from pydantic import JsonValue
from torch import Tensor, nn
from torch.nn import functional as F

from domain.typed_text import as_words
from finetune.listed_questions import ListedQuestion
from finetune.minilm import Trunk, padded, with_masked
from tools.listed_pieces import ListedReading, Pieces
from tools.listed_reader import SCORES, ListedReader, legal
from tools.listed_slots import Kind, Slot, slots_of
from tools.listed_values import numbers_at
from tools.tuned_minilm import CHANGED

BLOCKED = -1e4
"""The score of a stretch that cannot be."""


@dataclass(frozen=True)
class Pair:
    """A question with one tool, as tokens."""

    tokens: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A question as numbers: its pairs, whether the first one `serves` it, and of that one's slots, by their token,
    whether they are `said`, which of their `choices` are right, and between which tokens right stretches stand."""

    pairs: tuple[Pair, ...]
    serves: bool
    said: tuple[tuple[int, bool], ...] = ()
    choices: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()
    stretches: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = ()
    legal: Tensor | None = None

    @property
    def tokens(self) -> tuple[int, ...]:
        """The longest pair's."""
        return max((pair.tokens for pair in self.pairs), key=len)


def example_of(asked: ListedQuestion, read: ListedReading) -> Example:
    """The question as it is read; a slot whose value is found nowhere in it says nothing."""
    pieces = [read.pieces(asked.question, tool) for tool in asked.tools]
    pairs = tuple(Pair(each.tokens) for each in pieces)
    if asked.parameters is None:
        return Example(pairs, serves=False)
    first, said, choices, stretches = pieces[0], list[tuple[int, bool]](), [], []
    for slot, at, places in zip(slots_of(asked.tools[0]), first.slots, first.choices, strict=True):
        if at is None or slot.kind is Kind.OTHER:
            continue
        if slot.name not in asked.parameters:
            said.append((at, False))
        elif slot.choices:
            right = _right(slot, asked.parameters[slot.name])
            if right and right[-1] < len(places):
                said.append((at, True))
                choices.append((places, right))
        elif found := _stretches(slot, asked.question, first, asked.parameters[slot.name]):
            said.append((at, True))
            stretches.append((at, found))
    return Example(pairs, True, tuple(said), tuple(choices), tuple(stretches), torch.from_numpy(legal(first)))


def _right(slot: Slot, value: JsonValue) -> tuple[int, ...]:
    """The places of the choices that are right, ascending."""
    wanted = value if isinstance(value, list) else [value]
    return tuple(sorted(slot.choices.index(each) for each in wanted if each in slot.choices))


def _stretches(slot: Slot, question: str, pieces: Pieces, value: JsonValue) -> tuple[tuple[int, int], ...]:
    """Where a value stands, as tokens; of a list from its first entry to its last."""
    if slot.kind in (Kind.WHOLE, Kind.NUMBER):
        found = numbers_at(question, fractions=slot.kind is Kind.NUMBER)
        stands = [(each.start, each.end) for each in found if each.value == value]
    elif isinstance(value, list):
        ends = [occurrences(str(entry), question) for entry in (value[0], value[-1])] if value else [[], []]
        stands = [(ends[0][0][0], ends[1][-1][1])] if all(ends) and ends[0][0][0] < ends[1][-1][1] else []
    else:
        stands = occurrences(str(value), question)
    tokens = [pieces.stretch(*each) for each in stands]
    return tuple(dict.fromkeys(each for each in tokens if each and _is_legal(pieces, each)))


def occurrences(text: str, question: str) -> list[tuple[int, int]]:
    """Where a text stands in a question by itself, whatever its capitals."""
    return [match.span() for match in re.finditer(as_words(text), question, re.I)]


def _is_legal(pieces: Pieces, tokens: tuple[int, int]) -> bool:
    return pieces.begins[tokens[0] - 1] and pieces.ends[tokens[1] - 1]


class Scored(NamedTuple):
    """Scores of a batch: of each pair, of slots as said, of choices in their order, and, of each slot that a stretch
    fills, of all stretches (pieces, pieces)."""

    serves: Tensor
    said: Tensor
    choices: Tensor
    stretches: list[Tensor]


class Net(Trunk):
    """MiniLM with the heads of SCORES."""

    def __init__(self, read: ListedReading) -> None:
        super().__init__(read, dropout=False)
        self.heads = nn.ModuleDict({name: nn.Linear(width, count) for name, (count, width) in SCORES.items()})

    def forward(self, examples: Sequence[Example], masked: float = 0.0) -> Scored:
        """The scores of some examples, a share of their words' pieces masked."""
        ids, mask = padded([pair for each in examples for pair in each.pairs])
        seen, mean = self.states(with_masked(ids, self.read, masked), mask)
        serves = self.heads["serves"](torch.cat((seen[:, 0], mean), 1))[:, 0]
        firsts = [sum(len(each.pairs) for each in examples[:at]) for at in range(len(examples))]
        said = [(row, at) for row, each in zip(firsts, examples, strict=True) for at, _ in each.said]
        places = [
            (row, at)
            for row, each in zip(firsts, examples, strict=True)
            for choices, _ in each.choices
            for at in choices
        ]
        stretches = []
        for row, each in zip(firsts, examples, strict=True):
            if each.legal is not None and each.stretches:
                asked = seen[row, 1 : len(each.legal) + 1]
                slots = seen[row, [at for at, _ in each.stretches]]
                first, last = (
                    self.heads[f"slot_{part}"](slots) @ self.heads[f"piece_{part}"](asked).T
                    for part in ("begins", "ends")
                )
                stretches += list((first[:, :, None] + last[:, None, :]).float().masked_fill(~each.legal, BLOCKED))
        return Scored(serves.float(), self._at("said", seen, said), self._at("chosen", seen, places), stretches)

    def _at(self, head: str, seen: Tensor, places: Sequence[tuple[int, int]]) -> Tensor:
        """A head's scores of tokens (row, column), each seen beside the whole of its row."""
        if not places:
            return torch.zeros(0)
        rows, columns = (torch.tensor([place[part] for place in places]) for part in (0, 1))
        scores: Tensor = self.heads[head](torch.cat((seen[rows, columns], seen[rows, 0]), 1))[:, 0]
        return scores.float()

    def start_from(self, served: ListedReader) -> None:
        """Go on from a reader that was learned before."""
        layers = {name: torch.from_numpy(value) for name, value in served.weights.items() if name.startswith(CHANGED)}
        self.bert.load_state_dict({**self.bert.state_dict(), **layers})
        with torch.no_grad():
            self.own.copy_(torch.from_numpy(served.own))
            for name, head in self.heads.items():
                head.weight.copy_(torch.from_numpy(served.heads[name].weights))
                head.bias.copy_(torch.from_numpy(served.heads[name].bias))


def losses_of(
    scored: Scored, examples: Sequence[Example], heats: Mapping[str, float] | None = None
) -> dict[str, Tensor]:
    """The summed loss of each kind of score, over its temperature."""
    heat = heats or {}
    serves, at = torch.zeros(()), 0
    for each in examples:
        scores = torch.cat((torch.zeros(1), scored.serves[at : at + len(each.pairs)] / heat.get("serves", 1.0)))
        serves = serves - F.log_softmax(scores, 0)[int(each.serves)]
        at += len(each.pairs)
    said = torch.tensor([float(said) for each in examples for _, said in each.said])
    chosen, at = torch.zeros(()), 0
    for places, right in (choice for each in examples for choice in each.choices):
        shares = F.log_softmax(scored.choices[at : at + len(places)] / heat.get("chosen", 1.0), 0)
        chosen = chosen - torch.logsumexp(shares[list(right)], 0)
        at += len(places)
    stretches = torch.zeros(())
    wanted = [found for each in examples for _, found in each.stretches]
    for scores, found in zip(scored.stretches, wanted, strict=True):
        shares = F.log_softmax(scores.flatten() / heat.get("stretches", 1.0), 0).view_as(scores)
        stretches = stretches - torch.logsumexp(torch.stack([shares[first - 1, last - 1] for first, last in found]), 0)
    return {
        "serves": serves,
        "said": F.binary_cross_entropy_with_logits(scored.said / heat.get("said", 1.0), said, reduction="sum"),
        "chosen": chosen,
        "stretches": stretches,
    }
