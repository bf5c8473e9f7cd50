"""What is taken back in the same breath: which words edit, and what they may stand between."""

from __future__ import annotations

import pytest

from tools.mentions import Mention
from tools.repairs import without_repairs

DAYS = (("time", "Tuesday"), ("time", "Wednesday night"))
HALLS = (("site", "Evans Hall"), ("area", "Soda"))


def left(question: str, *marked: tuple[str, str]) -> str:
    """The question without what it takes back."""
    return without_repairs(question, lambda: [Mention(*each) for each in marked])


@pytest.mark.parametrize(
    ("question", "marked", "meant"),
    [
        ("a round for Tuesday no sorry Wednesday night truck two", DAYS, "a round for Wednesday night truck two"),
        ("run it Tuesday, I mean on Wednesday night.", DAYS, "run it Wednesday night."),
        ("Tuesday scratch that Wednesday night", DAYS, "Wednesday night"),
        ("Tuesday... uh, make that Wednesday night", DAYS, "Wednesday night"),
        ("bins at Evans Hall, no wait, Soda", HALLS, "bins at Soda"),
        ("no scratch that I said Evans Hall and meant Soda", HALLS, "no scratch that I said Soda"),
        ("el martes, perdón, el jueves", (("time", "martes"), ("time", "jueves")), "el jueves"),
        ("perdón, dije C 10 y era C 11", (("area", "C 10"), ("area", "C 11")), "perdón, dije C 11"),
        ("Dienstag, ich meine Mittwoch", (("time", "Dienstag"), ("time", "Mittwoch")), "Mittwoch"),
        ("mardi, non pardon, mercredi", (("time", "mardi"), ("time", "mercredi")), "mercredi"),
        ("T1 sorry T2 I mean T3", (("truck", "T1"), ("truck", "T2"), ("truck", "T3")), "T3"),
    ],
)
def test_what_is_taken_back_goes_with_the_words_that_take_it_back(
    question: str, marked: tuple[tuple[str, str], ...], meant: str
) -> None:
    assert left(question, *marked) == meant


@pytest.mark.parametrize(
    ("question", "marked"),
    [
        ("Tuesday and Wednesday night", DAYS),
        ("not Tuesday but Wednesday night", DAYS),
        ("Tuesday no, Wednesday night yes", DAYS),
        ("Tuesday, sorry to ask, until Wednesday night", DAYS),
        ("from Tuesday, I mean it, to Wednesday night", DAYS),
        ("sorry, Tuesday to Wednesday night", DAYS),
        ("run it Tuesday, sorry, Wednesday night is a holiday", DAYS),
        ("Tuesday I mean T2", (("time", "Tuesday"), ("truck", "T2"))),
        ("Tuesday sorry Tuesday", (("time", "Tuesday"),)),
        ("Soda", HALLS),
        ("", ()),
    ],
)
def test_other_words_between_take_nothing_back(question: str, marked: tuple[tuple[str, str], ...]) -> None:
    assert left(question, *marked) == question
