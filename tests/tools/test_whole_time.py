"""A part of a time that the calendar reads is read on to the whole of it, unless the rest is something else's."""

from __future__ import annotations

import pytest
from pydantic import JsonValue

from domain.values import Call
from tools.whole_time import with_whole_times


def read(name: str, question: str, mark: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    return dict(with_whole_times(Call(name, parameters), question, [f"[time {mark}]", "[site Sather Gate]"]).parameters)


@pytest.mark.parametrize(
    ("question", "copied", "mark"),
    [
        ("le niveau du bac 12 vendredi matin, merci", "matin", "vendredi matin"),
        ("la recolección de mañana a las 6 en B 2", "mañana", "mañana a las 6"),
        ("horizon=2015-12-31 20:00", "20:00", "2015-12-31 20:00"),
        ("puedo contar con eso pasado mañana", "mañana", "pasado mañana"),
        ("by Saturday at 5pm", "Saturday", "Saturday at 5pm"),
        ("el viernes por la mañana", "mañana", "viernes por la mañana"),
        ("the day after tomorrow", "tomorrow", "day after tomorrow"),
    ],
)
def test_a_part_of_a_time_becomes_the_whole(question: str, copied: str, mark: str) -> None:
    assert read("forecast_fill", question, mark, by=copied) == {"by": mark}


@pytest.mark.parametrize(
    ("question", "copied", "mark"),
    [
        ("collections from Monday to Friday", "Monday", "Monday to Friday"),
        ("til tonight", "tonight", "til tonight"),
        ("rounds for Saturday and Sunday", "Saturday", "Saturday and Sunday"),
        ("pickups 1-15 August", "15 August", "1-15 August"),
        ("pickups 1-15 August", "15", "1-15 August"),
        ("pickups August 1-15", "August 1", "August 1-15"),
        ("six hours tonight", "tonight", "six hours tonight"),
        ("at 15, last quarter", "last quarter", "15, last quarter"),
        ("eine Tour morgen", "morgen", "eine Tour morgen"),
        ("Friday morning or Friday night", "Friday", "Friday morning"),
        ("by Friday morning", "Friday morning", "Friday morning"),
        ("by Friday morning", "riday", "Friday morning"),
    ],
)
def test_what_parts_two_times_or_is_no_time_stays_out(question: str, copied: str, mark: str) -> None:
    assert read("forecast_fill", question, mark, by=copied) == {"by": copied}


def test_words_of_another_argument_stay_with_it() -> None:
    said = "against last July week 2"
    kept = {"measure": "tonnage", "since": "July", "compare_to": "week 2"}
    assert read("operations_report", said, "last July week 2", **kept) == kept


def test_other_arguments_and_other_tools_are_left_alone() -> None:
    said = "note that on Friday morning the gate was shut"
    assert read("propose_ticket", said, "Friday morning", note="on Friday")["note"] == "on Friday"
    assert read("reply", said, "Friday morning", text="Friday")["text"] == "Friday"
