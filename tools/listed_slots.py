"""What a listed tool's parameters are to a reader: slots that a stretch of the question fills, or one of choices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pydantic import JsonValue

from tools.listed import ListedTool
from tools.listed_parameters import (
    BOUNDS,
    DEEPEST,
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
    """How a slot is filled; OTHER: by no reader (objects, lists of numbers, several types)."""

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
    """A parameter: its name, description and kind, its choices as they are declared, and the bounds of its number;
    `nullable`: null says that nothing was said."""

    name: str
    about: str
    kind: Kind
    choices: tuple[JsonValue, ...]
    required: bool
    bounds: JsonSchema
    nullable: bool = False

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
    kinds = _kinds(schema, root)
    left = [each for each in kinds if each.get("type") != "null"]
    meant: JsonSchema = left[0] if len(left) == 1 else {"type": ""}
    bounds: JsonSchema = {each: meant[each] for each in BOUNDS["number"] if is_number(meant.get(each))}
    kind, choices = _kind(meant, root)
    about = said if isinstance(said, str) else ""
    return Slot(name, about, kind, choices, required, bounds, nullable=len(left) < len(kinds))


def _kinds(schema: JsonSchema, root: JsonSchema, depth: int = 0) -> list[JsonSchema]:
    """The schemas of one type each that a schema admits; one of no type where they are nested too deep."""
    if "enum" in schema or "const" in schema:
        return [schema]
    several = listed_in(schema.get("anyOf")) or listed_in(schema.get("oneOf"))
    if several and depth > DEEPEST:
        return [{"type": ""}]
    if several:
        return [kind for each in several for kind in _kinds(resolved(root, each), root, depth + 1)]
    return [{**schema, "type": each} for each in types_of(schema)]


def _kind(schema: JsonSchema, root: JsonSchema) -> tuple[Kind, tuple[JsonValue, ...]]:
    """The kind and the choices of a schema of one type; a constant is the one choice."""
    if values := listed_in(schema.get("enum")):
        return Kind.CHOICE, tuple(values)
    if "const" in schema:
        return Kind.CHOICE, (schema["const"],)
    kind = types_of(schema)[0]
    if kind == "boolean":
        return Kind.TRUTH, (True, False)
    return _list(resolved(root, schema.get("items", {}))) if kind == "array" else (BY_TYPE.get(kind, Kind.OTHER), ())


def _list(items: JsonSchema) -> tuple[Kind, tuple[JsonValue, ...]]:
    if values := listed_in(items.get("enum")):
        return Kind.CHOICES, tuple(values)
    return (Kind.LIST, ()) if types_of(items) == ["string"] else (Kind.OTHER, ())
