"""The numbers that an integer argument may take are those that were said."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.numbers import lengths_in, numbers_in


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("over 80%", 80),
        ("con veinticinco me arreglo", 25),
        ("más del setenta y cinco por ciento", 75),
        ("über fünfundsiebzig Prozent", 75),
        ("plus de soixante-quinze pour cent", 75),
        ("plus de quatre-vingt-dix pour cent", 90),
        ("quatre-vingts", 80),
        ("dieciséis contenedores", 16),
        ("within 1,500 m", 1500),
        ("500m around it", 500),
        ("min_fill_pct=80", 80),
        ("two trucks", 2),
        ("both trucks", 2),
        ("a couple of trucks", 2),
        ("a dozen bins", 12),
        ("half a dozen", 6),
        ("twenty-five percent", 25),
        ("two hundred and fifty metres", 250),
        ("a hundred metres", 100),
        ("half full", 50),
        ("three quarters full", 75),
        ("two thirds", 67),
        ("¾ full", 75),
        ("full bins", 100),
        ("1 km", 1000),
        ("1.5 km", 1500),
        ("1,5 km", 1500),
        ("half a kilometre", 500),
        ("2k", 2000),
        ("half a mile", 805),
        ("a mile", 1609),
        ("a quarter mile", 402),
        ("1/2 mile", 805),
        ("one and a half miles", 2414),
        ("100 yards", 91),
        ("zwei Wagen", 2),
        ("veinte contenedores", 20),
        ("top 5", 5),
        ("top5 by fill", 5),
        ("TOP10", 10),
        ("trucks x3", 3),
        ("X2, please", 2),
        ("3x trucks", 3),
    ],
)
def test_a_number_is_found_however_it_is_said(text: str, meant: int) -> None:
    assert meant in numbers_in(text)


@pytest.mark.parametrize(
    ("text", "metres"),
    [
        ("contamination within 2 km of Sather Gate", 2000),
        ("within 1 kilometre of 37.87,-122.26", 1000),
        ("half a mile around it", 805),
        ("one and a half miles", 2414),
        ("a quarter mile from a gate and a wall", 402),
        ("im Umkreis von zwei Kilometern", 2000),
        ("a media milla", 805),
        ("300 feet", 91),
        ("0.5 km", 500),
        ("2k", 2000),
        ("two hundred and fifty metres", 250),
        ("50 Fuß", 15),
        ("cien pies", 30),
    ],
)
def test_a_length_has_no_other_reading_than_its_metres(text: str, metres: int) -> None:
    assert [n for n in numbers_in(text) if n not in numbers_in("37.87,-122.26")] == [metres]


def test_a_length_beyond_everything_is_no_small_number() -> None:
    assert numbers_in("glass within 20000 km") == ()
    assert [each.metres for each in lengths_in("glass within 20000 km")] == [20_000_000]


def test_lengths_are_told_with_where_they_stand_and_counts_are_none() -> None:
    text = "5 bins within half a mile, 300m or 2 kilomètres, by 80 %"
    assert [(each.metres, text[each.start : each.end]) for each in lengths_in(text)] == [
        (805, "half a mile"), (300, "300m"), (2000, "2 kilomètres"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "truck T1", "plan P-0812", "pic_0412.jpg", "a bin at a gate", "bin #12", "1/0", "stop5", "P-x3"]
)
def test_ids_and_articles_are_no_numbers(text: str) -> None:
    assert numbers_in(text) == ()


@given(st.integers(0, 1_000_000))
def test_digits_are_read_with_and_without_grouping(number: int) -> None:
    assert number in numbers_in(f"at most {number} bins")
    assert number in numbers_in(f"at most {number:,} bins")


@given(st.text())
def test_any_text_is_read_without_a_fault_and_within_bounds(text: str) -> None:
    found = numbers_in(text)
    assert list(found) == sorted(set(found))
    assert all(0 <= number <= 1_000_000 for number in found)
