"""An independent scan for law 2: numbers, dates and ids of a shown answer that no result of the thread holds.

It shares no code with the grounding: it reads the answer's text and the results' JSON and compares figures.
"""

from __future__ import annotations

import json
import re

from pydantic import JsonValue

from assistant.compose import Composed
from assistant.memory import Past

REFERENCE = re.compile(r"\{\{[^{}]*\}\}")
FIGURE = re.compile(r"[A-Z]-\d{3,}|\d{4}-\d\d-\d\d|\d\d:\d\d|\d[\d,]*(?:\.\d+)?")


def figures_of(text: str) -> set[str]:
    """Figures of a text without thousands marks, plus their whole parts where they end in .0."""
    found = {match.replace(",", "") for match in FIGURE.findall(text)}
    return found | {figure.removesuffix(".0") for figure in found}


def unsupported(composed: Composed, past: Past) -> tuple[str, ...]:
    """Figures of the answer that stand in no result (nor in the problem sentence code itself wrote)."""
    return _unheld(composed.text, composed, past)


def unchecked(word: dict[str, JsonValue] | None, composed: Composed, past: Past) -> tuple[str, ...]:
    """What `unsupported` would find if the model's own words, its references aside, were shown without the check."""
    said = word["parameters"] if word else None
    words = json.dumps(list(said.values()), ensure_ascii=False) if isinstance(said, dict) else ""
    return _unheld(REFERENCE.sub(" ", words), composed, past)


def _unheld(text: str, composed: Composed, past: Past) -> tuple[str, ...]:
    held = [call.result.model_dump_json() for call in composed.calls if call.result is not None]
    held += [json.dumps(result) for turn in past.turns for result in turn.results]
    written = [call.problem for call in composed.calls if call.problem]
    known = figures_of(" ".join([*held, *written]))
    rounded = {f"{float(figure):.1f}".removesuffix(".0") for figure in known if re.fullmatch(r"\d+(\.\d+)?", figure)}
    return tuple(sorted(figures_of(text) - known - rounded))
