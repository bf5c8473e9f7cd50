"""Reasons by computing: what a served stop costs, what an unserved one would cost, and what forbids it.

Every figure comes from driving the changed round again: the stop taken out, or put in at every place of every truck.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

from domain.errors import BadData
from engines.routing.duties import choice_of
from engines.routing.places import cheapest_order
from engines.routing.problem import Problem, RoundPlan, Truck, TruckRound, Unserved, Why
from engines.routing.rounds import Failure, Order, assemble, drive, longest_s, objective_of, orders_of, rank
from engines.routing.stopping import Budget


@dataclass(frozen=True)
class Detour:
    """What a stop adds to its round: metres, seconds, currency, and milli-currency under the goal by which stops are
    chosen (duties.py); `longest_s` is what it adds to the longest round's seconds."""

    stop_id: str
    truck: str
    metres: int
    seconds: int
    cost: float
    milli: int
    prize: int | None
    must_serve: bool
    longest_s: int


@dataclass(frozen=True)
class TruckChance:
    """What one truck would need to serve an unserved stop: a cheapest detour, or the rule that binds it."""

    truck: str
    detour: Detour | None
    binding: Why | None
    text: str


@dataclass(frozen=True)
class Skipped:
    """Why a stop is unserved. `flip_prize` (milli-currency): from that prize on serving pays; None if it never fits."""

    stop_id: str
    prize: int | None
    trucks: tuple[TruckChance, ...]
    cheapest: Detour | None
    flip_prize: int | None


def detour_of(problem: Problem, plan: RoundPlan, stop_id: str) -> Detour:
    """The detour that a served stop causes: its round with it less the round without it. BadData if not served."""
    problem = choice_of(problem)
    for index, (truck, each, order) in enumerate(
        zip(problem.trucks, plan.rounds, orders_of(problem, plan), strict=True)
    ):
        if stop_id not in each.stop_ids:
            continue
        without = [p for p in order if problem.is_dump(p) or problem.stop_at(p).id != stop_id]
        less = drive(problem, truck, _without_needless_dumps(problem, truck, without))
        if isinstance(less, Failure):  # a shorter way that is not drivable: only with matrices that break the triangle
            less = replace(each)
        return _detour(problem, plan, (index, each, less), stop_id)
    raise BadData(f"stop {stop_id} is not served by this plan")


def why_skipped(problem: Problem, plan: RoundPlan, stop_id: str) -> Skipped:
    """The cheapest insertion of an unserved stop and, per truck, what forbids it. BadData if it is not unserved."""
    problem = choice_of(problem)
    if all(each.stop_id != stop_id for each in plan.unserved):
        raise BadData(f"stop {stop_id} is not among the unserved of this plan")
    index = next(i for i, stop in enumerate(problem.stops) if stop.id == stop_id)
    orders = orders_of(problem, plan)
    chances = tuple(_chance(problem, plan, (i, problem.first_stop + index), orders[i]) for i in range(len(orders)))
    found = [chance.detour for chance in chances if chance.detour is not None]
    cheapest = min(found, key=lambda detour: detour.milli, default=None)
    flip = None if cheapest is None else max(0, cheapest.milli)
    return Skipped(stop_id, problem.stops[index].prize, chances, cheapest, flip)


def with_reasons(problem: Problem, plan: RoundPlan) -> RoundPlan:
    """The plan with a code and a sentence for every unserved stop."""
    problem = choice_of(problem)
    return replace(plan, unserved=tuple(_reason(problem, plan, each.stop_id) for each in plan.unserved))


def insert_what_pays(problem: Problem, plan: RoundPlan, budget: Budget | None = None) -> RoundPlan:
    """The plan with every unserved stop put in whose cheapest place costs less than it is worth, as far as the budget
    goes."""
    for stop in sorted(problem.stops, key=lambda stop: (not stop.must_serve, -(stop.prize or 0), stop.id)):
        if all(each.stop_id != stop.id for each in plan.unserved):
            continue
        if budget is not None and budget.over:
            break
        orders, point = orders_of(problem, plan), problem.first_stop + problem.stops.index(stop)
        best = plan
        for index, truck in enumerate(problem.trucks):
            found = cheapest_order(problem, truck, (orders[index], plan.rounds[index].seconds), point)
            if isinstance(found, Why):
                continue
            tried = assemble(problem, [*orders[:index], found, *orders[index + 1 :]], plan.core, plan.seed)
            best = min(best, tried, key=lambda each: rank(problem, each))
        plan = best
    return plan


