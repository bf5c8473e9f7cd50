"""The schema of a call whose one argument is another of its choices or left out, everything else as it was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain.values import Call
from tools.registry import JsonSchema
from tools.schema import call_of, calls_by_name


def otherwise(schema: JsonSchema, call: Call, argument: str, choice: str | None) -> JsonSchema | None:
    """The schema of `call` with `choice` for `argument`, None: without it; None where no such call is offered.

    `schema` is that of all calls (tools/schema.py).
    """
    offered = _offered(schema, call)
    if offered is None or argument not in offered["properties"]:
        return None
    return _exactly(schema, Call(call.name, {**call.parameters, argument: choice}), offered)


def only_without(schema: JsonSchema, call: Call, arguments: Collection[str]) -> JsonSchema | None:
    """The schema of `call` without those arguments; None where no such call is offered."""
    offered = _offered(schema, call)
    said = {name: value for name, value in call.parameters.items() if name not in arguments}
    return None if offered is None else _exactly(schema, Call(call.name, said), offered)


def _offered(schema: JsonSchema, call: Call) -> Mapping[str, Any] | None:
    """The parameters that are offered of a call's tool."""
    whole = calls_by_name(schema).get(call.name)
    return whole["properties"]["parameters"] if whole else None


def _exactly(schema: JsonSchema, call: Call, offered: Mapping[str, Any]) -> JsonSchema | None:
    said = {name: value for name, value in call.parameters.items() if value is not None}
    if not set(offered["required"]) <= said.keys():
        return None
    held: JsonSchema = {name: {"const": said[name]} for name in offered["properties"] if name in said}
    return {**schema, "anyOf": [call_of(call.name, held, list(held))]}
