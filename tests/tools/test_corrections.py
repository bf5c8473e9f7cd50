"""A turn that only corrects a value of the call before asks for that call again; everything else is the model's."""

from __future__ import annotations

import time

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.corrections import corrected

BINS = Call("find_bins", {"near": "Evans", "stream": "trash", "min_fill_pct": 75})
ROUND = Call("plan_round", {"when": "Sunday morning", "trucks": ["truck two"], "near": "the Stadium"})
FORECAST = Call("forecast_fill", {"near": "Dwinelle", "by": "morgen Abend"})


@pytest.mark.parametrize(
    ("before", "question", "marks", "changed"),
    [
        (BINS, "Soda Hall, not Evans. Sorry!", ["[site Soda Hall]", "[site Evans]"], {"near": "Soda Hall"}),
        (BINS, "my boss says Soda Hall instead of Evans", ["[site Soda Hall]", "[site Evans]"], {"near": "Soda Hall"}),
        (BINS, "perdón, quise decir Soda Hall", ["[site Soda Hall]"], {"near": "Soda Hall"}),
        (BINS, "compost, I mean", ["[stream compost]"], {"stream": "compost"}),
        (ROUND, "no scratch that comma I said truck one", ["[truck truck one]"], {"trucks": ["truck one"]}),
        (ROUND, "Perdón, dije C 11, tengo la cabeza en cualquiera.", ["[area C 11]"], {"near": "C 11"}),
        (FORECAST, "Nur Kompost, meine ich.", ["[stream Kompost]"], {"stream": "Kompost"}),
        (FORECAST, "ich meinte Freitag", ["[time Freitag]"], {"by": "Freitag"}),
    ],
)
def test_the_call_before_is_made_again_with_what_was_meant(
    before: Call, question: str, marks: list[str], changed: dict[str, JsonValue]
) -> None:
    again = corrected(question, marks, before)
    assert again is not None
    assert (again.name, dict(again.parameters)) == (before.name, {**before.parameters, **changed})


@pytest.mark.parametrize(
    ("before", "question", "marks"),
    [
        (None, "I meant Soda Hall", ["[site Soda Hall]"]),
        (Call("reply", {"text": "{{thanks}}"}), "I meant Soda Hall", ["[site Soda Hall]"]),
        (BINS, "I meant Soda Hall?", ["[site Soda Hall]"]),  # a question
        (BINS, "sorry, is Soda Hall full", ["[site Soda Hall]"]),
        (BINS, "I said Soda Hall is closed", ["[site Soda Hall]"]),  # a remark on it
        (BINS, "I meant Evans", ["[site Evans]"]),  # as it was
        (BINS, "I meant Soda Hall, above 90", ["[site Soda Hall]"]),  # and more
        (BINS, "I meant Soda Hall itself, not the surroundings", ["[site Soda Hall]"]),
        (BINS, "Soda Hall, not Doe", ["[site Soda Hall]", "[site Doe]"]),  # nobody spoke of Doe
        (BINS, "send it to the crews, I mean truck 1", ["[truck truck 1]"]),
        (ROUND, "no, I meant Monday", ["[time Monday]"]),  # another day is another plan, or a change of this one
        (ROUND, "I meant T1 and T3", ["[truck T1 and T3]"]),
        (Call("find_bins", {"bins": ["12"]}), "I meant the Glade", ["[area the Glade]"]),
        (BINS, "I meant Soda Hall, please open a ticket for it", ["[site Soda Hall]"]),
        (BINS, "I meant Soda Hall, I need a truck there", ["[site Soda Hall]"]),
        (BINS, "dije Soda Hall huele mal, abre un ticket", ["[site Soda Hall]"]),
        (BINS, "I mean Soda Hall too", ["[site Soda Hall]"]),
        (BINS, "plan a round at Soda Hall instead of Evans", ["[site Soda Hall]", "[site Evans]"]),
        (BINS, "why Soda Hall and not Evans", ["[site Soda Hall]", "[site Evans]"]),
        (BINS, "nicht nur Evans, auch Soda Hall", ["[site Evans]", "[site Soda Hall]"]),
        (BINS, 'the note says "Soda Hall, not Evans"', ["[site Soda Hall]", "[site Evans]"]),
        (ROUND, "truck three instead of truck two", ["[truck truck three]", "[truck truck two]"]),
    ],
)
def test_what_asks_more_or_says_nothing_new_is_left_to_the_model(
    before: Call | None, question: str, marks: list[str]
) -> None:
    assert corrected(question, marks, before) is None


def test_a_truck_that_was_left_out_makes_way_for_another_that_is() -> None:
    before = Call("plan_round", {"when": "tonight", "trucks": ["without T2"]})
    again = corrected("no, I meant T3", ["[truck T3]"], before)
    assert again == Call("plan_round", {"when": "tonight", "trucks": ["without T3"]})


def test_what_takes_the_place_of_the_corrected_value_goes_with_it() -> None:
    counted = Call("plan_round", {"truck_count": 2})
    assert corrected("I meant T3", ["[truck T3]"], counted) == Call("plan_round", {"trucks": ["T3"]})


@pytest.mark.parametrize("words", ["sorry, ", "no, ", "er, er; ", "i meant ", "the ", ",", "pardon "])
def test_a_long_question_is_read_at_once(words: str) -> None:
    begun = time.process_time()
    corrected(words * (4_000 // len(words)) + "Evans", ["[site Evans]"], Call("find_bins", {"near": "Doe"}))
    assert time.process_time() - begun < 1.0


def test_one_of_a_list_is_changed_and_a_radius_goes_with_its_place() -> None:
    many = Call("find_bins", {"bins": ["Evans", "Doe"]})
    again = corrected("Soda Hall, not Evans", ["[site Soda Hall]", "[site Evans]"], many)
    assert again is not None
    assert again.parameters["bins"] == ["Soda Hall", "Doe"]
    assert corrected("I meant Soda Hall", ["[site Soda Hall]"], many) is None
    around = Call("find_bins", {"near": "Evans", "within_m": 200})
    assert corrected("I meant Soda Hall", ["[site Soda Hall]"], around) == Call("find_bins", {"near": "Soda Hall"})
