"""When a collection is due and when it counts as missed: one definition for every tool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import zip_longest
from typing import cast
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from domain.operation import Operation
from domain.repositories.service import Collected, Rule, count_emptyings, first_and_last, rules
from domain.values import Evidence, Period, Reason

DEFINITION = (
    "Missed means: due by the bin's fixed schedule, and no emptying in the records within its interval plus one day, "
    "both in calendar days, after the emptying before; counted once for each such gap, on the first day that it is "
    "late. A bin without an earlier emptying, and time after the newest record, give no evidence and count as nothing."
)


WEEK_DAYS = 7
THIN_SHARE = 0.25  # Berkeley's months hold 0.41 to 1.43 of what the schedule asks for, Boston's sample 0.01 to 0.03
THIN_DAYS = timedelta(days=60)


@dataclass(frozen=True)
class Miss:
    """A gap that became too long at `at`: the bin was last emptied at `last`."""

    bin_id: str
    last: datetime
    at: datetime


def due_on(last: datetime, rule: Rule, zone: ZoneInfo) -> date:
    """The day on which a bin emptied at `last` is due again."""
    return (last.astimezone(zone) + timedelta(days=rule.interval_days)).date()


def asks_for_the_last(rule: Rule) -> bool:
    """Whether the weekdays alone do not say when the bin is due: there are none, or it is passed by in some weeks."""
    return not rule.weekdays or rule.interval_days > WEEK_DAYS


def is_due(rule: Rule, last: datetime | None, day: datetime) -> bool:
    """Whether the fixed schedule visits the bin on the day, in the city's zone, when it was last emptied at `last`.

    On weekdays of its own it is passed by while the next of them is still in time. Without a record it is due.
    """
    if rule.weekdays and day.strftime("%a") not in rule.weekdays:
        return False
    if last is None or not asks_for_the_last(rule):
        return True
    due = due_on(last, rule, cast(ZoneInfo, day.tzinfo))
    if not rule.weekdays:
        return due <= day.date()
    ahead = (day + timedelta(days=days) for days in range(1, WEEK_DAYS + 1))
    return due < next(each.date() for each in ahead if each.strftime("%a") in rule.weekdays)


def late_at(last: datetime, rule: Rule, zone: ZoneInfo) -> datetime:
    """When a bin emptied at `last` becomes late: the local midnight after the day that follows the day it was due."""
    return datetime.combine(due_on(last, rule, zone) + timedelta(days=2), time.min, zone)


def misses(
    emptied: Iterable[Collected], schedule: Mapping[str, Rule], bins: Collection[str], span: Period
) -> list[Miss]:
    """The gaps of `bins` that became late within `span` (in the city's zone), in order of time.

    `emptied` are all emptyings known, from before the span to its end; the span must end no later than the records.
    """
    zone = cast(ZoneInfo, span.since.tzinfo)
    by_bin: dict[str, list[datetime]] = defaultdict(list)
    for each in emptied:
        by_bin[each.bin_id].append(each.at)
    found = []
    for bin_id in bins:
        times = sorted(by_bin.get(bin_id, ()))
        rule = schedule.get(bin_id)
        for last, following in zip_longest(times, times[1:]):
            if rule is None:
                break
            late = late_at(last, rule, zone)
            if span.since <= late < span.until and (following is None or following > late):
                found.append(Miss(bin_id, last, late))
    return sorted(found, key=lambda miss: (miss.at, miss.bin_id))


def thinness(session: Session, city: Operation, span: Period) -> str | None:
    """Why records cannot show a miss at all: a sample of a city's emptyings is full of gaps that were none.

    Judged over the whole city, on 60 days before the span's end or on the span where that is longer.
    """
    since = min(span.since, span.until - THIN_DAYS)
    known, every_rule = first_and_last(session, city.name, span.until), rules(session, city.name)
    if known is None or not every_rule:
        return None
    since = max(since, known[0].astimezone(city.zone))
    days = max((span.until - since) / timedelta(days=1), 1.0)
    due = sum(days / every_rule[b.bin_id].interval_days for b in city.bins.values()
              if b.in_service and b.bin_id in every_rule)  # fmt: skip
    held = count_emptyings(session, city.name, since, span.until)
    if held >= THIN_SHARE * due:
        return None
    return (
        f"The records hold {held} emptyings where the fixed schedule asks for about {due:.0f}: too few to tell a miss."
    )


def definition() -> Reason:
    """The definition as a reason."""
    return Reason(text=DEFINITION, evidence=[Evidence(label="fixed schedules", ref="records:collection_rules")])
