"""Law 2: every number, date and identifier of an answer comes from a result of this conversation. Fail closed.

The model replies by reference: `{{results}}` is the deterministic rendering of this turn's results, `{{help}}` a text
that code owns, `{{1.distance_km}}` a fact of the first result. Words around the references may hold no figure.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from domain.values import Result, say
from tools.numbers import COUNTS, SCALES, SHARES
from tools.words import NOTICES, REPLIES

REFERENCE = re.compile(r"\{\{\s*(\w+)(?:\.(\w+))?\s*\}\}")
HARMLESS = "one single un una uno une ein eine einen einem once none empty full score media medio k mi"
"""Number words that everyday sentences hold without counting: "which one", "once a person approves"."""
ORDINALS = "third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
DATES = (
    "monday tuesday wednesday thursday friday saturday sunday january february april june july august september "
    "october november december"
)
MORE = f"{ORDINALS} {DATES} million billion percent double triple thrice dozens hundreds thousands millions"
NUMBER_WORDS = sorted({*COUNTS, *SCALES, *SHARES, *MORE.split()} - {*HARMLESS.split()}, key=lambda w: (-len(w), w))
COUNTING = "|".join(map(re.escape, NUMBER_WORDS))
FIGURE = re.compile(rf"\b(?:{COUNTING})s?\b|\b(?:in|on|of|by|since|until) (?:march|may)\b", re.I)


@dataclass(frozen=True)
class Grounded:
    """The text to show. `kept` is False when the model's own words were replaced by the rendering of the results."""

    text: str
    kept: bool


def ground(text: str, results: Sequence[Result[Any]]) -> Grounded:
    """Put the references in; words with a figure of their own, or an unknown reference, give way to the rendering."""
    own = REFERENCE.sub(" ", text)
    if has_figure(own) or "{{" in own or "}}" in own:
        return Grounded(render_results(results), kept=False)
    try:
        shown = REFERENCE.sub(lambda found: _value(found, results), text).strip()
    except KeyError:
        return Grounded(render_results(results), kept=False)
    return Grounded(shown or render_results(results), kept=True)


def has_figure(text: str) -> bool:
    """Whether words hold a digit of any script, a number word, or a weekday or month."""
    return any(letter.isnumeric() for letter in text) or FIGURE.search(text) is not None


def _value(found: re.Match[str], results: Sequence[Result[Any]]) -> str:
    name, fact = found.group(1), found.group(2)
    if name == "results":
        return render_results(results)
    if not name.isdecimal():
        return {**REPLIES, **NOTICES}[name]
    if not 1 <= int(name) <= len(results):
        raise KeyError(name)
    result = results[int(name) - 1]
    return result.sentence() if fact is None else say(result.facts.model_dump()[fact])


def render_results(results: Sequence[Result[Any]]) -> str:
    """The results in words: what was found, why, what was understood, how old the data is, what is missing."""
    return "\n\n".join(_render(result) for result in results) or REPLIES["help"]


def _render(result: Result[Any]) -> str:
    lines = [result.sentence()]
    lines += [f"- {reason.text}" for reason in result.why[:6]]
    if result.understood:
        told = "; ".join(f"{name.replace('_', ' ')}: {words}" for name, words in result.understood.items())
        lines.append(f"Understood: {told}.")
    lines.append(f"Data: {result.data_age}.")
    lines += [f"Limited: {words}." for words in result.degraded]
    return "\n".join(lines)
