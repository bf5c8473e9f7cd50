"""A note is the user's whole clause: what the model copied of it is read on to the clause's end, by code.

"Hinge cracked again, please send someone" with the note "hinge cracked" has lost a word that matters; a note that
holds a word more than it needs has lost nothing. Where a program sent the text as a value of JSON, all of that value is
the note, commas and all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from domain.typed_text import as_words
from domain.values import Call, Effect
from tools.registry import TOOLS, Tool

__all__ = ["with_whole_clauses"]

CLAUSES = ("note", "condition")
"""Arguments that hold a clause; a search's `query` is its topic words."""
CLAUSE_END = re.compile(
    r"[.!?…](?=\s|$)|[;:,()\[\]\"“”„«»\n]|\s[-–—/+&]+\s"
    r"|\s(?:and|so|then|und|dann|also|y|entonces|et|donc|alors|please"
    r"|pls|plz|thanks|thank you|thx|bitte|danke|por favor|gracias|merci)(?!\w)",
    re.I,
)
"""Punctuation, what begins another clause, and what is said to the listener."""
OF_ITS_OWN = ("when", "schedule", "channel")
"""Arguments whose words stand beside the clause, not in it."""
LONGEST_WORDS = 40


def with_whole_clauses(
    call: Call, said: Sequence[str], sent: Sequence[str] = (), tools: Mapping[str, Tool] = TOOLS
) -> Call:
    """The call with each note or condition up to the end of its clause; `said` are the thread's questions, the newest
    first, and the first of them that holds the note is meant. `sent`: texts of the newest that are one value each."""
    declared = tools.get(call.name)
    if declared is None or declared.effect is not Effect.propose:
        return call
    apart = [v for n, v in call.parameters.items() if n in OF_ITS_OWN and isinstance(v, str)]
    longer: dict[str, JsonValue] = {
        n: _whole_text(v, said, sent) or _to_the_end(v, said, apart)
        for n, v in call.parameters.items()
        if n in CLAUSES and isinstance(v, str)
    }
    return Call(call.name, {**call.parameters, **longer}) if longer else call


def _whole_text(words: str, said: Sequence[str], sent: Sequence[str]) -> str | None:
    """The one text sent that holds the words and stands in the newest question; None where it is not sure which."""
    stands = re.compile(as_words(words))
    found = [text for text in sent if stands.search(text) and text in said[0]]
    return found[0] if len(found) == 1 and len(found[0].split()) <= LONGEST_WORDS else None


def _to_the_end(words: str, said: Sequence[str], apart: Sequence[str]) -> str:
    """The words with what follows them in their question before the clause ends.

    As they are where they stand in none, and where words that are kept `apart` would come in.
    """
    stands = re.compile(as_words(words))
    question = next((each for each in said if stands.search(each)), None)
    if question is None:
        return words
    at = [*stands.finditer(question)][-1].start()
    end = CLAUSE_END.search(question, at + len(words))
    whole = question[at : end.start() if end else len(question)].rstrip(" .!?…")
    more = whole[len(words) :]
    return words if len(whole.split()) > LONGEST_WORDS or any(each in more for each in apart) else whole
