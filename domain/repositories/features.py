"""Features as they were computed: true from a moment, known from a later one, and never read before they were known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from pydantic import JsonValue
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from domain.errors import BadData
from domain.upsert import upsert
from domain.work_records import Feature

__all__ = ["FeatureRow", "add_features", "features_as_of", "newest_event", "thin_features"]


class FeatureRow(NamedTuple):
    """A feature's value for an entity: true from `event_at`, known to us from `known_at` (both aware)."""

    entity: str
    feature: str
    version: str
    event_at: datetime
    known_at: datetime
    value: JsonValue


def add_features(session: Session, city: str, rows: Sequence[FeatureRow]) -> None:
    """Keeps values. Raises BadData for one that is said to be known before it was true: that would be a look ahead."""
    for row in rows:
        if row.known_at < row.event_at:
            raise BadData(
                f"{row.feature} of {row.entity} cannot be known at {row.known_at:%Y-%m-%d %H:%M}, before it is true "
                f"at {row.event_at:%Y-%m-%d %H:%M}"
            )
    key = ("city", "entity", "feature", "version", "event_at", "known_at")
    upsert(session, Feature, key, [{"city": city, **row._asdict()} for row in rows])


def features_as_of(
    session: Session, city: str, feature: tuple[str, str], at: datetime, entities: Sequence[str] | None = None
) -> dict[str, FeatureRow]:
    """Entity -> the newest value of a feature (name, version) that was true and known at a moment (inclusive)."""
    name, version = feature
    held = Feature.city == city, Feature.feature == name, Feature.version == version
    query = select(Feature).where(*held, Feature.event_at <= at, Feature.known_at <= at)
    if entities is not None:
        query = query.where(Feature.entity.in_(sorted(entities)))
    rows = session.scalars(query.order_by(Feature.event_at, Feature.known_at))
    return {
        row.entity: FeatureRow(row.entity, row.feature, row.version, row.event_at, row.known_at, row.value)
        for row in rows
    }


def newest_event(session: Session, city: str, feature: tuple[str, str]) -> datetime | None:
    """The moment of the newest values of a feature (name, version); None without any."""
    newest = func.max(Feature.event_at, type_=Feature.event_at.type)
    held = Feature.city == city, Feature.feature == feature[0], Feature.version == feature[1]
    return session.execute(select(newest).where(*held)).scalar()


def thin_features(session: Session, city: str, before: datetime) -> None:
    """Removes the values of moments before `before`."""
    session.execute(delete(Feature).where(Feature.city == city, Feature.event_at < before))
