"""What code recognises in a question and no call took: it is said beside the answer, so that nothing is dropped unsaid.

A model that copies "tomorrow" of "tomorrow, starting at 5:30" plans a round from the shift's start; whoever reads the
answer must see that.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pydantic import JsonValue

from domain.name_words import fold
from domain.time_words import plain
from domain.values import Call
from tools.mentions import Mention

__all__ = ["not_used"]

TOLD = ("truck", "bin", "site", "area", "time")
"""Kinds of mentions: a stream's word also stands for what is not meant ("recycling rather than compost")."""
NUMBER = re.compile(r"\d+")


def not_used(found: Sequence[Mention], calls: Sequence[Call]) -> tuple[str, ...]:
    """The words of trucks, bins, places and times of which no value holds the figures, or of a name any word.

    Times without a figure ("today", "second") are often no part of what is asked.
    """
    texts = [text for call in calls for value in call.parameters.values() for text in _texts(value)]
    words = {word for text in texts for word in fold(text).split()}
    figures = {figure for text in texts for figure in _figures(text)}

    def is_used(each: Mention) -> bool:
        named = each.kind != "time"
        return _figures(each.words) <= figures and (not named or bool(words & {*fold(each.words).split()}))

    return tuple(each.words for each in found if each.kind in TOLD and not is_used(each))


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str | int | float):
        yield str(value)


def _figures(text: str) -> set[int]:
    return {int(figure) for figure in NUMBER.findall(plain(text))}
