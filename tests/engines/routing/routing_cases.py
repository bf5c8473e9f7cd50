"""Small problems on a line and on a grid, where a person can see the answer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from engines.routing.problem import Goal, Place, Problem, Stop, Truck

TRUCK = Truck("truck 1", 1000, 1000, shift_end_s=8 * 3600, cost_per_km=1.0, cost_per_hour=36.0)


def grid(n: int, trucks: int = 2, *, seed: int = 1, capacity_l: int = 1000, dump: bool = True) -> Problem:
    """n stops of 100 l at random points of a 5 km square; 10 m a second; one depot and one dump."""
    rng = np.random.default_rng(seed)
    stops = tuple(Stop(f"s{i}", 0.0, 0.0, 100, 10, 60, "Waste") for i in range(n))
    dumps = (Place("dump", 0.0, 0.0, 300),) if dump else ()
    points = rng.integers(0, 5000, size=(n + 1 + len(dumps), 2))
    metres = np.rint(np.hypot(*(points[:, None] - points).transpose(2, 0, 1))).astype(np.int64)
    fleet = tuple(replace(TRUCK, name=f"truck {i + 1}", capacity_l=capacity_l) for i in range(trucks))
    return Problem(stops, fleet, (Place("depot", 0.0, 0.0),), dumps, metres, metres // 10, Goal.cost)


def with_stops(problem: Problem, **changes: object) -> Problem:
    """The problem with every stop changed alike."""
    return replace(problem, stops=tuple(replace(stop, **changes) for stop in problem.stops))  # type: ignore[arg-type]


def with_stop(problem: Problem, index: int, **changes: object) -> Problem:
    """The problem with one stop changed."""
    stops = list(problem.stops)
    stops[index] = replace(stops[index], **changes)  # type: ignore[arg-type]
    return replace(problem, stops=tuple(stops))
