"""Trucks by number are the whole of their list."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.whole_trucks import with_whole_trucks


@pytest.mark.parametrize(
    ("mark", "said", "meant"),
    [
        ("Lkw 1 und 2", ["Lkw 1"], ["Lkw 1 und 2"]),
        ("trucks 1, 2 and four", ["trucks 1"], ["trucks 1, 2 and four"]),
        ("T1 & 3", ["T1", "3"], ["T1 & 3"]),
        ("T1 & 3", ["T1 & 3"], ["T1 & 3"]),
        ("T1 and T3", ["T1"], ["T1"]),  # the second has its own word: it may be meant for something else
        ("truck 12", ["truck 1"], ["truck 1"]),
        ("Lkw 1 und 2", ["Lkw 3"], ["Lkw 3"]),
    ],
)
def test_a_truck_that_begins_a_list_of_numbers_is_the_list(
    mark: str, said: list[JsonValue], meant: list[JsonValue]
) -> None:
    call = Call("fleet_status", {"trucks": said, "when": "morgen"})
    assert with_whole_trucks(call, f"{mark} morgen", [f"[truck {mark}]", "[time morgen]"]).parameters == {
        "trucks": meant,
        "when": "morgen",
    }


def test_arguments_of_other_kinds_stay() -> None:
    for call in (Call("service_history", {"truck": "Lkw 1"}), Call("plan_round", {"skip": ["Lkw 1"]})):
        assert with_whole_trucks(call, "Lkw 1 und 2", ["[truck Lkw 1 und 2]"]) == call


@pytest.mark.parametrize(
    ("question", "said", "meant"),
    [
        ("t1 t2 run at five", ["t1"], ["t1", "t2"]),
        ("t1 t2  t3 run at five", ["t2"], ["t1", "t2", "t3"]),
        ("t1 t2 run at five", ["t2", "t1"], ["t2", "t1"]),
        ("t1, t2 not before six", ["t1"], ["t1"]),
        ("plan t1 - t2 t3 rest", ["t1"], ["t1"]),
        ("t12 t1 run", ["t12"], ["t12", "t1"]),
        ("t1 t2x t2", ["t1"], ["t1"]),
        ("plan with t1 t2 is broken", ["t1"], ["t1"]),
        ("use t1 t2 stays home", ["t1"], ["t1"]),
        ("plan without t1 t2 tonight", ["t1"], ["t1"]),
        ("t1 t2's driver is ill", ["t1"], ["t1"]),
        ("t1 t2-trailer run", ["t1"], ["t1"]),
    ],
)
def test_trucks_with_nothing_between_them_are_one_list(
    question: str, said: list[JsonValue], meant: list[JsonValue]
) -> None:
    marks = [f"[truck {name}]" for name in ("t1", "t2", "t3", "t12")]
    assert with_whole_trucks(Call("plan_round", {"trucks": said}), question, marks).parameters["trucks"] == meant


def test_a_truck_that_the_call_has_elsewhere_is_no_neighbour() -> None:
    call = Call("what_if", {"add_trucks": ["T1"], "remove_trucks": ["T2"]})
    assert with_whole_trucks(call, "in T1 T2 out", ["[truck T1]", "[truck T2]"]) == call
