"""The peer VROOM (pyvroom, the depth of its exploration level 5, one thread): an answer at the end of each run.

Its limit is wall time, shared out among its searches, and no search ends before its first plan is built: at level 5,
which makes 32 of them, a thousand stops took far more than ten seconds and never came to the local search. So one first
plan alone is timed, and it then makes as many searches as leave each local search twice the time of its first plan.

Its costs must add up to less than 2^32, so larger ones are divided; what its routes cost is computed from the instance.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from evals.routing.check import cost_of, faults_of
from evals.routing.instances import NO_LIMIT, Instance, Route, Whole
from evals.routing.watch import Watch

DEEPEST, MOST_SEARCHES = 5, 32  # its exploration level 5
SEARCH_TIMES = 3  # the time of a search, in times of a first plan
MOST_COST = (1 << 32) - 1
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
    """Its best answer; both the first plan and the searched one are noted when they come."""
    import_module("vroom")
    watch.start()
    first = _found(instance, (1, 0, 0.0), watch)
    searches = max(1, min(MOST_SEARCHES, int((watch.seconds - watch.spent) / (SEARCH_TIMES * watch.spent))))
    if (left := watch.seconds - watch.spent) <= 0:
        return first
    found = _found(instance, (searches, DEEPEST, left), watch)
    return min((first, found), key=lambda routes: (bool(faults_of(instance, routes)), cost_of(instance, routes)))


def _found(instance: Instance, asked: tuple[int, int, float], watch: Watch) -> list[Route]:
    """The routes of one run of (searches, depth, seconds), noted when they are feasible.

    Its clock begins when its input does, so an input is run once.
    """
    from vroom.solution.solution import Solution

    searches, depth, seconds = asked
    limit = timedelta(seconds=seconds)
    answer = _input(instance)._solve(nb_searches=searches, depth=depth, nb_threads=1, timeout=limit)
    routes = _routes(Solution(answer).routes)
    if not faults_of(instance, routes):
        watch.note(cost_of(instance, routes))
    return routes


def _input(instance: Instance) -> Any:
    import vroom

    divisor = _divisor(instance)
    made = vroom.Input()
    for rate in {vehicle.cost_per_distance for vehicle in instance.vehicles}:
        made.set_durations_matrix(str(rate), instance.duration)
        made.set_costs_matrix(str(rate), _divided(instance.distance * rate, divisor))
    signs = _signs(instance)
    made.add_job([_job(instance, stop, signs) for stop in instance.stops])
    made.add_vehicle([_vehicle(instance, index, (signs, divisor)) for index in range(len(instance.vehicles))])
    return made


def _divisor(instance: Instance) -> int:
    """What costs are to be divided by so that its bound fits: the farthest way from every stop, start and end."""
    farthest = np.maximum(instance.distance.max(0), instance.distance.max(1))
    ways = int(farthest[instance.first_stop :].sum())
    ways += sum(int(farthest[vehicle.start] + farthest[vehicle.end]) for vehicle in instance.vehicles)
    return -(-ways * max(vehicle.cost_per_distance for vehicle in instance.vehicles) // MOST_COST)


def _divided(costs: Whole, divisor: int) -> Whole:
    return costs if divisor == 1 else np.round(costs / divisor).astype(np.int64)


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


def _vehicle(instance: Instance, index: int, scales: tuple[Signs, int]) -> Any:
    import vroom

    vehicle, (signs, divisor) = instance.vehicles[index], scales
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
        costs=vroom.VehicleCosts(fixed=round(vehicle.fixed_cost / divisor)),
    )


def _routes(frame: Any) -> list[Route]:
    jobs = frame[frame["type"].astype(str).isin(["job", "delivery", "pickup"])]
    return [
        Route(int(vehicle), tuple(int(stop) for stop in found["id"]))
        for vehicle, found in jobs.groupby("vehicle_id", sort=True)
    ]
