"""When a collection counts as missed: one definition for every tool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import cast
from zoneinfo import ZoneInfo

from domain.repositories.service import Collected, Rule
from domain.values import Evidence, Period, Reason

DEFINITION = (
    "Missed means: due by the bin's fixed schedule, and no emptying in the records within its interval plus one day, "
    "both in calendar days, after the emptying before; counted once for each such gap, on the first day that it is "
    "late. A bin without an earlier emptying, and time after the newest record, give no evidence and count as nothing."
)


@dataclass(frozen=True)
class Miss:
    """A gap that became too long at `at`: the bin was last emptied at `last`."""

    bin_id: str
    last: datetime
    at: datetime


def late_at(last: datetime, rule: Rule, zone: ZoneInfo) -> datetime:
    """When a bin emptied at `last` becomes late: the local midnight after the day that follows the day it was due."""
    due = (last.astimezone(zone) + timedelta(days=rule.interval_days)).date()
    return datetime.combine(due + timedelta(days=2), time.min, zone)


def misses(emptied: Iterable[Collected], rules: Mapping[str, Rule], bins: Collection[str], span: Period) -> list[Miss]:
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
        rule = rules.get(bin_id)
        for last, following in zip(times, [*times[1:], None], strict=True):
            if rule is None:
                break
            late = late_at(last, rule, zone)
            if span.since <= late < span.until and (following is None or following > late):
                found.append(Miss(bin_id, last, late))
    return sorted(found, key=lambda miss: (miss.at, miss.bin_id))


def definition() -> Reason:
    """The definition as a reason."""
    return Reason(text=DEFINITION, evidence=[Evidence(label="fixed schedules", ref="records:collection_rules")])
