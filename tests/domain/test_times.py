"""Words for times against the calendar: fixed sayings at one known moment, and properties for any moment."""

from __future__ import annotations

import time
from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import AskAgain, UnclearTime
from domain.time_vocabulary import MONTHS, WEEKDAYS
from domain.times import between, describe, moment, period
from domain.values import Moment, Period

BERKELEY = ZoneInfo("America/Los_Angeles")
ZONES = [ZoneInfo(name) for name in (
    "America/Los_Angeles", "America/Montevideo", "Europe/Berlin", "Asia/Kathmandu", "America/Santiago", "UTC",
)]  # fmt: skip
WEDNESDAY = datetime(2025, 8, 27, 10, 0, tzinfo=BERKELEY)
SUNDAY_NIGHT = datetime(2025, 8, 31, 23, 55, tzinfo=BERKELEY)

now_anywhere = st.builds(
    lambda minutes, zone: (datetime(1995, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)).astimezone(zone),
    st.integers(0, 95 * 365 * 24 * 60),
    st.sampled_from(ZONES),
)


def at(words: str, now: datetime = WEDNESDAY) -> str:
    return describe(moment(words, now))


def span(words: str, now: datetime = SUNDAY_NIGHT) -> str:
    return describe(period(words, now))


# ---------------------------------------------------------------- moments, one by one


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("now", "Wed 2025-08-27 10:00"),
        ("as soon as possible", "Wed 2025-08-27 10:00"),
        ("today", "Wed 2025-08-27 23:59"),
        ("end of day", "Wed 2025-08-27 23:59"),
        ("tomorrow", "Thu 2025-08-28 23:59"),
        ("by tomorrow noon", "Thu 2025-08-28 12:00"),
        ("noon tomorrow", "Thu 2025-08-28 12:00"),
        ("tomorrow morning", "Thu 2025-08-28 09:00"),
        ("first thing tomorrow", "Thu 2025-08-28 06:00"),
        ("tomorrow evening", "Thu 2025-08-28 18:00"),
        ("tomorrow evening at 7", "Thu 2025-08-28 19:00"),
        ("the day after tomorrow", "Fri 2025-08-29 23:59"),
        ("and the day after?", "Thu 2025-08-28 23:59"),
        ("Friday", "Fri 2025-08-29 23:59"),
        ("this Friday", "Fri 2025-08-29 23:59"),
        ("next Friday", "Fri 2025-09-05 23:59"),
        ("Friday next week", "Fri 2025-09-05 23:59"),
        ("Wednesday", "Wed 2025-09-03 23:59"),
        ("this Wednesday", "Wed 2025-08-27 23:59"),
        ("Friday 6pm", "Fri 2025-08-29 18:00"),
        ("half past five tomorrow morning", "Thu 2025-08-28 05:30"),
        ("tomorrow morning at quarter to six", "Thu 2025-08-28 05:45"),
        ("a quarter past 6 this evening", "Wed 2025-08-27 18:15"),
        ("half five tomorrow afternoon", "Thu 2025-08-28 17:30"),
        ("tomorrow at half past five pm", "Thu 2025-08-28 17:30"),
        ("five thirty a.m. tomorrow", "Thu 2025-08-28 05:30"),
        ("quarter to one tomorrow afternoon", "Thu 2025-08-28 12:45"),
        ("half past 17 tomorrow", "Thu 2025-08-28 17:30"),
        ("halb 13 morgen", "Thu 2025-08-28 12:30"),
        ("half past five Friday morning", "Fri 2025-08-29 05:30"),
        ("halb eins morgen früh", "Thu 2025-08-28 00:30"),
        ("early tomorrow morning", "Thu 2025-08-28 06:00"),
        ("late Friday night", "Fri 2025-08-29 23:59"),
        ("at one am tomorrow", "Thu 2025-08-28 01:00"),
        ("one am tomorrow", "Thu 2025-08-28 01:00"),
        ("one pm", "Wed 2025-08-27 13:00"),
        ("tomorrow morning at five thirty", "Thu 2025-08-28 05:30"),
        ("halb zwölf mittags", "Wed 2025-08-27 11:30"),
        ("four am tomorrow", "Thu 2025-08-28 04:00"),
        ("six tomorrow morning", "Thu 2025-08-28 06:00"),
        ("tonight 10", "Wed 2025-08-27 22:00"),
        ("5.30 tomorrow", "Thu 2025-08-28 05:30"),
        ("Friday 22.30", "Fri 2025-08-29 22:30"),
        ("2200 tonight", "Wed 2025-08-27 22:00"),
        ("tomorrow 2200", "Thu 2025-08-28 22:00"),
        ("tomorrow 7am sharp", "Thu 2025-08-28 07:00"),
        ("early Friday", "Fri 2025-08-29 06:00"),
        ("Friday early", "Fri 2025-08-29 06:00"),
        ("mañana temprano", "Thu 2025-08-28 06:00"),
        ("el viernes temprano", "Fri 2025-08-29 06:00"),
        ("late Friday", "Fri 2025-08-29 18:00"),
        ("halb sechs morgen früh", "Thu 2025-08-28 05:30"),
        ("morgen Abend um Viertel nach sieben", "Thu 2025-08-28 19:15"),
        ("dreiviertel sechs morgen früh", "Thu 2025-08-28 05:45"),
        ("mañana a las cinco y media de la tarde", "Thu 2025-08-28 17:30"),
        ("a las 5 menos cuarto de la mañana", "Thu 2025-08-28 04:45"),
        ("demain à six heures et quart du matin", "Thu 2025-08-28 06:15"),
        ("demain à six heures moins le quart du soir", "Thu 2025-08-28 17:45"),
        ("Monatsende", "Sun 2025-08-31 23:59"),
        ("Jahresende", "Wed 2025-12-31 23:59"),
        ("Fri, 6 p.m.", "Fri 2025-08-29 18:00"),
        ("18:00 on Friday", "Fri 2025-08-29 18:00"),
        ("before Friday", "Thu 2025-08-28 23:59"),
        ("last Friday", "Fri 2025-08-22 23:59"),
        ("in 3 days", "Sat 2025-08-30 23:59"),
        ("a week from now", "Wed 2025-09-03 23:59"),
        ("in a month", "Sat 2025-09-27 23:59"),
        ("three weeks ahead", "Wed 2025-09-17 23:59"),
        ("two days ahead", "Fri 2025-08-29 23:59"),
        ("a week in advance", "Wed 2025-09-03 23:59"),
        ("24 hours ahead", "Thu 2025-08-28 10:00"),
        ("an hour and a half ahead", "Wed 2025-08-27 11:30"),
        ("in 36 hours", "Thu 2025-08-28 22:00"),
        ("48h", "Fri 2025-08-29 10:00"),
        ("within the next 24 hours", "Thu 2025-08-28 10:00"),
        ("in half an hour", "Wed 2025-08-27 10:30"),
        ("in an hour and a half", "Wed 2025-08-27 11:30"),
        ("in 2 hours and 30 minutes", "Wed 2025-08-27 12:30"),
        ("an hour ago", "Wed 2025-08-27 09:00"),
        ("yesterday", "Tue 2025-08-26 23:59"),
        ("by the weekend", "Fri 2025-08-29 23:59"),
        ("the weekend", "Sun 2025-08-31 23:59"),
        ("end of the week", "Sun 2025-08-31 23:59"),
        ("end of the month", "Sun 2025-08-31 23:59"),
        ("next week", "Sun 2025-09-07 23:59"),
        ("September", "Tue 2025-09-30 23:59"),
        ("1 September", "Mon 2025-09-01 23:59"),
        ("Monday the 1st of September", "Mon 2025-09-01 23:59"),
        ("Sept 3rd", "Wed 2025-09-03 23:59"),
        ("September 3, 2026", "Thu 2026-09-03 23:59"),
        ("3.9.", "Wed 2025-09-03 23:59"),
        ("15/9", "Mon 2025-09-15 23:59"),
        ("9/15/2025", "Mon 2025-09-15 23:59"),
        ("the 15th", "Mon 2025-09-15 23:59"),
        ("the 31st at 8am", "Sun 2025-08-31 08:00"),
        ("29 February", "Tue 2028-02-29 23:59"),
        ("2025-09-01", "Mon 2025-09-01 23:59"),
        ("2025-09-01 12:00", "Mon 2025-09-01 12:00"),
        ("2025-09-01T12:00", "Mon 2025-09-01 12:00"),
        ("2025-09-01T12:00Z", "Mon 2025-09-01 05:00"),
        ("2025-09-01T12:00:00+02:00", "Mon 2025-09-01 03:00"),
        ("12:00", "Wed 2025-08-27 12:00"),
        ("9:30", "Thu 2025-08-28 09:30"),
        ("noon", "Wed 2025-08-27 12:00"),
        ("midnight", "Thu 2025-08-28 00:00"),
        ("Friday midnight", "Sat 2025-08-30 00:00"),
        ("24:00", "Thu 2025-08-28 00:00"),
        ("6am", "Thu 2025-08-28 06:00"),
        ("12am", "Thu 2025-08-28 00:00"),
        ("12pm", "Wed 2025-08-27 12:00"),
        ("0600 hrs", "Thu 2025-08-28 06:00"),
        ("at 7 tonight", "Wed 2025-08-27 19:00"),
        ("tonight at 1 am", "Thu 2025-08-28 01:00"),
    ],
)
def test_a_saying_means_its_moment(words: str, meant: str) -> None:
    assert at(words) == meant


