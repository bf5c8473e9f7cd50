"""Reads a program's parameters for a tool, and says what does not fit without repeating it."""

from __future__ import annotations

import json
import unicodedata
from typing import Any, cast

from pydantic import JsonValue

from assistant.surfaces.problems import Problem
from tools.registry import Argument, Tool, check_parameters

LONGEST_TEXT = 1_000
MOST_ITEMS = 200
BAD_MARKS = {"Cc", "Cs"}


def read_parameters(declared: Tool, body: bytes) -> dict[str, JsonValue]:
    """The parameters in a body; an empty one is `{}`. Raises Problem 400 or 422."""
    try:
        sent = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        raise Problem(400, "The body is not JSON.") from None
    if not isinstance(sent, dict):
        raise Problem(422, "The body must be a JSON object: the tool's parameters by name.")
    return checked(declared, cast(dict[str, JsonValue], sent))


def checked(declared: Tool, sent: dict[str, JsonValue]) -> dict[str, JsonValue]:
    """The parameters, when they fit the tool's schema. Raises Problem 422."""
    known = [argument.name for argument in declared.arguments]
    if not set(sent) <= set(known):
        raise _unfit(declared, f"it takes only: {', '.join(known) or 'nothing'}")
    for argument in declared.arguments:
        if argument.name in sent and (fault := _size_fault(argument, sent[argument.name])):
            raise _unfit(declared, f"{argument.name} {fault}")
    try:
        check_parameters(declared, sent)
    except TypeError as error:  # its message names arguments and what they must be, not what came
        raise _unfit(declared, str(error)) from None
    return sent


def _size_fault(argument: Argument, value: Any) -> str | None:
    items = value if isinstance(value, list) else [value]
    if len(items) > MOST_ITEMS:
        return f"may have at most {MOST_ITEMS} items"
    texts = [item for item in items if isinstance(item, str)]
    if any(len(text) > LONGEST_TEXT for text in texts):
        return f"may have at most {LONGEST_TEXT:,} characters"
    if any(unicodedata.category(mark) in BAD_MARKS for text in texts for mark in text if mark not in "\n\t"):
        return "holds characters that are not text"
    least, most = argument.schema.get("minimum"), argument.schema.get("maximum")
    if isinstance(least, int) and isinstance(most, int) and isinstance(value, int) and not least <= value <= most:
        return f"must be from {least} to {most}"
    return None


def _unfit(declared: Tool, why: str) -> Problem:
    return Problem(422, f"The parameters do not fit {declared.name}: {why}.", {"type": "urn:roundsman:parameters"})
