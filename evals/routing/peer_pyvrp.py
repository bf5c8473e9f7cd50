"""The peer PyVRP (iterated local search, default parameters) on an instance's own whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.routing.instances import NO_LIMIT, Instance, Route, Vehicle, Whole, alike
from evals.routing.watch import Watch

INFEASIBLE = 1 << 60  # what PyVRP calls the cost of an infeasible solution lies above
AS_MANY_AS_FIT = 1000
Last = tuple[int, int]
"""The last dump of a round and the depot after it, which PyVRP sees as one place."""


def solve(instance: Instance, watch: Watch) -> Sequence[Route]:
    """The best feasible routes; empty when none was found in time."""
    import pyvrp

    watch.start()
    lasts = sorted({(v.unloads_at[0], v.end) for v in instance.vehicles if v.ends_empty})
    types = alike(instance.vehicles)
    data = _data(instance, types, lasts)
    result = pyvrp.solve(data, _Stop(watch), seed=watch.seed, collect_stats=False)
    if not result.best.is_feasible():
        return ()
    return _routes(instance, result.best, types)


@dataclass
class _Stop:
    """PyVRP asks it before every iteration, with the cost of the best solution."""

    watch: Watch

    def __call__(self, best_cost: float) -> bool:
        if best_cost < INFEASIBLE:
            self.watch.note(int(best_cost))
        return self.watch.over


def _data(instance: Instance, types: dict[Vehicle, list[int]], lasts: list[Last]) -> Any:
    import pyvrp

    n, dumps = len(instance.demand), range(instance.depots, instance.first_stop)
    sets = list(dict.fromkeys(each.allowed for each in types))
    distance, duration = _with_lasts(instance, lasts)
    places = [*instance.places, *(instance.places[depot] for _, depot in lasts)]
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(float(x), float(y)) for x, y in places],
        clients=[_client(instance, stop) for stop in instance.stops],
        depots=[
            *(pyvrp.Depot(point) for point in range(instance.depots)),
            *(pyvrp.Depot(dump, service_duration=int(instance.service[dump])) for dump in dumps),
            *(pyvrp.Depot(n + index) for index in range(len(lasts))),
        ],
        vehicle_types=[
            _type(instance, each, len(vehicles), (sets.index(each.allowed), lasts)) for each, vehicles in types.items()
        ],
        distance_matrices=[_closed(instance, distance, allowed) for allowed in sets],
        duration_matrices=[duration] * len(sets),
    )


def _with_lasts(instance: Instance, lasts: list[Last]) -> tuple[Any, Any]:
    """The matrices with a place more for each last dump with the depot behind it."""
    n = len(instance.demand)
    made = []
    for matrix, served in ((instance.distance, 0), (instance.duration, 1)):
        if not lasts:
            made.append(matrix)
            continue
        wide = np.zeros((n + len(lasts),) * 2, dtype=np.int64)
        wide[:n, :n] = matrix
        for index, (dump, depot) in enumerate(lasts):
            wide[:n, n + index] = matrix[:, dump] + matrix[dump, depot] + served * instance.service[dump]
        made.append(wide)
    return made[0], made[1]


def _closed(instance: Instance, distance: Whole, allowed: frozenset[int] | None) -> Any:
    """The distances with every way to or from a stop that is not allowed too far to go."""
    if allowed is None:
        return distance
    closed = distance.copy()
    for stop in set(instance.stops) - allowed:
        closed[stop, :] = closed[:, stop] = NO_LIMIT
    np.fill_diagonal(closed, 0)
    return closed


def _client(instance: Instance, stop: int) -> Any:
    import pyvrp

    return pyvrp.Client(
        location=stop,
        delivery=[int(instance.demand[stop])],
        service_duration=int(instance.service[stop]),
        tw_early=int(instance.earliest[stop]),
        tw_late=int(instance.latest[stop]),
        release_time=int(instance.release[stop]),
        prize=int(instance.prize[stop]),
        required=bool(instance.required[stop]),
    )


def _type(instance: Instance, vehicle: Vehicle, count: int, profile: tuple[int, list[Last]]) -> Any:
    import pyvrp

    last = profile[1].index((vehicle.unloads_at[0], vehicle.end)) if vehicle.ends_empty else 0
    return pyvrp.VehicleType(
        num_available=count,
        capacity=[vehicle.capacity],
        start_depot=vehicle.start,
        end_depot=instance.first_stop + last if vehicle.ends_empty else vehicle.end,
        fixed_cost=vehicle.fixed_cost,
        tw_early=vehicle.earliest,
        tw_late=vehicle.latest,
        shift_duration=vehicle.max_duration,
        max_distance=vehicle.max_distance,
        unit_distance_cost=vehicle.cost_per_distance,
        profile=profile[0],
        reload_depots=list(vehicle.unloads_at),
        max_reloads=AS_MANY_AS_FIT if vehicle.max_trips is None else vehicle.max_trips - 1,
    )


def _routes(instance: Instance, solution: Any, types: dict[Vehicle, list[int]]) -> list[Route]:
    """PyVRP's routes as routes of single vehicles."""
    free = [list(reversed(vehicles)) for vehicles in types.values()]
    named = list(types)
    made = []
    for route in solution.routes():
        vehicle = named[route.vehicle_type()]
        points = list(_inner(instance, route))
        if vehicle.ends_empty:
            points.append(vehicle.unloads_at[0])
        made.append(Route(free[route.vehicle_type()].pop(), tuple(points)))
    return made


def _inner(instance: Instance, route: Any) -> Iterator[int]:
    """Points between the start and the end of a route."""
    for activity in list(route)[1:-1]:
        yield instance.first_stop + activity.idx if activity.is_client() else activity.idx
