"""When a call is right: equal name, and every parameter equal after the product's own resolution and defaults.

Free text matches when it holds all content words of the expected text, inflections aside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from pydantic import JsonValue

from domain.values import Call
from evals.cases_file import CaseTurn, Expectation
from tools.registry import TOOLS
from tools.resolve import Setting, canonical

FREE = {"query", "note", "condition"}
EMPTY_WORDS = frozenset(
    re.findall(
        r"\w+",
        """a an and any are as at be been by do does for from had has have i if in is it its me my of on or our please
        so some than that the their them there these they this those to us was we were when which will with you""",
    )
)


def content_words(text: str) -> set[str]:
    """The words that carry meaning, cut to their stems."""
    words = re.findall(r"[\w%]+", text.casefold())
    return {stem(word) for word in words if word not in EMPTY_WORDS}


def stem(word: str) -> str:
    """Common English inflections taken off."""
    for ending in ("ing", "edly", "ed", "ies", "es", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)] + ("y" if ending == "ies" else "")
    return word


def same_call(said: Call, wanted: Call, setting: Setting) -> bool:
    """Whether `said` is the wanted call."""
    if said.name != wanted.name or said.name not in TOOLS:
        return False
    mine, right = canonical(said, setting), canonical(wanted, setting)
    for name in FREE & (set(mine) | set(right)):
        text, expected = mine.pop(name, None), right.pop(name, None)
        if not (_words(expected) <= _words(text)):
            return False
    return mine == right


def _words(value: JsonValue) -> set[str]:
    return content_words(value) if isinstance(value, str) else set()


@dataclass(frozen=True)
class Made:
    """What came of a turn: its calls in order, the kind of the answer, and those calls that gave a result."""

    calls: tuple[Call, ...]
    kind: str
    ran: tuple[Call, ...] = ()


def fits(choice: Expectation, made: Made, setting: Setting) -> bool:
    """Whether what came is one right choice: its calls, or its kind of answer with nothing but failed calls before."""
    if choice.expect is not None:
        wanted = [each.call() for each in choice.expect]
        return len(made.calls) == len(wanted) and all(
            same_call(said, right, setting) for said, right in zip(made.calls, wanted, strict=True)
        )
    said, _, detail = (choice.say or "").partition(":")
    own, _, own_detail = made.kind.partition(":")
    return not made.ran and own == said and (not detail or own_detail == detail)


def right(turn: CaseTurn, made: Made, setting: Setting) -> bool:
    """Whether any right choice fits."""
    return any(fits(choice, made, setting) for choice in turn.choices())
