"""What stands beside a plan: the fixed schedule routed by the same engine.

A gain over it is a gain of choosing which bins to serve, not of ordering them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from domain.errors import BadData
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.solve import solve


def fixed_schedule(
    problem: Problem, due: Collection[str], stop_rule: StopRule | None = None, seed: int = 0
) -> RoundPlan:
    """All stops that the schedule has due, and no other, routed by `solve`; the plan is of the reduced problem."""
    unknown = set(due) - {stop.id for stop in problem.stops}
    if unknown:
        raise BadData(f"the schedule names stops that the problem does not have: {', '.join(sorted(unknown))}")
    return solve(only(problem, due), stop_rule, seed)


def only(problem: Problem, stop_ids: Collection[str]) -> Problem:
    """The problem with these stops alone, each worth serving whenever it fits."""
    wanted = set(stop_ids)
    kept = [i for i, stop in enumerate(problem.stops) if stop.id in wanted]
    points = np.array([*range(problem.first_stop), *(problem.first_stop + i for i in kept)], dtype=np.int64)
    return replace(
        problem,
        stops=tuple(replace(problem.stops[i], prize=None) for i in kept),
        metres=problem.metres[np.ix_(points, points)],
        seconds=problem.seconds[np.ix_(points, points)],
    )
