"""What people's words for times mean (law 5), restated as dates; nothing here asks what time it is (law 8).

Conventions, the same in all languages:

* A day without an hour is, as a deadline, its end (23:59); as a period, the whole day.
* "Friday" is never today: as a deadline the coming one, as a period the most recent one. "This Friday" may be today;
  "next Friday" is the Friday of the next calendar week; "last Friday" the most recent one before today.
* Weeks are ISO weeks, from Monday. "Last month", "last quarter" are the whole calendar month or quarter before this
  one; "last 7 days", "past month" run up to now and hold today.
* A month, quarter or date without a year is the coming one as a deadline, the most recent one begun as a period.
* Morning is 06-12 (deadline 09:00), afternoon 12-18 (15:00), evening 18-24 (18:00), night 18-06 (23:59).
* "Tonight" is the coming night: asked before 18:00 its deadline is 23:59, asked later 06:00 of the next morning, asked
  before 06:00 the night is running and ends at 06:00. The round that starts in the early morning belongs to it.
* "Midnight" is the end of its day. "By the weekend" is Friday's end; "the weekend" itself ends on Sunday.
* "In 36 hours", "36 hours ahead" is elapsed time; "in 3 days", "3 days ahead" is that day. A bare "6" is asked back:
  morning or evening?
* A week belongs to the month (quarter, year) that holds its Thursday, as ISO 8601 has it for years: "the first week of
  October" may begin in September. A feast is the most recent one as a period, the coming one as a deadline.
* "The same month last year" is the one that holds today or, where a period stands beside it, that period a year before;
  "the same weeks" keep their numbers. "This time last year" is that day as a period, that very minute as a deadline.
* "6a" is six in the morning, "0600" six o'clock; 1900 to 2199 are years.
* From an hour to an earlier one ("9p-5a") runs into the next day. "The fifth week of August" is asked back where the
  nearest August has four.
* An hour that a clock change skips moves forward, and the words of the result say so; of a doubled hour the first
  counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.calendar_days import days_of, same_day, step_of
from domain.day_spans import ONE_DAY, Calendar, Days, Toward, one_day, shifted
from domain.errors import UnclearTime
from domain.time_ranges import lent, same_kind
from domain.time_words import Hour, plain, take_hour, take_part
from domain.values import Moment, Period

ONE_MINUTE = timedelta(minutes=1)
EVENING_H, MORNING_H = 18, 6
PARTS_H = {  # part of the day: (from, to, deadline), in hours
    "earlymorning": (4, 8, 6), "morning": (6, 12, 9), "noon": (12, 12, 12),
    "afternoon": (12, 18, 15), "evening": (18, 24, 18), "midnight": (24, 24, 24),
}  # fmt: skip
ELAPSED = re.compile(
    r"(?:in |next )?(?!0\d)(?P<count>\d{1,6}(?:\.\d{1,3})?) (?P<unit>hour|minute)"
    r"(?: (?:and )?(?P<more>\d{1,4}) minute)?(?P<past> ago)?(?: later)?"
)
STAMP = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)")
ROLLING = re.compile(
    r"(?:last |past )?(?P<count>\d{1,5}) (?P<unit>minute|hour|day|week|month|quarter|year)"
    r"|past (?P<past>hour|day|week|month|quarter|year)|last (?P<last>hour|day)"
)
SAME = re.compile(
    r"same (?P<unit>day|week|month|quarter|year|time|period) (?P<which>last|next) (?P<of>week|month|quarter|year)"
)
AHEAD = re.compile(r"next (\d{1,5}) (minute|hour|day|week|month|quarter|year)")
RANGES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:between|from|since) (.+) (?:and|to|until) (.+)",
        r"(.+) (?:to|until) (.+)",
        r"(.+) and (.+)",
    )
)


@dataclass(frozen=True)
class _Reading:
    """What a phrase names: a span (or an instant, when both ends are equal), and what it is as a deadline."""

    since: datetime
    until: datetime
    at: datetime
    is_day: bool = False
    note: str = ""


def moment(words: str, now: datetime) -> Moment:
    """The point in time that the words name, in the zone of `now` (aware). Raises UnclearTime."""
    calendar = _calendar(words, now, Toward.coming)
    try:
        return _moment(words, now, calendar)
    except OverflowError:
        raise calendar.unclear("it is too far away") from None


def period(words: str, now: datetime, beside: Period | None = None) -> Period:
    """The span of time that the words name, in the zone of `now` (aware). Raises UnclearTime.

    "since Monday" and "from 1 August" are open: they run up to `now`. "The same weeks last year" are those of the
    period that stands `beside` the words, where there is one.
    """
    calendar = _calendar(words, now, Toward.past)
    text = plain(words)
    same = SAME.fullmatch(text) if beside else None
    try:
        since, until = _moved(beside, same, now) if beside and same else _period(text, now, calendar)
    except OverflowError:
        raise calendar.unclear("it is too far away") from None
    return Period(since, until, words)


def between(since: str, until: str, now: datetime) -> Period:
    """The span from the start of one phrase to the end of another, as in "from `since` to `until`"."""
    calendar = _calendar(f"{since} to {until}", now, Toward.past)
    try:
        start, end = _range(_unled(plain(since)), _unled(plain(until)), now, calendar)
    except OverflowError:
        raise calendar.unclear("it is too far away") from None
    return Period(start, end, calendar.said)


def describe(what: Moment | Period) -> str:
    """The time restated: "Mon 2025-09-01 12:00", "2025-07-01 to 2025-07-31", "Fri 2025-08-29" for one whole day."""
    if isinstance(what, Moment):
        return f"{what.at:%a} {_minute(what.at)}"
    since, until = what.since, what.until
    if not (_begins_day(since) and _begins_day(until)) or until.date() <= since.date():
        return f"{_minute(since)} to {_minute(until)}"
    last = until.date() - ONE_DAY
    if last == since.date():
        return f"{since:%a} {since.date().isoformat()}"
    return f"{since.date().isoformat()} to {last.isoformat()}"


def _begins_day(at: datetime) -> bool:
    """Whether a day begins there, be it at one o'clock because the clock was changed at midnight."""
    return at.replace(tzinfo=None) == at_local(at.date(), 0, 0, at.tzinfo)[0].replace(tzinfo=None)


