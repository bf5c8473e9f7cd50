"""A plan of another day, fleet or wish carried over to a problem: what can still be driven of it, in its order."""

from __future__ import annotations

from collections.abc import Sequence

from engines.routing.plan import RoundPlan
from engines.routing.problem import Problem, Truck
from engines.routing.rounds import Failure, Order, drive, orders_of, with_dumps


def carried_over(problem: Problem, plan: RoundPlan) -> list[Order]:
    """Drivable orders, one per truck of the problem: its locked beginning, then what its round of the plan served.

    Stops that the problem does not have, or that no longer fit, are left out; so are trucks that it does not have.
    """
    if plan.problem_hash == problem.hash:
        return orders_of(problem, plan)
    points = {place.id: i for i, place in enumerate((*problem.depots, *problem.dumps))}
    points |= {stop.id: problem.first_stop + i for i, stop in enumerate(problem.stops)}
    begun = {stop_id for truck in problem.trucks for stop_id in truck.locked}
    rounds = {each.truck: each.visits for each in plan.rounds}
    made = []
    for truck in problem.trucks:
        visits = rounds.get(truck.name, ())
        names = [*truck.locked, *(v.stop_id for v in visits if v.stop_id not in begun)]
        made.append(_drivable(problem, truck, [points[name] for name in names if name in points]))
    return made


def locked_only(problem: Problem) -> list[Order]:
    """Each truck's locked beginning, as far as it can be driven."""
    points = {stop.id: problem.first_stop + i for i, stop in enumerate(problem.stops)}
    return [_drivable(problem, truck, [points[stop_id] for stop_id in truck.locked]) for truck in problem.trucks]


def _drivable(problem: Problem, truck: Truck, points: Sequence[int]) -> Order:
    """The longest part of an order that can be driven, with the stops left out that forbid the rest."""
    order = _closed(problem, truck, points)
    begun = {problem.first_stop + i for i, stop in enumerate(problem.stops) if stop.id in truck.locked}
    for stops in (order, [point for point in points if not problem.is_dump(point)]):
        tried = list(stops) if stops is order else with_dumps(problem, truck, stops)
        if not isinstance(drive(problem, truck, tried), Failure):
            return tried
    kept = [point for point in points if not problem.is_dump(point)]
    while kept:
        driven = drive(problem, truck, with_dumps(problem, truck, kept))
        if not isinstance(driven, Failure):
            break
        worst = driven.point if driven.point in kept else kept[-1]
        behind = begun & {*kept[kept.index(worst) :]} if worst in begun else set()  # was not begun if `worst` was not
        kept = [point for point in kept if point != worst and point not in behind]
    return with_dumps(problem, truck, kept)


def _closed(problem: Problem, truck: Truck, points: Sequence[int]) -> Order:
    """The points without needless unloadings, ending at a dump where the problem has one."""
    kept: Order = []
    for point in points:
        if not problem.is_dump(point) or (kept and not problem.is_dump(kept[-1])):
            kept.append(point)
    while kept and problem.is_dump(kept[-1]):
        kept.pop()
    return kept if not kept or not problem.dumps else [*kept, with_dumps(problem, truck, kept[-1:])[-1]]
