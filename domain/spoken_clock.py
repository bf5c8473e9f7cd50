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
NEAR = "(?= (?:halfam|halfpm|today|tonight|tomorrow|this)\\b)"
"""What must follow where words alone could be two numbers: "five thirty a.m."."""
SAYINGS: Mapping[int, tuple[str, ...]] = {  # minutes past the hour N (a word of it: W): what people say for it, folded
    30: (
        "half(?: past)? N",  # British "half five" too; the German "halb" counts the other way
        f"W thirty{NEAR}",
        "at W thirty",
        "(?:at|las?) N y media",
        "N (?:heures?|h) et demie?",
    ),
    15: (
        "(?:a )?quarter past N",
        "viertel nach N",
        f"W fifteen{NEAR}",
        "at W fifteen",
        "(?:at|las?) N y cuarto",
        "N (?:heures?|h) et quart",
    ),
    45: (f"W forty five{NEAR}", "at W forty five"),
    -15: (
        "(?:a )?quarter (?:to|before|til|till) N",
        "viertel vor N",
        "dreiviertel N",
        "(?:at|las?) N menos cuarto",
        "N (?:heures?|h) moins (?:le )?quart",
    ),
    -30: ("halb N",),
}
NO_HOURS = (
    *("this", "last", "next", "past", "the"),
    *("dans", "pendant", "depuis", "en", "in", "hace", "ici", "dans les", "plus de", "moins de", "toutes les"),
)
"""Behind these "quarter" is one of a year, and "heures" are a length."""
COUNTED = "trucks?|bins?|percent|camiones|camions|wagen|fahrzeugen?"
"""Before these a number counts: "half five trucks" is no hour."""
BEFORE = r"(?<!\S)" + "".join(rf"(?<!\b{words} )" for words in NO_HOURS) + "(?:at |um |a )?"


class SpokenClock:
    """Rewrites sayings, for words of the numbers 1 to 12 and a pattern of words behind which a number is no hour."""

    def __init__(self, numbers: Mapping[str, int], lengths: str) -> None:
        self.numbers = numbers
        words = "|".join(sorted(numbers, key=len, reverse=True))
        hour, word = rf"(?P<n>{words}|1\d|2[0-3]|[1-9])", rf"(?P<n>{words})"
        self.patterns = [
            (
                minutes,
                re.compile(rf"{BEFORE}{_filled(saying, hour, word)}(?: oclock)?(?!\S)(?! (?:{lengths}|{COUNTED})\b)"),
            )
            for minutes, saying in chain.from_iterable([(m, s) for s in each] for m, each in SAYINGS.items())
        ]

    def digital(self, text: str) -> str:
        """The text with "at 5:30 spoken" for each saying, "at 17:30" where the number leaves no doubt."""
        for minutes, pattern in self.patterns:
            text = pattern.sub(functools.partial(self._clock, minutes), text)
        return text

    def without(self, text: str) -> str:
        """The text without its sayings."""
        for _, pattern in self.patterns:
            text = pattern.sub(" ... ", text)
        return text

    def _clock(self, minutes: int, found: re.Match[str]) -> str:
        said = self.numbers.get(found["n"]) or int(found["n"])
        hour, minute = divmod(60 * said + minutes, 60)
        return f"at {hour or 12}:{minute:02}" + (f" {SPOKEN}" if said <= 12 else "")


def _filled(saying: str, hour: str, word: str) -> str:
    return re.sub(r"\b[NW]\b", lambda found: hour if found[0] == "N" else word, saying)


__all__ = ["SPOKEN", "SpokenClock"]
