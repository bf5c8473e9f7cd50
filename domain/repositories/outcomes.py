"""What came of forecasts: levels found, beside what had been forecast for that moment."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from domain.records import Emptying, Reading
from domain.upsert import upsert
from domain.work_records import Generation, Outcome, Prediction

__all__ = [
    "Found",
    "OutcomeRow",
    "Promise",
    "add_outcomes",
    "found_between",
    "held_by_readings",
    "joined_between",
    "newest_between",
    "outcomes_between",
    "promises_between",
]

BINS_A_QUERY = 500


class Found(NamedTuple):
    """A level found at a bin: `kind` is reading or emptying, `fill_pct` as reported; `at` is UTC."""

    bin_id: str
    at: datetime
    kind: str
    fill_pct: float


class Promise(NamedTuple):
    """A forecast that was in force: who made it when, and its horizons."""

    bin_id: str
    made_at: datetime
    model_name: str
    model_version: str
    levels: bytes


class OutcomeRow(NamedTuple):
    """A forecast and what came of it; see `domain.work_records.Outcome`."""

    bin_id: str
    at: datetime
    kind: str
    made_at: datetime
    lead_h: float
    model_name: str
    model_version: str
    p10: float
    p50: float
    p90: float
    p_overflow: float
    threshold_pct: float
    naive: float | None
    found: float
    joined_at: datetime | None = None


def found_between(session: Session, city: str, since: datetime, until: datetime) -> list[Found]:
    """The levels found after `since` and up to `until`, in order of time, bin and kind; unknown levels left out."""

    def of(record: type[Emptying] | type[Reading], at: InstrumentedAttribute[datetime], kind: str) -> Iterator[Found]:
        held = record.city == city, at > since, at <= until, record.fill_pct.is_not(None)
        for bin_id, moment, level in session.execute(select(record.bin_id, at, record.fill_pct).where(*held)):
            yield Found(bin_id, moment, kind, level or 0.0)

    found = [*of(Emptying, Emptying.emptied_at, "emptying"), *of(Reading, Reading.read_at, "reading")]
    return sorted(dict.fromkeys(found), key=lambda each: (each.at, each.bin_id, each.kind))


def newest_between(session: Session, city: str, since: datetime, until: datetime) -> dict[str, datetime]:
    """Bin id -> the moment of its newest emptying or reading after `since` and up to `until`."""
    newest: dict[str, datetime] = {}
    for record, at in ((Emptying, Emptying.emptied_at), (Reading, Reading.read_at)):
        query = select(record.bin_id, func.max(at)).where(record.city == city, at > since, at <= until)
        for bin_id, moment in session.execute(query.group_by(record.bin_id)):
            newest[bin_id] = max(moment, newest.get(bin_id, moment))
    return newest


def promises_between(
    session: Session, city: str, bin_ids: Collection[str], since: datetime, until: datetime
) -> list[Promise]:
    """The forecasts of these bins made after `since` and up to `until` that came in force and are still kept whole."""
    columns = [getattr(Prediction, name) for name in Promise._fields]
    query = (
        select(*columns)
        .join(Generation, Generation.id == Prediction.generation)
        .where(Prediction.city == city, Prediction.made_at > since, Prediction.made_at <= until)
        .where(Generation.in_force_from.is_not(None), Prediction.abstained.is_(None), Prediction.levels.is_not(None))
        .order_by(Prediction.made_at, Prediction.generation)
    )
    named = sorted(bin_ids)
    parts = (named[first : first + BINS_A_QUERY] for first in range(0, len(named), BINS_A_QUERY))
    return [Promise(*row) for part in parts for row in session.execute(query.where(Prediction.bin_id.in_(part)))]


def add_outcomes(session: Session, city: str, rows: Sequence[OutcomeRow]) -> None:
    """Outcomes by bin, moment and kind. One that is held already stays as it was joined first."""
    first, last = min(row.at for row in rows), max(row.at for row in rows)
    held = joined_between(session, city, first, last)
    new = [{"city": city, **row._asdict()} for row in rows if (row.bin_id, row.at, row.kind) not in held]
    upsert(session, Outcome, ("city", "bin_id", "at", "kind"), new)


def joined_between(session: Session, city: str, first: datetime, last: datetime) -> set[tuple[str, datetime, str]]:
    """(bin id, moment, kind) of the outcomes from `first` up to `last`, whenever they were joined."""
    query = select(Outcome.bin_id, Outcome.at, Outcome.kind).where(Outcome.city == city)
    return {(bin_id, at, kind) for bin_id, at, kind in session.execute(query.where(Outcome.at.between(first, last)))}


def outcomes_between(
    session: Session, city: str, since: datetime, until: datetime, model: tuple[str, str] | None = None
) -> list[OutcomeRow]:
    """Outcomes after `since` that were known at `until`, of one model's version or of all; in order of time and bin."""
    columns = [getattr(Outcome, name) for name in OutcomeRow._fields]
    known = Outcome.at <= until, func.coalesce(Outcome.joined_at, Outcome.at) <= until
    query = select(*columns).where(Outcome.city == city, Outcome.at > since, *known)
    if model is not None:
        query = query.where(tuple_(Outcome.model_name, Outcome.model_version) == model)
    return [OutcomeRow(*row) for row in session.execute(query.order_by(Outcome.at, Outcome.bin_id, Outcome.kind))]


def held_by_readings(
    session: Session, city: str, bin_ids: Collection[str], span: tuple[datetime, datetime]
) -> tuple[int, int]:
    """(levels read at these bins, those inside the 80 % interval forecast for them), after a span's begin and known at
    its end."""
    since, until = span
    inside = case((Outcome.found.between(Outcome.p10, Outcome.p90), 1), else_=0)
    known = Outcome.at <= until, func.coalesce(Outcome.joined_at, Outcome.at) <= until
    query = select(func.count(), func.sum(inside)).where(Outcome.city == city, Outcome.kind == "reading")
    query = query.where(Outcome.bin_id.in_(sorted(bin_ids)), Outcome.at > since, *known)
    found, held = session.execute(query).one()
    return int(found), int(held or 0)
