"""The peer PyVRP (iterated local search, default parameters), given every instance as its own reader would give it.

Its penalties for a unit of load too much or too late lie between 0.1 and 100,000 whatever the instance, so the scale of
loads decides whether it finds anything. Its reader rounds loads as it rounds distances, so that is done here. What is
not limited is given as the largest number there is: else it looks after windows and lengths that bind nowhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.routing.conventions import ROUNDINGS
from evals.routing.instances import NO_LIMIT, Instance, Route, Vehicle, Whole, alike
from evals.routing.watch import Watch

INFEASIBLE = 1 << 60  # what PyVRP calls the cost of an infeasible solution lies above
UNLIMITED = int(np.iinfo(np.int64).max)
Last = tuple[int, int]
"""The last dump of a round and the depot after it, which PyVRP sees as one place."""


def solve(instance: Instance, watch: Watch) -> Sequence[Route]:
    """The best feasible routes; empty when none was found in time."""
    import pyvrp

    watch.start()
    data = as_data(instance)
    result = pyvrp.solve(data, _Stop(watch), seed=watch.seed, collect_stats=False)
    if not result.best.is_feasible():
        return ()
    return _routes(instance, result.best, alike(instance.vehicles))


@dataclass
class _Stop:
    """PyVRP asks it before every iteration, with the cost of the best solution."""

    watch: Watch

    def __call__(self, best_cost: float) -> bool:
        if best_cost < INFEASIBLE:
            self.watch.note(int(best_cost))
        return self.watch.over


def as_data(instance: Instance) -> Any:
    """The instance as PyVRP's own reader would give it, but for a fleet that the file leaves open; dumps besides."""
    import pyvrp

    types = alike(instance.vehicles)
    lasts = sorted({(v.unloads_at[0], v.end) for v in instance.vehicles if v.ends_empty})
    n, dumps = len(instance.demand), range(instance.depots, instance.first_stop)
    sets = list(dict.fromkeys(each.allowed for each in types))
    distance, duration = _with_lasts(instance, lasts)
    places = [*instance.places, *(instance.places[depot] for _, depot in lasts)]
    loads = _load_scale(instance)
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(float(x), float(y)) for x, y in places],
        clients=[_client(instance, stop, loads) for stop in instance.stops],
        depots=[
            *(pyvrp.Depot(point) for point in range(instance.depots)),
            *(pyvrp.Depot(dump, service_duration=int(instance.service[dump])) for dump in dumps),
            *(pyvrp.Depot(n + index) for index in range(len(lasts))),
        ],
        vehicle_types=[
            _type(instance, each, len(vehicles), (sets.index(each.allowed), lasts, loads))
            for each, vehicles in types.items()
        ],
        distance_matrices=[_closed(instance, distance, allowed) for allowed in sets],
        duration_matrices=[duration for _ in sets],
    )


def _load_scale(instance: Instance) -> int:
    """By how much loads are to be multiplied to be in the units that the instance's rounding gives distances."""
    scale = int(ROUNDINGS[instance.convention][0]) if instance.convention in ROUNDINGS else 1
    return max(1, scale // instance.load_unit)


def _limit(value: int) -> int:
    return UNLIMITED if value >= NO_LIMIT else value


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
    """Distances with every way to or from a stop that is not allowed too long to go.

    Times stay. Its reader closes them as well, but so long times times a penalty overflow: of PR11A its local search
    then did not end in 290 CPU seconds.
    """
    from pyvrp.constants import MAX_VALUE

    if allowed is None:
        return distance
    closed = distance.copy()
    for stop in set(instance.stops) - allowed:
        closed[stop, :] = closed[:, stop] = MAX_VALUE
    np.fill_diagonal(closed, 0)
    return closed


def _client(instance: Instance, stop: int, loads: int) -> Any:
    import pyvrp

    return pyvrp.Client(
        location=stop,
        delivery=[loads * int(instance.demand[stop])],
        service_duration=int(instance.service[stop]),
        tw_early=int(instance.earliest[stop]),
        tw_late=_limit(int(instance.latest[stop])),
        release_time=int(instance.release[stop]),
        prize=int(instance.prize[stop]),
        required=bool(instance.required[stop]),
    )


def _type(instance: Instance, vehicle: Vehicle, count: int, profile: tuple[int, list[Last], int]) -> Any:
    import pyvrp
    from pyvrp.constants import MAX_SIZE

    matrix, lasts, loads = profile
    last = lasts.index((vehicle.unloads_at[0], vehicle.end)) if vehicle.ends_empty else 0
    return pyvrp.VehicleType(
        num_available=count,
        capacity=[UNLIMITED if vehicle.capacity >= NO_LIMIT else loads * vehicle.capacity],
        start_depot=vehicle.start,
        end_depot=instance.first_stop + last if vehicle.ends_empty else vehicle.end,
        fixed_cost=vehicle.fixed_cost,
        tw_early=vehicle.earliest,
        tw_late=_limit(vehicle.latest),
        shift_duration=_limit(vehicle.max_duration),
        max_distance=_limit(vehicle.max_distance),
        unit_distance_cost=vehicle.cost_per_distance,
        profile=matrix,
        reload_depots=list(vehicle.unloads_at),
        max_reloads=vehicle.max_trips - 1 if vehicle.unloads_at and vehicle.max_trips else MAX_SIZE,
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