@pytest.mark.parametrize(
    ("words", "english"),
    [
        ("hoy", "today"),
        ("mañana", "tomorrow"),
        ("mañana por la mañana", "tomorrow morning"),
        ("mañana al mediodía", "tomorrow noon"),
        ("pasado mañana", "the day after tomorrow"),
        ("esta noche", "tonight"),
        ("el viernes a las 6 de la tarde", "Friday 6pm"),
        ("el próximo viernes", "next Friday"),
        ("el viernes que viene", "next Friday"),
        ("dentro de dos horas", "in 2 hours"),
        ("en 3 días", "in 3 days"),
        ("antes del viernes", "before Friday"),
        ("fin de semana", "weekend"),
        ("el 1 de septiembre de 2025", "1 September 2025"),
        ("heute", "today"),
        ("morgen", "tomorrow"),
        ("morgen früh", "tomorrow morning"),
        ("morgen Mittag", "tomorrow noon"),
        ("übermorgen", "the day after tomorrow"),
        ("heute Abend", "tonight"),
        ("am Freitag um 18 Uhr", "Friday 18:00"),
        ("Freitag 18 Uhr 30", "Friday 18:30"),
        ("nächsten Freitag", "next Friday"),
        ("bis Freitag", "Friday"),
        ("in einer halben Stunde", "in half an hour"),
        ("in drei Tagen", "in 3 days"),
        ("drei Wochen im Voraus", "in 3 weeks"),
        ("24 Stunden voraus", "in 24 hours"),
        ("tres semanas más adelante", "in 3 weeks"),
        ("dos días más tarde", "in 2 days"),
        ("dos días después", "in 2 days"),
        ("trois semaines plus tard", "in 3 weeks"),
        ("deux jours à l'avance", "in 2 days"),
        ("am 3. September", "3 September"),
        ("Ende des Monats", "end of the month"),
        ("aujourd'hui", "today"),
        ("demain midi", "tomorrow noon"),
        ("demain à 18h30", "tomorrow 18:30"),
        ("après-demain", "the day after tomorrow"),
        ("ce soir", "tonight"),
        ("vendredi prochain", "next Friday"),
        ("d'ici vendredi", "Friday"),
        ("dans trois jours", "in 3 days"),
        ("le 1er septembre", "1 September"),
        ("tommorow nooon", "tomorrow noon"),
        ("tmrw 8am", "tomorrow 8am"),
        ("TONITE", "tonight"),
        ("next fridey", "next Friday"),
        ("nextweek", "next week"),
    ],
)
def test_other_languages_and_typing_errors_mean_the_same(words: str, english: str) -> None:
    assert at(words) == at(english)


