"""The numbers of a question that a call is likely to take in, as marks: "[number fifteen]".

Not those of names and times, of how long or how often something was, of lengths (tools/reach.py reads them), in
quotations, nor words that seldom count ("a full bin", "one of them").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from domain.name_words import AND, words_of
from domain.typed_text import as_words
from tools.coverage import NUMBER, QUOTED
from tools.impossible import without_times
from tools.mentions import Mention
from tools.numbers import TOKEN, lengths_in, numbers_in

__all__ = ["numbers_said"]

NAMED = frozenset({"site", "area", "bin", "truck", "file", "time"})
"""Kinds of marks whose numbers are part of a name or a time."""
SELDOM = words_of(
    "zero none empty single one un una uno une ein eine einen einem once twice both couple pair beide seize full cent"
    " score grand hundred hundert mil mille half halfway halves quarter quarters third thirds fifth fifths tenth tenths"
    " mitad medio media halb halbe halben halber demi"
)
"""Words of numbers that count only beside others ("two hundred")."""
OF_THINGS = re.compile(
    r"\b(?:at|um|a las|las|gegen|vers|à) [^\W\d_]+(?= (?:o['’]?clock|uhr|heures?|sharp)\b|\s*[.,;!?]|\s*$)"
    r"|[$€£]\s?\d[\d.,]*|\d+/\d+(?:/\d+)?|\b0\d+|\b(?:19|20)\d\d\b"
    r"|\b(?:ticket|rule|page|code|floor|room|phone|number|nr|no)\.? \d[\d-]*",
    re.I,
)
"""Hours in words, money, dates, years, codes, and numbers of things that are no bins, trucks or levels."""
LONGEST = 4_000
"""Characters of a question that are looked through."""
GAP = re.compile(rf"[\s-]*(?:(?:{AND})\s+)?")
"""What may stand between the words of one number."""


def numbers_said(question: str, marks: Sequence[str]) -> tuple[str, ...]:
    """A mark for each number over one that the question counts with."""
    left = QUOTED.sub(" ... ", question[:LONGEST])
    for each in map(Mention.read, marks):
        if each.kind in NAMED:
            left = re.sub(as_words(each.words), " ... ", left)
    left = OF_THINGS.sub(" ... ", without_times(left))
    for length in reversed(lengths_in(left)):
        left = f"{left[: length.start]} ... {left[length.end :]}"
    return tuple(dict.fromkeys(str(Mention(NUMBER, words)) for words in _stretches(left)))


def _stretches(text: str) -> Iterator[str]:
    """Words of numbers that follow on one another, together ("seventy five"), if any of them counts."""
    runs: list[list[re.Match[str]]] = []
    for match in TOKEN.finditer(text):
        if not numbers_in(match[0]):
            continue
        if runs and not match[0][0].isdigit() and GAP.fullmatch(text, runs[-1][-1].end(), match.start()):
            runs[-1].append(match)
        else:
            runs.append([match])
    for run in runs:
        if any(match[0].casefold() not in SELDOM and max(numbers_in(match[0])) > 1 for match in run):
            yield text[run[0].start() : run[-1].end()]
