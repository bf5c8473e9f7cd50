"""What a speaker takes back in the same breath: of "Tuesday no sorry Wednesday night" only Wednesday night is meant.

A repair has what is taken back, a word of editing, and what takes its place (Levelt 1983, DOI
10.1016/0010-0277(83)90026-4; reparandum, interregnum and repair of Shriberg 1994). Where both are recognised and of one
kind, and nothing but such words stands between them, the language model is shown the question without the first two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from domain.typed_text import as_words
from tools.mentions import PLACES, Mention

TAKING_BACK = (
    r"(?:(?:i'?m )?sorry|pardon(?: me)?|my mistake|i (?:mean|meant)|scratch that|strike that|make (?:it|that)"
    r"|correction|or rather|no,? wait|wait,? no|(?:and|but|i) meant"
    r"|perd[oó]n|disculp[ae]|digo|mejor dicho|quiero decir|quise decir|y era|pero era"
    r"|verzeihung|entschuldigung|quatsch|ich mein(?:e|te)|vielmehr|und meinte|aber meinte"
    r"|je (?:veux|voulais) dire|enfin|plut[oô]t|ou plut[oô]t|mais c['’]était|et c['’]était)"
)
EDITING = re.compile(
    r"[\s,.;:!–—-]*(?:(?:no|oh|uh|um|er|eh|wait|hang on|ay|äh|ach|moment|euh|non|nein)[\s,.;:!–—-]+)*"
    rf"{TAKING_BACK}"
    r"(?:[\s,.;:!–—-]+(?:no|sorry|not|i mean|lieber|nein|non|pardon|perd[oó]n))*[\s,.;:!–—-]+"
    r"(?:(?:the|for|on|at|near|by|to|el|la|los|en|para|der|die|das|am|um|bei|le|les|à|au|de|del)\s+){0,2}",
    re.I,
)

TOLD = re.compile(
    r"\s+(?:is|isn['’]t|was|will|won['’]t|has|ist|war|wird|hat|es|fue|está|será|est|était|sera|n['’]est)\b", re.I
)
"""What makes the second mention a remark on it instead ("Tuesday night, sorry, Wednesday is a holiday")."""


@dataclass(frozen=True)
class Repair:
    """A mention that is taken back, and the stretch (start, end) of the question up to what takes its place."""

    mention: Mention
    start: int
    end: int


def repairs(question: str, marked: Sequence[Mention]) -> tuple[Repair, ...]:
    """The repairs of a question, in its order; `marked` are its mentions in their order (tools/mentions.py)."""
    found: list[Repair] = []
    places = _places(question, marked)
    for (before, start, end), (after, begins, ends) in pairwise(places):
        alike = before.kind == after.kind or {before.kind, after.kind} <= PLACES
        edited = EDITING.fullmatch(question, end, begins) and not TOLD.match(question, ends)
        if alike and before != after and edited:
            found.append(Repair(before, start, begins))
    return tuple(found)


def without_repairs(question: str, marked: Callable[[], Sequence[Mention]]) -> str:
    """The question without what it takes back; its mentions are asked for only where a word of editing stands in it."""
    found = repairs(question, marked()) if re.search(TAKING_BACK, question, re.I) else ()
    for repair in reversed(found):
        question = question[: repair.start] + question[repair.end :]
    return question


def _places(question: str, marked: Sequence[Mention]) -> list[tuple[Mention, int, int]]:
    """Where each mention stands, each behind the one before it; those that stand nowhere are left out."""
    places: list[tuple[Mention, int, int]] = []
    for mention in marked:
        after = places[-1][2] if places else 0
        found = re.compile(as_words(mention.words)).search(question, after)
        if found:
            places.append((mention, *found.span()))
    return places
