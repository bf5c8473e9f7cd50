"""What residents and workers asked for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.records import Request

__all__ = ["Asked", "first_and_newest_request", "requests_opened"]


@dataclass(frozen=True)
class Asked:
    """A request, without its free text. Times are UTC; `lat`, `lon` None where the place is unknown."""

    request_id: str
    opened_at: datetime
    kind: str | None
    reason: str | None
    place: str | None
    area: str | None
    lat: float | None
    lon: float | None


def requests_opened(session: Session, city: str, since: datetime, until: datetime) -> list[Asked]:
    """The requests opened from `since` (inclusive) to `until` (exclusive), oldest first."""
    columns = (
        Request.request_id, Request.opened_at, Request.kind, Request.reason, Request.place, Request.area,
        Request.lat, Request.lon,
    )  # fmt: skip
    query = select(*columns).where(Request.city == city, Request.opened_at >= since, Request.opened_at < until)
    return [Asked(*row) for row in session.execute(query.order_by(Request.opened_at, Request.request_id))]


def first_and_newest_request(session: Session, city: str, until: datetime) -> tuple[datetime, datetime] | None:
    """When the first and the newest request known at `until` were opened, UTC; None when there is none."""
    at = Request.opened_at
    span = func.min(at, type_=at.type), func.max(at, type_=at.type)
    first, newest = session.execute(select(*span).where(Request.city == city, at <= until)).one()
    return (first, newest) if first is not None else None
