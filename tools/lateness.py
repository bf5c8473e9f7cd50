"""When a collection counts as missed: one definition for every tool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.repositories.service import Collected, Rule
from domain.values import Evidence, Period, Reason

GRACE = timedelta(days=1)
DEFINITION = (
    "Missed means: due by the bin's fixed schedule, and no emptying in the records within its interval plus one day "
    "after the emptying before; counted once for each such gap, on the day it became late. A bin without an earlier "
    "emptying, and time after the newest record, give no evidence and count as nothing."
)


@dataclass(frozen=True)
class Miss:
    """A gap that became too long at `at`: the bin was last emptied at `last`."""

    bin_id: str
    last: datetime
    at: datetime


def late_at(last: datetime, rule: Rule) -> datetime:
    """When a bin emptied at `last` becomes late."""
    return last + timedelta(days=rule.interval_days) + GRACE


def misses(emptied: Iterable[Collected], rules: Mapping[str, Rule], bins: Collection[str], span: Period) -> list[Miss]:
    """The gaps of `bins` that became late within `span`, in order of time.

    `emptied` are all emptyings known, from before the span to its end; the span must end no later than the records.
    """
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
            late = late_at(last, rule)
            if span.since <= late < span.until and (following is None or following > late):
                found.append(Miss(bin_id, last, late))
    return sorted(found, key=lambda miss: (miss.at, miss.bin_id))


def definition() -> Reason:
    """The definition as a reason."""
    return Reason(text=DEFINITION, evidence=[Evidence(label="fixed schedules", ref="records:collection_rules")])