def _minute(at: datetime) -> str:
    return at.replace(tzinfo=None).isoformat(" ", "minutes")


def _calendar(words: str, now: datetime, toward: Toward) -> Calendar:
    """The calendar of a question. Raises ValueError for a naive `now` and UnclearTime for no words."""
    if now.tzinfo is None:
        raise ValueError("now must be aware, in the city's zone")
    calendar = Calendar(words, now.date(), toward, now.date())
    if not words.strip():
        raise calendar.unclear("no time was said")
    return calendar


def at_local(day: date, hour: int, minute: int, zone: tzinfo | None) -> tuple[datetime, str]:
    """A wall-clock time (24:00 is the end of the day) and a note, empty unless a clock change skips that time.

    A skipped time moves forward by the length of the gap, as PEP 495 does for `fold=0`.
    """
    naive = datetime.combine(day, time.min) + timedelta(hours=hour, minutes=minute)
    wanted = naive.replace(tzinfo=zone)
    real = wanted.astimezone(UTC).astimezone(zone)
    if real.replace(tzinfo=None) == naive:
        return wanted, ""
    return real, f" ({naive:%H:%M} does not exist on {naive.date().isoformat()}: the clocks go forward; {real:%H:%M})"


def _unled(text: str) -> str:
    """The phrase without a leading "by", "until", "from", "since"."""
    return re.sub(r"^(?:(?:by|until|from|since|to|at) )+(?=\S)", "", text)


def _later(now: datetime, elapsed: timedelta) -> datetime:
    """Elapsed time, right across clock changes."""
    return (now.astimezone(UTC) + elapsed).astimezone(now.tzinfo)


# ---------------------------------------------------------------- moments


def _moment(words: str, now: datetime, calendar: Calendar) -> Moment:
    if STAMP.fullmatch(words.strip()):
        return Moment(_stamp(words, calendar).astimezone(now.tzinfo), words)
    text = re.sub(r"^(?:until|from|to) (?=\S)", "", plain(words))
    elapsed = ELAPSED.fullmatch(text)
    if elapsed and not text.startswith("at "):
        return Moment(_later(now, _elapsed(elapsed)), words)
    early = text.startswith("before ")
    text = text.removeprefix("before ")
    if early and text in {"weekend", "this weekend"} and now.weekday() >= 5:
        text = "next weekend"
    reading = _reading(text, now, calendar)
    at = reading.since - ONE_MINUTE if early and reading.is_day else reading.at
    return Moment(at, words + reading.note, reading.is_day)


def _stamp(words: str, calendar: Calendar) -> datetime:
    try:
        return datetime.fromisoformat(words.strip())
    except ValueError:
        raise calendar.unclear("there is no such date or hour") from None


