"""The calendar behind the words: which day or which whole span of days a plain phrase names.

Phrases come from `domain.time_words.plain`, hours already taken out. A phrase that recurs ("Friday", "July",
"1 August") is read towards the past or the future, as the `Calendar` says.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from domain.errors import UnclearTime
from domain.time_words import MONTH, MONTHS, WEEKDAY, WEEKDAYS

ONE_DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 1900, 2199
YEARS_SEARCHED = 9  # 29 February can be eight years away (1896 to 1904)
RELATIVE = {"today": 0, "tomorrow": 1, "overmorrow": 2, "yesterday": -1, "ereyesterday": -2}
WHICH = r"(?:(?P<which>this|next|last|coming|past) )?"


class Toward(Enum):
    """Which of the many Fridays is meant: the most recent, the coming, or the first from a given day on."""

    past = "past"
    coming = "coming"
    onward = "onward"


@dataclass(frozen=True)
class Days:
    """Whole days, `first` inclusive, `after` exclusive."""

    first: date
    after: date

    @property
    def last(self) -> date:
        """The last day of the span."""
        return self.after - ONE_DAY


@dataclass(frozen=True)
class Calendar:
    """Where a phrase is read from: what was said (for errors), today, which way, and the day to look from."""

    said: str
    today: date
    toward: Toward
    anchor: date

    def unclear(self, why: str) -> UnclearTime:
        """The error to raise for an impossible or doubtful time."""
        return UnclearTime(self.said, why)

    def day(self, year: int, month: int, day: int) -> date:
        """A date, or UnclearTime that says why there is none."""
        if not 1 <= month <= 12:
            raise self.unclear(f"there is no month {month}")
        if not FIRST_YEAR <= year <= LAST_YEAR:
            raise self.unclear(f"the year {year} is too far away")
        if not 1 <= day <= monthrange(year, month)[1]:
            raise self.unclear(f"{MONTHS[month - 1].title()} {year} has no day {day}")
        return date(year, month, day)

    def recurring(self, of_year: Callable[[int], Days | None]) -> Days | None:
        """The one of the yearly spans that is meant; None when no near year has it."""
        years = range(self.anchor.year - YEARS_SEARCHED, self.anchor.year + YEARS_SEARCHED + 1)
        spans = [span for year in years if (span := of_year(year))]
        if self.toward is Toward.past:
            return next((span for span in reversed(spans) if span.first <= self.anchor), None)
        return next((span for span in spans if span.after > self.anchor), None)


def one_day(day: date) -> Days:
    """A single day as a span."""
    return Days(day, day + ONE_DAY)


def month_days(year: int, month: int, count: int = 1) -> Days:
    """`count` whole months from a month on; months beyond 1..12 run over into other years. Raises OverflowError."""
    index = year * 12 + month - 1
    if not FIRST_YEAR * 12 <= index < LAST_YEAR * 12 + 12:
        raise OverflowError("date value out of range")
    starts = [date(number // 12, number % 12 + 1, 1) for number in (index, index + count)]
    return Days(starts[0], starts[1])


def months_later(day: date, months: int) -> date:
    """The same day of another month, or that month's last day where it is shorter."""
    span = month_days(day.year, day.month + months)
    return span.first.replace(day=min(day.day, span.last.day))


def shifted(day: date, count: int, unit: str) -> date:
    """The day `count` days, weeks, months, quarters or years away. Raises OverflowError beyond `LAST_YEAR`."""
    if unit in {"day", "week"}:
        far = day + timedelta(days=count * (7 if unit == "week" else 1))
        if not FIRST_YEAR <= far.year <= LAST_YEAR:
            raise OverflowError("date value out of range")
        return far
    return months_later(day, count * {"month": 1, "quarter": 3, "year": 12}[unit])


def unit_days(day: date, unit: str) -> Days:
    """The calendar week (ISO 8601, from Monday), month, quarter or year that holds a day."""
    if unit == "day":
        return one_day(day)
    if unit == "week":
        monday = day - timedelta(days=day.weekday())
        return Days(monday, monday + timedelta(days=7))
    months = {"month": 1, "quarter": 3, "year": 12}[unit]
    return month_days(day.year, (day.month - 1) // months * months + 1, months)


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
    week = unit_days(shifted(calendar.today, _step(found["which"]), "week"), "week")
    return one_day(week.first + timedelta(days=WEEKDAYS.index(found["weekday"])))


def _step(which: str | None) -> int:
    return {"next": 1, "coming": 1, "last": -1, "past": -1}.get(which or "this", 0)


def _unit(found: re.Match[str], calendar: Calendar) -> Days:
    """ "last month" is the whole calendar month before this one."""
    here = unit_days(calendar.today, found["unit"])
    return unit_days(shifted(here.first, _step(found["which"]), found["unit"]), found["unit"])


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


def _edge(found: re.Match[str], calendar: Calendar) -> Days | None:
    """ "end month" is its last day, "start next week" its first."""
    span = found["span"]
    whole = days_of(f"this {span}" if span in {"week", "month", "quarter", "year"} else span, calendar)
    if whole is None:
        return None
    return one_day(whole.last if found["edge"] == "end" else whole.first)


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
        (r"(?P<edge>start|end) (?P<span>.+)", _edge),
        (r"week (?P<day>.+)", _week_of),
    )
)
