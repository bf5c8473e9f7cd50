"""Rounds that were sent out, and trucks that cannot go.

A dispatch keeps its rounds as they were approved: `content["rounds"]`, one object for each truck with the fields of
`engines.routing.problem.TruckRound` (truck, visits, metres, seconds, weight_kg, cost, g_co2e).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.records import Truck
from domain.work_records import Dispatch

__all__ = ["PlannedVisit", "SentRound", "out_of_service", "planned_visits", "sent_rounds"]

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


@dataclass(frozen=True)
class PlannedVisit:
    """A bin that a dispatched round comes to. `at` is UTC."""

    bin_id: str
    at: datetime
    dispatch_id: str
    plan_id: str


def sent_rounds(session: Session, city: str, known_at: datetime) -> list[SentRound]:
    """The rounds dispatched until `known_at` and not called back, in order of start and truck."""
    query = select(Dispatch).where(Dispatch.city == city, Dispatch.created_at <= known_at)
    rounds = [each for row in session.scalars(query) if row.state not in CALLED_BACK for each in _rounds_of(row)]
    return sorted(rounds, key=lambda each: (each.starts_at, each.truck, each.dispatch_id))


def out_of_service(session: Session, city: str) -> dict[str, datetime]:
    """Truck -> until when it cannot go (UTC), for those that the operation took out of service."""
    query = select(Truck.name, Truck.out_of_service_until).where(Truck.city == city)
    return {name: until for name, until in session.execute(query) if until is not None}


def planned_visits(session: Session, city: str, known_at: datetime, until: datetime) -> list[PlannedVisit]:
    """Visits after `known_at` and up to `until` of the rounds dispatched by then, in order of time and bin."""
    query = select(Dispatch).where(Dispatch.city == city, Dispatch.created_at <= known_at)
    found = [visit for row in session.scalars(query) if row.state not in CALLED_BACK for visit in _visits_of(row)]
    return sorted((v for v in found if known_at < v.at <= until), key=lambda visit: (visit.at, visit.bin_id))


def _visits_of(row: Dispatch) -> Iterator[PlannedVisit]:
    starts, listed = row.content.get("starts_at"), row.content.get("rounds")
    if not isinstance(starts, str) or not isinstance(listed, list):
        return
    midnight = datetime.fromisoformat(starts).replace(hour=0, minute=0, second=0, microsecond=0)
    for part in listed:
        for visit in _visits(part) if isinstance(part, dict) else []:
            arrival = _number(visit.get("arrival_s"))
            if arrival is not None and not visit.get("is_dump"):
                at = (midnight + timedelta(seconds=arrival)).astimezone(UTC)
                yield PlannedVisit(str(visit.get("stop_id")), at, row.id, row.plan_id)


def _rounds_of(row: Dispatch) -> Iterator[SentRound]:
    listed = row.content.get("rounds")
    parts = [part for part in listed if isinstance(part, dict)] if isinstance(listed, list) else []
    by_truck = {str(part.get("truck")): part for part in parts}
    for truck in row.trucks:
        part = by_truck.get(truck, {})
        stops = [visit for visit in _visits(part) if not visit.get("is_dump")]
        yield SentRound(
            row.id, row.plan_id, truck, _leaves_at(row, part), row.state,
            len(stops) if isinstance(part.get("visits"), list) else None, _number(part.get("metres")),
            _number(part.get("seconds")), _number(part.get("weight_kg")), _number(part.get("cost")),
            _number(part.get("g_co2e")),
        )  # fmt: skip


def _leaves_at(row: Dispatch, part: dict[str, JsonValue]) -> datetime:
    """When this truck leaves: its return, told in seconds of the plan's local day, less the length of its round.

    The dispatch's own start is the earliest shift's, and stands in where the round does not tell.
    """
    starts, visits, home = row.content.get("starts_at"), _visits(part), part.get("home")
    length, last = _number(part.get("seconds")), _number(visits[-1].get("depart_s")) if visits else None
    back = _number(home.get("seconds")) if isinstance(home, dict) else None
    if length is None or last is None or back is None or not isinstance(starts, str):
        return row.starts_at or row.created_at
    midnight = datetime.fromisoformat(starts).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight + timedelta(seconds=last + back - length)).astimezone(UTC)


def _visits(part: dict[str, JsonValue]) -> list[dict[str, JsonValue]]:
    visits = part.get("visits")
    return [visit for visit in visits if isinstance(visit, dict)] if isinstance(visits, list) else []


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
