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
from tools.words import NOTICES, REPLIES

REFERENCE = re.compile(r"\{\{\s*(\w+)(?:\.(\w+))?\s*\}\}")
NUMBER_WORDS = (
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|"
    "nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|dozen|half|quarter|"
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|april|june|july|august|september|"
    "october|november|december|percent"
)
FIGURE = re.compile(rf"\d|\b(?:{NUMBER_WORDS})\b", re.I)


@dataclass(frozen=True)
class Grounded:
    """The text to show. `kept` is False when the model's own words were replaced by the rendering of the results."""

    text: str
    kept: bool


def ground(text: str, results: Sequence[Result[Any]]) -> Grounded:
    """Put the references in; words with a figure of their own, or an unknown reference, give way to the rendering."""
    if FIGURE.search(REFERENCE.sub("", text)):
        return Grounded(render_results(results), kept=False)
    try:
        shown = REFERENCE.sub(lambda found: _value(found, results), text).strip()
    except KeyError:
        return Grounded(render_results(results), kept=False)
    return Grounded(shown or render_results(results), kept=True)


def _value(found: re.Match[str], results: Sequence[Result[Any]]) -> str:
    name, fact = found.group(1), found.group(2)
    if name == "results":
        return render_results(results)
    if not name.isdigit():
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
