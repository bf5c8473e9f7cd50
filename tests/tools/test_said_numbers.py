"""Numbers that a question counts with are marks that a call should take in; those of names and times are none."""

from __future__ import annotations

import pytest

from tools.said_numbers import numbers_said


@pytest.mark.parametrize(
    ("question", "numbers"),
    [
        ("con quince me alcanza", ["quince"]),
        ("over seventy five percent, two trucks at 6 am", ["seventy five", "two"]),
        ("three or four bins, T4 too", ["three", "four"]),
        ("four hundred guests, so the four likeliest", ["four hundred", "four"]),
        ("12, 14", ["12", "14"]),
        ("setenta y cinco por ciento", ["setenta y cinco"]),
        ("two and two", ["two and two"]),
    ],
)
def test_numbers_are_told_whole_and_in_their_order(question: str, numbers: list[str]) -> None:
    assert numbers_said(question, ["[truck T4]"]) == tuple(f"[number {each}]" for each in numbers)


@pytest.mark.parametrize(
    "question",
    [
        "six times in ten minutes",
        "at 6:30 or at 7 pm",
        "within 500 m, two miles at most",
        "half of them are full, one more is empty",
        "zone 4 and truck 2 on 3 May",
        'he wrote "send 3 trucks"',
        "leave at two o'clock, um sieben Uhr, at seven sharp",
        "salimos a las siete.",
        "since 2020, on 5/9",
        "rule 7 on page 12, gate code 0412, a $50 fine",
        "",
    ],
)
def test_what_counts_nothing_is_no_number(question: str) -> None:
    assert numbers_said(question, ["[area zone 4]", "[truck truck 2]", "[time 3 May]"]) == ()


def test_a_name_takes_its_own_digits_and_no_others() -> None:
    assert numbers_said("bins 4 and over 40 percent", ["[bin 4]"]) == ("[number 40]",)
    assert numbers_said("T1 with 12 stops and T12", ["[truck T1]"]) == ("[number 12]",)
