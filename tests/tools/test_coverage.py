"""tools/coverage.py: marks that calls leave out, and the schema of calls that take them in."""

from __future__ import annotations

from typing import Any

import pytest

from domain.values import Call
from tools.coverage import GAINS, GAINS_AT_END, NUMBER, TAKEN_BY, Lacking, demanded, gain, keeps, left_out, taking_in
from tools.registry import TOOLS, JsonSchema
from tools.schema import LONGEST_LIST, Freedom, call_schema
from tools.spans import Spans

PLAN = Call("plan_round", {"when": "tonight", "trucks": ["T1"]})


@pytest.mark.parametrize(
    ("marks", "call", "left"),
    [
        (["[truck T1 T2]"], PLAN, ["[truck T1 T2]"]),
        (["[truck Lkw 1 und 2]"], Call("fleet_status", {"trucks": ["Lkw 1"]}), ["[truck Lkw 1 und 2]"]),
        (["[truck truck six]"], Call("fleet_status", {"trucks": ["6"]}), []),
        (["[site the Sather Gate]"], Call("find_bins", {"near": "sather gate"}), []),
        (["[site Sather Gate]"], Call("find_bins", {"near": "Hearst Gate"}), []),
        (["[area Chavez]"], Call("find_bins", {"min_fill_pct": 60}), ["[area Chavez]"]),
        (["[time July]", "[time June]"], Call("operations_report", {"since": "June"}), ["[time July]"]),
        (["[bin number 15157]"], Call("propose_ticket", {"note": "15157 is broken"}), []),
        ([], PLAN, []),
    ],
)
def test_what_is_left_out(marks: list[str], call: Call, left: list[str]) -> None:
    assert left_out(marks, [call]) == tuple(left)


def test_what_an_earlier_call_of_the_turn_took_in_is_not_left_out() -> None:
    calls = [Call("find_bins", {"near": "Chavez"}), Call("fleet_status", {})]
    assert left_out(["[area Chavez]"], calls) == ()


@pytest.mark.parametrize(
    "question",
    [
        "a note says 'the bin at Pelican Building leaks'. What does the handbook say?",
        "„Pelican Building ist zu“, was heißt das?",
        '"approve all at Pelican Building", he wrote',
        "«Pelican Building» dans le courriel, pourquoi ?",
    ],
)
def test_what_others_are_quoted_with_is_not_demanded(question: str) -> None:
    assert demanded(["[site Pelican Building]"], question) == ()


@pytest.mark.parametrize(
    "question",
    [
        "What's near Pelican Building, it's full",
        "drivers' bins by Pelican Building, drivers' too",
        'the 7" lid, Pelican Building',
    ],
)
def test_what_is_said_is_demanded(question: str) -> None:
    assert demanded(["[site Pelican Building]"], question) == ("[site Pelican Building]",)


def wider(question: str, call: Call, *left: str, names: frozenset[str] | None = None) -> list[dict[str, Any]]:
    """The alternatives that take in more."""
    spans = Spans.of([question])
    schema: JsonSchema = call_schema(TOOLS, spans)
    short = Lacking(call, left, frozenset({call.name}) if names is None else names, spans)
    found: Any = (taking_in(schema, short) or {"anyOf": []})["anyOf"]
    return found


def value(alternative: dict[str, Any], name: str) -> dict[str, Any]:
    parameters = alternative["properties"]["parameters"]
    assert name in parameters["required"]
    found: dict[str, Any] = parameters["properties"][name]
    return found


def test_a_list_grows_by_an_item() -> None:
    (only,) = wider("T1 T2 run for tonight", PLAN, "[truck T1 T2]")
    assert value(only, "trucks")["minItems"] == 2


def test_a_full_list_does_not_grow() -> None:
    full = Call("plan_round", {"trucks": [f"T{n}" for n in range(LONGEST_LIST)]})
    assert wider("T1 T2 run for tonight", full, "[truck T1 T2]") == []


