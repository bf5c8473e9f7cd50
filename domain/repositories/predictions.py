"""Forecasts by generation: begun, filled, put in force; and which one was in force at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from domain.columns import UtcTime
from domain.upsert import upsert
from domain.work_records import Generation, Prediction

__all__ = [
    "LONGEST_RENEWAL",
    "Kept",
    "NewGeneration",
    "PredictionRow",
    "add_predictions",
    "begin_generation",
    "held_generation",
    "kept_at",
    "predictions_of",
    "put_in_force",
    "thin_out",
]


LONGEST_RENEWAL = timedelta(minutes=1)
"""A renewal that is not complete by then is not waited for: its writer died, or hangs."""
KEPT, FRESH, EVERY_H = timedelta(days=2), timedelta(hours=3), 3


@dataclass(frozen=True)
class NewGeneration:
    """A generation about to be written, for `bins` bins as of `moment`."""

    city: str
    moment: datetime
    digest: str
    model_name: str
    model_version: str
    whole: bool
    bins: int
    begun_at: datetime


class PredictionRow(NamedTuple):
    """A bin's forecast as it is stored; see `domain.work_records.Prediction`."""

    bin_id: str
    made_at: datetime
    horizon_at: datetime
    model_name: str
    model_version: str
    features_hash: str
    data_as_of: datetime | None
    p10: float | None
    p50: float | None
    p90: float | None
    p_overflow: float | None
    rate_pct_per_hour: float | None
    starts_from: str
    basis: str
    abstained: str | None
    levels: bytes | None


@dataclass(frozen=True)
class Kept:
    """What the records say of a moment: the newest whole generation in force then, the parts after it, and `tried`.

    `moment` is what the whole one was computed for, None when there is none. `tried`: when the first later whole one
    was begun that was not in force by then (still being written, or its writer died); None without.
    """

    whole: int | None = None
    moment: datetime | None = None
    parts: tuple[int, ...] = ()
    tried: datetime | None = None


def begin_generation(session: Session, new: NewGeneration) -> int:
    """The id of a generation to fill.

    What writers left unfinished that began longer ago than LONGEST_RENEWAL is thrown away, its line stays; younger ones
    may still be writing.
    """
    unfinished = select(Generation.id).where(Generation.city == new.city, Generation.in_force_from.is_(None))
    dead = unfinished.where(Generation.begun_at < new.begun_at - LONGEST_RENEWAL)
    session.execute(delete(Prediction).where(Prediction.generation.in_(dead)))
    values = {**vars(new), "in_force_from": None}
    return session.execute(insert(Generation).values(values).returning(Generation.id)).scalar_one()


def add_predictions(session: Session, generation: int, city: str, rows: Sequence[PredictionRow]) -> None:
    """Some rows of a generation that is not in force yet."""
    values = [{"generation": generation, "city": city, **row._asdict()} for row in rows]
    upsert(session, Prediction, ("generation", "bin_id"), values)


def put_in_force(session: Session, generation: int, since: datetime) -> bool:
    """Makes a generation the one that questions from `since` on are answered from; False when rows are missing."""
    held = select(func.count()).where(Prediction.generation == generation).scalar_subquery()
    whole = update(Generation).where(Generation.id == generation, Generation.bins == held)
    return session.execute(whole.values(in_force_from=since).returning(Generation.id)).scalar() is not None


def held_generation(session: Session, new: NewGeneration) -> int | None:
    """The id of a whole generation in force that was computed for the same moment, records and model."""
    same = (getattr(Generation, name) == getattr(new, name) for name in ("city", "moment", "digest", "model_version"))
    query = select(Generation.id).where(*same, Generation.whole, Generation.model_name == new.model_name)
    return session.execute(query.where(Generation.in_force_from <= new.begun_at).limit(1)).scalar()


def kept_at(session: Session, city: str, digest: str, now: datetime) -> Kept:
    """What was in force at `now` for this state of the records. The same moment gets the same answer for ever."""
    asked = {"city": city, "digest": digest, "now": now}
    whole = session.execute(WHOLE_IN_FORCE, asked).first()
    if whole is None:
        return Kept()
    later = session.execute(BEGUN_SINCE, {**asked, "begun": whole.begun_at}).all()
    in_force = [line for line in later if line.in_force_from is not None and line.in_force_from <= now]
    parts = sorted((line.in_force_from, line.id) for line in in_force if not line.whole)
    tried = [line.begun_at for line in later if line.whole and line not in in_force]
    return Kept(whole.id, whole.moment, tuple(id_ for _, id_ in parts), min(tried, default=None))


_MINE = (Generation.city == bindparam("city"), Generation.digest == bindparam("digest"))
_NOW = bindparam("now", type_=UtcTime())
WHOLE_IN_FORCE = (
    select(Generation.id, Generation.moment, Generation.begun_at)
    .where(*_MINE, Generation.whole, Generation.in_force_from <= _NOW)
    .order_by(Generation.in_force_from.desc(), Generation.id.desc())
    .limit(1)
)
"""Made once: a lookup of a forecast takes hardly longer than these two statements."""
BEGUN_SINCE = select(Generation.id, Generation.whole, Generation.begun_at, Generation.in_force_from).where(
    *_MINE, Generation.begun_at > bindparam("begun", type_=UtcTime()), Generation.begun_at <= _NOW
)


def predictions_of(session: Session, generation: int) -> list[PredictionRow]:
    """The rows of a generation, in order of the bins."""
    columns = [getattr(Prediction, name) for name in PredictionRow._fields]
    query = select(*columns).where(Prediction.generation == generation).order_by(Prediction.bin_id)
    return [PredictionRow(*row) for row in session.execute(query)]


def thin_out(session: Session, city: str, moment: datetime, kept: Sequence[int] = ()) -> int:
    """Removes forecasts that nothing will be compared with any more; how many. Never those `kept`.

    Two days stay, of which those older than three hours only at every third hour: an outcome finds its forecast of a
    day before within three hours.
    """
    lines = session.execute(select(Generation.id, Generation.moment, Generation.whole).where(
        Generation.city == city, Generation.moment > moment - 2 * KEPT, Generation.id.not_in(kept)))  # fmt: skip
    spare = [
        id_
        for id_, at, whole in lines
        if whole and moment - KEPT <= at < moment - FRESH and at.astimezone(UTC).hour % EVERY_H
    ]
    before = select(Generation.id).where(
        Generation.city == city, Generation.moment < moment - KEPT, Generation.id.not_in(kept)
    )
    gone = Prediction.generation.in_(before) | Prediction.generation.in_(spare)
    removed: Any = session.execute(delete(Prediction).where(gone))
    return int(removed.rowcount)
