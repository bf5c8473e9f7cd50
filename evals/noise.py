"""Light surface noise on a user's words: case, end punctuation, one typo, never in a word that a right call copies."""

from __future__ import annotations

import json
import random
import re

from evals.cases_file import Case

LONG = re.compile(r"(?<!\w)[^\W\d_]{5,}(?!\w)")
"""A word of letters alone, long enough for a slip of the fingers."""


def gold_words(case: Case) -> str:
    """All parameters of a case's right calls, casefolded: later turns copy words of earlier ones too."""
    calls = [call.parameters for turn in case.turns for call in turn.calls()]
    return json.dumps(calls, ensure_ascii=False).casefold()


def roughened(text: str, gold: str, chance: random.Random) -> str:
    """A typo in one lower-case word that `gold` does not hold, if any; perhaps other case and punctuation."""
    text = _mistyped(text, gold, chance)
    if chance.random() < 0.5:
        text = text.lower() if chance.random() < 0.7 else text[:1].upper() + text[1:]
    if chance.random() < 0.5:
        text = text.rstrip("?.!") if chance.random() < 0.5 else text.rstrip("?.!") + "?"
    return text


def _mistyped(text: str, gold: str, chance: random.Random) -> str:
    """Two neighbouring letters of one word swapped, the first letter left."""
    spots = [
        found.start() + at
        for found in LONG.finditer(text)
        if (word := found.group()).islower() and word.casefold() not in gold
        for at in range(1, len(word) - 1)
        if word[at] != word[at + 1]
    ]
    if not spots:
        return text
    at = chance.choice(spots)
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
