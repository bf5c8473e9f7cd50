"""What a condition in the user's words asks for: "more than five bins" is six at least, in any of our languages."""

from __future__ import annotations

import re

from domain.name_words import BIN_WORDS, fold, singular
from tools.numbers import numbers_in

__all__ = ["least_count"]

MORE_THAN = re.compile(
    r"(?<!\w)(?:more than|over|above|exceed(?:s|ing)?|m[aá]s de|mehr als|[üu]ber|plus (?:de |d['’]))\s*"
)
SHARE = re.compile(r"\s*(?:%|percent|per cent|prozent|por ciento|pour cent)")
WORD = re.compile(r"\d[\d.,]*\d|[^\s,;.!?%]+")
ARTICLES = frozenset({"a", "an", "una", "un", "une", "ein", "einem"})
LONGEST_NUMBER, NEAREST_NOUN = 3, 2


def least_count(condition: str, said: int | None) -> int:
    """How many bins it takes. `said` is the number that was read from the user's words, None when none was.

    A number behind "more than" is one less than it takes, if it counts bins and no percent. Without `said` it counts
    when the bins stand right behind it; a condition that tells no number takes one bin.
    """
    text = condition.casefold()
    for found in MORE_THAN.finditer(text):
        number = _number_at(text[found.end() :], said)
        if number is not None:
            return number + 1
    return 1 if said is None else said


def _number_at(text: str, said: int | None) -> int | None:
    """The count that the text begins with: the one that was said, or, when none was, one of bins."""
    words = list(WORD.finditer(text))[: LONGEST_NUMBER + NEAREST_NOUN]
    for size in range(1, min(LONGEST_NUMBER, len(words)) + 1):
        if SHARE.match(text, words[size - 1].end()):
            return None
        new = _numbers_begun([word[0] for word in words[:size]])
        if said in new:
            return said
        if said is None and new and any(_is_bin(word[0]) for word in words[size : size + NEAREST_NOUN]):
            return max(new)
    return None


def _numbers_begun(words: list[str]) -> set[int]:
    """What all the words together can mean, and not the later ones alone; an article may stand before them."""
    new = set(numbers_in(" ".join(words))) - set(numbers_in(" ".join(words[1:])))
    return new | _numbers_begun(words[1:]) if words[0] in ARTICLES and len(words) > 1 else new


def _is_bin(word: str) -> bool:
    return singular(fold(word)) in BIN_WORDS
