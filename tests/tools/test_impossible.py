"""Only what no right call can hold is taken out of a call."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.impossible import without_impossible, without_other_counts


def report(**parameters: JsonValue) -> Call:
    return Call("operations_report", {"measure": "collections", **parameters})


@pytest.mark.parametrize("compared", ["last month", "Last  Month", "week", "truck"])
def test_a_period_is_compared_neither_with_itself_nor_with_a_way_of_grouping(compared: str) -> None:
    said = report(group_by="week", since="last month", compare_to=compared)
    assert without_impossible(said) == report(group_by="week", since="last month")


@pytest.mark.parametrize(
    "call",
    [
        report(since="last month", compare_to="the month before"),
        report(since="July", compare_to="July 2024"),
        report(compare_to="last week"),
        report(since="last month"),
        report(since="last month", compare_to=7),
        report(since="last month", compare_to=None),
        report(since=["July"], compare_to="July"),
        Call("find_bins", {"compare_to": "week"}),
        Call("no_such_tool", {"compare_to": "week", "since": "week"}),
    ],
)
def test_whatever_may_be_right_stays(call: Call) -> None:
    assert without_impossible(call) == call


def test_a_site_may_be_left_out_of_the_round_around_it() -> None:
    said = Call("plan_round", {"near": "Mill Lane", "skip": ["mill lane", "Pier 4"]})
    assert without_impossible(said) == said


def test_a_way_of_grouping_is_no_stream() -> None:
    assert without_impossible(report(group_by="stream", stream="stream")) == report(group_by="stream")
    assert without_impossible(report(group_by="stream", stream="paper")) == report(group_by="stream", stream="paper")


@pytest.mark.parametrize(
    ("question", "count", "kept"),
    [
        ("a round for tomorrow, trucks leave at 6 am", 6, False),
        ("morgen um 6 Uhr los", 6, False),
        ("tomorrow at 5:30 with two trucks", 5, False),
        ("tomorrow at 5:30 with two trucks", 2, True),
        ("3 trucks at 3 pm", 3, True),
        ("make it four", 4, True),
        ("as before", 3, True),  # from an earlier turn
        ("mit 2 am Montag", 2, True),
        ("leave at 6.30 am", 6, False),
        ("half past five tomorrow, all of them", 5, False),
        ("um halb sechs los", 6, False),
        ("leave at six am", 6, False),
        ("five thirty a.m., as always", 5, False),
        ("a las cinco y media", 5, False),
        ("à six heures et demie", 6, False),
        ("a quarter of six trucks", 6, True),
        ("Plane heute mit fünf Fahrzeugen", 5, True),
        ("leave at 6 o’clock tomorrow", 6, False),
        ("quarter to six, six trucks", 6, True),
        ("they go 6 a.m., two trucks", 2, True),
        ("out by 6a", 6, False),
        ("leave 6:30p tomorrow", 6, False),
        ("6a with 6 trucks", 6, True),
    ],
)
def test_an_hour_is_no_number_of_trucks(question: str, count: int, kept: bool) -> None:
    call = Call("plan_round", {"when": "tomorrow", "truck_count": count})
    assert ("truck_count" in without_other_counts(call, question).parameters) == kept


@pytest.mark.parametrize(
    ("question", "name", "count", "kept"),
    [
        ("ten minutes later it is the other way round: which bins?", "limit", 10, False),
        ("SIX times people told us about the rat, find those", "limit", 6, False),
        ("the last three times somebody wrote about rats", "limit", 3, True),
        ("die letzten 3 Mal", "limit", 3, True),
        ("zeig mir 5 mal, was voll ist", "limit", 5, True),
        ("nimm fünf LKW um 5 Uhr", "truck_count", 5, True),
        ("die fünf vollsten der letzten 5 Tage", "limit", 5, True),
        ("seit fünf Tagen voll", "limit", 5, False),
        ("Ve a las 10 papeleras más llenas", "limit", 10, True),
        ("use two night trucks", "truck_count", 2, True),
        ("list 10 Times Square bins", "limit", 10, True),
        ("the five fullest of the last five days", "limit", 5, True),
        ("los diez más llenos de los últimos tres días", "limit", 10, True),
        ("los más llenos de los últimos tres días", "limit", 3, False),
        ("mañana a las 6 con dos camiones", "truck_count", 6, False),
        ("mañana a las 6 con dos camiones", "truck_count", 2, True),
        ("tell me when 4 are full, twice a day", "min_count", 4, True),
        ("seit zwei Wochen, höchstens 3", "limit", 2, False),
        ("the same, please", "limit", 2, True),  # from an earlier turn
    ],
)
def test_a_length_of_time_is_no_number_of_rows(question: str, name: str, count: int, kept: bool) -> None:
    call = Call("find_bins", {"near": "the pier", name: count})
    assert (name in without_other_counts(call, question).parameters) == kept
