"""Feasts said instead of a date: their days in known years, their names, and which of the yearly ones is meant."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from domain.errors import UnclearTime
from domain.feasts import FEASTS, NAMED, feast_days
from domain.times import describe, moment, period

WEDNESDAY = datetime(2025, 8, 27, 10, 0, tzinfo=ZoneInfo("America/Los_Angeles"))


@pytest.mark.parametrize(
    ("feast", "year", "day"),
    [
        ("easter", 2024, date(2024, 3, 31)),
        ("easter", 2025, date(2025, 4, 20)),
        ("easter", 2038, date(2038, 4, 25)),  # the latest there is
        ("goodfriday", 2025, date(2025, 4, 18)),
        ("ashwednesday", 2025, date(2025, 3, 5)),
        ("ascension", 2025, date(2025, 5, 29)),
        ("whitsun", 2025, date(2025, 6, 8)),
        ("corpuschristi", 2025, date(2025, 6, 19)),
        ("memorialday", 2025, date(2025, 5, 26)),
        ("laborday", 2025, date(2025, 9, 1)),
        ("thanksgiving", 2024, date(2024, 11, 28)),
        ("blackfriday", 2024, date(2024, 11, 29)),
        ("blackfriday", 2025, date(2025, 11, 28)),
        ("mlkday", 2025, date(2025, 1, 20)),
    ],
)
def test_a_feast_is_on_its_day(feast: str, year: int, day: date) -> None:
    assert feast_days(feast, year).first == day


def test_holy_week_ends_with_easter() -> None:
    assert feast_days("holyweek", 2025).last == feast_days("easter", 2025).first
    assert feast_days("holyweek", 2025).first.weekday() == 0


def test_every_feast_has_a_name_and_every_name_is_read_as_its_feast() -> None:
    assert set(NAMED.values()) == set(FEASTS)
    for name, feast in NAMED.items():
        assert period(f"{name} 2024", WEDNESDAY).since.date() == feast_days(feast, 2024).first, name


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("Easter", "Sun 2025-04-20"), ("Good Friday", "Fri 2025-04-18"), ("Easter Monday", "Mon 2025-04-21"),
        ("Whitsun", "Sun 2025-06-08"), ("Pentecost", "Sun 2025-06-08"), ("Christmas", "Wed 2024-12-25"),
        ("Christmas Eve", "Tue 2024-12-24"), ("Boxing Day", "Thu 2024-12-26"), ("New Year's Day", "Wed 2025-01-01"),
        ("New Year’s Eve", "Tue 2024-12-31"), ("Thanksgiving", "Thu 2024-11-28"), ("Labor Day", "Mon 2024-09-02"),
        ("Memorial Day", "Mon 2025-05-26"), ("Independence Day", "Fri 2025-07-04"), ("July Fourth", "Fri 2025-07-04"),
        ("Viernes Santo", "Fri 2025-04-18"), ("Navidad", "Wed 2024-12-25"), ("la Nochebuena", "Tue 2024-12-24"),
        ("Año Nuevo", "Wed 2025-01-01"), ("ano nuevo", "Wed 2025-01-01"), ("NOCHEVIEJA", "Tue 2024-12-31"),
        ("Ostern", "Sun 2025-04-20"), ("Pfingsten", "Sun 2025-06-08"), ("an Weihnachten", "Wed 2024-12-25"),
        ("Heiligabend", "Tue 2024-12-24"), ("zweiter Weihnachtstag", "Thu 2024-12-26"), ("Silvester", "Tue 2024-12-31"),
        ("Neujahr", "Wed 2025-01-01"), ("Pâques", "Sun 2025-04-20"), ("paques", "Sun 2025-04-20"),
        ("Noël", "Wed 2024-12-25"), ("lundi de Pentecôte", "Mon 2025-06-09"), ("le 14 juillet", "Mon 2025-07-14"),
        ("le jour de l'an", "Wed 2025-01-01"), ("thanksgivng", "Thu 2024-11-28"), ("Chirstmas Eve", "Tue 2024-12-24"),
        ("last Christmas", "Wed 2024-12-25"), ("this Easter", "Sun 2025-04-20"), ("Easter last year", "Sun 2024-03-31"),
        ("Christmas 2023", "Mon 2023-12-25"), ("the day after Christmas", "Thu 2024-12-26"),
        ("la Navidad pasada", "Wed 2024-12-25"), ("3 days after Easter", "Wed 2025-04-23"),
        ("Semana Santa", "2025-04-14 to 2025-04-20"), ("Karwoche 2024", "2024-03-25 to 2024-03-31"),
        ("Christmas week", "2024-12-23 to 2024-12-29"), ("the week after Easter", "2025-04-21 to 2025-04-27"),
        ("the weekend before Christmas", "2024-12-21 to 2024-12-22"),
        ("the weekend after Good Friday", "2025-04-19 to 2025-04-20"),
        ("Labor Day weekend", "2024-08-31 to 2024-09-02"), ("Thanksgiving weekend", "2024-11-28 to 2024-12-01"),
        ("since Easter", "2025-04-20 00:00 to 2025-08-27 10:00"),
        ("seit Ostern", "2025-04-20 00:00 to 2025-08-27 10:00"),
        ("desde Semana Santa", "2025-04-14 00:00 to 2025-08-27 10:00"),
        ("depuis Noël", "2024-12-25 00:00 to 2025-08-27 10:00"),
        ("between Christmas and New Year", "2024-12-25 to 2025-01-01"),
        ("Christmas morning", "2024-12-25 06:00 to 2024-12-25 12:00"),
    ],
)  # fmt: skip
def test_a_feast_is_the_most_recent_one_as_a_period(words: str, day: str) -> None:
    assert describe(period(words, WEDNESDAY)) == day


@pytest.mark.parametrize(
    ("words", "deadline"),
    [
        ("Easter", "Sun 2026-04-05 23:59"), ("by Thanksgiving", "Thu 2025-11-27 23:59"),
        ("before Christmas", "Wed 2025-12-24 23:59"), ("bis Weihnachten", "Thu 2025-12-25 23:59"),
        ("d'ici Noël", "Thu 2025-12-25 23:59"), ("next Christmas", "Thu 2025-12-25 23:59"),
        ("last Easter", "Sun 2025-04-20 23:59"), ("Christmas Day at 6am", "Thu 2025-12-25 06:00"),
        ("New Year's morning", "Thu 2026-01-01 09:00"), ("Labor Day weekend", "Mon 2025-09-01 23:59"),
    ],
)  # fmt: skip
def test_a_feast_is_the_coming_one_as_a_deadline(words: str, deadline: str) -> None:
    assert describe(moment(words, WEDNESDAY)) == deadline


def test_the_feast_of_today_is_neither_the_last_nor_the_next() -> None:
    christmas = datetime(2025, 12, 25, 8, 0, tzinfo=WEDNESDAY.tzinfo)
    days = [period(f"{which} christmas", christmas).since.date() for which in ("last", "this", "next")]
    assert days == [date(2024, 12, 25), date(2025, 12, 25), date(2026, 12, 25)]


@pytest.mark.parametrize("words", ["eastern", "western", "6pm eastern", "Christmas 2500", "Juneteenth weekend 2024"])
def test_what_is_like_a_feast_but_none_is_asked_back(words: str) -> None:
    with pytest.raises(UnclearTime):
        moment(words, WEDNESDAY)


@pytest.mark.parametrize("day", [date(1, 1, 1), date(9999, 12, 31), date(2300, 6, 1), date(1850, 6, 1)])
@pytest.mark.parametrize(
    "words", ["easter", "last easter", "this christmas", "next thanksgiving", "easter week", "the day after christmas"]
)
def test_a_feast_outside_the_years_of_the_calendar_is_asked_back(words: str, day: date) -> None:
    for read in (moment, period):
        with pytest.raises(UnclearTime):
            read(words, datetime.combine(day, WEDNESDAY.timetz()))


def test_no_weekend_belongs_to_a_wednesday() -> None:
    with pytest.raises(UnclearTime, match="on a Wednesday"):
        period("Juneteenth 2024 weekend", WEDNESDAY)
