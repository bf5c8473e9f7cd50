"""The calendar behind the words: which day or which whole span of days a plain phrase names.

Phrases come from `domain.time_words.plain`, hours already taken out. A phrase that recurs ("Friday", "July",
"1 August") is read towards the past or the future, as the `Calendar` says.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from domain.day_spans import (
    FIRST_YEAR,
    LAST_YEAR,
    ONE_DAY,
    Calendar,
    Days,
    Toward,
    month_days,
    one_day,
    shifted,
    unit_days,
)
from domain.feasts import FEAST, feast_days
from domain.time_vocabulary import MONTH, MONTHS, WEEKDAY, WEEKDAYS

RELATIVE = {"today": 0, "tomorrow": 1, "overmorrow": 2, "yesterday": -1, "ereyesterday": -2}
SHORTEST_MONTH = timedelta(days=28)
WHICH = r"(?:(?P<which>this|next|last|coming|past) )?"


def days_of(text: str, calendar: Calendar) -> Days | None:
    """The day or span of whole days that a plain phrase names, None when it names none.

    Raises UnclearTime for dates that do not exist or that can be read in two ways.
    """
    for pattern, read in READERS:
        found = pattern.fullmatch(text)
        if found:
            return read(found, calendar)
    return None


# ---------------------------------------------------------------- readers, one for each kind of phrase

Reader = Callable[[re.Match[str], Calendar], Days | None]


def _relative(found: re.Match[str], calendar: Calendar) -> Days:
    return one_day(calendar.today + timedelta(days=RELATIVE[found["word"]]))


def _weekday(found: re.Match[str], calendar: Calendar) -> Days:
    """ "Friday" is never today; "this Friday" may be; "next Friday" is in the next calendar week."""
    number = WEEKDAYS.index(found["weekday"])
    which = found["which"]
    monday = calendar.today - timedelta(days=calendar.today.weekday())
    this = monday + timedelta(days=number)
    if which == "next":
        return one_day(this + timedelta(days=7))
    if which in {"last", "past"}:
        return one_day(calendar.today - timedelta(days=(calendar.today.weekday() - number - 1) % 7 + 1))
    if which == "this" and (this >= calendar.today or calendar.toward is Toward.past):
        return one_day(this)
    anchor = calendar.anchor
    if calendar.toward is Toward.past and which != "coming":
        return one_day(anchor - timedelta(days=(anchor.weekday() - number - 1) % 7 + 1))
    start = anchor if calendar.toward is Toward.onward else anchor + ONE_DAY
    return one_day(start + timedelta(days=(number - start.weekday()) % 7))


def _weekday_of_week(found: re.Match[str], calendar: Calendar) -> Days:
    week = unit_days(shifted(calendar.today, step_of(found["which"]), "week"), "week")
    return one_day(week.first + timedelta(days=WEEKDAYS.index(found["weekday"])))


def step_of(which: str | None) -> int:
    """Which way a word looks: 1 ahead, -1 back, 0 for none."""
    return {"next": 1, "coming": 1, "last": -1, "past": -1}.get(which or "this", 0)


def _unit(found: re.Match[str], calendar: Calendar) -> Days:
    """ "last month" is the whole calendar month before this one."""
    here = unit_days(calendar.today, found["unit"])
    return unit_days(shifted(here.first, step_of(found["which"]), found["unit"]), found["unit"])


def _weekend(found: re.Match[str], calendar: Calendar) -> Days:
    monday = unit_days(calendar.today, "week").first
    which = found["which"]
    if which in {"last", "past"}:
        weeks = -1
    elif which == "next":
        weeks = 1
    else:
        weeks = -1 if which is None and calendar.toward is Toward.past and calendar.today.weekday() < 5 else 0
    saturday = monday + timedelta(days=5 + 7 * weeks)
    return Days(saturday, saturday + timedelta(days=2))


def _ahead(found: re.Match[str], calendar: Calendar) -> Days:
    return one_day(shifted(calendar.today, int(found["count"]), found["unit"]))


def _ago(found: re.Match[str], calendar: Calendar) -> Days:
    """ "3 days ago" is that day; "2 weeks ago" is that calendar week, "2 months ago" that month."""
    return unit_days(shifted(calendar.today, -int(found["count"]), found["unit"]), found["unit"])


def _checked(days: Days | None, found: re.Match[str], calendar: Calendar) -> Days | None:
    """The day, after a look at the weekday that was said with it."""
    said = found.groupdict().get("weekday")
    if days and said and WEEKDAYS[days.first.weekday()] != said:
        raise calendar.unclear(f"{days.first.isoformat()} is a {WEEKDAYS[days.first.weekday()].title()}")
    return days


def _dated(found: re.Match[str], calendar: Calendar, month: int) -> Days | None:
    """A day of a month, in the year said or the one that is meant."""
    day, year = int(found["day"]), found.groupdict().get("year")
    if year:
        return _checked(one_day(calendar.day(_full_year(year), month, day)), found, calendar)
    if not 1 <= month <= 12:
        raise calendar.unclear(f"there is no month {month}")

    def of_year(number: int) -> Days | None:
        return one_day(date(number, month, day)) if 1 <= day <= monthrange(number, month)[1] else None

    days = calendar.recurring(of_year)
    if days is None:
        raise calendar.unclear(f"{MONTHS[month - 1].title()} has no day {day}")
    return _checked(days, found, calendar)


def _full_year(year: str) -> int:
    return int(year) + (2000 if len(year) == 2 else 0)


def _day_month(found: re.Match[str], calendar: Calendar) -> Days | None:
    return _dated(found, calendar, MONTHS.index(found["month"]) + 1)


def _dotted(found: re.Match[str], calendar: Calendar) -> Days | None:
    return _dated(found, calendar, int(found["month"]))


def _slashed(found: re.Match[str], calendar: Calendar) -> Days | None:
    """3/9 is the ninth of March to some and the third of September to others, so it is asked back."""
    one, two = int(found["day"]), int(found["month"])
    if one <= 12 and two <= 12 and one != two:
        names = f"{one} {MONTHS[two - 1].title()} or {two} {MONTHS[one - 1].title()}"
        raise calendar.unclear(f"it can be {names}; name the month")
    if one <= 12 < two:
        swapped = re.fullmatch(SWAPPED, found[0])
        return _dated(swapped, calendar, one) if swapped else None
    return _dated(found, calendar, two)


def _iso(found: re.Match[str], calendar: Calendar) -> Days | None:
    return _dated(found, calendar, int(found["month"]))


def _day_of_month(found: re.Match[str], calendar: Calendar) -> Days:
    """ "the 15th": the most recent or the coming one; months without that day are passed over."""
    day = int(found["day"])
    if not 1 <= day <= 31:
        raise calendar.unclear(f"no month has a day {day}")
    step = -1 if calendar.toward is Toward.past else 1
    for months in range(0, 12 * step, step):
        span = month_days(calendar.anchor.year, calendar.anchor.month + months)
        if day > span.last.day:
            continue
        candidate = span.first.replace(day=day)
        if (candidate - calendar.anchor).days * step >= 0:
            return _checked(one_day(candidate), found, calendar) or one_day(candidate)
    raise calendar.unclear(f"no month has a day {day}")  # pragma: no cover - January has every day


def _month(found: re.Match[str], calendar: Calendar) -> Days | None:
    month, year, which = MONTHS.index(found["month"]) + 1, found["year"], found.groupdict().get("which")
    if year:
        return month_days(_full_year(year), month)
    if which == "this":
        return month_days(calendar.today.year, month)
    if which in {"last", "past"}:
        this = unit_days(calendar.today, "month").first
        years = (this.year, this.year - 1)
        return next(month_days(y, month) for y in years if month_days(y, month).after <= this)
    if which in {"next", "coming"}:
        year_ahead = calendar.today.year + (month <= calendar.today.month)
        return month_days(year_ahead, month)
    return calendar.recurring(lambda number: month_days(number, month))


def _quarter(found: re.Match[str], calendar: Calendar) -> Days | None:
    first = 3 * int(found["quarter"]) - 2
    if found["year"]:
        return month_days(_full_year(found["year"]), first, 3)
    return calendar.recurring(lambda number: month_days(number, first, 3))


def _iso_month(found: re.Match[str], calendar: Calendar) -> Days:
    calendar.day(int(found["year"]), int(found["month"]), 1)
    return month_days(int(found["year"]), int(found["month"]))


def _year(found: re.Match[str], calendar: Calendar) -> Days:
    return month_days(int(found["year"]), 1, 12)


def _week_number(found: re.Match[str], calendar: Calendar) -> Days | None:
    number = int(found["number"])

    def of_year(year: int) -> Days | None:
        if not FIRST_YEAR <= year <= LAST_YEAR:
            return None
        weeks = date(year, 12, 28).isocalendar().week
        return unit_days(date.fromisocalendar(year, number, 1), "week") if 1 <= number <= weeks else None

    days = of_year(int(found["year"])) if found["year"] else calendar.recurring(of_year)
    if days is None:
        raise calendar.unclear(f"there is no week {number}")
    return days


def _week_of(found: re.Match[str], calendar: Calendar) -> Days | None:
    days = days_of(found["day"], calendar)
    return unit_days(days.first, "week") if days else None


def _feast(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "last Christmas" is over, "next Christmas" still to come, today's aside; "this Christmas" is this year's."""
    feast, year, which = found["feast"], found["year"], found["which"]
    if year:
        return feast_days(feast, calendar.day(int(year), 1, 1).year)
    if which == "this":
        return feast_days(feast, calendar.today.year)
    spans = [feast_days(feast, calendar.today.year + years) for years in (-1, 0, 1)]
    if which in {"last", "past"}:
        return next(span for span in reversed(spans) if span.after <= calendar.today)
    if which in {"next", "coming"}:
        return next(span for span in spans if span.first > calendar.today)
    return calendar.recurring(lambda number: feast_days(feast, number))


