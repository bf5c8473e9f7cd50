"""Tools by JSON schema: one line for the prompt, and a decoder's schema that takes what the question says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import JsonValue

from domain.errors import BadData
from tools.listed import LONGEST_DESCRIPTION, ListedTool, listed_schema
from tools.registry import JsonSchema
from tools.schema import call_schema
from tools.spans import Spans

QUESTION = (
    'Hire two skips of 7.5 tonnes for Mill Lane from Monday, 12% off, at -3 degrees, and say "call first" to gate B-12.'
)


def made(name: str = "hire_skip", about: str = "Hire skips.", **parameters: Any) -> ListedTool:
    """A tool whose parameters end in `_` where they are required."""
    properties = {key.rstrip("_"): value for key, value in parameters.items()}
    required = [key.rstrip("_") for key in parameters if key.endswith("_")]
    schema = {"type": "object", "properties": properties, "required": required}
    return ListedTool.read({"name": name, "description": about, "parameters": schema})


TEXT, WHOLE, NUMBER, YES_NO = ({"type": kind} for kind in ("string", "integer", "number", "boolean"))


def takes(tool: ListedTool, parameters: dict[str, JsonValue], question: str | None = QUESTION) -> bool:
    """Whether the decoder may write that call of the tool."""
    schema = listed_schema([tool], Spans.of([question]) if question is not None else None)
    call = {"name": tool.name, "parameters": parameters}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(call))


# ---------------------------------------------------------------- the line for the prompt


def test_a_signature_is_one_line_of_names_types_and_choices() -> None:
    tool = made(
        "skip.hire", "Hire skips for a site. Needs a permit.", site_=TEXT, size={"enum": ["small", "big"]},
        tonnes=NUMBER, count=WHOLE, urgent=YES_NO, dates={"type": "array", "items": TEXT}, contact={"type": "object"},
    )  # fmt: skip
    assert tool.signature() == (
        "skip.hire(site: string, size?: small/big, tonnes?: number, count?: integer, urgent?: boolean, dates?: list, "
        "contact?: object) - Hire skips for a site."
    )


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("Who is on duty. From the roster.", "Who is on duty."),
        ("Finds permits, e.g. for skips. More.", "Finds permits, e.g. for skips."),
        ("Is it open? Asks the gate.", "Is it open?"),
        ("Two\n  lines of version 2.5 here", "Two lines of version 2.5 here."),
        ("", ""),
    ],
)
def test_a_description_is_shown_to_the_end_of_its_first_sentence(description: str, shown: str) -> None:
    assert made(about=description).signature() == "hire_skip()" + (f" - {shown}" if shown else "")


def test_a_long_description_is_cut_at_a_word() -> None:
    about = made(about="word " * 60).signature().removeprefix("hire_skip() - ")
    assert about == " ".join(["word"] * 24) + "."
    assert len(about) <= LONGEST_DESCRIPTION


def test_a_choice_of_other_values_than_texts_is_shown_as_json() -> None:
    assert made(level={"enum": [1, 2, True, None]}).signature() == "hire_skip(level?: 1/2/true/null) - Hire skips."


def test_a_type_behind_a_reference_or_a_choice_of_types_is_shown() -> None:
    tool = ListedTool.read(
        {
            "name": "x",
            "parameters": {
                "type": "object",
                "properties": {"at": {"$ref": "#/$defs/spot"}, "n": {"anyOf": [{"type": "null"}, WHOLE]}},
                "$defs": {"spot": {"type": "object", "properties": {"street": TEXT}}},
            },
        }
    )
    assert tool.signature() == "x(at?: object, n?: integer)"


# ---------------------------------------------------------------- what the decoder may write

EVERYTHING = made(
    site_=TEXT,
    count={"type": "integer", "minimum": 1, "maximum": 6},
    tonnes=NUMBER,
    share={"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    degrees=WHOLE,
    size={"type": "string", "enum": ["small", "big"]},
    urgent=YES_NO,
    days={"type": "array", "items": TEXT, "maxItems": 2},
    contact={"properties": {"words": TEXT, "way": {"enum": ["phone", "text"]}}, "required": ["words"]},
    stops={"type": "array", "items": {"type": "object", "properties": {"gate": TEXT}, "required": ["gate"]}},
    labels={"type": "object"},
    note={"anyOf": [TEXT, {"type": "null"}]},
    sort={"const": "skip"},
)  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"count": 2}, {"tonnes": 7.5}, {"tonnes": 2}, {"share": 0.12}, {"degrees": -3}, {"size": "big"},
        {"urgent": False}, {"days": ["Monday"]}, {"contact": {"words": "call first", "way": "phone"}},
        {"stops": [{"gate": "gate B-12"}]},
        {"labels": {"whatever": "Mill Lane"}}, {"note": None}, {"note": "two skips"}, {"sort": "skip"},
    ],
)  # fmt: skip
def test_a_value_that_was_said_is_taken(more: dict[str, JsonValue]) -> None:
    assert takes(EVERYTHING, {"site": "Mill Lane", **more})


@pytest.mark.parametrize(
    "more",
    [
        {"site": "Mill Road"}, {"site": 7}, {"count": 7}, {"count": 4}, {"count": 12}, {"tonnes": 9}, {"tonnes": "7.5"},
        {"share": 12}, {"degrees": 12.5}, {"size": "huge"}, {"urgent": "yes"}, {"days": []}, {"days": "Monday"},
        {"days": ["Monday", "Mill", "Lane"]}, {"contact": {}}, {"contact": {"words": "call later"}},
        {"contact": {"words": "call first", "way": "pigeon"}}, {"stops": [{}]}, {"labels": {"a": "b"}},
        {"sort": "bin"}, {"colour": "red"},
    ],
)  # fmt: skip
def test_a_value_that_was_not_said_or_has_another_type_is_refused(more: dict[str, JsonValue]) -> None:
    assert not takes(EVERYTHING, {"site": "Mill Lane", **more})


def test_a_required_parameter_cannot_be_left_out() -> None:
    assert not takes(EVERYTHING, {"count": 2})


def test_digits_inside_an_id_are_no_number() -> None:
    assert not takes(made(count_=WHOLE), {"count": 12}, "gate B-12")


def test_a_tool_whose_required_number_was_not_said_is_not_offered() -> None:
    tool = made(count_=WHOLE)
    offered = listed_schema([tool], Spans.of(["hire skips"]))["anyOf"]
    assert offered == call_schema({}, None)["anyOf"]
    assert takes(tool, {"count": 40}, None)


def test_without_spans_free_values_are_any_within_their_bounds() -> None:
    assert takes(EVERYTHING, {"site": "anywhere", "count": 3, "tonnes": 0.25, "labels": {"a": "b"}}, None)
    assert not takes(EVERYTHING, {"site": "anywhere", "count": 7}, None)
    assert not takes(EVERYTHING, {"site": "x" * 1000}, None)


def test_the_three_words_are_always_there_and_by_reference_only() -> None:
    said = json.dumps(listed_schema([], Spans.of([QUESTION])))
    assert all(f'"{word}"' in said for word in ("reply", "clarify", "decline"))
    assert "maxLength" not in said


def test_equal_spans_are_one_definition_whatever_the_number_of_parameters() -> None:
    two = [made("a", x_=TEXT, y=TEXT), made("b", z_=TEXT)]
    schema = listed_schema(two, Spans.of([QUESTION]))
    assert json.dumps(schema).count("Mill") == len(json.dumps(schema["$defs"]).split("Mill")) - 1
    assert list(schema) == ["$defs", "anyOf"]


FRAMES = Path(__file__).parent.parent.parent / "finetune" / "frames" / "listed"


@pytest.mark.parametrize("file", sorted(FRAMES.glob("*.txt")), ids=lambda file: file.stem)
def test_a_signature_is_read_back_as_the_tool_that_writes_it(file: Path) -> None:
    line = file.read_text(encoding="utf-8").partition("\n")[0].strip()
    tool = ListedTool.of_signature(line)
    assert tool.signature() == line
    assert ListedTool.read(json.loads(tool.declaration())) == tool


def test_types_choices_and_needs_survive_a_signature() -> None:
    line = "hire(what: list, size?: small/large, on: boolean, kg?: number)"
    tool = ListedTool.of_signature(line)
    assert tool.parameters == {
        "type": "object",
        "properties": {
            "what": {"type": "array", "items": TEXT}, "size": {"enum": ["small", "large"]},
            "on": {"type": "boolean"}, "kg": {"type": "number"},
        },
        "required": ["what", "on"],
    }  # fmt: skip
    with pytest.raises(BadData, match="no signature of a tool"):
        ListedTool.of_signature("hire a skip")


@pytest.mark.parametrize("times", [1, 2, 12])
def test_a_choice_that_refers_to_itself_is_shown_and_ends(times: int) -> None:
    either: list[JsonValue] = [{"type": "null"}, *[{"$ref": "#/properties/next"}] * times]
    step: JsonSchema = {"anyOf": either}
    tool = ListedTool.read({"name": "walk", "parameters": {"properties": {"next": step, "far": {"type": "integer"}}}})
    assert tool.signature() == "walk(next?: object, far?: integer)"
    assert takes(tool, {"next": None})


def test_a_schema_that_refers_to_itself_ends() -> None:
    tree = {
        "type": "object",
        "properties": {"name": TEXT, "parts": {"type": "array", "items": {"$ref": "#/$defs/tree"}}},
    }
    tool = ListedTool.read(
        {"name": "x", "parameters": {"properties": {"t": {"$ref": "#/$defs/tree"}}, "$defs": {"tree": tree}}}
    )
    assert takes(tool, {"t": {"name": "Mill", "parts": [{"name": "Lane"}]}})


# ---------------------------------------------------------------- declarations that cannot be read

CIRCLE = {"$ref": "#/$defs/b"}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("hire", "needs a name"),
        ({"name": ""}, "needs a name"),
        ({"name": "x", "description": 3}, "x: its description"),
        ({"name": "x", "parameters": []}, "x: its description must be a text and its parameters"),
        ({"name": "x", "parameters": {"properties": []}}, "x: its properties are no object"),
        ({"name": "x", "parameters": {"properties": {"a": "string"}}}, 'x: "string" stands where a schema should'),
        ({"name": "x", "parameters": {"properties": {"a": {"type": "date"}}}}, "x: no type 'date'"),
        ({"name": "x", "parameters": {"properties": {"a": CIRCLE}}}, "x: its reference #/.defs/b leads"),
        (
            {"name": "x", "parameters": {"properties": {"a": CIRCLE}, "$defs": {"b": CIRCLE}}},
            "x: its references go round",
        ),
    ],
)  # fmt: skip
def test_a_declaration_that_cannot_be_decoded_is_refused_by_its_name_and_part(said: JsonValue, told: str) -> None:
    with pytest.raises(BadData, match=told):
        ListedTool.read(said)


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(BadData, match="two tools are called hire_skip"):
        listed_schema([made(), made()])


def test_the_schema_is_small_for_a_long_question() -> None:
    schema: JsonSchema = listed_schema([EVERYTHING], Spans.of(["word " * 2000]))
    assert len(json.dumps(schema)) < 60_000
