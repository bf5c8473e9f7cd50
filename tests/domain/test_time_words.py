"""Hours and parts of the day in short forms, in digits alone and in sayings."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from domain.errors import UnclearTime
from domain.times import describe, moment, period

WEDNESDAY = datetime(2025, 8, 27, 10, 0, tzinfo=ZoneInfo("America/Los_Angeles"))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("6a", "Thu 2025-08-28 06:00"), ("6p", "Wed 2025-08-27 18:00"), ("6:30a", "Thu 2025-08-28 06:30"),
        ("6.30p", "Wed 2025-08-27 18:30"), ("fri 6a", "Fri 2025-08-29 06:00"), ("10P tonight", "Wed 2025-08-27 22:00"),
        ("0600", "Thu 2025-08-28 06:00"), ("by 0600", "Thu 2025-08-28 06:00"), ("0600h", "Thu 2025-08-28 06:00"),
        ("0600 hrs", "Thu 2025-08-28 06:00"), ("1400 hrs", "Wed 2025-08-27 14:00"), ("1400", "Wed 2025-08-27 14:00"),
        ("0600 Uhr", "Thu 2025-08-28 06:00"), ("in 1200 hours", "Thu 2025-10-16 10:00"),
        ("fri pm", "Fri 2025-08-29 15:00"), ("mon am", "Mon 2025-09-01 09:00"), ("tue eve", "Tue 2025-09-02 18:00"),
        ("pm tomorrow", "Thu 2025-08-28 15:00"), ("a primera hora", "Thu 2025-08-28 06:00"),
        ("mañana a primera hora", "Thu 2025-08-28 06:00"), ("a primera hora del viernes", "Fri 2025-08-29 06:00"),
        ("demain à la première heure", "Thu 2025-08-28 06:00"), ("mañana a última hora", "Thu 2025-08-28 18:00"),
        ("a última hora del viernes", "Fri 2025-08-29 18:00"), ("last thing Friday", "Fri 2025-08-29 18:00"),
        ("same time tomorrow", "Thu 2025-08-28 10:00"), ("this time yesterday", "Tue 2025-08-26 10:00"),
    ],
)  # fmt: skip
def test_a_short_or_spoken_hour_means_its_moment(words: str, meant: str) -> None:
    assert describe(moment(words, WEDNESDAY)) == meant


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("11a-2p", "2025-08-26 11:00 to 2025-08-26 14:00"), ("6am-9am", "2025-08-27 06:00 to 2025-08-27 09:00"),
        ("0600 to 0900", "2025-08-27 06:00 to 2025-08-27 09:00"), ("0500-0900", "2025-08-27 05:00 to 2025-08-27 09:00"),
        ("since 0600 hrs", "2025-08-27 06:00 to 2025-08-27 10:00"),
        ("mon am to tue pm", "2025-08-25 06:00 to 2025-08-26 18:00"),
        ("2024", "2024-01-01 to 2024-12-31"), ("1945", "1945-01-01 to 1945-12-31"),
    ],
)  # fmt: skip
def test_short_hours_bound_a_period_and_years_stay_years(words: str, meant: str) -> None:
    assert describe(period(words, WEDNESDAY)) == meant


@pytest.mark.parametrize("words", ["1200 bins", "27777", "2530", "0660", "friday 1000", "13p", "top5", "6a semana"])
def test_a_number_that_is_no_hour_is_asked_back(words: str) -> None:
    with pytest.raises(UnclearTime):
        moment(words, WEDNESDAY)
