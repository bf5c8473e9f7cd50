"""What still works without the language model: a tool called by name, `plan_round when=tonight truck_count=2`."""

from __future__ import annotations

import re
import shlex

from pydantic import JsonValue

from domain.values import Call
from tools.registry import TOOLS, Argument

WHOLE_NUMBER = re.compile(r"\s*-?[0-9]{1,9}\s*")


def command(text: str) -> Call | None:
    """The call that the text spells out, or None when it is not a command. Lists are separated by commas.

    A value that is not what its argument takes is handed on as it was typed: resolving it asks back.
    """
    try:
        name, *pairs = shlex.split(text)
    except ValueError:
        return None
    if name not in TOOLS or any("=" not in pair for pair in pairs):
        return None
    known = {a.name: a for a in TOOLS[name].arguments}
    parameters: dict[str, JsonValue] = {}
    for pair in pairs:
        key, _, value = pair.partition("=")
        parameters[key] = _typed(known[key], value) if key in known else value
    return Call(name, parameters)


def _typed(argument: Argument, value: str) -> JsonValue:
    if argument.schema["type"] == "array":
        return [part.strip() for part in value.split(",") if part.strip()]
    if argument.schema["type"] == "integer" and WHOLE_NUMBER.fullmatch(value):
        return int(value)
    return value
