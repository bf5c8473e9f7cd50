"""The radius that a question says is the call's, whatever tool it is for; what is no radius changes nothing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx, ask

from domain.errors import OutOfRange
from domain.store import Store
from domain.values import Call
from tools.reach import with_reach
from tools.registry import TOOLS

REACHING = [name for name, each in TOOLS.items() if any(argument.name == "within_m" for argument in each.arguments)]


def reach(question: str, name: str = "search_records", **parameters: JsonValue) -> JsonValue:
    """The radius in metres of a call near Sather Gate, None without one."""
    return with_reach(Call(name, {"near": "Sather Gate", **parameters}), question).parameters.get("within_m")


@pytest.mark.parametrize("name", REACHING)
def test_every_tool_with_a_radius_takes_the_one_that_was_said(name: str) -> None:
    assert reach("within half a mile of Sather Gate", name) == 805


@pytest.mark.parametrize(
    ("question", "metres"),
    [
        ("contamination within 2 km of Sather Gate", 2000),
        ("contamination near Sather Gate within 2 kilometres", 2000),
        ("bins 300 feet from the Sather Gate", 91),
        ("rats in a 2-mile radius around Sather Gate", 3219),
        ("rats inside about a quarter mile, and near Sather Gate", 402),
        ("quejas a menos de 2 km de Sather Gate", 2000),
        ("quejas en un radio de media milla", 805),
        ("Ratten im Umkreis von zwei Kilometern um Sather Gate", 2000),
        ("rats à moins de 1,5 km de Sather Gate", 1500),
        ("rats dans un rayon de 300 mètres", 300),
        ("and within 500 metres?", 500),
        ("rats no farther than 300 m from Sather Gate", 300),
        ("rats no more than 300 m from Sather Gate", 300),
        ("Ratten nicht mehr als 300 m von Sather Gate", 300),
        ("plan rounds within 2 km of Sather Gate", 2000),
        ("plan a round at Sather Gate within 2 km", 2000),
        ("trucks driving no farther than 2 km from Sather Gate", 2000),
        ("rounds within 2 km of it", 2000),
        ("a round of at most 20 km for bins within 1 km of Sather Gate", 1000),
        ("bins within 1 km of Sather Gate, with no more than 20 miles of driving", 1000),
        ("bins within 200 m driving distance of Sather Gate", 200),
        ("bins within 2 km drive of Sather Gate", 2000),
        ("bins within 500 m of Route 9 near Sather Gate", 500),
    ],
)
def test_a_radius_that_the_model_left_out_is_read_from_the_question(question: str, metres: int) -> None:
    assert reach(question) == metres


def test_a_count_that_was_taken_for_the_radius_gives_way_to_the_radius() -> None:
    assert reach("5 bins within 1 km of Sather Gate", within_m=5) == 1000


@pytest.mark.parametrize(
    "question",
    [
        "a round near Sather Gate with no more than 20 miles of driving",
        "a round near Sather Gate, within 20 miles of driving",
        "plan near Sather Gate with trucks driving within 20 miles",
        "plan near Sather Gate and limit driving to within 20 miles",
        "rounds within 20 miles near Sather Gate",
        "near Sather Gate, keep the route within 20 miles",
        "near Sather Gate, drive no farther than 20 miles",
        "a round of 20 miles around Sather Gate",
        "plan near Sather Gate within 20 miles per truck",
        "eine Runde bei Sather Gate mit einer Fahrstrecke innerhalb von 20 Meilen",
        "cerca de Sather Gate con rutas dentro de 20 millas",
        "près de Sather Gate avec des tournées à moins de 20 miles",
    ],
)
def test_how_far_trucks_may_drive_is_no_radius_and_is_not_left_as_one(question: str) -> None:
    assert reach(question, "plan_round") is None
    assert reach(question, "plan_round", within_m=32187) is None
    assert reach(question, "plan_round", within_m=400) == 400


def test_of_several_radii_the_one_at_the_place_counts_unless_the_call_holds_one_of_them() -> None:
    question = "within 300 m of Soda Hall, and what is within 2 km of Sather Gate"
    assert reach(question) == 2000
    assert reach(question, within_m=300) == 300


@pytest.mark.parametrize(
    "question",
    [
        "plan a round of at most 50 km near Sather Gate",
        "bins near Sather Gate",
        "within 3 hours at Sather Gate",
        "it is 2 km long; what is at Sather Gate",
        "80 bins around Sather Gate",
        "bins more than 500 m from Sather Gate",
        "rats at least 2 km from Sather Gate",
        "rats beyond 1 km from Sather Gate",
        "complaints outside 500 m of Sather Gate",
        "rats not within 300 m of Sather Gate",
        "whatever isn't within 300 m of Sather Gate",
        "Ratten nicht im Umkreis von 300 m um Sather Gate",
        "quejas fuera de un radio de 300 m de Sather Gate",
        "rats no closer than 300 m to Sather Gate",
        "everything except within 300 m of Sather Gate",
        "Ratten mehr als 2 km von Sather Gate",
    ],
)
def test_what_is_no_radius_leaves_the_call_as_it_is(question: str) -> None:
    call = Call("plan_round", {"near": "Sather Gate", "truck_count": 2})
    assert with_reach(call, question) is call


@pytest.mark.parametrize(
    "call",
    [
        Call("find_bins", {"stream": "compost"}),
        Call("find_bins", {"near": None}),
        Call("plan_details", {"near": "Sather Gate"}),
        Call("no_such_tool", {"near": "Sather Gate"}),
    ],
)
def test_a_call_without_a_place_or_a_radius_of_its_own_gets_none(call: Call) -> None:
    assert with_reach(call, "within 2 km of Sather Gate") is call


def test_a_radius_beyond_what_is_searched_is_refused_and_never_made_small(store: Store, tmp_path: Path) -> None:
    call = with_reach(Call("search_records", {"query": "glass", "near": "station"}), "glass within 20000 km of station")
    refused = "I can look at most 50 km around a place; 20,000 km is too far: name a smaller radius or leave it out."
    with pytest.raises(OutOfRange, match=f"^{re.escape(refused)}$"):
        ask(a_ctx(store, tmp_path), call.name, **call.parameters)
