"""From the order of points that a truck drives to its round, and from rounds to a plan: times, loads, money.

An order is a list of matrix points, stops and dumps, without the depot. With dumps in the problem it ends at one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.routing.clock import Failure as Failure
from engines.routing.clock import Run, run_clock
from engines.routing.problem import LONGEST, Leg, Problem, RoundPlan, Truck, TruckRound, Unserved, Visit, Why
from engines.routing.rates import fixed_milli, milli_rates, span_rate

Order = list[int]


def drive(problem: Problem, truck: Truck, order: Sequence[int]) -> TruckRound | Failure:
    """The round of an order; or the first thing that forbids it. The break lies where the round ends first."""
    if not order:
        return TruckRound(truck.name, (), None, 0, 0, 0, 0, 0, 0.0, 0.0)
    wrong = _forbidden(problem, truck, order)
    if wrong is not None:
        return wrong
    run = run_clock(problem, truck, order)
    return run if isinstance(run, Failure) else _close(problem, truck, order, run)


def _forbidden(problem: Problem, truck: Truck, order: Sequence[int]) -> Failure | None:
    """Streams, loads, ways and unloadings; times are looked at later."""
    load_l, load_kg, trips, here = truck.load_l, truck.load_kg, 1, truck.start_point
    for point in order:
        if problem.metres[here, point] >= LONGEST or problem.seconds[here, point] >= LONGEST:
            return Failure(Why.no_way, point)
        here = point
        if problem.is_dump(point):
            load_l, load_kg = 0, 0
            trips += 1
            continue
        stop = problem.stop_at(point)
        if not truck.takes(stop.stream):
            return Failure(Why.no_truck_for_stream, point)
        load_l, load_kg = load_l + stop.volume_l, load_kg + stop.weight_kg
        if load_l > truck.capacity_l or load_kg > truck.capacity_kg:
            return Failure(Why.too_large, point)
    if problem.is_dump(order[-1]) and problem.dumps:
        trips -= 1
    if truck.max_trips is not None and trips > truck.max_trips:
        return Failure(Why.fleet_full, here)
    home = truck.end_point
    no_way = max(problem.metres[here, home], problem.seconds[here, home]) >= LONGEST
    return Failure(Why.no_way, here) if no_way else None


def _close(problem: Problem, truck: Truck, order: Sequence[int], run: Run) -> TruckRound | Failure:
    """The round with its figures."""
    here, load_l, load_kg = truck.start_point, truck.load_l, truck.load_kg
    visits: list[Visit] = []
    volume_l = weight_kg = 0
    for point, (arrival, depart) in zip(order, run.times, strict=True):
        way = int(problem.metres[here, point]), int(problem.seconds[here, point])
        dump = problem.is_dump(point)
        if dump:
            load_l = load_kg = 0
        else:
            stop = problem.stop_at(point)
            load_l, load_kg = load_l + stop.volume_l, load_kg + stop.weight_kg
            volume_l, weight_kg = volume_l + stop.volume_l, weight_kg + stop.weight_kg
        visits.append(Visit(problem.id_at(point), arrival, depart, load_l, load_kg, *way, is_dump=dump))
        here = point
    home = Leg(
        visits[-1].stop_id, problem.depots[truck.end_point].id,
        int(problem.metres[here, truck.end_point]), int(problem.seconds[here, truck.end_point]),
    )  # fmt: skip
    metres = sum(visit.metres for visit in visits) + home.metres
    drive_s = sum(visit.seconds for visit in visits) + home.seconds
    seconds = run.end - run.leave
    over = truck.max_metres is not None and metres > truck.max_metres
    over = over or (truck.max_drive_s is not None and drive_s > truck.max_drive_s)
    if over or (truck.max_duration_s is not None and seconds > truck.max_duration_s):
        return Failure(Why.shift_too_short, here)
    cost = truck.fixed_cost + truck.cost_per_km * metres / 1000 + truck.cost_per_hour * seconds / 3600
    trips = sum(visit.is_dump for visit in visits) + (0 if problem.dumps else 1)
    return TruckRound(
        truck.name, tuple(visits), home, metres, seconds, volume_l, weight_kg, trips, cost,
        truck.g_co2e_per_km * metres / 1000, run.leave, run.rest,
    )  # fmt: skip


def with_dumps(problem: Problem, truck: Truck, stops: Sequence[int]) -> Order:
    """The stops in this order, a dump put in whenever the next one no longer fits, and one at the end."""
    if not problem.dumps or not stops:
        return list(stops)
    order: Order = []
    load_l, load_kg = truck.load_l, truck.load_kg
    for point in stops:
        stop = problem.stop_at(point)
        over = load_l + stop.volume_l > truck.capacity_l or load_kg + stop.weight_kg > truck.capacity_kg
        if over and (load_l or load_kg):
            order.append(nearest_dump(problem, order[-1] if order else truck.start_point, point))
            load_l = load_kg = 0
        order.append(point)
        load_l, load_kg = load_l + stop.volume_l, load_kg + stop.weight_kg
    return [*order, nearest_dump(problem, order[-1], truck.end_point)]


def nearest_dump(problem: Problem, before: int, after: int) -> int:
    """The dump whose detour, service included, takes least time between two points."""
    first, last = problem.first_dump, problem.first_stop
    detour = problem.seconds[before, first:last] + problem.seconds[first:last, after]
    return first + int(np.argmin(detour + np.array([dump.service_s for dump in problem.dumps])))


def milli_of(problem: Problem, truck: Truck, each: TruckRound) -> int:
    """One round's milli-currency under the goal, the span of `balanced` left out."""
    per_metre, per_second = milli_rates(problem, truck)
    used = fixed_milli(problem, truck) if each.visits else 0.0
    return round(used + per_metre * each.metres + per_second * each.seconds)


def longest_s(rounds: Sequence[TruckRound]) -> int:
    """Seconds of the longest round."""
    return max((each.seconds for each in rounds), default=0)


def objective_of(problem: Problem, rounds: Sequence[TruckRound]) -> int:
    """Milli-currency of all rounds under the goal, plus the longest round's share, plus the prizes left behind."""
    served = {stop_id for each in rounds for stop_id in each.stop_ids}
    total = sum(milli_of(problem, truck, each) for truck, each in zip(problem.trucks, rounds, strict=True))
    total += round(span_rate(problem) * longest_s(rounds))
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
    point = {place.id: i for i, place in enumerate((*problem.depots, *problem.dumps))}
    stop_point = {stop.id: problem.first_stop + i for i, stop in enumerate(problem.stops)}
    return [[(point if v.is_dump else stop_point)[v.stop_id] for v in each.visits] for each in plan.rounds]
