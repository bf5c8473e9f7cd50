"""The likeliest call of a listed tool, of what a reader finds likely of each of its slots.

Slots exclude each other where they stand: a stretch of the question that fills one is seldom another's as well. So the
slots are filled together, by a beam over them, and what overlaps costs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, log, log1p

from pydantic import JsonValue

from domain.values import Call
from tools.listed import ListedTool
from tools.listed_reader import ListedReader, Meant, Told
from tools.listed_said import choice_said, choices_said
from tools.listed_slots import IN_WORDS, Kind, Slot, slots_of
from tools.words import reference

MOST_FOLLOWED = 32
"""Fillings that are followed."""
OVERLAP = 4.0
"""Log-probability that a second use of a stretch costs."""
NEEDED = log(1 / 8)
"""Log-probability of being said, of choices with the likeliest one, below which a required slot is asked for. Chosen
with OVERLAP, of being said alone, on 290 calls of invented tools that training held back, none of which lacks a
required slot (finetune/LOG.md, 2026-12-01): 8 and 20 fill as many rightly as 4, 2 fewer."""
NAMED = 3.0
"""Log-odds of being said of a choice that stands in the question in its own words."""
LEAST = -1.0
"""Log-odds beside none of the tools from which on the best one is called. What the reader learned to leave alone stands
nearer to what the tools do than what people ask in vain: at -1 the right tool, or none, was found for 92.0 % of 500
questions held back, at 0 for 90.4 (finetune/LOG.md, 2026-12-01)."""
ASK: Mapping[str, JsonValue] = {"question": reference("what")}
DECLINE: Mapping[str, JsonValue] = {"reason": "out_of_scope"}


@dataclass(frozen=True)
class Filling:
    """Values of some slots, and the log-probability of them all."""

    values: tuple[tuple[str, Meant], ...] = ()
    likely: float = 0.0

    def overlaps(self, meant: Meant) -> bool:
        """Whether a value stands in a stretch that is taken."""
        return any(_overlap(meant.stretch, each.stretch) for _, each in self.values)


def answer(reader: ListedReader, question: str, tools: Sequence[ListedTool]) -> Call:
    """The reader's own call; to ask back or to decline when a piece is missing or no tool serves."""
    serves = reader.serves(question, tools)
    best = max(range(len(tools)), key=serves.__getitem__, default=None)
    if best is None or serves[best] <= LEAST:
        return Call("decline", dict(DECLINE))
    told = reader.slots(question, tools[best])
    missing = any(slot.required for slot in unread(tools[best], told))
    found = None if missing else filled(tools[best], told, question)
    return Call("clarify", dict(ASK)) if found is None else Call(tools[best].name, found)


def unread(tool: ListedTool, told: Mapping[str, Told]) -> list[Slot]:
    """The slots that no reader fills: objects, lists of numbers, more choices than are read."""
    return [slot for slot in slots_of(tool) if slot.name not in told]


def filled(tool: ListedTool, told: Mapping[str, Told], question: str = "") -> dict[str, JsonValue] | None:
    """The likeliest values of the slots that are told of, in the declaration's order; None when a required one is not
    said and cannot be null. Choices that stand in the question in their own words are what is meant, and so is the only
    one that a required slot has."""
    beam, slots = [Filling()], slots_of(tool)
    names = {slot.name for slot in slots}
    for slot in slots:
        if slot.name not in told:
            continue
        of = _as_named(slot, told[slot.name], names - {slot.name}, question)
        if slot.required and (not of.values or _doubtful(slot, of)):
            if not slot.nullable:
                return None
            of = Told(NAMED, (Meant(None, 0.0),))
        longer = [each for filling in beam for each in _with(filling, slot, of)]
        beam = sorted(longer, key=lambda filling: -filling.likely)[:MOST_FOLLOWED]
    return {name: meant.value for name, meant in beam[0].values}


def _doubtful(slot: Slot, told: Told) -> bool:
    """Whether a slot is hardly said, or it is a choice and none is likely: not to be filled only because it must be."""
    best = 0.0 if slot.kind in IN_WORDS else max(meant.likely for meant in told.values)
    return best - log1p(exp(-told.said)) < NEEDED


def _as_named(slot: Slot, told: Told, others: Collection[str], question: str) -> Told:
    """What is told of a slot, or the choices that the question names."""
    named: JsonValue = None
    if slot.kind is Kind.CHOICE:
        only = slot.required and len(slot.choices) == 1
        named = slot.choices[0] if only else choice_said(slot.choices, others, question)
    elif slot.kind is Kind.CHOICES:
        named = choices_said(slot.choices, others, question) or None
    return told if named is None else Told(max(told.said, NAMED), (Meant(named, 0.0),))


def _with(filling: Filling, slot: Slot, told: Told) -> Iterator[Filling]:
    """The filling with each value of one more slot, and without any where it need not be said."""
    if not slot.required:
        yield Filling(filling.values, filling.likely - log1p(exp(told.said)))
    said = -log1p(exp(-told.said))
    for meant in told.values:
        cost = OVERLAP if filling.overlaps(meant) else 0.0
        yield Filling((*filling.values, (slot.name, meant)), filling.likely + said + meant.likely - cost)


def _overlap(one: tuple[int, int] | None, other: tuple[int, int] | None) -> bool:
    return one is not None and other is not None and one[0] < other[1] and other[0] < one[1]
