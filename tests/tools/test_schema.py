"""The schema forced on a decision takes what the user said, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.registry import TOOLS, JsonSchema
from tools.schema import Freedom, call_schema
from tools.spans import Spans
from tools.words import QUESTIONS, REPLIES

QUESTION = 'Which compost bins near Sather Gate will be over 80% by tomorrow noon? Say lid "stuck", bin B-7.'


def takes(schema: JsonSchema, name: str, parameters: dict[str, JsonValue]) -> bool:
    """Whether `schema` takes that call."""
    call = {"name": name, "parameters": parameters}
    return bool(jsonschema.Draft202012Validator(schema).is_valid(call))


@pytest.fixture(scope="module")
def schema() -> JsonSchema:
    """The schema of all tools for one question."""
    return call_schema(TOOLS, Spans.of([QUESTION]))


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("forecast_fill", {"near": "Sather Gate", "stream": "compost", "by": "tomorrow noon", "threshold_pct": 80}),
        ("find_bins", {"bins": ["B-7", "Sather Gate"], "min_fill_pct": 80}),
        ("plan_round", {}),
        ("propose_ticket", {"kind": "maintenance", "note": 'lid "stuck", bin B-7'}),
        ("propose_watch", {"condition": "compost bins near Sather Gate will be over 80% by tomorrow noon"}),
        ("operations_report", {"measure": "overflows", "group_by": "day"}),
        ("model_status", {"model": "vision"}),
        ("reply", {"text": "{{help}}"}),
        ("clarify", {"question": "{{bin}}"}),
        ("decline", {"reason": "unsafe"}),
    ],
)
def test_a_call_in_the_users_words_is_taken(schema: JsonSchema, name: str, parameters: dict[str, JsonValue]) -> None:
    assert takes(schema, name, parameters)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("forecast_fill", {"near": "Sather Tower"}),
        ("forecast_fill", {"near": "sather gate"}),
        ("forecast_fill", {"near": ""}),
        ("forecast_fill", {"stream": "compost bins near Sather Gate"}),
        ("forecast_fill", {"threshold_pct": 85}),
        ("forecast_fill", {"threshold_pct": "80"}),
        ("forecast_fill", {"place": "Sather Gate"}),
        ("find_bins", {"bins": []}),
        ("find_bins", {"bins": "B-7"}),
        ("propose_ticket", {"note": "B-7"}),
        ("propose_ticket", {"kind": "party", "note": "B-7"}),
        ("model_status", {"model": "weather"}),
        ("dispatch_now", {}),
        ("reply", {"text": "There are 12 bins."}),
        ("reply", {"text": "{{secrets}}"}),
        ("clarify", {"question": "{{bin}}", "choices": ["Sather Gate"]}),
        ("decline", {"reason": "unsafe", "text": "no"}),
        ("decline", {"reason": "tired"}),
    ],
)
def test_a_call_with_anything_else_is_refused(schema: JsonSchema, name: str, parameters: dict[str, JsonValue]) -> None:
    assert not takes(schema, name, parameters)


def test_a_call_is_closed_and_its_name_comes_first(schema: JsonSchema) -> None:
    alternatives = schema["anyOf"]
    assert isinstance(alternatives, list)
    assert len(alternatives) == len(TOOLS) + 3
    for alternative in alternatives:
        assert isinstance(alternative, dict)
        assert list(alternative["properties"]) == ["name", "parameters"]  # type: ignore[arg-type]
        assert alternative["additionalProperties"] is False
    assert not jsonschema.Draft202012Validator(schema).is_valid({"name": "plan_round", "parameters": {}, "why": "x"})


def test_arguments_stand_in_the_registrys_order() -> None:
    spans = Spans.of(["all of it: 1 bin"])
    for alternative in call_schema(TOOLS, spans)["anyOf"][: len(TOOLS)]:  # type: ignore[index]
        name = alternative["properties"]["name"]["const"]  # type: ignore[index,call-overload]
        properties = list(alternative["properties"]["parameters"]["properties"])  # type: ignore[index,call-overload]
        declared = [argument.name for argument in TOOLS[name].arguments]  # type: ignore[index]
        assert properties == [argument for argument in declared if argument in properties]


def test_a_number_that_was_not_said_leaves_no_argument_to_fill() -> None:
    schema = call_schema(TOOLS, Spans.of(["plan a round with truck T1"]))
    assert not any(word in json.dumps(schema) for word in ("max_hours", "min_fill_pct", "within_m", "limit"))


def test_a_number_outside_an_arguments_bounds_is_not_offered() -> None:
    schema = call_schema(TOOLS, Spans.of(["within 300 m, 2 trucks"]))
    assert takes(schema, "find_bins", {"within_m": 300})
    assert not takes(schema, "find_bins", {"min_fill_pct": 300})
    assert takes(schema, "plan_round", {"truck_count": 2})


def test_a_truck_that_code_can_read_is_offered_as_left_out_too() -> None:
    freedom = Freedom(readers={"truck": lambda span: span == "T2", "stream": lambda span: False})
    schema = call_schema(TOOLS, Spans.of(["T2 is down, plan tonight"]), freedom)
    assert takes(schema, "plan_round", {"when": "tonight", "trucks": ["without T2"]})
    assert takes(schema, "plan_round", {"when": "tonight", "trucks": ["T2"]})
    assert not takes(schema, "plan_round", {"trucks": ["without T3"]})


def test_numbers_and_lengths_in_words_are_offered_as_integers() -> None:
    schema = call_schema(TOOLS, Spans.of(["within half a mile of the library, at least half full, a dozen at most"]))
    assert takes(schema, "find_bins", {"near": "the library", "within_m": 805, "min_fill_pct": 50, "limit": 12})


def test_a_follow_up_may_repeat_the_arguments_of_the_thread() -> None:
    earlier = Call("forecast_fill", {"near": "Sather Gate", "by": "tomorrow noon", "threshold_pct": 85})
    spans = Spans.of(["compost at Sather Gate by tomorrow noon?", "and the day after?"], calls=[earlier])
    schema = call_schema(TOOLS, spans)
    assert takes(schema, "forecast_fill", {"near": "Sather Gate", "by": "the day after", "threshold_pct": 85})


def test_only_the_given_tools_can_be_called() -> None:
    schema = call_schema({"find_bins": TOOLS["find_bins"]}, Spans.of([QUESTION]))
    assert takes(schema, "find_bins", {})
    assert not takes(schema, "plan_round", {})
    assert takes(schema, "decline", {"reason": "not_permitted"})


def test_a_tool_whose_required_words_were_not_said_is_not_offered() -> None:
    schema = call_schema(TOOLS, Spans.of([""]))
    assert not takes(schema, "inspect_image", {"image": "x"})
    assert takes(schema, "plan_round", {})
    assert takes(schema, "model_status", {"model": "fill"})
    assert takes(schema, "reply", {"text": "{{greeting}}"})


def test_without_spans_any_words_and_numbers_within_bounds_are_taken() -> None:
    schema = call_schema(TOOLS, None)
    assert takes(schema, "find_bins", {"near": "anywhere", "within_m": 123, "bins": ["x"]})
    assert not takes(schema, "find_bins", {"min_fill_pct": 101})


def test_free_words_open_the_three_words_but_not_the_arguments() -> None:
    schema = call_schema(TOOLS, Spans.of([QUESTION]), Freedom(own_words=True))
    assert takes(schema, "reply", {"text": "Here is what I found: {{results}}"})
    assert takes(schema, "clarify", {"question": "Which bin?", "choices": ["B-7"]})
    assert takes(schema, "decline", {"reason": "unsafe", "text": "That is not safe."})
    assert not takes(schema, "find_bins", {"near": "anywhere"})


def test_every_text_that_code_owns_can_be_referred_to(schema: JsonSchema) -> None:
    assert all(takes(schema, "reply", {"text": "{{" + name + "}}"}) for name in REPLIES)
    assert all(takes(schema, "clarify", {"question": "{{" + name + "}}"}) for name in QUESTIONS)


def test_a_new_argument_is_in_the_schema_without_another_change() -> None:
    tool = TOOLS["find_bins"]
    grown = replace(tool, arguments=(*tool.arguments, replace(tool.argument("near"), name="beside")))
    schema = call_schema({"find_bins": grown}, Spans.of([QUESTION]))
    assert takes(schema, "find_bins", {"beside": "Sather Gate"})


def test_the_schema_of_a_long_question_stays_small() -> None:
    long = " ".join(f"word{n}" for n in range(3000))
    assert len(json.dumps(call_schema(TOOLS, Spans.of([long] * 4)))) < 80_000