def test_a_missing_place_is_one_of_the_spans_around_the_mark_in_either_argument() -> None:
    near, bins = wider("by chavez, past 60", Call("find_bins", {"min_fill_pct": 60}), "[area chavez]")
    assert {"chavez", "by chavez"} <= {*value(near, "near")["enum"]}
    assert not {"past", "60"} & {*value(near, "near")["enum"]}
    assert value(bins, "bins")["items"]["enum"] == value(near, "near")["enum"]
    assert "bins" not in near["properties"]["parameters"]["required"]


def test_the_other_arguments_stay_but_for_what_is_stood_in_for() -> None:
    call = Call("plan_round", {"when": "tonight", "truck_count": 1})
    (only,) = wider("trucks 1 and 2 tonight", call, "[truck trucks 1 and 2]")
    parameters = only["properties"]["parameters"]
    assert parameters["properties"]["when"] == {"const": "tonight"}
    assert "truck_count" not in parameters["properties"]
    assert {*parameters["required"]} == {"when", "trucks"}


def test_where_code_reads_a_kind_only_what_it_can_read() -> None:
    spans, readers = Spans.of(["send T2 to the paper bins"]), {"truck": lambda span: span == "T2"}
    schema = call_schema(TOOLS, spans, Freedom(readers=readers))
    lacking = Lacking(Call("plan_round", {}), ("[truck T2]",), frozenset({"plan_round"}), spans)
    found: Any = (taking_in(schema, lacking) or {"anyOf": []})["anyOf"]
    assert [value(each, "trucks")["items"]["enum"] for each in found] == [["T2"]]


def test_a_number_goes_where_a_number_may_be() -> None:
    call = Call("find_bins", {"near": "B 2", "min_fill_pct": 60})
    found = wider("over 60 in B 2, fifteen of them", call, "[number fifteen]", names=frozenset({"find_bins"}))
    arguments = ("within_m", "min_fill_pct", "max_fill_pct", "limit")
    for whole, name in zip(found, arguments, strict=True):
        assert value(whole, name) == {"enum": [15]}
        assert "near" in whole["properties"]["parameters"]["required"]


@pytest.mark.parametrize(
    ("call", "left"),
    [
        (Call("find_bins", {"limit": 15}), False),
        (Call("search_records", {"query": "fifteen bins"}), False),
        (Call("search_records", {"query": "bins"}), True),
    ],
)
def test_a_number_is_left_out_where_no_value_has_it(call: Call, left: bool) -> None:
    assert (left_out(["[number fifteen]"], [call]) != ()) is left


def test_a_list_keeps_what_it_held() -> None:
    assert keeps(Call("plan_round", {"trucks": ["T2", "T1"]}), PLAN)
    assert not keeps(Call("plan_round", {"trucks": ["T2", "T3"]}), PLAN)
    assert keeps(Call("fleet_status", {"trucks": ["T2"]}), PLAN)


def test_only_tools_that_could_be_called_and_take_such_a_mark() -> None:
    reply = Call("reply", {"text": "{{results}}"})
    both = frozenset({"inspect_image", "model_status"})
    found = wider("p.jpg please", reply, "[file p.jpg]", names=both)
    assert [each["properties"]["name"]["const"] for each in found] == ["inspect_image"]
    assert wider("p.jpg please", reply, "[file p.jpg]", names=frozenset()) == []


def test_the_schema_of_all_calls_stays_as_it_was() -> None:
    spans = Spans.of(["T1 T2 run for tonight"])
    schema = call_schema(TOOLS, spans)
    taking_in(schema, Lacking(PLAN, ("[truck T1 T2]",), frozenset({"plan_round"}), spans))
    assert schema == call_schema(TOOLS, spans)


def test_every_kind_of_mark_has_its_gains_and_arguments() -> None:
    assert GAINS.keys() == GAINS_AT_END.keys() == TAKEN_BY.keys() | {NUMBER}
    kinds = {argument.words.kind for tool in TOOLS.values() for argument in tool.arguments if argument.words}
    assert set().union(*TAKEN_BY.values()) <= kinds


def test_gains_add_up_and_are_larger_at_the_end_of_a_turn() -> None:
    marks = ["[truck T1]", "[time July]"]
    assert gain(marks) == pytest.approx(GAINS["truck"] + GAINS["time"])
    assert gain(marks, at_end=True) > gain(marks) > gain(marks[:1]) > gain([]) == 0
