"""Words for trucks: names, numbers, counts, all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AmbiguousName, UnknownName
from domain.trucks import Fleet
from domain.values import TruckSet

FLEETS = {
    "named": ("Truck 1", "Truck 2", "Truck 3"),
    "short": ("T1", "T2", "T3"),
    "spoken": ("Old Red", "North 12", "Electric"),
}


def called(*words: str, fleet: str = "named") -> tuple[str, ...]:
    return Fleet(FLEETS[fleet]).trucks(words).names


@pytest.mark.parametrize("fleet", ["named", "short"])
@pytest.mark.parametrize(
    "words",
    ["truck 2", "Truck two", "T2", "t-2", "#2", "2", "truck no. 2", "number two", "truk 2", "the truck 2",
     "camión dos", "el camión 2", "Lkw 2", "Wagen zwei", "camion deux", "lorry 2"],
)  # fmt: skip
def test_a_number_finds_its_truck_however_it_is_said(words: str, fleet: str) -> None:
    assert called(words, fleet=fleet) == (FLEETS[fleet][1],)


@pytest.mark.parametrize(
    "words", ["T1 and T3", "trucks 1 and 3", "truck 3, truck 1", "1 + 3", "camiones 1 y 3", "Lkw 1 und 3", "1 et 3"]
)
def test_several_trucks_come_in_record_order(words: str) -> None:
    assert called(words) == ("Truck 1", "Truck 3")


def test_words_may_be_spread_over_a_list_and_repeat() -> None:
    assert called("truck 3", "T1", "truck one") == ("Truck 1", "Truck 3")


@pytest.mark.parametrize("words", ["trucks 1-3", "trucks 1 to 3", "all trucks", "all three trucks", "the whole fleet"])
def test_all_trucks_can_be_named_at_once(words: str) -> None:
    assert called(words) == FLEETS["named"]


@pytest.mark.parametrize(
    "words",
    ["without T2", "all but truck 2", "everything except truck two", "minus 2", "except for truck 2", "excluding T2",
     "ohne Wagen 2", "alle außer Lkw 2", "alle bis auf T2", "sin el camión 2", "todos menos el camión dos", "salvo T2",
     "sans le camion 2", "sauf T2", "all the trucks but T2", "all trucks without T2", "the whole fleet except T2",
     "everyone but T2", "all of them bar T2", "alle Wagen außer Wagen 2", "alle Lkw bis auf T2", "alle ohne T2",
     "todos los camiones menos el 2", "toda la flota menos T2", "tous les camions sauf le 2"],
)  # fmt: skip
@pytest.mark.parametrize("fleet", ["named", "short"])
def test_a_truck_can_be_left_out_of_all(words: str, fleet: str) -> None:
    found = Fleet(FLEETS[fleet]).trucks([words])
    assert (found.names, found.without) == ((FLEETS[fleet][0], FLEETS[fleet][2]), (FLEETS[fleet][1],))


def test_several_trucks_can_be_left_out_at_once_one_by_one_or_of_those_named() -> None:
    fleet = Fleet(FLEETS["named"])
    for words in (["without T1 and T3"], ["without T1", "without T3"]):
        assert (fleet.trucks(words).names, fleet.trucks(words).without) == (("Truck 2",), ("Truck 1", "Truck 3"))
    assert fleet.trucks(["T1", "T2", "without T2"]) == TruckSet(("Truck 1",), ("Truck 2",))
    assert fleet.trucks(["without all trucks"]).names == ()
    with pytest.raises(UnknownName):
        fleet.trucks(["without T9"])
    assert fleet.trucks(["all trucks", "without T2"]) == fleet.trucks(["all my trucks but T2"])


@pytest.mark.parametrize(
    "words",
    ["the trucks, all of them I mean, but T2", "all trucks apart from T2", "alle mit Ausnahme von T2", "all but one",
     "all trucks minus one", "without one truck", "alle außer zwei"],
)  # fmt: skip
def test_words_that_may_leave_out_another_truck_are_asked_back(words: str) -> None:
    with pytest.raises((UnknownName, AmbiguousName)):
        Fleet(FLEETS["named"]).trucks([words])


@pytest.mark.parametrize("name", ["Sans Souci", "Sin City", "Minus One", "All But Gone"])
def test_a_whole_name_of_the_records_leaves_nothing_out(name: str) -> None:
    fleet = Fleet([name, "Old Red"])
    assert fleet.trucks([name.lower()]) == TruckSet((name,))
    assert fleet.trucks([f"without {name}"]) == TruckSet(("Old Red",), (name,), rest=True)


@pytest.mark.parametrize(
    "words", ["both", "both trucks", "beide", "ambos camiones", "the two trucks", "les deux camions"]
)
def test_both_means_all_of_two_trucks_and_is_a_question_for_three(words: str) -> None:
    assert Fleet(["Truck 1", "Truck 2"]).trucks([words]).names == ("Truck 1", "Truck 2")
    with pytest.raises(AmbiguousName) as caught:
        called(words)
    assert caught.value.choices == FLEETS["named"]


def test_a_count_is_no_name() -> None:
    with pytest.raises(AmbiguousName):
        called("two trucks")


@pytest.mark.parametrize("words", ["truck 9", "T9", "B2", "the big one", "", "and"])
def test_a_truck_nobody_has_is_a_question_with_real_trucks(words: str) -> None:
    with pytest.raises(UnknownName) as caught:
        called(words)
    assert set(caught.value.choices) <= set(FLEETS["named"])
    assert caught.value.choices


def test_a_number_that_two_trucks_bear_is_a_question() -> None:
    with pytest.raises(AmbiguousName) as caught:
        Fleet(["North 2", "South 2"]).trucks(["truck 2"])
    assert caught.value.choices == ("North 2", "South 2")
    assert Fleet(["North 2", "South 2"]).trucks(["S2"]).names == ("South 2",)


def test_trucks_with_names_are_found_by_part_of_them() -> None:
    assert called("the red truck", fleet="spoken") == ("Old Red",)
    assert called("electrc", "12", fleet="spoken") == ("North 12", "Electric")


@given(st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True))
def test_any_numbers_find_just_their_trucks(numbers: list[int]) -> None:
    fleet = Fleet([f"Truck {number:02}" for number in range(1, 61)])
    said = "trucks " + ", ".join(map(str, numbers))
    assert fleet.trucks([said]).names == tuple(f"Truck {number:02}" for number in sorted(numbers))
