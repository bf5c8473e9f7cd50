"""What code recognises in a question and no call took: it is said beside the answer, so that nothing is dropped unsaid.

A model that copies "tomorrow" of "tomorrow, starting at 5:30" plans a round from the shift's start; whoever reads the
answer must see that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from domain.name_words import fold
from domain.time_words import plain
from domain.values import Call
from tools.mentions import Mention
from tools.registry import TOOLS, Tool

__all__ = ["not_used"]

TOLD = ("truck", "bin", "site", "area", "time")
"""Kinds of mentions: a stream's word also stands for what is not meant ("recycling rather than compost")."""
TIMELESS = ("truck", "bin", "place", "stream", "image", "ref")
"""Kinds of arguments that hold no time: the 2 of "truck 2" is not that of "2 am"."""
NUMBER = re.compile(r"\d+")


def not_used(found: Sequence[Mention], calls: Sequence[Call], tools: Mapping[str, Tool] = TOOLS) -> tuple[str, ...]:
    """The words of trucks, bins and places that no value names, and of times of which no value holds the figures.

    A value names what it holds all words of, or what holds all of its words. Times without a figure ("today",
    "second") are often no part of what is asked.
    """
    texts = [(kind, text) for call in calls for kind, text in _texts_of(call, tools)]
    names = [words for _, text in texts if (words := {*fold(text).split()})]
    hours = [_figures(text) for kind, text in texts if kind not in TIMELESS]

    def is_used(each: Mention) -> bool:
        if each.kind == "time":
            figures = _figures(each.words)
            return not figures or any(figures <= held for held in hours)
        words = {*fold(each.words).split()}
        return any(words <= held or held <= words for held in names)

    return tuple(each.words for each in found if each.kind in TOLD and not is_used(each))


def _texts_of(call: Call, tools: Mapping[str, Tool]) -> Iterator[tuple[str | None, str]]:
    """The texts that a call holds, each with the kind of words that its argument takes."""
    declared = tools.get(call.name)
    kinds = {each.name: each.words.kind for each in declared.arguments if each.words} if declared else {}
    for name, value in call.parameters.items():
        for each in value if isinstance(value, list) else [value]:
            yield kinds.get(name), str(each)


def _figures(text: str) -> set[int]:
    return {int(figure) for figure in NUMBER.findall(plain(text))}