def _about_feast(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "Christmas week" is the calendar week of the day; "Labor Day weekend" the weekend with the days up to it."""
    days = days_of(found["day"], calendar)
    if days is None or found["unit"] == "week":
        return days and unit_days(days.first, "week")
    weekday = days.first.weekday()
    if weekday == WEEKDAYS.index("wednesday"):
        raise calendar.unclear("it is on a Wednesday")
    saturday = days.first + timedelta(days=5 - weekday - (7 if weekday <= 1 else 0))
    return Days(min(saturday, days.first), max(saturday + timedelta(days=2), days.after))


def _beside(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "the day after Christmas", "2 weeks before Easter": the calendar's unit so far from the one that holds it."""
    days, unit = days_of(found["day"], calendar), found["unit"]
    if days is None:
        return None
    count = int(found["count"] or 1) * (-1 if found["side"] == "before" else 1)
    if unit == "weekend":
        return weekend_beside(days, count)
    return unit_days(shifted(days.last if count > 0 else days.first, count, unit), unit)


def weekend_beside(days: Days, count: int) -> Days:
    """The weekend that many weekends before (negative) or after days, those that hold them aside."""
    if count > 0:
        saturday = days.last + timedelta(days=(5 - days.last.weekday() - 1) % 7 + 1 + 7 * (count - 1))
    else:
        saturday = days.first - timedelta(days=(days.first.weekday() + 1) % 7 + 1 - 7 * (count + 1))
    return Days(saturday, saturday + timedelta(days=2))


def _week_later(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "Friday week", "2 weeks on Friday": weeks after the coming one."""
    days = days_of(found["day"], replace(calendar, toward=Toward.coming, anchor=calendar.today))
    weeks = int(found.groupdict().get("count") or 1)
    return one_day(shifted(days.first, weeks, "week")) if days else None


def _numbered(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "the first week of October", "the last Friday of the month".

    A week belongs to the month that holds its Thursday, as ISO 8601 has it for years; a weekend to that of its
    Saturday.
    """
    span = found["span"]
    if span in MONTHS:
        month = MONTHS.index(span) + 1
        days = calendar.recurring(lambda year: _piece(found, month_days(year, month)) or month_days(year, month))
        days = days if days and days.after - days.first < SHORTEST_MONTH else None  # the nearest month has no such part
    else:
        whole = days_of(f"this {span}" if span in {"month", "quarter", "year"} else span, calendar)
        if whole is None or whole.after - whole.first < SHORTEST_MONTH:
            return None
        days = _piece(found, whole)
    if days is None:
        raise calendar.unclear(f"there are not so many {found['piece']}s")
    return days


def _piece(found: re.Match[str], whole: Days) -> Days | None:
    """The week, weekend or weekday of that number within a span; None when it has fewer."""
    piece = found["piece"]
    first, step = whole.first, ONE_DAY
    if piece != "day":
        weekday = WEEKDAYS.index({"week": "thursday", "weekend": "saturday"}.get(piece, piece))
        first, step = first + timedelta(days=(weekday - first.weekday()) % 7), 7 * ONE_DAY
    most = (whole.last - first) // step
    number = most if found["nth"] == "last" else int(found["nth"][0]) - 1
    if number > most:
        return None
    day = first + number * step
    if piece == "week":
        return unit_days(day, "week")
    return Days(day, day + timedelta(days=2 if piece == "weekend" else 1))


def _same(found: re.Match[str], calendar: Calendar) -> Days:
    """ "the same month last year": the one that holds today, moved; a week keeps its number."""
    unit, of = found["unit"], found["of"]
    step = 1 if found["which"] == "next" else -1
    return unit_days(same_day(calendar.today, unit, step, of), unit)


def same_day(day: date, unit: str, step: int, of: str) -> date:
    """A day `step` weeks, months, quarters or years away; counted in weeks, it keeps its weekday and ISO week number.

    Week 53 of a year that is followed or led by one of 52 weeks is its week 52. Raises OverflowError.
    """
    if (unit, of) != ("week", "year"):
        return shifted(day, step, of)
    year, number, weekday = day.isocalendar()
    last = shifted(date(year, 12, 28), step, "year").isocalendar().week
    return date.fromisocalendar(year + step, min(number, last), weekday)


def _of_year(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "July last year", "Easter of next year"."""
    return days_of(f"{found['span']} {calendar.today.year + step_of(found['which'])}", calendar)


def _edge(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "end month" is its last day, "start next week" its first."""
    span = found["span"]
    whole = days_of(f"this {span}" if span in {"week", "month", "quarter", "year"} else span, calendar)
    if whole is None:
        return None
    return one_day(whole.last if found["edge"] == "end" else whole.first)


NEAR_DAY = rf"today|tomorrow|overmorrow|(?:(?:this|next|coming) )?(?:{WEEKDAY})"
FEAST_SAID = rf"(?:(?:this|next|last|coming) )?(?:{FEAST})(?: \d{{4}})?"
ON = rf"(?:(?P<weekday>{WEEKDAY}) )?"
YEAR = r"(?P<year>\d{4})"
SWAPPED = rf"{ON}(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})(?:/(?P<year>\d{{4}}|\d\d))?"
READERS: tuple[tuple[re.Pattern[str], Reader], ...] = tuple(
    (re.compile(pattern), reader)
    for pattern, reader in (
        (rf"(?P<word>{'|'.join(RELATIVE)})", _relative),
        (rf"{WHICH}(?P<weekday>{WEEKDAY})", _weekday),
        (rf"(?P<weekday>{WEEKDAY}) (?P<which>this|next|last|coming) week", _weekday_of_week),
        (r"(?P<which>this|next|last|coming|past) (?P<unit>week|month|quarter|year)", _unit),
        (rf"(?P<which>this|next|last|coming) week (?P<weekday>{WEEKDAY})", _weekday_of_week),
        (rf"(?P<day>{NEAR_DAY}) week", _week_later),
        (rf"(?:in )?(?P<count>\d{{1,3}}) week (?:from )?(?P<day>{NEAR_DAY})", _week_later),
        (rf"(?P<day>{NEAR_DAY}) in (?P<count>\d{{1,3}}) week", _week_later),
        (r"same (?P<unit>day|week|month|quarter) (?P<which>last|next) (?P<of>week|month|quarter|year)", _same),
        (rf"{WHICH}weekend", _weekend),
        (r"(?:in|next) (?P<count>\d{1,5}) (?P<unit>day|week|month|quarter|year)", _ahead),
        (r"(?P<count>\d{1,5}) (?P<unit>day|week|month|quarter|year) later", _ahead),
        (r"(?P<count>\d{1,5}) (?P<unit>day|week|month|quarter|year) ago", _ago),
        (rf"{ON}(?P<day>\d{{1,2}})(?:th|\.)? (?P<month>{MONTH})(?: {YEAR})?", _day_month),
        (rf"{ON}(?P<month>{MONTH}) (?P<day>\d{{1,2}})(?:th|\.)?(?: {YEAR})?", _day_month),
        (rf"{ON}{YEAR}[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})", _iso),
        (rf"{ON}(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.?(?P<year>\d{{4}}|\d\d)?", _dotted),
        (rf"{ON}(?P<day>\d{{1,2}})/(?P<month>\d{{1,2}})(?:/(?P<year>\d{{4}}|\d\d))?", _slashed),
        (rf"{ON}(?P<day>\d{{1,2}})th", _day_of_month),
        (rf"{WHICH}(?P<month>{MONTH})(?: {YEAR})?", _month),
        (rf"q ?(?P<quarter>[1-4])(?: {YEAR})?", _quarter),
        (r"(?P<year>\d{4})[-/](?P<month>\d\d)", _iso_month),
        (r"(?:year )?(?P<year>(?:19|20|21)\d\d)(?: year)?", _year),
        (rf"(?:week|kw) (?P<number>\d{{1,2}})(?: {YEAR})?", _week_number),
        (rf"{WHICH}(?P<feast>{FEAST})(?: {YEAR})?", _feast),
        (rf"(?P<day>{FEAST_SAID}) (?P<unit>week|weekend)", _about_feast),
        (r"(?:(?P<count>\d{1,3}) )?(?P<unit>day|week|weekend|month) (?P<side>before|after) (?P<day>.+)", _beside),
        (rf"(?P<nth>[1-5]th|last) (?P<piece>day|week|weekend|{WEEKDAY}) (?P<span>.+)", _numbered),
        (r"(?P<edge>start|end) (?P<span>.+)", _edge),
        (r"week (?P<day>.+)", _week_of),
        (r"(?P<span>.+) (?P<which>this|last|next) year", _of_year),
        (r"(?P<which>this|last|next) year (?P<span>.+)", _of_year),
    )
)
