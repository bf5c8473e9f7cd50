"""The matcher under places, trucks and streams: what counts as the same, what as equal, how fast."""

from __future__ import annotations

import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.name_words import tokens
from domain.names import Named, NameIndex, Verdict

WORDS = ["north", "south", "river", "castle", "market", "mill", "church", "garden", "bridge", "tower", "station",
         "harbour", "hill", "lake", "forest", "oak", "elm"]  # fmt: skip
SLOWEST_MS = 25  # five times the aim, so that a busy machine does not fail the test


def index(*names: str, **aliases: str) -> NameIndex:
    return NameIndex([Named(name, name, (aliases[name],) if name in aliases else ()) for name in names])


def keys(verdict: Verdict) -> list[str]:
    return [match.key for match in verdict.matches]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Main St.", "main street"),
        ("Oak & Elm", "oak and elm"),
        ("Oak @ Elm", "Oak/Elm"),
        ("Brown’s Café", "browns cafe"),
        ("U04 Gate", "u4 gate"),
        ("Gate three", "gate 3"),
        ("the Gardens", "garden"),
        ("A&E Building", "a & e bldg"),
        ("Schloßstraße", "schlossstrasse"),
    ],
)
def test_spellings_of_one_name_are_the_same_words(one: str, other: str) -> None:
    assert tokens(one) == tokens(other)


def test_a_code_before_a_name_may_be_left_out_but_a_house_number_may_not() -> None:
    assert keys(index("U15 Sather Gate", "W02 Crescent").find("sather gate")) == ["U15 Sather Gate"]
    assert keys(index("100 Meridian", "200 Meridian").find("meridian")) == ["100 Meridian", "200 Meridian"]


def test_a_record_s_own_name_wins_over_an_alias_and_an_alias_over_part_of_a_name() -> None:
    names = index("Mill", "Old Mill", "Tower", Tower="Mill")
    assert keys(names.find("mill")) == ["Mill"]
    assert keys(index("Old Mill", "Tower", Tower="Mill").find("mill")) == ["Tower"]


def test_one_typing_error_does_not_turn_a_number_into_another() -> None:
    assert keys(index("Stadium Gate 3", "Stadium Gate 4").find("Stadum Gate 4")) == ["Stadium Gate 4"]
    assert not index("Stadium Gate 3").find("Stadium Gate 5").matches


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("South Path Drive", "North Path Drive"),
        ("Bechtel West Side", "Bechtel East Side"),
        ("Upper Park", "Lower Park"),
    ],
)
def test_an_opposite_is_no_typing_error(name: str, said: str) -> None:
    assert not index(name).find(said).matches
    assert keys(index(name).find(name.replace("t", "", 1))) == [name]


def test_a_number_that_a_name_lacks_rules_it_out_however_much_else_fits() -> None:
    assert not index("Castle Mill Church Garden 3").find("castle mill church garden 5").matches


def test_one_letter_nearer_is_not_near_enough_to_choose() -> None:
    names = index("Wheeltown Lake North", "Wheaton Lake South")
    assert len(keys(names.find("wheelton lake"))) == 2
    assert keys(names.find("wheeltown lake")) == ["Wheeltown Lake North"]


def test_a_tie_is_never_broken_by_order() -> None:
    for names in (("Castle East", "Castle West"), ("Castle West", "Castle East")):
        assert set(keys(index(*names).find("castle"))) == set(names)
        assert set(keys(index(*names).find("castle ast"))) >= {"Castle East"}


def test_a_hint_is_given_even_when_no_word_is_known() -> None:
    found = index("Zellerbach", "Moffitt").find("zelxxbach")
    assert not found.matches
    assert [match.name for match in found.nearest] == ["Zellerbach"]


def test_an_index_of_no_names_knows_no_name() -> None:
    assert NameIndex([]).find("anything") == Verdict(())


@given(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True), min_size=1, max_size=12))
def test_every_name_finds_itself_among_any_others(names: list[list[str]]) -> None:
    said = list(dict.fromkeys(" ".join(words) for words in names))
    found = index(*said)
    for name in said:
        assert keys(found.find(name)) == [name]


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), st.text(max_size=30))
def test_scores_are_shares_and_choices_are_few(words: list[str], noise: str) -> None:
    names = index(*(f"{one} {two}" for one in WORDS[:8] for two in WORDS[8:]))
    verdict = names.find(" ".join([*words, noise]))
    assert len(verdict.matches) <= 5
    assert len(verdict.nearest) <= 3
    assert all(0 <= match.score <= 1 for match in (*verdict.matches, *verdict.nearest))


def test_a_question_to_5000_names_takes_milliseconds() -> None:
    names = [f"{number} {one} {two} Street" for number in range(1, 20) for one in WORDS for two in WORDS][:5000]
    found = index(*names)
    spent = []
    for words in ("7 castle mill street", "castel mil", "nowhere at all", "river", "12 north bridge"):
        began = time.process_time()
        found.find(words)
        spent.append(1000 * (time.process_time() - began))
    assert statistics.median(spent) < SLOWEST_MS