@pytest.mark.parametrize(
    ("hour", "meant"),
    [(10, "Wed 2025-08-27 23:59"), (17, "Wed 2025-08-27 23:59"), (18, "Thu 2025-08-28 06:00"),
     (23, "Thu 2025-08-28 06:00"), (2, "Wed 2025-08-27 06:00")],
)  # fmt: skip
def test_tonight_is_the_coming_night_and_the_running_one_ends_at_six(hour: int, meant: str) -> None:
    tonight = moment("tonight", WEDNESDAY.replace(hour=hour))
    assert (describe(tonight), tonight.is_day) == (meant, True)


def test_only_a_day_without_an_hour_is_a_day() -> None:
    assert moment("Friday", WEDNESDAY).is_day
    assert moment("next week", WEDNESDAY).is_day
    assert not moment("Friday noon", WEDNESDAY).is_day
    assert not moment("in 36 hours", WEDNESDAY).is_day


def test_the_weekend_to_be_ready_by_is_never_the_running_one() -> None:
    assert at("by the weekend", SUNDAY_NIGHT) == "Fri 2025-09-05 23:59"


def test_a_period_begins_and_ends_at_spoken_hours() -> None:
    morning = ("half past five this morning", "half past seven this morning")
    assert describe(between(*morning, WEDNESDAY)) == "2025-08-27 05:30 to 2025-08-27 07:30"
    assert describe(period("since half past five this morning", WEDNESDAY)) == "2025-08-27 05:30 to 2025-08-27 10:00"


