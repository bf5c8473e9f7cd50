"""Spans that a phrase names by their place in a larger one, by the same span of another year, or by weeks ahead."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.calendar_days import same_day
from domain.errors import UnclearTime
from domain.time_vocabulary import MONTHS
from domain.times import describe, moment, period

WEDNESDAY = datetime(2025, 8, 27, 10, 0, tzinfo=ZoneInfo("America/Los_Angeles"))


def span(words: str, beside: str | None = None) -> str:
    return describe(period(words, WEDNESDAY, period(beside, WEDNESDAY) if beside else None))


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("the first week of October", "2024-09-30 to 2024-10-06"),
        ("the first week in October last year", "2024-09-30 to 2024-10-06"),
        ("second week of July", "2025-07-07 to 2025-07-13"),
        ("the last week of July", "2025-07-28 to 2025-08-03"),
        ("primera semana de julio", "2025-06-30 to 2025-07-06"),
        ("1a semana de julio", "2025-06-30 to 2025-07-06"),
        ("la última semana de julio", "2025-07-28 to 2025-08-03"),
        ("erste Juliwoche", "2025-06-30 to 2025-07-06"),
        ("in der letzten Märzwoche", "2025-03-24 to 2025-03-30"),
        ("la première semaine de juillet", "2025-06-30 to 2025-07-06"),
        ("la première semaine d'octobre", "2024-09-30 to 2024-10-06"),
        ("last week of the month", "2025-08-25 to 2025-08-31"),
        ("first week of last month", "2025-06-30 to 2025-07-06"),
        ("first week of the year", "2024-12-30 to 2025-01-05"),
        ("the first weekend of August", "2025-08-02 to 2025-08-03"),
        ("the first Monday of August", "Mon 2025-08-04"),
        ("last Friday of July 2024", "Fri 2024-07-26"),
        ("last day of July", "Thu 2025-07-31"),
        ("last week Monday", "Mon 2025-08-18"),
        ("the month of August", "2025-08-01 to 2025-08-31"),
        ("el mes de agosto", "2025-08-01 to 2025-08-31"),
        ("im Monat August", "2025-08-01 to 2025-08-31"),
        ("au mois d'août", "2025-08-01 to 2025-08-31"),
        ("July last year", "2024-07-01 to 2024-07-31"),
        ("julio del año pasado", "2024-07-01 to 2024-07-31"),
        ("1 August last year", "Thu 2024-08-01"),
        ("July 4 last year", "Thu 2024-07-04"),
        ("July 4 of last year", "Thu 2024-07-04"),
        ("Thursday July 4 of last year", "Thu 2024-07-04"),
        ("July 4th last year", "Thu 2024-07-04"),
        ("from July 1 to July 4 last year", "2024-07-01 to 2024-07-04"),
        ("5th week of July", "2025-07-28 to 2025-08-03"),
        ("fifth Friday of August", "Fri 2024-08-30"),
        ("9p-5a", "2025-08-26 21:00 to 2025-08-27 05:00"),
        ("from 9pm on Monday to 5am", "2025-08-25 21:00 to 2025-08-26 05:00"),
        ("7 last days", "2025-08-21 00:00 to 2025-08-27 10:00"),
        ("July and August last year", "2024-07-01 to 2024-08-31"),
        ("the same month last year", "2024-08-01 to 2024-08-31"),
        ("the same weeks of last year", "2024-08-26 to 2024-09-01"),
        ("el mismo mes del año pasado", "2024-08-01 to 2024-08-31"),
        ("im gleichen Monat des Vorjahres", "2024-08-01 to 2024-08-31"),
        ("Vorjahresmonat", "2024-08-01 to 2024-08-31"),
        ("le même mois l'an dernier", "2024-08-01 to 2024-08-31"),
        ("this time last year", "Tue 2024-08-27"),
        ("this time last week", "Wed 2025-08-20"),
        ("Vorwoche", "2025-08-18 to 2025-08-24"),
        ("im Vormonat", "2025-07-01 to 2025-07-31"),
        ("Vorjahr", "2024-01-01 to 2024-12-31"),
        ("vorletzte Woche", "2025-08-11 to 2025-08-17"),
        ("l'an dernier", "2024-01-01 to 2024-12-31"),
        ("l'année dernière", "2024-01-01 to 2024-12-31"),
        ("le mois précédent", "2025-07-01 to 2025-07-31"),
        ("la semana anterior", "2025-08-18 to 2025-08-24"),
        ("ce week-end", "2025-08-30 to 2025-08-31"),
        ("le week-end prochain", "2025-09-06 to 2025-09-07"),
        ("cette semaine", "2025-08-25 to 2025-08-31"),
        ("the last fortnight", "2025-08-14 00:00 to 2025-08-27 10:00"),
        ("a fortnight ago", "2025-08-11 to 2025-08-17"),
    ],
)
def test_a_span_is_named_by_its_place(words: str, meant: str) -> None:
    assert span(words) == meant


@pytest.mark.parametrize(
    ("unit", "words"),
    [
        ("year", "the year so far"), ("year", "this year so far"), ("year", "year to date"),
        ("year", "en lo que va del año"), ("year", "en lo que va de ano"), ("year", "desde principios de año"),
        ("year", "seit Jahresbeginn"), ("year", "bisher in diesem Jahr"), ("year", "depuis le début de l'année"),
        ("quarter", "quarter to date"), ("month", "the month so far"), ("month", "en lo que va del mes"),
        ("month", "seit Monatsanfang"), ("month", "depuis le début du mois"), ("week", "the week so far"),
        ("week", "en lo que va de la semana"), ("week", "diese Woche bisher"), ("week", "seit Wochenbeginn"),
    ],
)  # fmt: skip
def test_what_is_so_far_runs_from_the_start_of_the_unit_to_now(unit: str, words: str) -> None:
    start = {"year": "2025-01-01", "quarter": "2025-07-01", "month": "2025-08-01", "week": "2025-08-25"}[unit]
    assert span(words) == f"{start} 00:00 to 2025-08-27 10:00"


@pytest.mark.parametrize("words", ["im laufenden Monat", "el mes en curso", "le mois en cours"])
def test_a_running_month_is_this_month(words: str) -> None:
    assert span(words) == span("this month")


@pytest.mark.parametrize(
    ("words", "beside", "meant"),
    [
        ("the same weeks of last year", "from 4 August to 17 August", "2024-08-05 to 2024-08-18"),
        ("the same month last year", "July", "2024-07-01 to 2024-07-31"),
        ("the same period last year", "June and July", "2024-06-01 to 2024-07-31"),
        ("the same period last year", "this year", "2024-01-01 00:00 to 2024-08-27 10:00"),
        ("this time last year", "this month", "2024-08-01 00:00 to 2024-08-27 10:00"),
        ("the same days last month", "from 4 August to 10 August", "2025-07-04 to 2025-07-10"),
        ("im gleichen Zeitraum des Vorjahres", "July", "2024-07-01 to 2024-07-31"),
        ("el mismo período del año pasado", "July", "2024-07-01 to 2024-07-31"),
        ("la même période l'an dernier", "July", "2024-07-01 to 2024-07-31"),
        ("June", "July", "2025-06-01 to 2025-06-30"),
    ],
)
def test_the_same_is_that_of_the_period_beside_it(words: str, beside: str, meant: str) -> None:
    assert span(words, beside) == meant


@given(st.dates(date(1990, 1, 1), date(2095, 1, 1)), st.sampled_from([-1, 1]))
def test_the_same_week_keeps_its_number_and_weekday(day: date, step: int) -> None:
    moved = same_day(day, "week", step, "year")
    assert (moved.isocalendar().year - day.isocalendar().year, moved.weekday()) == (step, day.weekday())
    weeks = (day.isocalendar().week, moved.isocalendar().week)
    assert weeks[0] == weeks[1] or weeks == (53, 52)


def test_week_53_beside_a_year_of_52_weeks_is_a_whole_week() -> None:
    in_2021 = datetime(2021, 6, 1, tzinfo=WEDNESDAY.tzinfo)
    found = period("same week last year", in_2021, period("week 53 2020", in_2021))
    assert describe(found) == "2019-12-23 to 2019-12-29"


@given(st.sampled_from(MONTHS), st.integers(1990, 2095))
def test_the_weeks_of_a_month_follow_each_other_and_hold_most_of_it(month: str, year: int) -> None:
    weeks = [period(f"{nth} week of {month} {year}", WEDNESDAY) for nth in ("first", "second", "third", "fourth")]
    starts = [week.since.date() for week in weeks]
    assert {later - start for start, later in pairwise(starts)} == {timedelta(days=7)}
    first = date(year, MONTHS.index(month) + 1, 1)
    assert -3 <= (starts[0] - first).days <= 3


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("Monday week", "Mon 2025-09-08"), ("Friday week", "Fri 2025-09-05"), ("a week on Monday", "Mon 2025-09-08"),
        ("a week on Friday", "Fri 2025-09-05"), ("a week today", "Wed 2025-09-03"),
        ("week tomorrow", "Thu 2025-09-04"), ("two weeks from Friday", "Fri 2025-09-12"),
        ("a fortnight on Friday", "Fri 2025-09-12"), ("lundi en huit", "Mon 2025-09-08"),
        ("heute in einer Woche", "Wed 2025-09-03"), ("close of play Friday", "Fri 2025-08-29"),
        ("tomorrow EOD", "Thu 2025-08-28"), ("bis Feierabend", "Wed 2025-08-27"),
    ],
)  # fmt: skip
def test_a_day_weeks_ahead_or_at_its_end(words: str, meant: str) -> None:
    found = moment(words, WEDNESDAY)
    assert (describe(found), found.is_day) == (f"{meant} 23:59", True)


def test_this_time_last_year_is_that_minute_as_a_deadline() -> None:
    assert describe(moment("this time last year", WEDNESDAY)) == "Tue 2024-08-27 10:00"
    assert not moment("this time last year", WEDNESDAY).is_day


def test_a_part_that_the_coming_month_does_not_have_is_no_deadline_of_another_year() -> None:
    assert describe(moment("fifth week of October", WEDNESDAY)) == "Sun 2025-11-02 23:59"
    with pytest.raises(UnclearTime, match="not so many weeks"):
        moment("5th week of August", WEDNESDAY)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("the same period last year", "the same as which"),
        ("fifth Friday of February 2025", "not so many fridays"),
        ("fifth week of August", "not so many weeks"),
        ("fifth week of February", "not so many weeks"),
        ("first and last week of October", "name both whole"),
        ("first and second Monday of July", "name both whole"),
        ("from 9pm yesterday to 5am yesterday", "not after its start"),
        ("last week of tomorrow", "cannot read it as a time"),
        ("Monday last year", "cannot read it as a time"),
        ("end of the shift", "cannot read it as a time"),
    ],
)
def test_a_place_that_is_none_is_asked_back(words: str, why: str) -> None:
    with pytest.raises(UnclearTime, match=why):
        period(words, WEDNESDAY)
