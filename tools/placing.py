"""The schema of a call in which things that the question names are in other arguments, or in none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from domain.values import Call
from tools.argument_classifier import holders, likeness
from tools.coverage import NUMBER, fitting, instead_of
from tools.follow_up import PART_OF
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, JsonSchema
from tools.schema import LONGEST_LIST, call_of, calls_by_name
from tools.spans import Spans


@dataclass(frozen=True)
class Placing:
    """A call, the question's spans, and of marks that shall be elsewhere the argument; None: in none. `staying`: the
    question's other marks."""

    call: Call
    roles: Mapping[Mention, str | None]
    spans: Spans
    staying: Sequence[Mention] = ()

    def coming(self, argument: str) -> list[Mention]:
        """The marks that the argument shall take in."""
        return [
            mark for mark, role in self.roles.items() if role == argument and argument not in holders(mark, self.call)
        ]

    def leaving(self, argument: str) -> list[Mention]:
        """The marks that the argument holds and shall not."""
        return [mark for mark, role in self.roles.items() if role != argument and argument in holders(mark, self.call)]

    def gone(self) -> set[str]:
        """The arguments that others take the place of, but for those that hold a mark which stays."""
        taking = {role for role in self.roles.values() if role is not None}
        held = {name for mark in self.staying for name in holders(mark, self.call)}
        return {other for role in taking for other in instead_of(role)} - taking - held


def placed(schema: JsonSchema, placing: Placing) -> JsonSchema | None:
    """The schema of `placing.call` with such roles, everything else as it was; None where no such call is offered.

    `schema` is that of all calls (tools/schema.py). A mark that comes is a span that is like it, or its number, where
    the argument can have it; what stands in its way or instead of it goes, and what means something only beside what
    goes. A required argument that loses its words gets others.
    """
    whole, declared = calls_by_name(schema).get(placing.call.name), TOOLS.get(placing.call.name)
    if whole is None or declared is None:
        return None
    offered: dict[str, Any] = whole["properties"]["parameters"]["properties"]
    taking, gone = {role for role in placing.roles.values() if role is not None}, placing.gone()
    properties: dict[str, JsonValue] = {}
    for argument in declared.arguments:
        name = argument.name
        if name not in offered or name in gone:
            continue
        value = _value(argument, schema, offered[name], placing)
        if value is None and argument.required:
            value = offered[name]
        if value is not None:
            properties[name] = value
    if not taking <= properties.keys():
        return None
    lost = placing.call.parameters.keys() - properties.keys()
    kept = {name: value for name, value in properties.items() if PART_OF.get(name) not in lost}
    return {**schema, "anyOf": [call_of(placing.call.name, kept, list(kept))]}


def _value(argument: Argument, schema: JsonSchema, offered: JsonSchema, placing: Placing) -> JsonSchema | None:
    """What the argument may hold; None for nothing."""
    said, coming = placing.call.parameters.get(argument.name), placing.coming(argument.name)
    left = _without(said, placing.leaving(argument.name))
    if not coming:
        return None if left is None else {"const": left}
    if argument.schema["type"] == "integer":
        return _number(offered, coming)
    each = [_like(argument, schema, mark, placing.spans) for mark in coming]
    if not all(each):
        return None
    if offered.get("type") != "array":
        return _one_of([span for spans in each for span in spans])
    kept: list[JsonValue] = [{"const": item} for item in left] if isinstance(left, list) else []
    items: list[JsonValue] = [*kept, *map(_one_of, each)]
    if len(items) > LONGEST_LIST:
        return None
    return {"type": "array", "prefixItems": items, "minItems": len(items), "maxItems": len(items)}


def _number(offered: JsonSchema, coming: Sequence[Mention]) -> JsonSchema | None:
    """The numbers that come, of those that the argument is offered."""
    numbers, values = {n for mark in coming if mark.kind == NUMBER for n in numbers_in(mark.words)}, offered.get("enum")
    fitting_ones = [value for value in values if value in numbers] if isinstance(values, list) else []
    return {"enum": list(fitting_ones)} if fitting_ones else None


def _like(argument: Argument, schema: JsonSchema, mark: Mention, spans: Spans) -> list[str]:
    return [span for span in fitting(argument, schema, [mark], spans) if likeness(mark, span)]


def _one_of(spans: Sequence[str]) -> JsonSchema:
    return {"type": "string", "enum": list(dict.fromkeys(spans))}


def _without(said: JsonValue, leaving: Sequence[Mention]) -> JsonValue:
    """A value without marks, of a list without the items that are most like them; None where nothing is left."""
    if not isinstance(said, list):
        return None if any(likeness(mark, said) for mark in leaving) else said
    out = {max(range(len(said)), key=lambda at: likeness(mark, said[at])) for mark in leaving}
    return [each for at, each in enumerate(said) if at not in out] or None
