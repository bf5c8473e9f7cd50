"""Rounds that were sent out, and trucks that cannot go.

A dispatch keeps its rounds as they were approved: `content["rounds"]`, one object for each truck with the fields of
`engines.routing.problem.TruckRound` (truck, visits, metres, seconds, weight_kg, cost, g_co2e).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.records import Truck
from domain.work_records import Dispatch

__all__ = ["SentRound", "out_of_service", "sent_rounds"]

CALLED_BACK = frozenset({"cancelled", "recalled", "failed"})


@dataclass(frozen=True)
class SentRound:
    """One truck's part of a dispatch. What its content does not say is None; `starts_at` is UTC."""

    dispatch_id: str
    plan_id: str
    truck: str
    starts_at: datetime
    state: str
    stops: int | None
    metres: float | None
    seconds: float | None
    weight_kg: float | None
    cost: float | None
    g_co2e: float | None

    @property
    def ends_at(self) -> datetime:
        """When the truck is back by plan; the start when no length is known."""
        return self.starts_at + timedelta(seconds=self.seconds or 0)


def sent_rounds(session: Session, city: str, known_at: datetime) -> list[SentRound]:
    """The rounds dispatched until `known_at` and not called back, in order of start and truck."""
    query = select(Dispatch).where(Dispatch.city == city, Dispatch.created_at <= known_at)
    rounds = [each for row in session.scalars(query) if row.state not in CALLED_BACK for each in _rounds_of(row)]
    return sorted(rounds, key=lambda each: (each.starts_at, each.truck, each.dispatch_id))


def out_of_service(session: Session, city: str) -> dict[str, datetime]:
    """Truck -> until when it cannot go (UTC), for those that the operation took out of service."""
    query = select(Truck.name, Truck.out_of_service_until).where(Truck.city == city)
    return {name: until for name, until in session.execute(query) if until is not None}


def _rounds_of(row: Dispatch) -> Iterator[SentRound]:
    listed = row.content.get("rounds")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    by_truck = {str(part.get("truck")): part for part in parts}
    for truck in row.trucks:
        part = by_truck.get(truck, {})
        visits = part.get("visits")
        stops = (
            [v for v in visits if not (isinstance(v, dict) and v.get("is_dump"))] if isinstance(visits, list) else None
        )
        yield SentRound(
            row.id, row.plan_id, truck, row.starts_at or row.created_at, row.state,
            None if stops is None else len(stops), _number(part.get("metres")), _number(part.get("seconds")),
            _number(part.get("weight_kg")), _number(part.get("cost")), _number(part.get("g_co2e")),
        )  # fmt: skip


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
