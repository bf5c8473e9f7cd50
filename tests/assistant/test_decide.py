"""What a decision makes of the model's call: code reads what the question and the thread leave no choice about."""

from __future__ import annotations

from typing import Any

from doubles import ScriptedModel
from pydantic import JsonValue

from assistant.decide import Situation, Speaker, decide, spans_of
from assistant.memory import Past, PastTurn
from domain.values import Call
from prompts.render import Step

REQUESTS = Call("operations_report", {"measure": "requests", "near": "Zone 4", "since": "May"})
FIRST = Past("C-0001", (PastTurn("requests in Zone 4 in May", (Step(REQUESTS.text()),)),))


def situation(question: str, past: Past = FIRST, **more: Any) -> Situation:
    """A dispatcher's question after that thread."""
    return Situation("berkeley", "dispatcher", "2025-08-31", past, question, **more)


async def decided(question: str, said: Call, **more: Any) -> dict[str, JsonValue]:
    """The parameters of what the model said, as they are used."""
    return dict((await decide(Speaker(ScriptedModel([said.text()])), situation(question, **more))).parameters)


async def test_a_follow_up_keeps_the_place_that_the_model_forgot() -> None:
    by_day = Call("operations_report", {"measure": "requests", "since": "May", "group_by": "day"})
    assert await decided("one figure a day", by_day) == {**REQUESTS.parameters, "group_by": "day"}


async def test_the_second_call_of_a_turn_keeps_nothing_of_the_turn_before() -> None:
    second = Call("operations_report", {"measure": "overflows", "since": "May"})
    steps = (Step(Call("model_status", {}).text()),)
    assert await decided("is the model fine? and overflows", second, steps=steps) == second.parameters


async def test_bounds_radius_and_clause_are_read_from_the_question() -> None:
    low = Call("find_bins", {"near": "the pier", "min_fill_pct": 20})
    assert await decided("at most 20 percent within 300 m of the pier", low, past=Past("C-0001")) == {
        "near": "the pier", "max_fill_pct": 20, "within_m": 300,
    }  # fmt: skip
    ticket = Call("propose_ticket", {"kind": "maintenance", "note": "lid torn"})
    assert (await decided("P12: lid torn off again", ticket))["note"] == "lid torn off again"


def test_digits_of_marked_names_and_of_earlier_places_are_no_numbers() -> None:
    asked = situation("and Pier 7 with two trucks", marks=("[site Pier 7]", "[time tonight]"))
    assert spans_of(asked).numbers == (2,)
    assert spans_of(situation("with 4 trucks")).numbers == (4,)