SPOKEN_HOURS = {  # what a saying adds to its hour, in minutes
    "half past {} tomorrow morning": 30, "quarter past {} tomorrow morning": 15, "quarter to {} tomorrow morning": -15,
    "halb {} morgen früh": -30, "viertel nach {} morgen früh": 15, "dreiviertel {} morgen früh": -15,
    "mañana a las {} y media de la mañana": 30, "mañana a las {} menos cuarto de la mañana": -15,
    "demain à {} heures et demie du matin": 30, "demain à {} heures moins le quart du matin": -15,
}  # fmt: skip


@pytest.mark.parametrize(("saying", "minutes"), SPOKEN_HOURS.items())
@pytest.mark.parametrize("hour", range(2, 12))
def test_a_spoken_hour_is_the_one_on_the_clock(saying: str, minutes: int, hour: int) -> None:
    total = 60 * hour + minutes
    assert at(saying.format(hour)) == at(f"tomorrow {total // 60}:{total % 60:02} am")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("31 February", "February has no day 31"),
        ("2026-02-30", "February 2026 has no day 30"),
        ("2025-13-01", "no month 13"),
        ("25:00", "no day has 25:00"),
        ("tomorrow 12:75", "no day has 12:75"),
        ("2025-09-01T25:00Z", "no such date or hour"),
        ("the 45th", "no month has a day 45"),
        ("Friday 1 September 2025", "2025-09-01 is a Monday"),
        ("3/9", "3 September or 9 March"),
        ("tomorrow at 6", "6:00 in the morning or 18:00"),
        ("half past five tomorrow", "5:30 in the morning or 17:30"),
        ("half past twelve tomorrow", "0:30 in the morning or 12:30"),
        ("morgen um halb sechs", "5:30 in the morning or 17:30"),
        ("5ish tomorrow", "5:00 in the morning or 17:00"),
        ("the quarter to 6 July", "cannot read it as a time"),
        ("dans 20 heures et demie", "cannot read it as a time"),
        ("il y a 20 heures et demie", "cannot read it as a time"),
        ("half five trucks", "cannot read it as a time"),
        ("tomorrow at five thirty", "5:30 in the morning or 17:30"),
        ("zone 5 thirty percent", "cannot read it as a time"),
        ("one am I to empty first", "cannot read it as a time"),
        ("Friday 1000", "cannot read it as a time"),
        ("share tomorrow", "cannot read it as a time"),
        ("next week at noon", "an hour needs one day"),
        ("in 99999 weeks", "too far away"),
        ("", "no time was said"),
        ("soon", "cannot read it as a time"),
        ("when the cows come home", "cannot read it as a time"),
        ("tomorrow or so and then some", "cannot read it as a time"),
    ],
)
def test_an_impossible_or_doubtful_time_is_asked_back_with_the_reason(words: str, why: str) -> None:
    with pytest.raises(UnclearTime, match=why) as caught:
        moment(words, WEDNESDAY)
    assert f"“{words}”" in caught.value.question
    assert caught.value.hour_in_doubt == ("morning" in why)


