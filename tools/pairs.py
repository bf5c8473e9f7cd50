"""What a message says as `name=value` or "name: value", with the very name of an argument, is that argument's value.

Programs, and people who have read the tools' pages, write `max_fill_pct=20; when="Friday noon"` or JSON (which is read
as "max fill pct: 20", tools/json_words.py). The names are ours, so code reads them: nothing is left to choose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from domain.values import Call
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, Tool

__all__ = ["with_pairs"]

SIGN = r"\s*=\s*|:\s+"
PAIR = re.compile(rf"(?<![\w-])\w+[\"']?(?:{SIGN})(?=\S)")
FEWEST = 2
"""Pairs of a message that is written in them: one colon stands in any prose ("next bin: 14")."""
NEXT = re.compile(
    r"\s*(?:[;|\n})\]]|&(?=\w+=)|\s[/&|-]\s+(?=[\w ]{1,40}(?:=|:\s))|,\s*(?=[\w ]{1,40}(?:\s*=|:\s))"
    r"|\s(?=\w+\s*=)|$)"
)
"""Where a value without quotes ends: before a separator or the name of the next one, or with the message."""
PROSE = re.compile(r"[,?!]|\.\s|\s[-/&+]\s|\s(?:and|y|und|et)\s")
"""What a value without quotes does not hold: it may have more in it than the value."""
QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“"}


def with_pairs(call: Call, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with each argument that the message names with its value; a number that belongs to one of them and is
    said nowhere else is no other argument's."""
    declared = tools.get(call.name)
    if declared is None or len(PAIR.findall(question)) < FEWEST:
        return call
    said: dict[str, JsonValue] = {}
    rest = question
    for argument in declared.arguments:
        for start, end, words in _pairs(argument.name, question):
            value = _value(argument, words)
            if value is not None:
                said[argument.name] = value
                rest = rest[:start] + " " * (end - start) + rest[end:]
    said = {name: value for name, value in said.items() if not _is_said(call.parameters.get(name), rest)}
    if not said:
        return call
    taken = {value for value in said.values() if isinstance(value, int)} - set(numbers_in(rest))
    kept = {n: v for n, v in call.parameters.items() if n in said or not (type(v) is int and v in taken)}
    return Call(call.name, {**kept, **said})


def _is_said(value: JsonValue, rest: str) -> bool:
    """Whether a value stands in the rest of the message: of two requests only one may be written in pairs."""
    if isinstance(value, int):
        return value in numbers_in(rest)
    return isinstance(value, str) and value.casefold() in rest.casefold()


def _pairs(name: str, question: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and value of each pair of that name."""
    spelt = name.replace("_", "[_ ]")
    for found in re.finditer(rf"(?<![\w-]){spelt}[\"']?(?:{SIGN})(?=\S)", question, re.I):
        at = found.end()
        closing = QUOTES.get(question[at])
        end = question.find(closing, at + 1) if closing else -1
        if end > 0:
            yield found.start(), end + 1, question[at + 1 : end]
            continue
        stop = NEXT.search(question, at)
        words = question[at : stop.start()].strip(" .") if stop else ""
        if stop and not PROSE.search(words):
            yield found.start(), stop.start(), words


def _value(argument: Argument, words: str) -> JsonValue:
    """The words as the argument takes them; None where it takes no such words."""
    schema = argument.schema
    if not words or (argument.words and len(words.split()) > argument.words.max_words):
        return None
    if isinstance(choices := schema.get("enum"), list):
        return next((each for each in choices if str(each).casefold() == words.casefold()), None)
    if schema.get("type") == "integer":
        numbers = numbers_in(words)
        return numbers[0] if len(numbers) == 1 and len(words.split()) == 1 else None
    if schema.get("type") == "array":
        return [words]
    return words if schema.get("type") == "string" else None
