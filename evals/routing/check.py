"""The judge of routing answers: cost and feasibility from the instance's arrays alone, whoever found the answer.

It shares no code with the route engine, with its checker, or with any of the peers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from evals.routing.instances import Instance, Route, Vehicle


class Event(NamedTuple):
    """What happens at a point: earliest and latest begin, the time it takes, and the drive to the next one."""

    point: int
    earliest: int
    latest: int
    takes: int = 0
    drive: int = 0


def cost_of(instance: Instance, routes: Sequence[Route]) -> int:
    """Distance at each vehicle's rate, fixed costs of the vehicles that leave, prizes of the stops left out."""
    total = 0
    for route in routes:
        if route.points:
            vehicle = instance.vehicles[route.vehicle]
            total += vehicle.fixed_cost + vehicle.cost_per_distance * _distance(instance, vehicle, route)
    served = {point for route in routes for point in route.points}
    return total + sum(
        int(instance.prize[stop]) for stop in instance.stops if stop not in served and not instance.required[stop]
    )


def faults_of(instance: Instance, routes: Sequence[Route]) -> list[str]:
    """Everything that makes the answer infeasible, in words; an empty list is a pass."""
    faults = [f"vehicle {vehicle} drives {n} routes" for vehicle, n in _times(r.vehicle for r in routes)]
    faults += [f"there is no vehicle {r.vehicle}" for r in routes if not 0 <= r.vehicle < len(instance.vehicles)]
    outside = [p for route in routes for p in route.points if not 0 <= p < len(instance.demand)]
    if faults or outside:
        return faults + [f"there is no point {point}" for point in outside]
    visits = Counter(point for route in routes for point in route.points if point >= instance.first_stop)
    faults += [f"stop {stop} is served {n} times" for stop, n in visits.items() if n > 1]
    left = [stop for stop in instance.stops if instance.required[stop] and stop not in visits]
    faults += [f"{len(left)} stops that must be served are not: {', '.join(map(str, left[:5]))}"] if left else []
    for route in routes:
        if route.points:
            faults += [f"vehicle {route.vehicle}: {fault}" for fault in _route_faults(instance, route)]
    return faults


def served_by(instance: Instance, routes: Sequence[Route]) -> int:
    """How many different stops the answer serves."""
    return len({point for route in routes for point in route.points if point >= instance.first_stop})


def _times(vehicles: Iterator[int]) -> list[tuple[int, int]]:
    return [(vehicle, n) for vehicle, n in Counter(vehicles).items() if n > 1]


def _distance(instance: Instance, vehicle: Vehicle, route: Route) -> int:
    way = (vehicle.start, *route.points, vehicle.end)
    return sum(int(instance.distance[a, b]) for a, b in pairwise(way))


def _route_faults(instance: Instance, route: Route) -> Iterator[str]:
    vehicle = instance.vehicles[route.vehicle]
    if vehicle.allowed is not None and (strange := [p for p in _stops(instance, route) if p not in vehicle.allowed]):
        yield f"may not serve {', '.join(map(str, strange[:5]))}"
    yield from _trip_faults(instance, vehicle, route)
    if (driven := _distance(instance, vehicle, route)) > vehicle.max_distance:
        yield f"drives {driven}, {vehicle.max_distance} allowed"
    yield from _time_faults(list(_events(instance, vehicle, route)), vehicle.max_duration)


def _stops(instance: Instance, route: Route) -> list[int]:
    return [point for point in route.points if point >= instance.first_stop]


def _trips(instance: Instance, route: Route) -> list[list[int]]:
    """The stops of each trip."""
    trips: list[list[int]] = [[]]
    for point in route.points:
        if point < instance.first_stop:
            trips.append([])
        else:
            trips[-1].append(point)
    return trips


def _trip_faults(instance: Instance, vehicle: Vehicle, route: Route) -> Iterator[str]:
    trips = _trips(instance, route)
    for place in (point for point in route.points if point < instance.first_stop):
        if place not in vehicle.unloads_at:
            yield f"may not unload at {place}"
    if vehicle.ends_empty and trips.pop():
        yield "does not end empty"
    if vehicle.max_trips is not None and len(trips) > vehicle.max_trips:
        yield f"makes {len(trips)} trips, {vehicle.max_trips} allowed"
    for trip in trips:
        if (load := int(instance.demand[trip].sum())) > vehicle.capacity:
            yield f"carries {load}, {vehicle.capacity} allowed"


def _events(instance: Instance, vehicle: Vehicle, route: Route) -> Iterator[Event]:
    """Leaving, every visit, and coming back; a trip's release is the earliest moment to leave where it begins."""
    way = (vehicle.start, *route.points, vehicle.end)
    trips = iter(_trips(instance, route))
    for index, point in enumerate(way):
        drive = int(instance.duration[point, way[index + 1]]) if index + 1 < len(way) else 0
        if index == len(way) - 1:
            yield Event(point, vehicle.earliest, vehicle.latest)
        elif point >= instance.first_stop:
            window = int(instance.earliest[point]), int(instance.latest[point])
            yield Event(point, *window, int(instance.service[point]), drive)
        else:
            if index:
                yield Event(point, vehicle.earliest, vehicle.latest, int(instance.service[point]))
            released = max((int(instance.release[stop]) for stop in next(trips)), default=0)
            yield Event(point, max(vehicle.earliest, released), vehicle.latest, 0, drive)


def _time_faults(events: list[Event], max_duration: int) -> Iterator[str]:
    """Windows by leaving as early as possible; the shortest duration by leaving as late as that end allows."""
    now = ended = events[0].earliest
    for event in events:
        now = max(now, event.earliest)
        if now > event.latest:
            yield f"comes {now - event.latest} too late to point {event.point}"
            return
        ended = now
        now += event.takes + event.drive
    last_start = events[-1].latest
    for event in reversed(events[:-1]):
        last_start = min(event.latest, last_start - event.takes - event.drive)
    moving = sum(event.takes + event.drive for event in events)
    if (duration := max(moving, ended - last_start)) > max_duration:
        yield f"takes {duration}, {max_duration} allowed"
