"""The schema of a call whose one argument is another of its choices, everything else as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.values import Call
from tools.registry import JsonSchema
from tools.schema import call_of


def otherwise(schema: JsonSchema, call: Call, argument: str, choice: str | None) -> JsonSchema | None:
    """The schema of `call` with `choice` for `argument`, None: without it; None where no such call is offered.

    `schema` is that of all calls (tools/schema.py).
    """
    alternatives: Any = schema["anyOf"]
    whole: Mapping[str, Any] | None = next(
        (each for each in alternatives if each["properties"]["name"]["const"] == call.name), None
    )
    if whole is None:
        return None
    parameters = whole["properties"]["parameters"]
    said = {**call.parameters, argument: choice}
    if argument not in parameters["properties"] or (choice is None and argument in parameters["required"]):
        return None
    held: JsonSchema = {name: {"const": said[name]} for name in parameters["properties"] if said.get(name) is not None}
    return {**schema, "anyOf": [call_of(call.name, held, list(held))]}
