"""Which values a question holds for a slot, and where they stand."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from tools.listed_slots import Kind, Slot
from tools.listed_values import numbers_at, texts_in, values_for
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
        ("two hundred bins", [200], [200]),
        ("one thousand two hundred and five litres", [1205], [1205]),
        ("twenty-five, or one hundred and fifty", [25, 150], [25, 150]),
        ("two and four", [2, 4], [2, 4]),
        ("two and a half hours", [], [2.5]),
        ("half a litre of half a dozen", [6], [0.5, 6]),
        ("2 dozen eggs", [24], [24]),
        ("treinta y cinco, fünfundzwanzig, quatre-vingt dix, soixante-dix-sept", [35, 25, 90, 77], [35, 25, 90, 77]),
        ("2,5 kg, not 1,200 or rooms 1,2,3", [1200, 1, 2, 3], [2.5, 1200, 1, 2, 3]),
        ("250kg at 21C", [250, 21], [250, 21]),
        ("raise it by 5%", [5], [5, 0.05]),
        ("minus -3 degrees", [-3], [-3]),
        ("nothing here", [], []),
        ("pay 1e5, 5k, 12.5k or 1/2", [], []),
        ("pay " + "9" * 5_000 + " or " + "9" * 400 + "% or " + "9" * 400 + ".5", [], []),
    ],
)
def test_numbers_are_read_in_figures_and_in_words(question: str, whole: list[float], fractions: list[float]) -> None:
    assert {each.value for each in numbers_at(question, fractions=False)} == set(whole)
    assert set(fractions) <= {each.value for each in numbers_at(question, fractions=True)}
    assert all(isinstance(each.value, int) for each in numbers_at(question, fractions=False))
    assert whole or not numbers_at(question, fractions=False)


def test_a_number_stands_where_its_words_do() -> None:
    question = "send two hundred bins and 12 lids"
    stands = {each.value: question[each.start : each.end] for each in numbers_at(question, fractions=False)}
    assert stands[200] == "two hundred"
    assert stands[12] == "12"


def test_only_numbers_within_the_bounds_are_offered() -> None:
    found = values_for(slot(Kind.WHOLE, minimum=1, maximum=6), "two bays on the 14th, 70 tonnes")
    assert {each.value for each in found} == {2}


@pytest.mark.parametrize(
    ("question", "wanted"),
    [
        ('"red", "blue"', ["red", "blue"]),
        ("amounts 1,200 and 3,400", ["amounts 1,200", "3,400"]),
        ("Doe; Wurster; Evans", ["Doe", "Wurster", "Evans"]),
    ],
)
def test_an_entry_of_a_list_is_what_people_mean_by_it(question: str, wanted: list[str]) -> None:
    assert wanted in [each.value for each in values_for(slot(Kind.LIST), question)]


def test_of_two_lines_alike_each_stands_in_its_place() -> None:
    question = "Rome" + "\n" * 12 + "Rome"
    assert {each.start for each in texts_in(question)} == {0, 16}


def test_a_list_is_what_stands_between_its_joints() -> None:
    found = values_for(slot(Kind.LIST), "cards 7741, 7743 and 80")
    lists = [each.value for each in found]
    assert ["7741", "7743", "80"] in lists
    assert ["7741", "7743"] in lists


def test_no_stretch_fills_a_choice() -> None:
    assert values_for(slot(Kind.CHOICE), "the early shift") == []
