"""How many bins a condition takes, as people say it."""

from __future__ import annotations

import pytest

from tools.conditions import least_count


@pytest.mark.parametrize(
    ("condition", "said", "least"),
    [
        ("more than five bins near Bancroft Way pass 90 percent", 5, 6),
        ("more than 5 bins pass 90 %", 5, 6),
        ("over a dozen bins are full", 12, 13),
        ("more than twenty five bins are full", 25, 26),
        ("more than 1,500 bins are full", 1500, 1501),
        ("the bins that are full exceed 3", 3, 4),
        ("más de tres contenedores pasan de 80", 3, 4),
        ("mas de 3 papeleras están llenas", 3, 4),
        ("mehr als fünf Behälter über 90 Prozent", 5, 6),
        ("über 10 Tonnen voll", 10, 11),
        ("plus de deux bacs dépassent 80 %", 2, 3),
        ("plus d'une poubelle est pleine", 1, 2),
    ],
)
def test_more_than_a_number_of_bins_is_one_more(condition: str, said: int, least: int) -> None:
    assert least_count(condition, said) == least
    assert least_count(condition.capitalize(), said) == least


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("at least four bins are above 70 percent", 4),
        ("three or more organics bins go past 75 percent", 3),
        ("five bins pass more than 90 percent", 5),
        ("levels over 80 in 5 bins", 5),
        ("more than 5 percent of the 5 bins overflow", 5),
        ("por lo menos tres contenedores con más de 3 por ciento", 3),
    ],
)
def test_a_number_that_is_not_behind_more_than_is_what_it_takes(condition: str, said: int) -> None:
    assert least_count(condition, said) == said


@pytest.mark.parametrize(
    ("condition", "least"),
    [
        ("more than five compost bins are full", 6),
        ("más de dos contenedores están llenos", 3),
        ("more than 90 percent full", 1),
        ("litter level around Faneuil Hall over 95", 1),
        ("a bin near Evans Hall goes past 90 percent", 1),
        ("", 1),
    ],
)
def test_without_a_number_read_before_the_bins_themselves_are_counted(condition: str, least: int) -> None:
    assert least_count(condition, None) == least
