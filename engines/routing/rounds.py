"""From the order of points that a truck drives to its round, and from rounds to a plan: times, loads, money.

An order is a list of matrix points, stops and dumps, without the depot. With dumps in the problem it ends at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.routing.problem import Goal, Leg, Problem, RoundPlan, Truck, TruckRound, Unserved, Visit, Why

MILLI_PER_GRAM = 1.0  # under the goal emissions a gram CO2e weighs a milli-currency, so that prizes stay comparable
Order = list[int]


@dataclass(frozen=True)
class Failure:
    """Why an order cannot be driven, and at which point of it."""

    why: Why
    point: int


def milli_rates(goal: Goal, truck: Truck) -> tuple[float, float]:
    """Milli-currency per metre and per second under a goal."""
    if goal is Goal.time:
        return 0.0, max(truck.cost_per_hour / 3.6, 1.0)
    if goal is Goal.emissions:
        return truck.g_co2e_per_km * MILLI_PER_GRAM / 1000, 0.0
    return truck.cost_per_km, truck.cost_per_hour / 3.6


def span_rate(problem: Problem) -> int:
    """Milli-currency per second of the longest round: the mean hourly cost under `balanced`, else 0."""
    if problem.goal is not Goal.balanced or not problem.trucks:
        return 0
    return max(1, round(sum(truck.cost_per_hour for truck in problem.trucks) / len(problem.trucks) / 3.6))


def drive(problem: Problem, truck: Truck, order: Sequence[int]) -> TruckRound | Failure:
    """The round of an order, leaving at the shift's start; or the first thing that forbids it."""
    here, clock, load_l, load_kg = truck.depot, truck.shift_start_s, 0, 0
    visits: list[Visit] = []
    volume_l = weight_kg = trips = 0
    for point in order:
        metres, seconds = int(problem.metres[here, point]), int(problem.seconds[here, point])
        arrival = clock + seconds
        if problem.is_dump(point):
            dump = problem.dumps[point - problem.first_dump]
            clock, load_l, load_kg, trips = arrival + dump.service_s, 0, 0, trips + 1
            visits.append(Visit(dump.id, arrival, clock, 0, 0, metres, seconds, is_dump=True))
        else:
            stop = problem.stop_at(point)
            load_l, load_kg = load_l + stop.volume_l, load_kg + stop.weight_kg
            volume_l, weight_kg = volume_l + stop.volume_l, weight_kg + stop.weight_kg
            begin = max(arrival, stop.window[0]) if stop.window else arrival
            clock = begin + stop.service_s
            why = _forbidden(truck, stop.stream, (load_l, load_kg), stop.window is not None and begin > stop.window[1])
            if why is not None:
                return Failure(why, point)
            visits.append(Visit(stop.id, arrival, clock, load_l, load_kg, metres, seconds))
        here = point
    return _close(problem, truck, visits, (here, clock, volume_l, weight_kg, trips))


def _forbidden(truck: Truck, stream: str, load: tuple[int, int], late: bool) -> Why | None:
    if not truck.takes(stream):
        return Why.no_truck_for_stream
    if load[0] > truck.capacity_l or load[1] > truck.capacity_kg:
        return Why.too_large
    return Why.window_closed if late else None


def _close(
    problem: Problem, truck: Truck, visits: list[Visit], state: tuple[int, int, int, int, int]
) -> TruckRound | Failure:
    here, clock, volume_l, weight_kg, trips = state
    if not visits:
        return TruckRound(truck.name, (), None, 0, 0, 0, 0, 0, 0.0, 0.0)
    home = Leg(
        visits[-1].stop_id, problem.depots[truck.depot].id,
        int(problem.metres[here, truck.depot]), int(problem.seconds[here, truck.depot]),
    )  # fmt: skip
    if clock + home.seconds > problem.shift_end(truck):
        return Failure(Why.shift_too_short, here)
    metres = sum(visit.metres for visit in visits) + home.metres
    seconds = clock + home.seconds - truck.shift_start_s
    cost = truck.cost_per_km * metres / 1000 + truck.cost_per_hour * seconds / 3600
    return TruckRound(
        truck.name, tuple(visits), home, metres, seconds, volume_l, weight_kg,
        trips if problem.dumps else 1, cost, truck.g_co2e_per_km * metres / 1000,
    )  # fmt: skip


