"""A watch's schedule is read on to all of what recurs, and to nothing else."""

from __future__ import annotations

import time

import pytest

from domain.values import Call
from tools.schedules import with_whole_schedule


def whole(question: str, copied: str) -> object:
    watch = Call("propose_watch", {"condition": "bins are full", "schedule": copied})
    return with_whole_schedule(watch, question).parameters["schedule"]


@pytest.mark.parametrize(
    ("question", "copied", "schedule"),
    [
        ("Each evening at 8, ping the chat when four barrels are full", "at 8", "Each evening at 8"),
        ("check it every Friday at 6 in the morning, not on the others", "Friday", "every Friday at 6 in the morning"),
        ("prüf jeden Morgen um 7 Uhr, ob etwas voll ist", "Morgen um 7", "jeden Morgen um 7 Uhr"),
        ("cada lunes a las 8 de la mañana avisame", "lunes", "cada lunes a las 8 de la mañana"),
        ("tous les soirs à 20 h, dis-moi", "soirs", "tous les soirs à 20 h"),
        ("every weekday at 6: six bins above 50 percent", "every weekday", "every weekday at 6"),
        ("look every evening and tell me", "evening", "every evening"),
        ("look every 30 minutes", "30 minutes", "every 30 minutes"),
        ("look twice a day", "a day", "twice a day"),
    ],
)
def test_a_schedule_is_all_of_what_recurs(question: str, copied: str, schedule: str) -> None:
    assert whole(question, copied) == schedule


@pytest.mark.parametrize(
    ("question", "copied"),
    [
        ("every bin above 80, daily", "daily"),
        ("each Monday or each Friday", "each"),
        ("every night, I mean each night", "night"),
        ("every day at 80 percent", "every day"),
        ("every morning 5 or more bins", "every morning"),
        ("every day at 6 at 14th Street", "every day at 6"),
        ("every hour at 1515684", "every hour"),
        ("every hour and 90% full", "every hour"),
        ("jeden Morgen 80 %", "jeden Morgen"),
        ("cada mañana 3 contenedores", "cada mañana"),
    ],
)
def test_what_does_not_recur_stays_out(question: str, copied: str) -> None:
    assert whole(question, copied) == copied


def test_other_calls_stay_and_a_long_question_is_read_at_once() -> None:
    assert with_whole_schedule(Call("plan_round", {"when": "day"}), "every day").parameters == {"when": "day"}
    begun = time.process_time()
    whole("todos los " * 400, "los")
    assert time.process_time() - begun < 1.0
