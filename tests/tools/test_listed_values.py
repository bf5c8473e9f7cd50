"""Which values a question holds for a slot, and where they stand."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from tools.listed_slots import Kind, Slot
from tools.listed_values import numbers_at, occurrences, texts_in, values_for
from tools.registry import JsonSchema


def slot(kind: Kind, **bounds: JsonValue) -> Slot:
    """A slot of that kind."""
    found: JsonSchema = {**bounds}
    return Slot("x", "", kind, (), False, found)


def test_every_value_stands_where_it_is_said_to() -> None:
    question = 'please book "Dock 9" for truck T-4, two bays'
    texts = texts_in(question)
    assert {"Dock 9", "truck T-4", "T-4", "two bays"} <= {each.value for each in texts}
    assert all(question[each.start : each.end] == each.value for each in texts)


@pytest.mark.parametrize(
    ("question", "whole", "fractions"),
    [
        ("it weighs 12.5 tonnes or 1,200 kilos", [1200], [12.5, 1200]),
        ("two hundred bins", [2, 100, 200], [2, 100, 200]),
        ("raise it by 5%", [5], [5, 0.05]),
        ("minus -3 degrees", [-3], [-3]),
        ("nothing here", [], []),
    ],
)
def test_numbers_are_read_in_figures_and_in_words(question: str, whole: list[float], fractions: list[float]) -> None:
    assert set(whole) <= {each.value for each in numbers_at(question, fractions=False)}
    assert set(fractions) <= {each.value for each in numbers_at(question, fractions=True)}
    assert all(isinstance(each.value, int) for each in numbers_at(question, fractions=False))


def test_a_number_stands_where_its_words_do() -> None:
    question = "send two hundred bins and 12 lids"
    stands = {each.value: question[each.start : each.end] for each in numbers_at(question, fractions=False)}
    assert stands[200] == "two hundred"
    assert stands[12] == "12"


def test_only_numbers_within_the_bounds_are_offered() -> None:
    found = values_for(slot(Kind.WHOLE, minimum=1, maximum=6), "two bays on the 14th, 70 tonnes")
    assert {each.value for each in found} == {2}


def test_a_list_is_what_stands_between_its_joints() -> None:
    found = values_for(slot(Kind.LIST), "cards 7741, 7743 and 80")
    lists = [each.value for each in found]
    assert ["7741", "7743", "80"] in lists
    assert ["7741", "7743"] in lists


def test_no_stretch_fills_a_choice() -> None:
    assert values_for(slot(Kind.CHOICE), "the early shift") == []


def test_a_text_occurs_only_as_words() -> None:
    assert occurrences("Dock", "dock 9, Dockside, dry dock") == [(0, 4), (22, 26)]
