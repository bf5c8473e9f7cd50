"""What no right call holds, taken out of a call before it is made; declarations and the question say what that is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from domain.name_words import fold
from domain.time_words import without_spoken_hours
from domain.values import Call
from tools.numbers import numbers_in
from tools.registry import TOOLS, Tool

CLOCK = re.compile(
    r"(?<!\w)(?:at|by|from|before|after|until|around|um|ab|bis|gegen|a las|à)\s+\d{1,2}(?:[:.]\d\d)?\s*"
    r"(?:[ap]\.?m\b\.?|o['’]clock\b|uhr\b|(?<=\d)[ap]\b)"
    r"|(?<![\d:])\d{1,2}(?::\d\d)?\s*(?:p\.?m\b\.?|a\.m\b\.?|o['’]clock\b|uhr\b)|(?<![\d:])\d{1,2}:\d\d(?![\d:])"
    r"|(?<!\w)a las \d{1,2}(?=\s*(?:$|[.,;!?)]|(?:de|en|con|para|por|y|sin)\b))",
    re.I,
)
"""Hours of the day; a bare "am" behind a number is one only behind what leads to an hour: it is a German word too. "A
las 10" is one where nothing is counted behind it.
"""
LASTING = re.compile(
    r"(?<![\w.,])(?:\d{1,3}|[^\W\d_]+) (?:(?:more|straight|whole|full|working|business) )?"
    r"(?:minutes|mins|hours|hrs|days|nights|weeks|months|years"
    r"|horas|minutos|d[ií]as|noches|semanas|meses|a[nñ]os"
    r"|stunden|minuten|tagen?|n[aä]chten?|wochen|monaten?|jahren?"
    r"|heures|jours|nuits|semaines|mois|ans)(?![\w-])"
    r"|(?<![\w.,])(?<!last )(?<!past )(?<!ltimas )(?<!derni[eè]res )"
    r"(?:\d{1,3}|[^\W\d_]+) (?:times(?! (?-i:[A-Z][a-z]))|veces|fois)(?![\w-])",
    re.I,
)
"""How long something takes, how long ago it was, and how often; not "the last three times", which are rows, nor "two
night trucks". German "mal" is too often a particle."""
COUNTING = ("truck_count", "limit", "min_count")
"""Arguments that count trucks, rows or bins."""


def without_impossible(call: Call, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call without optional values that repeat an argument they are declared apart from.

    A report is not compared with its own period, nor with a way of grouping ("week", "truck").
    """
    declared = tools.get(call.name)
    echoes = {name for name in call.parameters if declared and _repeats(declared, name, call)}
    return Call(call.name, {n: v for n, v in call.parameters.items() if n not in echoes}) if echoes else call


def without_other_counts(call: Call, question: str) -> Call:
    """The call without a number of trucks, rows or bins that the question holds only in a time.

    "Leave at 6 am" names no trucks, "ten minutes later" no rows.
    """
    said, countable = numbers_in(fold(question)), numbers_in(without_times(question))
    odd = {name for name in COUNTING if (count := call.parameters.get(name)) in said and count not in countable}
    return Call(call.name, {n: v for n, v in call.parameters.items() if n not in odd}) if odd else call


def without_times(question: str) -> str:
    """The question without hours of the day, lengths of time and frequencies."""
    return without_spoken_hours(CLOCK.sub(" ... ", LASTING.sub(" ... ", question)))


def _repeats(declared: Tool, name: str, call: Call) -> bool:
    """Whether the value says again what the arguments it is kept apart from hold, or could choose."""
    argument = next((each for each in declared.arguments if each.name == name), None)
    if argument is None or argument.required or argument.words is None:
        return False
    said = _plain(call.parameters[name])
    taken = (value for other in argument.words.apart for value in _taken(declared, other, call))
    return any(said == _plain(value) for value in taken)


def _taken(declared: Tool, name: str, call: Call) -> Iterator[JsonValue]:
    choices = declared.argument(name).schema.get("enum")
    yield from choices if isinstance(choices, list) else []
    value = call.parameters.get(name)
    if isinstance(value, list) and declared.argument(name).schema["type"] == "array":
        yield from value
    elif name in call.parameters:
        yield value


def _plain(value: JsonValue) -> JsonValue:
    return " ".join(value.casefold().split()) if isinstance(value, str) else value
