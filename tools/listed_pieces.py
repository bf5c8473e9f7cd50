"""How a question and the declaration of one tool are read together: [CLS] question [SEP] tool, slots, their choices.

The question's pieces keep their places, so that what is found can be copied byte for byte; each slot and each choice
begins with a piece of its own, whose state stands for it (schema-guided state tracking: Rastogi et al. 2020, AAAI).
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from tools.listed import ListedTool
from tools.listed_said import EDGE
from tools.listed_slots import Kind, Slot, slots_of
from tools.own_pieces import OwnPieces

if TYPE_CHECKING:
    from tokenizers import Encoding

OWN: Mapping[str, str] = {"tool": "tool", "slot": "what", "choice": "or"}
"""Pieces of the reader's own, and the word of its vocabulary that each one begins as."""
MOST_ASKED, MOST_ABOUT, MOST_SLOT, MOST_CHOICE = 120, 40, 30, 8
"""Pieces of a question, of a tool's description, of a slot's, of a choice."""
MOST_CHOICES, MOST_READ = 24, 400
"""Choices of a slot that are read, and pieces of the whole: what stands behind them is not read."""
SHOWN = {Kind.WHOLE: "number", Kind.NUMBER: "number", Kind.LIST: "list"}
"""What stands for a description that is missing."""
HALVES = re.compile("[\ud800-\udfff]")
"""Halves of letters, which no tokenizer reads; another letter takes their place."""
UNIT = re.compile(r"(?!(?:st|nd|rd|th|er|re|e)\b)[^\W\d_]+\b")
"""What may follow on a figure without a space ("250kg"), if it makes no ordinal of it."""
BEGINNING, ENDING = "#+-", ".%)?!"
"""Signs that a stretch may begin or end with, beside letters and figures."""


@dataclass(frozen=True)
class Pieces:
    """The tokens, OWN's from the vocabulary's size on; `letters`: the (start, end) in the question of each of its
    pieces, the first of which is token 1; `slots` and `choices`: of each slot and its choices the token, those that
    are read; `begins` and `ends`: whether a stretch may begin or end with a piece of the question."""

    tokens: tuple[int, ...]
    letters: tuple[tuple[int, int], ...]
    slots: tuple[int | None, ...]
    choices: tuple[tuple[int, ...], ...]
    begins: tuple[bool, ...]
    ends: tuple[bool, ...]

    def stretch(self, start: int, end: int) -> tuple[int, int] | None:
        """The first and the last token of the question's characters from `start` to `end`; None where it is not read
        as far, or no piece begins or ends there."""
        first = bisect_left(self.letters, start, key=lambda each: each[0])
        last = bisect_left(self.letters, end, key=lambda each: each[1])
        if last >= len(self.letters) or last < first:
            return None
        fits = self.letters[first][0] == start and self.letters[last][1] == end
        return (first + 1, last + 1) if fits else None


@dataclass(frozen=True)
class ListedReading(OwnPieces):
    """Cuts a question and a tool into pieces of a tokenizer's vocabulary and of OWN."""

    kinds: ClassVar[Mapping[str, str]] = OWN

    def pieces(self, question: str, tool: ListedTool) -> Pieces:
        """What is read of them. Raises BadData for what is no declaration."""
        asked = self._encoded(question)
        letters = tuple(asked.offsets[:MOST_ASKED])
        tokens = [self.marker("[CLS]"), *asked.ids[:MOST_ASKED], self.marker("[SEP]")]
        tokens += [self.own("tool"), *self._named(tool.name, tool.description, MOST_ABOUT)]
        slots, choices = list[int](), list[tuple[int, ...]]()
        for slot in slots_of(tool):
            slots.append(len(tokens))
            tokens += [self.own("slot"), *self._named(slot.name, slot.about or SHOWN.get(slot.kind, ""), MOST_SLOT)]
            places = []
            for choice in choices_of(slot)[:MOST_CHOICES]:
                places.append(len(tokens))
                tokens += [self.own("choice"), *self._ids(EDGE.sub(" ", choice))[:MOST_CHOICE]]
            choices.append(tuple(places))
        read = (*tokens[:MOST_READ], self.marker("[SEP]"))
        return Pieces(
            read,
            letters,
            tuple(at if at < MOST_READ else None for at in slots),
            tuple(tuple(at for at in places if at < MOST_READ) for places in choices),
            tuple(_may_begin(question, *each) for each in letters),
            tuple(_may_end(question, *each) for each in letters),
        )

    def is_whole(self, question: str) -> bool:
        """Whether all pieces of a question are read."""
        return len(self._encoded(question).ids) <= MOST_ASKED

    def _named(self, name: str, about: str, most: int) -> list[int]:
        return [*self._ids(EDGE.sub(" ", name)), *self._ids(f": {about}" if about else "")[:most]]

    def _encoded(self, text: str) -> Encoding:
        return self.tokenizer.encode(HALVES.sub("\ufffd", text), add_special_tokens=False)

    def _ids(self, text: str) -> list[int]:
        return list(self._encoded(text).ids)


def choices_of(slot: Slot) -> tuple[str, ...]:
    """Its choices in words."""
    if slot.kind is Kind.TRUTH:
        return ("yes", "no")
    return tuple(map(str, slot.choices))


def _may_begin(text: str, start: int, end: int) -> bool:
    """Whether a stretch may begin with the piece from `start` to `end`: at a word, or at a sign right before one."""
    if text[start].isalnum():
        return start == 0 or not text[start - 1].isalnum()
    follows = text[end : end + 1].isalnum()
    return text[start] in BEGINNING and follows and (start == 0 or text[start - 1].isspace())


def _may_end(text: str, _start: int, end: int) -> bool:
    """Whether a stretch may end with the piece up to `end`: with a word, or with a figure right before its unit."""
    known = text[end - 1].isalnum() or text[end - 1] in ENDING
    return (known and not text[end : end + 1].isalnum()) or bool(text[end - 1].isdigit() and UNIT.match(text, end))
