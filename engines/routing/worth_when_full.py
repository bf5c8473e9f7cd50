"""What to do when a truck is full before its load is planned to end: come back for the rest, or leave it for later.

    stay = may_stay(problem, plan)          # ids of the stops at which a full truck may end its load
    lost = no_time_to_return(problem, plan) # ids of must-serve stops for which a full truck's shift has no other trip

A bin holds more than was expected about as often as less, so a load planned to the brim is too large half of the time.
Going back then costs a trip of its own, which is the recourse of a capacitated round with uncertain loads (Dror and
Trudeau 1986), and it pays only when the bins still to come are worth that trip by their prizes. This is decided when
the plan is made, so it can stand on the driver's list; bins without a prize are always come back for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engines.routing.duties import in_money
from engines.routing.problem import Problem, RoundPlan, Truck
from engines.routing.rates import milli_rates
from engines.routing.rounds import orders_of


def may_stay(problem: Problem, plan: RoundPlan) -> frozenset[str]:
    """The stops that a truck which is full before them leaves, and with them the rest of the load if it does not fit:
    all prizes from there to the next unloading together are less than another trip to them costs, in money."""
    problem = in_money(problem)
    found: set[str] = set()
    for truck, order in zip(problem.trucks, orders_of(problem, plan), strict=True):
        for load, unload in _loads(problem, truck, order):
            found.update(_not_worth_a_trip(problem, truck, load, unload))
    return frozenset(found)


def no_time_to_return(problem: Problem, plan: RoundPlan) -> tuple[str, ...]:
    """The stops that must be served, in driving order, to which a truck that is full before them could not come back
    within its shift: the seconds that its round leaves free are fewer than unloading once more and the way there.

    Not the first stop of a load, before which the truck is empty.
    """
    found: list[str] = []
    for truck, order, each in zip(problem.trucks, orders_of(problem, plan), plan.rounds, strict=True):
        leave_s = truck.shift_start_s if each.leave_s is None else each.leave_s
        free_s = problem.shift_end(truck) - leave_s - each.seconds
        for load, unload in _loads(problem, truck, order):
            musts = [point for point in load[1:] if problem.stop_at(point).must_serve]
            found += [problem.stop_at(p).id for p in musts if _another_trip_s(problem, p, unload) > free_s]
    return tuple(found)


def _another_trip_s(problem: Problem, point: int, unload: int) -> int:
    """Seconds of unloading once more for one stop, and of the way there and back."""
    service_s = problem.place_at(unload).service_s if problem.is_dump(unload) else 0
    return int(problem.seconds[point, unload]) + service_s + int(problem.seconds[unload, point])


def _loads(problem: Problem, truck: Truck, order: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """The stops (as points) of each load, and the point where it is unloaded."""
    load: list[int] = []
    for point in order:
        if not problem.is_dump(point):
            load.append(point)
            continue
        yield load, point
        load = []
    yield load, truck.end_point


def _not_worth_a_trip(problem: Problem, truck: Truck, load: Sequence[int], unload: int) -> Iterator[str]:
    """From the end of the load backwards, the stops whose prizes and all after them do not pay a trip for the rest."""
    per_m, per_s = milli_rates(problem, truck)
    trip = per_s * problem.place_at(unload).service_s if problem.is_dump(unload) else 0.0
    after, prizes = unload, 0
    for point in reversed(load):
        stop = problem.stop_at(point)
        if stop.must_serve or stop.prize is None:
            return
        trip += _way(problem, point, after, (per_m, per_s)) + per_s * stop.service_s
        prizes += stop.prize
        if prizes < trip + _way(problem, unload, point, (per_m, per_s)):
            yield stop.id
        after = point


def _way(problem: Problem, a: int, b: int, rates: tuple[float, float]) -> float:
    return rates[0] * float(problem.metres[a, b]) + rates[1] * float(problem.seconds[a, b])
