"""A message that a program sends as JSON, in the words that the language model reads.

`{"metric":"tonnage","period":"last month"}` holds no white space to cut words at, and quotes that are no part of them;
the model is shown "metric: tonnage, period: last month". What was sent stays what is recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import JsonValue

from domain.typed_text import cleaned

__all__ = ["in_words", "texts_in"]

HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|_+")
"""Between the words of a key: "radiusM", "radius_m"."""
MOST_OBJECTS = 8
"""Objects of one message that are read; more stay as they are."""
READER = json.JSONDecoder(parse_float=str, parse_constant=lambda _: None)
"""Numbers stay as they were sent; NaN and infinities are nothing."""


def in_words(message: str) -> str:
    """The message with each JSON object in it as "key: value, key: value"; as it is where none can be read."""
    parts, at = [], 0
    for start, end, told, _ in _objects(message):
        parts += [message[at:start], told]
        at = end
    return "".join([*parts, message[at:]])


def texts_in(message: str) -> tuple[str, ...]:
    """The texts of several words that the message's JSON objects hold, as in_words tells them."""
    found = (text for *_, value in _objects(message) for text in _texts(value))
    return tuple(text for text in dict.fromkeys(map(cleaned, found)) if " " in text)


def _objects(message: str) -> Iterator[tuple[int, int, str, JsonValue]]:
    """Where the objects stand of which something can be told, that, and what they hold."""
    start, left = message.find("{"), MOST_OBJECTS
    while start >= 0 and left:
        try:
            found, end = READER.raw_decode(message, start)
            told = cleaned(", ".join(_said(found)))
        except (ValueError, RecursionError):
            told, end = "", start + 1
        if told:
            yield start, end, told, found
            left -= 1
        start = message.find("{", end)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value


def _said(value: JsonValue, key: str = "") -> Iterator[str]:
    """The pairs of an object; an inner object's with the keys before theirs. Nothing for what is null or empty."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _said(inner, f"{key} {HUMP.sub(' ', name)}".strip())
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for each in value:
            yield from _said(each, key)
    elif words := ", ".join(filter(None, map(_word, value if isinstance(value, list) else [value]))):
        yield f"{key}: {words}" if key else words


def _word(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value)