def with_dumps(problem: Problem, truck: Truck, stops: Sequence[int]) -> Order:
    """The stops in this order, a dump put in whenever the next one no longer fits, and one at the end."""
    if not problem.dumps or not stops:
        return list(stops)
    order: Order = []
    load_l = load_kg = 0
    for point in stops:
        stop = problem.stop_at(point)
        over = load_l + stop.volume_l > truck.capacity_l or load_kg + stop.weight_kg > truck.capacity_kg
        if over and (load_l or load_kg):
            order.append(nearest_dump(problem, order[-1], point))
            load_l = load_kg = 0
        order.append(point)
        load_l, load_kg = load_l + stop.volume_l, load_kg + stop.weight_kg
    return [*order, nearest_dump(problem, order[-1], truck.depot)]


def nearest_dump(problem: Problem, before: int, after: int) -> int:
    """The dump whose detour, service included, takes least time between two points."""
    first, last = problem.first_dump, problem.first_stop
    detour = problem.seconds[before, first:last] + problem.seconds[first:last, after]
    return first + int(np.argmin(detour + np.array([dump.service_s for dump in problem.dumps])))


def milli_of(problem: Problem, truck: Truck, each: TruckRound) -> int:
    """One round's milli-currency under the goal, the span of `balanced` left out."""
    per_metre, per_second = milli_rates(problem.goal, truck)
    return round(per_metre * each.metres + per_second * each.seconds)


def objective_of(problem: Problem, rounds: Sequence[TruckRound]) -> int:
    """Milli-currency of all rounds under the goal, plus the longest round's share, plus the prizes left behind."""
    served = {stop_id for each in rounds for stop_id in each.stop_ids}
    total = sum(milli_of(problem, truck, each) for truck, each in zip(problem.trucks, rounds, strict=True))
    total += span_rate(problem) * max((each.seconds for each in rounds), default=0)
    return total + sum(stop.prize or 0 for stop in problem.stops if stop.id not in served)


def assemble(problem: Problem, orders: Sequence[Order], core: str, seed: int) -> RoundPlan:
    """The plan of drivable orders, one per truck; unserved stops get their reasons later. ValueError if undrivable."""
    rounds = []
    for truck, order in zip(problem.trucks, orders, strict=True):
        driven = drive(problem, truck, order)
        if isinstance(driven, Failure):
            raise ValueError(f"truck {truck.name} cannot drive this order: {driven.why}")
        rounds.append(driven)
    served = {stop_id for each in rounds for stop_id in each.stop_ids}
    unserved = tuple(Unserved(s.id, Why.fleet_full, "", s.prize) for s in problem.stops if s.id not in served)
    return RoundPlan(
        rounds=tuple(rounds), unserved=unserved, metres=sum(each.metres for each in rounds),
        seconds=sum(each.seconds for each in rounds), cost=sum(each.cost for each in rounds),
        g_co2e=sum(each.g_co2e for each in rounds), objective=objective_of(problem, rounds), gap=None,
        core=core, seed=seed, problem_hash=problem.hash,
    )  # fmt: skip


def rank(problem: Problem, plan: RoundPlan) -> tuple[int, int, int]:
    """What makes one plan better than another: must-serve stops missed, stops without prize missed, objective."""
    missed = {each.stop_id for each in plan.unserved}
    left = [stop for stop in problem.stops if stop.id in missed]
    must = sum(stop.must_serve for stop in left)
    return must, sum(stop.prize is None and not stop.must_serve for stop in left), plan.objective


def orders_of(problem: Problem, plan: RoundPlan) -> list[Order]:
    """The plan's rounds as orders of points again."""
    point = {dump.id: problem.first_dump + i for i, dump in enumerate(problem.dumps)}
    stop_point = {stop.id: problem.first_stop + i for i, stop in enumerate(problem.stops)}
    return [[(point if v.is_dump else stop_point)[v.stop_id] for v in each.visits] for each in plan.rounds]
