"""Spans of whole days, the calendar's units, and where a phrase is read from."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from domain.errors import UnclearTime
from domain.time_vocabulary import MONTHS

ONE_DAY = timedelta(days=1)
FIRST_YEAR, LAST_YEAR = 1900, 2199
LENGTHS_DAYS = {"day": (1, 1), "week": (7, 7), "month": (28, 31), "quarter": (90, 92), "year": (365, 366)}
YEARS_SEARCHED = 9  # 29 February can be eight years away (1896 to 1904)


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
        first, last = self.anchor.year - YEARS_SEARCHED, self.anchor.year + YEARS_SEARCHED
        years = range(max(first, FIRST_YEAR), min(last, LAST_YEAR) + 1)
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


def unit_beside(days: Days, step: int, unit: str) -> Days:
    """The unit right before (-1) or after (1) days: of their own length where they are about one such unit long.

    Otherwise, and where they begin with a unit, it is the calendar's. Raises OverflowError.
    """
    least, most = LENGTHS_DAYS[unit]
    length = days.after - days.first
    if least <= length.days <= most and unit_days(days.first, unit).first != days.first:
        return Days(days.first - length, days.first) if step < 0 else Days(days.after, days.after + length)
    return unit_days(shifted(days.first if step < 0 else days.last, step, unit), unit)
