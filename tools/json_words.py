"""A message that a program sends as JSON, in the words that the language model reads.

`{"metric":"tonnage","period":"last month"}` holds no white space to cut words at, and quotes that are no part of them;
the model is shown "metric: tonnage, period: last month". What was sent stays what is recorded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from pydantic import JsonValue

from tools.spans import BROKEN

__all__ = ["in_words"]

HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])|_+")
MOST_OBJECTS = 8
READER = json.JSONDecoder()


def in_words(message: str) -> str:
    """The message with each JSON object in it as "key: value, key: value"; as it is where none can be read."""
    parts, at = [], 0
    for _ in range(MOST_OBJECTS):
        start = message.find("{", at)
        if start < 0:
            break
        try:
            found, end = READER.raw_decode(message, start)
            told = BROKEN.sub(" ", ", ".join(_said(found)))
        except (ValueError, RecursionError):
            parts.append(message[at : start + 1])
            at = start + 1
            continue
        parts += [message[at:start], told]
        at = end
    return "".join([*parts, message[at:]])


def _said(value: JsonValue, key: str = "") -> Iterator[str]:
    """The pairs of an object, those of inner objects among them; nothing for what is null or empty."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _said(inner, HUMP.sub(" ", name))
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from _said(each, key)
    elif words := ", ".join(_word(each) for each in (value if isinstance(value, list) else [value])):
        yield f"{key}: {words}" if key else words


def _word(value: JsonValue) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
