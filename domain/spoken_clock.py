"""Hours as they are spoken: "half past five", "quarter to six", "halb sechs", "cinco y media", "six heures et quart".

An hour so said is of the morning or of the evening: the calendar asks back unless a part of the day, "am" or "pm" or a
24-hour number settles it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from itertools import chain

SPOKEN = "spoken"
"""Stands behind such an hour for the calendar: "at 5:30 spoken"."""
SAYINGS: Mapping[int, tuple[str, ...]] = {  # minutes past the hour N: what people say for it, folded
    30: (
        "half(?: past)? N",  # British "half five" too; the German "halb" counts the other way
        "N thirty",
        "N y media",
        "N (?:heures?|h) et demie?",
    ),
    15: ("(?:a )?quarter past N", "N fifteen", "viertel nach N", "N y cuarto", "N (?:heures?|h) et quart"),
    -15: (
        "(?:a )?quarter (?:to|before|of|til|till) N",
        "viertel vor N",
        "dreiviertel N",
        "N menos cuarto",
        "N (?:heures?|h) moins (?:le )?quart",
    ),
    45: ("N forty five",),
    -30: ("halb N",),
}
BEFORE = r"(?<!\S)(?<!this )(?<!last )(?<!next )(?<!past )(?<!the )(?:at |um |a |las? )?"
"""What may stand before a saying; behind the other words "quarter" is one of a year."""


class SpokenClock:
    """Rewrites sayings, for a language's words of the numbers 1 to 24 and a pattern of words that are no hour's."""

    def __init__(self, numbers: Mapping[str, int], lengths: str) -> None:
        self.numbers = numbers
        hour = rf"(?P<n>{'|'.join(sorted(numbers, key=len, reverse=True))}|1\d|2[0-4]|\d)"
        self.patterns = [
            (minutes, re.compile(rf"{BEFORE}{saying.replace('N', hour)}(?!\S)(?! (?:{lengths})\b)"))
            for minutes, saying in chain.from_iterable([(m, s) for s in each] for m, each in SAYINGS.items())
        ]

    def digital(self, text: str) -> str:
        """The text with "at 5:30 spoken" for each saying."""
        for minutes, pattern in self.patterns:
            text = pattern.sub(functools.partial(self._clock, minutes), text)
        return text

    def _clock(self, minutes: int, found: re.Match[str]) -> str:
        hour, minute = divmod(60 * (self.numbers.get(found["n"]) or int(found["n"])) + minutes, 60)
        return f"at {hour or 12}:{minute:02} {SPOKEN}"


__all__ = ["SPOKEN", "SpokenClock"]