def _detour(problem: Problem, plan: RoundPlan, change: tuple[int, TruckRound, TruckRound], stop_id: str) -> Detour:
    """`change`: truck index, the round with the stop, the round without it."""
    index, full, less = change
    truck = problem.trucks[index]
    stop = next(stop for stop in problem.stops if stop.id == stop_id)
    both = [[*plan.rounds[:index], each, *plan.rounds[index + 1 :]] for each in (full, less)]
    milli, longest = ([measure(rounds) for rounds in both] for measure in (partial(objective_of, problem), longest_s))
    return Detour(
        stop_id, truck.name, full.metres - less.metres, full.seconds - less.seconds, full.cost - less.cost,
        milli[0] - milli[1] + (stop.prize or 0),  # the objective without the stop holds its prize, the other does not
        stop.prize, stop.must_serve, longest[0] - longest[1],
    )  # fmt: skip


def _without_needless_dumps(problem: Problem, truck: Truck, order: Order) -> Order:
    """Dump trips of an empty truck taken out."""
    kept: Order = []
    for point in order:
        if problem.is_dump(point) and (not kept or problem.is_dump(kept[-1])):
            continue
        kept.append(point)
    return kept


def _chance(problem: Problem, plan: RoundPlan, at: tuple[int, int], order: Order) -> TruckChance:
    """The cheapest drivable place for a point in one truck's order, dump trips put in where needed."""
    index, point = at
    truck, stop = problem.trucks[index], problem.stop_at(point)
    found = cheapest_order(problem, truck, (order, plan.rounds[index].seconds), point)
    if isinstance(found, Why):
        return TruckChance(truck.name, None, found, WORDS[found].format(truck=truck.name, stop=stop.id))
    driven = drive(problem, truck, found)
    assert isinstance(driven, TruckRound)  # cheapest_order gives only drivable orders
    detour = _detour(problem, plan, (index, driven, plan.rounds[index]), stop.id)
    text = f"{truck.name} could serve it with {detour.metres} m and {detour.seconds} s more"
    return TruckChance(truck.name, detour, None, text)


WORDS = {
    Why.no_truck: "there is no truck",
    Why.no_truck_for_stream: "{truck} does not take the stream of {stop}",
    Why.too_large: "{stop} alone is more than {truck} can carry",
    Why.fleet_full: "{truck} is full and no dump trip makes room",
    Why.shift_too_short: "{truck}'s shift is too short for {stop}",
    Why.window_closed: "{truck} cannot reach {stop} within its window without missing another",
    Why.cheaper_to_skip: "skipping {stop} is cheaper",
    Why.no_way: "{truck} has no way to {stop} and back",
    Why.too_late_ready: "{stop} is ready too late for {truck}'s shift",
}


PAYS_NOT = "the cheapest place found for it costs more than a visit is worth"
PAYS = "a longer search would serve it: the cheapest place found for it costs less than a visit is worth"
BINDING_FIRST = (
    Why.shift_too_short, Why.too_late_ready, Why.window_closed, Why.fleet_full, Why.no_way, Why.too_large,
    Why.no_truck_for_stream,
)  # fmt: skip


def _reason(problem: Problem, plan: RoundPlan, stop_id: str) -> Unserved:
    stop = next(stop for stop in problem.stops if stop.id == stop_id)
    if not problem.trucks:
        return Unserved(stop_id, Why.no_truck, WORDS[Why.no_truck], stop.prize)
    skipped = why_skipped(problem, plan, stop_id)
    if skipped.cheapest is not None:
        cost = skipped.cheapest.milli
        if stop.prize is not None and not stop.must_serve:
            text = PAYS if cost < stop.prize else PAYS_NOT
            return Unserved(stop_id, Why.cheaper_to_skip, text, stop.prize, cost)
    for why in BINDING_FIRST:
        words = [chance.text for chance in skipped.trucks if chance.binding is why]
        if words:
            return Unserved(stop_id, why, "; ".join(c.text for c in skipped.trucks), stop.prize)
    return Unserved(stop_id, Why.fleet_full, "no room was found in the time given", stop.prize)
