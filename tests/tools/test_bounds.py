"""A level goes on the side that the question says, a list is as long as it says; other numbers stay as they are."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.bounds import with_bounds


def bounded(question: str, name: str = "find_bins", **parameters: JsonValue) -> dict[str, JsonValue]:
    """The parameters of a call beside that question."""
    return dict(with_bounds(Call(name, parameters), question).parameters)


@pytest.mark.parametrize(
    "question",
    [
        "bins at the pier that are at most 30 percent full",
        "what is below 30% by the pier",
        "not even 30 per cent full, and yet we went",
        "those aren't even thirty percent full",
        "30 % or less at the pier",
        "welche sind höchstens 30 Prozent voll",
        "tonnen unter 30 %",
        "contenedores con menos de 30 por ciento",
        "30 % ou moins sur le quai",
    ],
)
def test_a_greatest_level_is_no_least_one(question: str) -> None:
    assert bounded(question, min_fill_pct=30) == {"max_fill_pct": 30}


@pytest.mark.parametrize(
    "question",
    ["over 60 at the pier", "at least 60 %", "60 percent or more", "mehr als 60 %", "más de sesenta por ciento"],
)
def test_a_least_level_is_no_greatest_one(question: str) -> None:
    assert bounded(question, max_fill_pct=60) == {"min_fill_pct": 60}


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("bins at 60 percent", {"min_fill_pct": 60}),
        ("between 20 and under 60 percent", {"min_fill_pct": 20, "max_fill_pct": 60}),
        ("over 60 and no more than 60", {"min_fill_pct": 60}),
        ("no more than 5 bins past 60 percent", {"min_fill_pct": 60}),
        ("at least 60 percent", {"min_fill_pct": 60}),
    ],
)
def test_whatever_the_question_leaves_open_stays(question: str, said: dict[str, JsonValue]) -> None:
    assert bounded(question, **said) == said


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("nicht unter 50 %", "min_fill_pct"),
        ("a no menos de 50 por ciento", "min_fill_pct"),
        ("à pas moins de 50 %", "min_fill_pct"),
        ("those that aren't below 50", "min_fill_pct"),
        ("skip the ones under 50", "min_fill_pct"),
        ("ignore anything below 50", "min_fill_pct"),
        ("filled up to 50 percent or beyond", "min_fill_pct"),
        ("llenos hasta el 50 %", "min_fill_pct"),
        ("at 50% now that were below 50% yesterday", "min_fill_pct"),
        ("no están por encima de 50 %", "max_fill_pct"),
        ("leave out what is over 50", "max_fill_pct"),
        ("ne sont pas au-dessus de 50 %", "max_fill_pct"),
    ],
)
def test_a_bound_that_is_denied_or_taken_out_turns_nothing(question: str, said: str) -> None:
    assert bounded(question, **{said: 50}) == {said: 50}


def test_a_tool_with_one_side_only_keeps_it() -> None:
    assert bounded("serve what is under 60 percent", "plan_round", min_fill_pct=60) == {"min_fill_pct": 60}


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("up to 12 records about needles", 12),
        ("search=needles; rows=12", 12),
        ("the first twelve results about needles", 12),
        ("die ersten 12 Treffer zu Nadeln", 12),
    ],
)
def test_the_number_of_rows_that_is_said_bounds_the_list(question: str, rows: int) -> None:
    assert bounded(question, "search_records", query="needles") == {"query": "needles", "limit": rows}


@pytest.mark.parametrize(
    "question",
    [
        "records about 12 needles", "no records about needles?", "3 rows here and 4 rows there", "needles",
        "show the full records", "last quarter results", "Zone 4 records", "first 2024 records", "the 311 records",
        "truck 2 entries",
    ],
)  # fmt: skip
def test_no_other_number_bounds_the_list(question: str) -> None:
    assert bounded(question, "search_records", query="needles") == {"query": "needles"}


def test_a_limit_of_the_model_and_a_tool_without_one_stay() -> None:
    assert bounded("up to 12 records", "search_records", query="x", limit=5) == {"query": "x", "limit": 5}
    assert bounded("up to 12 records", "operations_report", measure="requests") == {"measure": "requests"}
    assert bounded("up to 12 records", "no_such_tool", limit=1) == {"limit": 1}


@pytest.mark.parametrize(
    ("question", "trucks"),
    [
        ("plan tomorrow with two trucks", 2),
        ("la recolección de mañana con dos camiones, todos los contenedores", 2),
        ("eine Tour für morgen mit nur 3 Wagen", 3),
        ("une tournée demain avec quatre camions", 4),
    ],
)
def test_the_number_of_trucks_that_is_said_is_the_number_of_a_plan(question: str, trucks: int) -> None:
    assert bounded(question, "plan_round", when="x") == {"when": "x", "truck_count": trucks}


@pytest.mark.parametrize(
    "question",
    [
        "plan tomorrow with two trucks down", "con dos camiones en el taller", "with trucks 2 and 3",
        "not with two trucks", "with two trucks, or with three trucks", "the streets with parked vehicles",
        "mit zwei Wagen weniger", "plan with full trucks", "with two trucks in the garage",
        "con dos camiones averiados", "mit zwei Fahrzeugen ausgefallen", "avec deux camions hors service",
        "with two trucks or more", "we usually do it with two trucks; plan tomorrow",
        "plan tomorrow, last week it took nine hours with three trucks",
    ],
)  # fmt: skip
def test_trucks_that_are_missing_or_named_are_not_counted(question: str) -> None:
    assert bounded(question, "plan_round", when="x") == {"when": "x"}
    assert bounded("with two trucks", "plan_round", when="x", trucks=["T1"]) == {"when": "x", "trucks": ["T1"]}
