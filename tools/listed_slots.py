"""What a listed tool's parameters are to a reader: slots that a stretch of the question fills, or one of choices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pydantic import JsonValue

from tools.listed import ListedTool
from tools.listed_parameters import (
    BOUNDS,
    is_number,
    is_within,
    listed_in,
    properties_of,
    required_of,
    resolved,
    types_of,
)
from tools.registry import JsonSchema


class Kind(Enum):
    """How a slot is filled; OTHER: by no reader (objects, lists of lists, constants)."""

    TEXT = "text"
    WHOLE = "whole number"
    NUMBER = "number"
    LIST = "list"
    CHOICE = "choice"
    CHOICES = "choices"
    TRUTH = "yes or no"
    OTHER = "other"


BY_TYPE = {"string": Kind.TEXT, "integer": Kind.WHOLE, "number": Kind.NUMBER, "boolean": Kind.TRUTH}
IN_WORDS = frozenset({Kind.TEXT, Kind.WHOLE, Kind.NUMBER, Kind.LIST})
"""Kinds that a stretch of the question fills."""


@dataclass(frozen=True)
class Slot:
    """A parameter: its name, description and kind, its choices as they are declared, and the bounds of its number."""

    name: str
    about: str
    kind: Kind
    choices: tuple[JsonValue, ...]
    required: bool
    bounds: JsonSchema

    def admits(self, number: float) -> bool:
        """Whether the declaration's bounds hold a number."""
        return is_within(number, self.bounds)


def slots_of(tool: ListedTool) -> tuple[Slot, ...]:
    """Its parameters in their order. Raises BadData for what is no declaration."""
    required = required_of(tool.parameters)
    return tuple(
        _slot(name, resolved(tool.parameters, said), tool.parameters, required=name in required)
        for name, said in properties_of(tool.parameters).items()
    )


def _slot(name: str, schema: JsonSchema, root: JsonSchema, *, required: bool) -> Slot:
    said = schema.get("description")
    kind, choices = _kind(schema, root)
    bounds: JsonSchema = {each: schema[each] for each in BOUNDS["number"] if is_number(schema.get(each))}
    return Slot(name, said if isinstance(said, str) else "", kind, choices, required, bounds)


def _kind(schema: JsonSchema, root: JsonSchema) -> tuple[Kind, tuple[JsonValue, ...]]:
    """The kind and the choices. Of several types it is the one that is not null, if there is but one."""
    if values := listed_in(schema.get("enum")):
        return Kind.CHOICE, tuple(values)
    several = listed_in(schema.get("anyOf")) or listed_in(schema.get("oneOf"))
    kinds = [resolved(root, each) for each in several] or [{**schema, "type": each} for each in types_of(schema)]
    left = [each for each in kinds if each.get("type") != "null"]
    if "const" in schema or len(left) != 1:
        return Kind.OTHER, ()
    if several:
        return _kind(left[0], root)
    (kind,) = types_of(left[0])
    if kind == "boolean":
        return Kind.TRUTH, (True, False)
    return _list(resolved(root, schema.get("items", {}))) if kind == "array" else (BY_TYPE.get(kind, Kind.OTHER), ())


def _list(items: JsonSchema) -> tuple[Kind, tuple[JsonValue, ...]]:
    if values := listed_in(items.get("enum")):
        return Kind.CHOICES, tuple(values)
    return (Kind.LIST, ()) if types_of(items) == ["string"] else (Kind.OTHER, ())