# ---------------------------------------------------------------- periods, one by one


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("today", "Sun 2025-08-31"),
        ("yesterday", "Sat 2025-08-30"),
        ("Friday", "Fri 2025-08-29"),
        ("last Friday", "Fri 2025-08-29"),
        ("Sunday", "Sun 2025-08-24"),
        ("3 days ago", "Thu 2025-08-28"),
        ("1 August", "Fri 2025-08-01"),
        ("last night", "2025-08-30 18:00 to 2025-08-31 06:00"),
        ("yesterday afternoon", "2025-08-30 12:00 to 2025-08-30 18:00"),
        ("this week", "2025-08-25 to 2025-08-31"),
        ("last week", "2025-08-18 to 2025-08-24"),
        ("2 weeks ago", "2025-08-11 to 2025-08-17"),
        ("the week before last", "2025-08-11 to 2025-08-17"),
        ("week 30", "2025-07-21 to 2025-07-27"),
        ("the week of 6 August", "2025-08-04 to 2025-08-10"),
        ("weekend", "2025-08-30 to 2025-08-31"),
        ("last weekend", "2025-08-23 to 2025-08-24"),
        ("last month", "2025-07-01 to 2025-07-31"),
        ("this month", "2025-08-01 to 2025-08-31"),
        ("July", "2025-07-01 to 2025-07-31"),
        ("July 2024", "2024-07-01 to 2024-07-31"),
        ("2025-07", "2025-07-01 to 2025-07-31"),
        ("December", "2024-12-01 to 2024-12-31"),
        ("last quarter", "2025-04-01 to 2025-06-30"),
        ("Q2", "2025-04-01 to 2025-06-30"),
        ("the second quarter of 2024", "2024-04-01 to 2024-06-30"),
        ("Q4", "2024-10-01 to 2024-12-31"),
        ("2024", "2024-01-01 to 2024-12-31"),
        ("last year", "2024-01-01 to 2024-12-31"),
        ("last 7 days", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("past week", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("past month", "2025-08-01 00:00 to 2025-08-31 23:55"),
        ("the last three months", "2025-06-01 00:00 to 2025-08-31 23:55"),
        ("past 48h", "2025-08-29 23:55 to 2025-08-31 23:55"),
        ("since Monday", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("from 1 August", "2025-08-01 00:00 to 2025-08-31 23:55"),
        ("since 2 weeks ago", "2025-08-17 00:00 to 2025-08-31 23:55"),
        ("since 6am", "2025-08-31 06:00 to 2025-08-31 23:55"),
        ("year to date", "2025-01-01 00:00 to 2025-08-31 23:55"),
        ("July to date", "2025-07-01 00:00 to 2025-08-31 23:55"),
        ("between 1 and 15 August", "2025-08-01 to 2025-08-15"),
        ("Aug 1-15", "2025-08-01 to 2025-08-15"),
        ("1 July - 15 July", "2025-07-01 to 2025-07-15"),
        ("from Monday to Wednesday", "2025-08-25 to 2025-08-27"),
        ("Monday-Wednesday", "2025-08-25 to 2025-08-27"),
        ("from Monday 6am to Tuesday noon", "2025-08-25 06:00 to 2025-08-26 12:00"),
        ("yesterday 6am to 6pm", "2025-08-30 06:00 to 2025-08-30 18:00"),
        ("between 6am and noon yesterday", "2025-08-30 06:00 to 2025-08-30 12:00"),
        ("2025-07-01 to 2025-07-31", "2025-07-01 to 2025-07-31"),
        ("June and July", "2025-06-01 to 2025-07-31"),
        ("July and August 2024", "2024-07-01 to 2024-08-31"),
        ("from December to January", "2024-12-01 to 2025-01-31"),
        ("Q1 to Q2 2024", "2024-01-01 to 2024-06-30"),
        ("letzte Woche", "2025-08-18 to 2025-08-24"),
        ("die letzten 7 Tage", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("seit Montag", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("vor 3 Tagen", "Thu 2025-08-28"),
        ("vom 1. bis 15. August", "2025-08-01 to 2025-08-15"),
        ("el mes pasado", "2025-07-01 to 2025-07-31"),
        ("los últimos 7 días", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("hace 3 días", "Thu 2025-08-28"),
        ("del 1 al 15 de agosto", "2025-08-01 to 2025-08-15"),
        ("de lunes a miércoles", "2025-08-25 to 2025-08-27"),
        ("la semaine dernière", "2025-08-18 to 2025-08-24"),
        ("les 7 derniers jours", "2025-08-25 00:00 to 2025-08-31 23:55"),
        ("il y a 3 jours", "Thu 2025-08-28"),
        ("du 1er au 15 août", "2025-08-01 to 2025-08-15"),
    ],
)
def test_a_saying_means_its_period(words: str, meant: str) -> None:
    assert span(words) == meant


def test_a_month_that_is_running_is_the_most_recent_one_begun() -> None:
    assert span("August", datetime(2025, 8, 1, 0, 0, tzinfo=BERKELEY)) == "2025-08-01 to 2025-08-31"
    assert span("August", datetime(2025, 7, 31, 23, 59, tzinfo=BERKELEY)) == "2024-08-01 to 2024-08-31"


@pytest.mark.parametrize("words", ["summer", "until Friday", "since tomorrow", "the week", "since forever", "31 June"])
def test_words_that_are_no_period_are_asked_back(words: str) -> None:
    with pytest.raises(UnclearTime):
        period(words, SUNDAY_NIGHT)


def test_a_period_that_ends_before_it_starts_is_asked_back() -> None:
    with pytest.raises(UnclearTime, match="not after its start"):
        period("2025-07-31 to 2025-07-01", SUNDAY_NIGHT)


@pytest.mark.parametrize(
    ("since", "until", "same"),
    [
        ("July", "end of July", "July"),
        ("Friday", "Friday", "Friday"),
        ("since Monday", "now", "since Monday"),
        ("last week", "Sunday", "last week"),
        ("1", "15 August", "1-15 August"),
        ("2025-07-01", "2025-07-31", "July"),
    ],
)
def test_a_period_may_be_said_by_its_two_ends(since: str, until: str, same: str) -> None:
    assert describe(between(since, until, SUNDAY_NIGHT)) == span(same)


# ---------------------------------------------------------------- clock changes


def test_an_hour_that_the_clock_change_skips_moves_forward_and_says_so() -> None:
    evening = datetime(2026, 3, 7, 20, 0, tzinfo=BERKELEY)
    skipped = moment("tomorrow 2:30", evening)
    assert describe(skipped) == "Sun 2026-03-08 03:30"
    assert "02:30 does not exist on 2026-03-08" in skipped.words


def test_elapsed_hours_are_real_hours_across_a_clock_change() -> None:
    evening = datetime(2026, 3, 7, 20, 0, tzinfo=BERKELEY)
    assert at("in 12 hours", evening) == "Sun 2026-03-08 09:00"
    assert moment("in 12 hours", evening).at - evening.astimezone(UTC) == timedelta(hours=12)


def test_a_day_is_as_long_as_it_really_was() -> None:
    lengths = {}
    for day in (date(2025, 3, 9), date(2025, 6, 9), date(2025, 11, 2)):
        found = period(day.isoformat(), SUNDAY_NIGHT)
        lengths[day.month] = (found.until.astimezone(UTC) - found.since.astimezone(UTC)) / timedelta(hours=1)
    assert lengths == {3: 23, 6: 24, 11: 25}


def test_a_day_whose_midnight_is_skipped_begins_at_one() -> None:
    found = period("2025-09-07", datetime(2025, 9, 20, 12, 0, tzinfo=ZoneInfo("America/Santiago")))
    assert f"{found.since:%Y-%m-%d %H:%M}" == "2025-09-07 01:00"
    assert describe(found) == "Sun 2025-09-07"


# ---------------------------------------------------------------- for any moment of any year


@given(now_anywhere)
def test_tomorrow_is_the_next_date(now: datetime) -> None:
    assert moment("tomorrow", now).at.date() == now.date() + timedelta(days=1)
    assert period("yesterday", now).since.date() == now.date() - timedelta(days=1)


@given(now_anywhere, st.sampled_from(WEEKDAYS))
def test_a_weekday_is_that_weekday_one_to_seven_days_away(now: datetime, name: str) -> None:
    coming, recent = moment(name, now).at.date(), period(name, now).since.date()
    assert coming.weekday() == recent.weekday() == WEEKDAYS.index(name)
    assert 1 <= (coming - now.date()).days <= 7
    assert 1 <= (now.date() - recent).days <= 7


@given(now_anywhere, st.sampled_from(WEEKDAYS))
def test_next_weekday_is_in_the_next_calendar_week(now: datetime, name: str) -> None:
    found = moment(f"next {name}", now).at.date()
    monday = now.date() - timedelta(days=now.weekday())
    assert found - monday == timedelta(days=7 + WEEKDAYS.index(name))


@given(now_anywhere)
def test_last_month_is_the_whole_calendar_month_before(now: datetime) -> None:
    found = period("last month", now)
    last = now.date().replace(day=1) - timedelta(days=1)
    assert found.since.date() == last.replace(day=1)
    assert found.until.date() == last + timedelta(days=1)


@given(now_anywhere)
def test_last_quarter_is_three_whole_months_before_this_quarter(now: datetime) -> None:
    found, this = period("last quarter", now), period("this quarter", now)
    assert found.until.date() == this.since.date() <= now.date() < this.until.date()
    months = 12 * (found.until.year - found.since.year) + found.until.month - found.since.month
    assert (found.since.day, found.until.day, months, found.since.month % 3) == (1, 1, 3, 1)


@given(now_anywhere, st.integers(1, 12))
def test_a_month_without_a_year_is_begun_as_a_period_and_to_come_as_a_deadline(now: datetime, month: int) -> None:
    recent, coming = period(MONTHS[month - 1], now), moment(MONTHS[month - 1], now)
    assert recent.since.month == coming.at.month == month
    assert recent.since.date() <= now.date() <= coming.at.date()
    assert (now.date() - recent.since.date()).days < 366
    assert coming.at.day == monthrange(coming.at.year, month)[1]


@given(now_anywhere, st.integers(1, 60))
def test_the_last_days_are_so_many_dates_and_end_now(now: datetime, days: int) -> None:
    found = period(f"last {days + 1} days", now)
    assert (now.date() - found.since.date()).days == days
    assert found.until == now


@given(now_anywhere, st.integers(1, 500))
def test_elapsed_hours_are_exact(now: datetime, hours: int) -> None:
    assert moment(f"in {hours} hours", now).at.astimezone(UTC) - now.astimezone(UTC) == timedelta(hours=hours)
    assert moment("in 3 days", now).at.date() == now.date() + timedelta(days=3)


@given(now_anywhere, st.sampled_from(["noon", "6am", "18:30", "midnight"]))
def test_an_hour_alone_is_within_the_next_day(now: datetime, words: str) -> None:
    at_most = timedelta(hours=26)  # a day that a clock change makes longer, and an hour it skips
    assert timedelta(0) <= moment(words, now).at.astimezone(UTC) - now.astimezone(UTC) <= at_most


@given(now_anywhere, st.dates(date(1990, 1, 1), date(2095, 1, 1)))
def test_dates_come_back_as_written(now: datetime, day: date) -> None:
    assert moment(day.isoformat(), now).at.date() == day
    assert describe(period(day.isoformat(), now)).endswith(day.isoformat())
    spelt = f"{day.day} {MONTHS[day.month - 1]} {day.year}"
    assert moment(spelt, now) == Moment(moment(day.isoformat(), now).at, spelt, True)


@given(now_anywhere, st.sampled_from(["tomorrow", "in 36 hours", "Friday 6pm", "next week", "1 March", "Q3"]))
def test_a_moment_restated_is_the_same_moment(now: datetime, words: str) -> None:
    found = moment(words, now)
    again = moment(describe(found), now).at
    assert abs(again.replace(tzinfo=None) - found.at.replace(tzinfo=None)) < timedelta(minutes=1)


@given(now_anywhere, st.sampled_from(["last week", "July", "last quarter", "Q2 2024", "June and July", "this year"]))
def test_a_period_restated_is_the_same_period(now: datetime, words: str) -> None:
    found = period(words, now)
    again = period(describe(found), now)
    assert (again.since, again.until) == (found.since, found.until)


@given(st.text(max_size=40), now_anywhere)
def test_no_words_break_the_reader_and_what_is_read_can_be_restated(words: str, now: datetime) -> None:
    _read_both(words, now)


VOCABULARY = (
    *WEEKDAYS, *MONTHS, "last", "next", "this", "in", "ago", "since", "until", "from", "to", "between", "and", "by",
    "before", "at", "3", "15", "31", "2024", "12:00", "6pm", "Q2", "day", "week", "month", "quarter", "year", "hour",
    "weekend", "now", "today", "tonight", "tomorrow", "noon", "morning", "night", "midnight", "end", "start", "1.9.",
    "the", "of", "half", "a", "el", "letzte", "hace", "2025-09-01", "-", "/", "99999", "3rd",
)  # fmt: skip


@given(st.lists(st.sampled_from(VOCABULARY), min_size=1, max_size=6), now_anywhere)
def test_no_order_of_time_words_breaks_the_reader(words: list[str], now: datetime) -> None:
    _read_both(" ".join(words), now)


def _read_both(words: str, now: datetime) -> None:
    """Both readers answer or ask; what they answer is aware, in the city's zone, in order, and can be said."""
    for read in (moment, period):
        try:
            found = read(words, now)
        except AskAgain:
            continue
        assert describe(found)
        if isinstance(found, Period):
            assert found.since < found.until
            assert found.since.tzinfo == found.until.tzinfo == now.tzinfo
        else:
            assert found.at.tzinfo == now.tzinfo


def test_nothing_depends_on_the_zone_or_clock_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything() -> list[str]:
        said = ["tonight", "tomorrow noon", "in 36 hours", "2025-09-01T12:00Z", "next Friday"]
        return [at(words, SUNDAY_NIGHT) for words in said] + [span(words) for words in ("last 7 days", "since Monday")]

    here = everything()
    for zone in ("Pacific/Kiritimati", "America/Adak"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        assert everything() == here
    monkeypatch.undo()
    time.tzset()


def test_a_naive_now_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        moment("tomorrow", datetime(2025, 8, 31))  # noqa: DTZ001
