"""Which stops a round serves, apart from how it drives to them: what the goals time and emissions hold fast.

Prizes are money, and hours or grams are not: priced against each other, a handful of grams would buy a visit that costs
minutes of a crew, or a price of grams would leave bins to overflow. Who asks for as few emissions as possible means the
same bins. So these goals choose stops as `balanced` does, in money, and then drive to those with the fewest hours or
the least CO2e. Without prizes there is nothing to choose, and `weights` price everything at once: both are searched for
directly.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np

from engines.routing.problem import LONGEST, Goal, Problem, Truck

CHOOSING = Goal.balanced  # what is planned by when nobody says otherwise


def in_money(problem: Problem) -> Problem:
    """The problem under a goal that prizes can be compared with: itself, or `balanced` for time and emissions."""
    if problem.weights is not None or problem.goal not in (Goal.time, Goal.emissions):
        return problem
    return replace(problem, goal=CHOOSING)


def choice_of(problem: Problem) -> Problem:
    """The problem that decides which stops are served: itself where no stop has a prize, else the one in money."""
    free = any(stop.prize is not None and not stop.must_serve for stop in problem.stops)
    return in_money(problem) if free else problem


def duties(problem: Problem, served: Collection[str]) -> Problem:
    """The problem of driving to the stops served, and to those without a prize, which are served whenever they fit.

    The others are gone, but for one from which a truck begins: that one stays as a point, and nobody may serve it.
    """
    begins, mine = {truck.start_point for truck in problem.trucks}, {*served}
    kept, stops = [], []
    for point, stop in enumerate(problem.stops, problem.first_stop):
        if stop.id in mine or stop.prize is None or stop.must_serve:
            stops.append(replace(stop, prize=None))
        elif point in begins:
            stops.append(replace(stop, prize=0, volume_l=LONGEST))
        else:
            continue
        kept.append(point)
    points = np.array([*range(problem.first_stop), *kept], dtype=np.int64)
    grid = np.ix_(points, points)
    names = {stop.id for stop in stops}
    return replace(
        problem, stops=tuple(stops), metres=problem.metres[grid], seconds=problem.seconds[grid],
        trucks=tuple(_begun(truck, names, points.tolist()) for truck in problem.trucks),
    )  # fmt: skip


def _begun(truck: Truck, names: Collection[str], points: list[int]) -> Truck:
    """The truck with what it has begun among these stops, and where it is by their new numbers."""
    start_at = None if truck.start_at is None else points.index(truck.start_at)
    return replace(truck, locked=tuple(each for each in truck.locked if each in names), start_at=start_at)
