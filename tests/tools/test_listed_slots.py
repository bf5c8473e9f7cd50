"""What each kind of declared parameter is to a reader."""

from __future__ import annotations

from typing import Any

import pytest

from tools.listed import ListedTool
from tools.listed_slots import Kind, Slot, slots_of

TEXT = {"type": "string"}


def slot(schema: Any, *, required: bool = False) -> Slot:
    """The slot of a tool's only parameter."""
    parameters = {"properties": {"x": schema}, "required": ["x"] if required else [], "$defs": {"far": {"enum": ["a"]}}}
    (found,) = slots_of(ListedTool("tool", "", parameters))
    return found


@pytest.mark.parametrize(
    ("schema", "kind", "choices"),
    [
        (TEXT, Kind.TEXT, ()),
        ({"type": "integer"}, Kind.WHOLE, ()),
        ({"type": "number"}, Kind.NUMBER, ()),
        ({"type": "boolean"}, Kind.TRUTH, (True, False)),
        ({"enum": ["early", 2]}, Kind.CHOICE, ("early", 2)),
        ({"type": "array", "items": TEXT}, Kind.LIST, ()),
        ({"type": "array"}, Kind.LIST, ()),
        ({"type": "array", "items": {"enum": ["a", "b"]}}, Kind.CHOICES, ("a", "b")),
        ({"type": "array", "items": {"type": "integer"}}, Kind.OTHER, ()),
        ({"type": "object", "properties": {"y": TEXT}}, Kind.OTHER, ()),
        ({"type": ["string", "null"]}, Kind.TEXT, ()),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, Kind.WHOLE, ()),
        ({"anyOf": [TEXT, {"type": "integer"}]}, Kind.OTHER, ()),
        ({"anyOf": [{"anyOf": [TEXT, {"type": "null"}]}, {"type": "null"}]}, Kind.TEXT, ()),
        ({"anyOf": [{"$ref": "#/properties/x"}, {"type": "null"}]}, Kind.OTHER, ()),
        ({"const": "a"}, Kind.CHOICE, ("a",)),
        ({"$ref": "#/$defs/far"}, Kind.CHOICE, ("a",)),
    ],
)
def test_a_slot_is_of_the_kind_that_its_schema_says(schema: Any, kind: Kind, choices: tuple[Any, ...]) -> None:
    found = slot(schema)
    assert (found.kind, found.choices) == (kind, choices)


def test_a_slot_keeps_what_its_declaration_says_of_it() -> None:
    found = slot({"type": "integer", "minimum": 1, "exclusiveMaximum": 5, "description": "Bays."}, required=True)
    assert (found.name, found.about, found.required) == ("x", "Bays.", True)
    assert [number for number in range(7) if found.admits(number)] == [1, 2, 3, 4]
    assert slot({"type": "boolean"}).admits(1e9)
    assert [
        slot(each).nullable for each in (TEXT, {"type": ["string", "null"]}, {"anyOf": [TEXT, {"type": "null"}]})
    ] == [
        False,
        True,
        True,
    ]