def _elapsed(found: re.Match[str]) -> timedelta:
    minutes = float(found["count"]) * (60 if found["unit"] == "hour" else 1) + float(found["more"] or 0)
    return timedelta(minutes=-minutes if found["past"] else minutes)


# ---------------------------------------------------------------- one phrase, as a span and as a deadline


def _reading(text: str, now: datetime, calendar: Calendar) -> _Reading:
    """What a plain phrase names. Raises UnclearTime."""
    if text == "now":
        return _Reading(now, now, now)
    same = SAME.fullmatch(text)
    if same and same["unit"] in {"time", "period"}:
        return _same_time(same, now, calendar)
    rest, hour = take_hour(text)
    rest, part = take_part(rest)
    rest = " ".join(word for word in rest.split() if word != "at")
    if part:
        rest = {"this": "today", "last": "yesterday"}.get(rest, rest)
    if hour is None and part is None:
        return _whole_days(_named_days(rest, calendar), now)
    if not rest:
        return _nearest(hour, part, now, calendar)
    days = _named_days(rest, calendar)
    if days.last != days.first:
        raise calendar.unclear("an hour needs one day")
    return _within_day(days.first, hour, part, now, calendar)


def _named_days(text: str, calendar: Calendar) -> Days:
    days = days_of(text, calendar)
    if days is None:
        raise UnclearTime(calendar.said)
    return days


def _same_time(found: re.Match[str], now: datetime, calendar: Calendar) -> _Reading:
    """ "This time last year", without a period beside it."""
    if found["unit"] == "period":
        raise calendar.unclear("the same as which?")
    day = same_day(now.date(), "day", step_of(found["which"]), found["of"])
    at, note = at_local(day, now.hour, now.minute, now.tzinfo)
    return replace(_whole_days(one_day(day), now), at=at, is_day=False, note=note)


def _whole_days(days: Days, now: datetime) -> _Reading:
    since, _ = at_local(days.first, 0, 0, now.tzinfo)
    until, _ = at_local(days.after, 0, 0, now.tzinfo)
    at, note = at_local(days.last, 23, 59, now.tzinfo)
    return _Reading(since, until, at, True, note)


def _nearest(hour: Hour | None, part: str | None, now: datetime, calendar: Calendar) -> _Reading:
    """An hour or part of the day without a day: the coming one, the most recent one, or the one of the given day."""
    if calendar.toward is Toward.onward:
        return _within_day(calendar.anchor, hour, part, now, calendar)
    today = _within_day(calendar.today, hour, part, now, calendar)
    if calendar.toward is Toward.coming:
        missed = today.at < now
        return _within_day(calendar.today + ONE_DAY, hour, part, now, calendar) if missed else today
    return today if today.since <= now else _within_day(calendar.today - ONE_DAY, hour, part, now, calendar)


def _within_day(day: date, hour: Hour | None, part: str | None, now: datetime, calendar: Calendar) -> _Reading:
    """An hour or a part of one day."""
    if hour is not None:
        return _instant(day, _settled(hour, part, calendar), now)
    if part == "night":
        return _night(day, now)
    begin, end, deadline = PARTS_H[part or "noon"]
    since, _ = at_local(day, begin, 0, now.tzinfo)
    until, _ = at_local(day, end, 0, now.tzinfo)
    at, note = at_local(day, deadline, 0, now.tzinfo)
    if calendar.toward is Toward.coming and at < now < until:
        at = until - ONE_MINUTE
    return _Reading(since, until, at, False, note)


def _instant(day: date, clock: tuple[int, int], now: datetime) -> _Reading:
    at, note = at_local(day, *clock, now.tzinfo)
    return _Reading(at, at, at, False, note)


def _night(day: date, now: datetime) -> _Reading:
    """The night that begins on a day; before 06:00, today's night is the one that is running."""
    if day == now.date() and now.hour < MORNING_H:
        day -= ONE_DAY
    since, _ = at_local(day, EVENING_H, 0, now.tzinfo)
    until, _ = at_local(day, 24 + MORNING_H, 0, now.tzinfo)
    at, note = at_local(day, 23, 59, now.tzinfo)
    return _Reading(since, until, until if since <= now < until else at, True, note)


