"""The peer VROOM (pyvroom, exploration level 5, one thread): one answer at the end, its limit in wall time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from evals.routing.check import cost_of, faults_of
from evals.routing.instances import NO_LIMIT, Instance, Route, Vehicle
from evals.routing.watch import Watch

DEEPEST = 5
Signs = dict[int, int]
"""The skill that a stop asks for."""


def cannot(instance: Instance) -> str | None:
    """What its model has no words for."""
    if find_spec("vroom") is None:
        return "the package pyvroom is not installed"
    if any(vehicle.max_trips != 1 or vehicle.ends_empty for vehicle in instance.vehicles):
        return "it has no unloading on the way"
    if not instance.required[instance.first_stop :].all():
        return "it has no prizes, only ranks of importance"
    if any(vehicle.max_duration < NO_LIMIT or vehicle.max_distance < NO_LIMIT for vehicle in instance.vehicles):
        return "it has no limit on a round's duration with waiting"
    return None


def solve(instance: Instance, watch: Watch) -> Sequence[Route]:
    """Its one answer, noted when it comes."""
    import vroom

    watch.start()
    asked = vroom.Input()
    for rate in {vehicle.cost_per_distance for vehicle in instance.vehicles}:
        asked.set_durations_matrix(str(rate), instance.duration)
        asked.set_costs_matrix(str(rate), instance.distance * rate)
    signs = _signs(instance)
    asked.add_job([_job(instance, stop, signs) for stop in instance.stops])
    asked.add_vehicle([_vehicle(instance, index, each, signs) for index, each in enumerate(instance.vehicles)])
    answer = asked.solve(exploration_level=DEEPEST, nb_threads=1, timeout=timedelta(seconds=watch.seconds))
    routes = _routes(answer.routes)
    if not faults_of(instance, routes):
        watch.note(cost_of(instance, routes))
    return routes


def _signs(instance: Instance) -> Signs:
    """A skill for each group of stops that the same vehicles may serve; empty when all may serve all."""
    sets = list(dict.fromkeys(each.allowed for each in instance.vehicles if each.allowed is not None))
    groups: dict[tuple[bool, ...], int] = {}
    return (
        {stop: groups.setdefault(tuple(stop in each for each in sets), len(groups)) for stop in instance.stops}
        if sets
        else {}
    )


def _job(instance: Instance, stop: int, signs: Signs) -> Any:
    import vroom

    windowed = int(instance.latest[stop]) < NO_LIMIT
    return vroom.Job(
        id=stop,
        location=stop,
        default_service=int(instance.service[stop]),
        delivery=[int(instance.demand[stop])],
        skills={signs[stop]} if signs else None,
        time_windows=[(int(instance.earliest[stop]), int(instance.latest[stop]))] if windowed else (),
    )


def _vehicle(instance: Instance, index: int, vehicle: Vehicle, signs: Signs) -> Any:
    import vroom

    windowed = vehicle.latest < NO_LIMIT
    allowed = instance.stops if vehicle.allowed is None else vehicle.allowed
    return vroom.Vehicle(
        id=index,
        start=vehicle.start,
        end=vehicle.end,
        profile=str(vehicle.cost_per_distance),
        capacity=[vehicle.capacity],
        skills={signs[stop] for stop in allowed} if signs else None,
        time_window=(vehicle.earliest, vehicle.latest) if windowed else None,
        costs=vroom.VehicleCosts(fixed=vehicle.fixed_cost),
    )


def _routes(frame: Any) -> list[Route]:
    jobs = frame[frame["type"].astype(str).isin(["job", "delivery", "pickup"])]
    return [
        Route(int(vehicle), tuple(int(stop) for stop in found["id"]))
        for vehicle, found in jobs.groupby("vehicle_id", sort=True)
    ]
