"""What was collected, when, and by which rule: emptyings, fixed schedules, areas of sites."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.records import CollectionRule, Emptying, Site

__all__ = [
    "Collected",
    "Rule",
    "area_of_sites",
    "collected",
    "count_emptyings",
    "first_and_last",
    "last_before",
    "rules",
]


@dataclass(frozen=True)
class Collected:
    """An emptying. `fill_pct` is the level found, None when unknown; times are UTC."""

    bin_id: str
    at: datetime
    fill_pct: float | None
    reason: str

    @property
    def ref(self) -> str:
        """Its address inside Roundsman."""
        return f"records:emptyings/{self.bin_id}@{self.at.isoformat()}"


@dataclass(frozen=True)
class Rule:
    """A bin's fixed schedule."""

    bin_id: str
    interval_days: float
    weekdays: tuple[str, ...]


def collected(
    session: Session, city: str, since: datetime, until: datetime, bin_ids: Collection[str] | None = None
) -> list[Collected]:
    """The emptyings from `since` (inclusive) to `until` (exclusive), in order of time and bin.

    One emptying recorded under two reasons counts once: the level that is known wins, reasons are joined by " + ".
    """
    columns = (Emptying.bin_id, Emptying.emptied_at, Emptying.fill_pct, Emptying.reason)
    query = (
        select(*columns)
        .where(Emptying.city == city, Emptying.emptied_at >= since, Emptying.emptied_at < until)
        .order_by(Emptying.emptied_at, Emptying.bin_id, Emptying.reason)
    )
    wanted = None if bin_ids is None else frozenset(bin_ids)
    found: dict[tuple[str, datetime], Collected] = {}
    for bin_id, at, fill_pct, reason in session.execute(query):
        if wanted is not None and bin_id not in wanted:
            continue
        earlier = found.get((bin_id, at))
        if earlier is not None:
            fill_pct = earlier.fill_pct if fill_pct is None else fill_pct
            reason = " + ".join(filter(None, (earlier.reason, reason)))
        found[bin_id, at] = Collected(bin_id, at, fill_pct, reason)
    return list(found.values())


def first_and_last(session: Session, city: str, until: datetime) -> tuple[datetime, datetime] | None:
    """The first and the newest emptying known at `until`; None when there is none."""
    span = (
        func.min(Emptying.emptied_at, type_=Emptying.emptied_at.type),
        func.max(Emptying.emptied_at, type_=Emptying.emptied_at.type),
    )
    first, last = session.execute(select(*span).where(Emptying.city == city, Emptying.emptied_at <= until)).one()
    return (first, last) if first is not None else None


def count_emptyings(session: Session, city: str, since: datetime, until: datetime) -> int:
    """How many emptyings the city's records hold from `since` (inclusive) to `until` (exclusive)."""
    held = Emptying.city == city, Emptying.emptied_at >= since, Emptying.emptied_at < until
    return session.execute(select(func.count()).select_from(Emptying).where(*held)).scalar_one()


def last_before(session: Session, city: str, at: datetime) -> dict[str, datetime]:
    """Bin id -> its newest emptying before `at`; bins without one are not in it."""
    newest = func.max(Emptying.emptied_at, type_=Emptying.emptied_at.type)
    query = select(Emptying.bin_id, newest).where(Emptying.city == city, Emptying.emptied_at < at)
    return {bin_id: last for bin_id, last in session.execute(query.group_by(Emptying.bin_id))}


def rules(session: Session, city: str) -> dict[str, Rule]:
    """The fixed schedule by bin id."""
    found = session.scalars(select(CollectionRule).where(CollectionRule.city == city))
    return {rule.bin_id: Rule(rule.bin_id, rule.interval_days, tuple(rule.weekdays)) for rule in found}


def area_of_sites(session: Session, city: str) -> dict[str, str]:
    """Site id -> its area, where the records say one."""
    query = select(Site.site_id, Site.area).where(Site.city == city, Site.area.is_not(None))
    return {site_id: area for site_id, area in session.execute(query) if area}