def _settled(hour: Hour, part: str | None, calendar: Calendar) -> tuple[int, int]:
    """The hour and minute on the 24-hour clock, settled by the part of the day; 24 and more run into the next day."""
    if hour.hour > 24 or hour.minute > 59 or (hour.hour == 24 and hour.minute):
        raise calendar.unclear(f"no day has {hour.hour}:{hour.minute:02}")
    if hour.hour > 12 or hour.hour == 0 or (hour.sure and part is None):
        return hour.hour, hour.minute
    if part is None:
        asked = f"is that {hour.hour % 12}:{hour.minute:02} in the morning or {hour.hour % 12 + 12}:{hour.minute:02}?"
        raise UnclearTime(calendar.said, asked, hour_in_doubt=True)
    if part == "noon" and hour.hour in {10, 11}:
        return hour.hour, hour.minute
    late = {"afternoon", "evening", "noon"}
    if part in late:
        return hour.hour % 12 + 12, hour.minute
    if part in {"night", "midnight"}:
        return hour.hour % 12 + (12 if 5 <= hour.hour < 12 else 24), hour.minute
    return hour.hour % 12, hour.minute


# ---------------------------------------------------------------- periods


def _period(text: str, now: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    """Since and until of a plain phrase: a rolling window, a range, an open start, or one named span."""
    rolling, ahead = ROLLING.fullmatch(text), AHEAD.fullmatch(text)
    if rolling:
        unit = rolling["unit"] or rolling["past"] or rolling["last"]
        return _rolled(int(rolling["count"] or 1), unit, now), now
    if ahead:
        return now, _rolled(-int(ahead[1]), ahead[2], now)
    for pattern in RANGES:
        found = pattern.fullmatch(text)
        if found:
            return _range(found[1], found[2], now, calendar)
    if re.match(r"(?:since|from) ", text):
        return _open(_unled(text), now, calendar)
    if re.match(r"(?:until|to|before) ", text):
        raise calendar.unclear("say from when")
    reading = _reading(text, now, calendar)
    if reading.since == reading.until:
        return _open(text, now, calendar)
    return reading.since, reading.until


def _moved(span: Period, same: re.Match[str], now: datetime) -> tuple[datetime, datetime]:
    """A span moved by a week, month, quarter or year; what is said of its time and not of its units ends with `now`."""
    ends = min(span.until, now) if same["unit"] in {"time", "period"} else span.until
    first = same_day(span.since.date(), same["unit"], step_of(same["which"]), same["of"])
    last = same_day(ends.date(), same["unit"], step_of(same["which"]), same["of"])
    if same["unit"] == "week":  # whole weeks stay whole where a year has 53 of them
        last = ends.date() + (first - span.since.date())
    since, _ = at_local(first, span.since.hour, span.since.minute, now.tzinfo)
    return since, at_local(last, ends.hour, ends.minute, now.tzinfo)[0]


def _rolled(count: int, unit: str, now: datetime) -> datetime:
    """The start of the last `count` units, today included; hours and one day are elapsed time. Negative: their end."""
    if unit in {"minute", "hour"} or (unit == "day" and abs(count) == 1):
        hours = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}[unit]
        return _later(now, timedelta(hours=-count * hours))
    return at_local(shifted(now.date(), -count, unit) + ONE_DAY, 0, 0, now.tzinfo)[0]


def _open(text: str, now: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    """From the start of a phrase up to now."""
    ago = re.fullmatch(r"(\d{1,5}) (week|month|quarter|year) ago", text)
    if ago:
        start = _whole_days(one_day(shifted(now.date(), -int(ago[1]), ago[2])), now).since
    else:
        elapsed = ELAPSED.fullmatch(text)
        start = _later(now, _elapsed(elapsed)) if elapsed else _reading(text, now, calendar).since
    if start >= now:
        raise calendar.unclear("that is still to come")
    return start, now


def _range(first: str, last: str, now: datetime, calendar: Calendar) -> tuple[datetime, datetime]:
    """From the start of one phrase to the end of another; what one leaves out (month, year, day) the other lends."""
    if not same_kind(first, last):
        raise calendar.unclear("name both whole")
    first, last = lent(first, last)
    start = _reading(first, now, calendar)
    onward = replace(calendar, toward=Toward.onward, anchor=start.since.date())
    end = _reading(last, now, onward)
    if end.until <= start.since and not take_part(take_hour(last)[0])[0]:  # an hour alone: a night shift ends next day
        end = _reading(last, now, replace(onward, anchor=onward.anchor + ONE_DAY))
    if end.until <= start.since:
        raise calendar.unclear("its end is not after its start")
    return start.since, end.until
