"""The schema of a call in which things that the question names are in other arguments, or in none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from domain.values import Call
from tools.coverage import NUMBER, fitting, instead_of
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, JsonSchema
from tools.roles import holds, role_of
from tools.schema import LONGEST_LIST, call_of, calls_by_name
from tools.spans import Spans

Roles = Mapping[Mention, str | None]
"""By mark of a question the argument that takes it in; None: that none does."""


@dataclass(frozen=True)
class Placing:
    """A call, the roles that marks of the question get in it, and the question's spans."""

    call: Call
    roles: Roles
    spans: Spans

    def coming(self, argument: str) -> list[Mention]:
        """The marks that the argument shall take in."""
        return [mark for mark, role in self.roles.items() if role == argument]

    def leaving(self, argument: str) -> list[Mention]:
        """The marks that the argument holds and shall not."""
        return [mark for mark, role in self.roles.items() if role_of(mark, self.call) == argument != role]


def placed(schema: JsonSchema, placing: Placing) -> JsonSchema | None:
    """The schema of `placing.call` with such roles, everything else as it was; None where no such call is offered.

    `schema` is that of all calls (tools/schema.py). A mark that comes is a span that shares a word with it, or its
    number; what stands in its way, or instead of it, goes. A required argument that loses its words gets others.
    """
    whole, declared = calls_by_name(schema).get(placing.call.name), TOOLS.get(placing.call.name)
    if whole is None or declared is None:
        return None
    offered: dict[str, Any] = whole["properties"]["parameters"]["properties"]
    taking = {role for role in placing.roles.values() if role is not None}
    if not taking <= offered.keys():
        return None
    gone = {other for role in taking for other in instead_of(role)} - taking
    properties: dict[str, JsonValue] = {}
    for argument in declared.arguments:
        name = argument.name
        if name not in offered or name in gone:
            continue
        value = _value(argument, schema, offered[name], placing)
        if value is None and name in taking:
            return None
        if value is None and argument.required:
            value = offered[name]
        if value is not None:
            properties[name] = value
    return {**schema, "anyOf": [call_of(placing.call.name, properties, list(properties))]}


def _value(argument: Argument, schema: JsonSchema, offered: JsonSchema, placing: Placing) -> JsonSchema | None:
    """What the argument may hold; None for nothing."""
    said, coming = placing.call.parameters.get(argument.name), placing.coming(argument.name)
    left = _without(said, placing.leaving(argument.name))
    if not coming:
        return None if left is None else {"const": left}
    if argument.schema["type"] == "integer":
        values: list[JsonValue] = [value for mark in coming if mark.kind == NUMBER for value in numbers_in(mark.words)]
        return {"enum": values} if values else None
    spans = fitting(argument, schema, coming, placing.spans)
    if not spans:
        return None
    if offered.get("type") != "array":
        return {"type": "string", "enum": list(spans)}
    kept = [each for each in left if isinstance(each, str)] if isinstance(left, list) else []
    size = len(kept) + sum(not any(holds(mark, each) for each in kept) for mark in coming)
    if size > LONGEST_LIST:
        return None
    items: JsonSchema = {"type": "string", "enum": list(dict.fromkeys([*kept, *spans]))}
    return {**offered, "items": items, "minItems": size, "maxItems": size}


def _without(said: JsonValue, leaving: Sequence[Mention]) -> JsonValue:
    """A value without marks; None where it is one of them, or nothing is left of a list."""
    if isinstance(said, list):
        return [each for each in said if not any(holds(mark, each) for mark in leaving)] or None
    return None if any(holds(mark, said) for mark in leaving) else said
