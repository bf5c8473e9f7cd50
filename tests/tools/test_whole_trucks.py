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
    assert with_whole_trucks(call, [f"[truck {mark}]", "[time morgen]"]).parameters == {
        "trucks": meant,
        "when": "morgen",
    }


def test_arguments_of_other_kinds_stay() -> None:
    for call in (Call("service_history", {"truck": "Lkw 1"}), Call("plan_round", {"skip": ["Lkw 1"]})):
        assert with_whole_trucks(call, ["[truck Lkw 1 und 2]"]) == call
