"""Reasons by solving again: why a stop is served or left, why by this truck, why in this order, what would change it.

Every figure is the difference of two plans. The other plan comes from the best place in the rounds as they are (a stop
put in or taken out) and, with a stop rule, also from searches with the stop forced in or forced out (sides.py); the
better one counts. What forbids a place is found by forgiving that one rule and driving the
round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from domain.errors import BadData
from engines.routing.duties import choice_of
from engines.routing.insertion import detour_of
from engines.routing.places import cheapest_order
from engines.routing.plan import RoundPlan, TruckRound, Why
from engines.routing.problem import LONGEST, Problem, Stop, StopRule, Truck
from engines.routing.rates import span_rate
from engines.routing.rounds import Order, assemble, drive, longest_s, objective_of, orders_of, with_dumps
from engines.routing.sides import Side, Sides, side_of

T = TypeVar("T")


@dataclass(frozen=True)
class Delta:
    """What one plan takes more than another: metres, seconds, currency, and milli-currency under the goal.

    `milli` leaves out the prize of the stop in question and holds the prizes of others that come or go; `longest_s` is
    what the longest round takes more, in seconds.
    """

    metres: int
    seconds: int
    cost: float
    milli: int
    longest_s: int = 0


@dataclass(frozen=True)
class Binding:
    """The rule that keeps a truck from serving a stop. `extra` is what the best place would take with the rule
    forgiven, `short_by` how far it is broken there, in `unit` "s", "l" or "kg"; both None where nothing could help."""

    truck: str
    why: Why
    extra: Delta | None = None
    short_by: int | None = None
    unit: str = ""


@dataclass(frozen=True)
class StopReason:
    """Why a stop is served or left.

    `extra` is the best plan known that serves it less the best known that does not (None: no plan serves it) and
    `truck` who does or would. `flip_prize` is the prize in milli-currency at which the decision turns: the same
    difference, from 0. `displaced` are the stops that only the plan without it serves, `along` those that only the one
    with it serves; `displaced_milli` and `along_milli` are their prizes, `longest_milli` is what the longest round's
    seconds count beside their money. Under a goal in money the first and the last with the currency of `extra`, less
    the second, are its `milli`. `searched` says that a new search found one of the two plans or both; `overturned` that
    the one which decides otherwise is better than its worth allows, so that a longer search would decide so. Not
    `repeatable`: a person or a clock ended a search. `serving_milli` and `leaving_milli` are the objectives of the two
    plans without the stop's own prize.
    """

    stop_id: str
    served: bool
    truck: str | None
    extra: Delta | None
    prize: int | None
    flip_prize: int | None
    bindings: tuple[Binding, ...] = ()
    displaced: tuple[str, ...] = ()
    searched: bool = False
    overturned: bool = False
    repeatable: bool = True
    serving_milli: int | None = None
    leaving_milli: int | None = None
    along: tuple[str, ...] = ()
    displaced_milli: int = 0
    along_milli: int = 0
    longest_milli: int = 0


@dataclass(frozen=True)
class OtherTruck:
    """What it takes that another truck serves the stop, or the rule that forbids it."""

    truck: str
    extra: Delta | None
    binding: Binding | None


@dataclass(frozen=True)
class OtherOrder:
    """What the same stops take in another order, or the rule that forbids it."""

    name: str
    extra: Delta | None
    why: Why | None


# ---------------------------------------------------------------- served or left


def why_stop(
    problem: Problem, plan: RoundPlan, stop_id: str, again: StopRule | None = None, seed: int = 0
) -> StopReason:
    """Why a stop is served or left. Without `again` from the best place alone. BadData for a stop that is neither."""
    problem, point = choice_of(problem), _point(problem, stop_id)
    plan = replace(plan, objective=objective_of(problem, plan.rounds))
    reason = _why_served(problem, plan, point) if plan.round_of(stop_id) else _why_left(problem, plan, point)
    if again is not None:
        reason = _searched(problem, plan, reason, (again, seed))
    return _with_parts(problem, reason)


def _with_parts(problem: Problem, reason: StopReason) -> StopReason:
    """The reason with what its difference holds beside money."""
    if reason.extra is None:
        return reason
    prizes = {stop.id: stop.prize or 0 for stop in problem.stops}
    return replace(
        reason,
        displaced_milli=sum(prizes[each] for each in reason.displaced),
        along_milli=sum(prizes[each] for each in reason.along),
        longest_milli=round(span_rate(problem) * reason.extra.longest_s),
    )


def _why_served(problem: Problem, plan: RoundPlan, point: int) -> StopReason:
    stop = problem.stop_at(point)
    found = detour_of(problem, plan, stop.id)
    extra = Delta(found.metres, found.seconds, found.cost, found.milli, found.longest_s)
    return StopReason(
        stop.id, True, found.truck, extra, stop.prize, max(0, found.milli), serving_milli=plan.objective,
        leaving_milli=plan.objective - found.milli,
    )  # fmt: skip


def _why_left(problem: Problem, plan: RoundPlan, point: int) -> StopReason:
    stop, orders = problem.stop_at(point), orders_of(problem, plan)
    bindings: list[Binding] = []
    best: tuple[str, RoundPlan] | None = None
    for index, truck in enumerate(problem.trucks):
        found = cheapest_order(problem, truck, (orders[index], plan.rounds[index].seconds), point)
        if isinstance(found, Why):
            bindings.append(binding(problem, plan, (index, point), found))
            continue
        tried = assemble(problem, _swapped(orders, {index: found}), plan.core, plan.seed)
        if best is None or tried.objective < best[1].objective:
            best = (truck.name, tried)
    extra = None if best is None else _delta(problem, plan, best[1], stop)
    flip = None if extra is None else max(0, extra.milli)
    leaving = plan.objective - (stop.prize or 0)
    return StopReason(
        stop.id, False, best[0] if best else None, extra, stop.prize, flip, tuple(bindings),
        serving_milli=None if extra is None else leaving + extra.milli, leaving_milli=leaving,
    )  # fmt: skip


def _moved(side: Side, by: Delta | None, sign: int, truck: str | None) -> Side | None:
    """The other side of a plan as the best place alone tells it; None where there is none."""
    if by is None:
        return None
    return Side(
        side.metres + sign * by.metres, side.seconds + sign * by.seconds, side.cost + sign * by.cost,
        side.milli + sign * by.milli, truck, side.others, side.longest_s + sign * by.longest_s,
    )  # fmt: skip


def _searched(problem: Problem, plan: RoundPlan, reason: StopReason, how: tuple[StopRule, int]) -> StopReason:
    """The reason from the best plan with the stop and the best without it, new searches for both among them."""
    stop = problem.stop_at(_point(problem, reason.stop_id))
    own = side_of(plan, stop)
    other = _moved(own, reason.extra, -1 if reason.served else 1, None if reason.served else reason.truck)
    sides = Sides(problem, plan, stop, *((own, other) if reason.served else (other, own)))
    sides.search(*how)
    reason = replace(reason, repeatable=sides.repeatable)
    if sides.serving is None or sides.leaving is None:
        return reason
    return _told(reason, stop, sides.serving, sides.leaving)


def _told(reason: StopReason, stop: Stop, serving: Side, leaving: Side) -> StopReason:
    """The reason as the difference of its two sides, from which the prize at which it turns is told as well."""
    milli = serving.milli - leaving.milli
    worth = LONGEST if stop.prize is None or stop.must_serve else stop.prize
    return replace(
        reason,
        truck=reason.truck if reason.served else serving.truck,  # of the plan in question, not of a better one
        extra=Delta(
            serving.metres - leaving.metres,
            serving.seconds - leaving.seconds,
            serving.cost - leaving.cost,
            milli,
            serving.longest_s - leaving.longest_s,
        ),
        flip_prize=max(0, milli),
        displaced=tuple(sorted(leaving.others - serving.others)),
        along=tuple(sorted(serving.others - leaving.others)),
        searched=serving.new or leaving.new,
        overturned=(worth < milli) if reason.served else (worth > milli),
        serving_milli=serving.milli,
        leaving_milli=leaving.milli,
    )


def _delta(problem: Problem, plan: RoundPlan, other: RoundPlan, stop: Stop) -> Delta:
    """Another plan that serves the stop less this one that does not; the stop's own prize left out."""
    milli = objective_of(problem, other.rounds) - (plan.objective - (stop.prize or 0))
    return replace(_between(plan, other), milli=milli)


# ---------------------------------------------------------------- what binds


def binding(problem: Problem, plan: RoundPlan, at: tuple[int, int], why: Why) -> Binding:
    """How far the rule `why` is broken when truck number at[0] serves the stop at point at[1] in its best place."""
    index, point = at
    truck = problem.trucks[index]
    forgiving = _forgiven(problem, index, why)
    if forgiving is None:
        return Binding(truck.name, why)
    order = [p for p in orders_of(problem, plan)[index] if p != point]
    easy = forgiving.trucks[index]
    found = cheapest_order(forgiving, easy, (order, plan.rounds[index].seconds), point)
    driven = None if isinstance(found, Why) else drive(forgiving, easy, found)
    if not isinstance(driven, TruckRound):
        return Binding(truck.name, why)
    now = plan.rounds[index]
    per_round = [now, driven]
    milli = [objective_of(problem, _swapped(plan.rounds, {index: each})) for each in per_round]
    stop = problem.stop_at(point)
    extra = Delta(
        driven.metres - now.metres, driven.seconds - now.seconds, driven.cost - now.cost,
        milli[1] - milli[0] + (stop.prize or 0),
    )  # fmt: skip
    short_by, unit = _broken(problem, truck, driven, why)
    return Binding(truck.name, why, extra, short_by, unit)


def _forgiven(problem: Problem, index: int, why: Why) -> Problem | None:
    """The problem without the rule for one truck; None when the rule is no matter of more or less."""
    truck = problem.trucks[index]
    if why is Why.shift_too_short:
        easy = replace(truck, shift_end_s=LONGEST, max_duration_s=None, max_drive_s=None, max_metres=None, rest=None)
        others = tuple(replace(each, shift_end_s=problem.shift_end(each)) for each in problem.trucks)
        return replace(problem, max_seconds=None, trucks=_swapped(others, {index: easy}))
    if why in (Why.too_large, Why.fleet_full):
        easy = replace(truck, capacity_l=LONGEST, capacity_kg=LONGEST, max_trips=None)
        return replace(problem, trucks=_swapped(problem.trucks, {index: easy}))
    if why is Why.window_closed:
        return replace(problem, stops=tuple(replace(stop, window=None) for stop in problem.stops))
    return None


def _broken(problem: Problem, truck: Truck, driven: TruckRound, why: Why) -> tuple[int | None, str]:
    """By how much a round breaks the rule that was forgiven it: (amount, unit)."""
    if why is Why.shift_too_short:
        leave = truck.shift_start_s if driven.leave_s is None else driven.leave_s
        over = leave + driven.seconds - problem.shift_end(truck)
        over = max(over, driven.seconds - truck.max_duration_s) if truck.max_duration_s is not None else over
        return (over, "s") if over > 0 else (None, "")
    if why in (Why.too_large, Why.fleet_full):
        litres = max(visit.load_l for visit in driven.visits) - truck.capacity_l
        kilos = max(visit.load_kg for visit in driven.visits) - truck.capacity_kg
        return (litres, "l") if litres > 0 else (kilos, "kg") if kilos > 0 else (None, "")
    windows = {stop.id: stop.window for stop in problem.stops if stop.window}
    late = [visit.arrival_s - windows[visit.stop_id][1] for visit in driven.visits if visit.stop_id in windows]
    return (max(late), "s") if late and max(late) > 0 else (None, "")


# ---------------------------------------------------------------- this truck, this order


def why_truck(problem: Problem, plan: RoundPlan, stop_id: str) -> tuple[OtherTruck, ...]:
    """What each other truck would take for a served stop, cheapest first. BadData for a stop that is not served."""
    point, orders = _point(problem, stop_id), orders_of(problem, plan)
    mine = next((i for i, each in enumerate(plan.rounds) if stop_id in each.stop_ids), None)
    if mine is None:
        raise BadData(f"stop {stop_id} is not served by this plan")
    kept = with_dumps(
        problem, problem.trucks[mine], [p for p in orders[mine] if p != point and p >= problem.first_stop]
    )
    if not isinstance(drive(problem, problem.trucks[mine], kept), TruckRound):
        return ()
    others = [_other(problem, plan, (mine, kept), (i, point)) for i in range(len(problem.trucks)) if i != mine]
    return tuple(sorted(others, key=lambda each: (each.extra is None, each.extra.milli if each.extra else 0)))


def _other(problem: Problem, plan: RoundPlan, mine: tuple[int, Order], at: tuple[int, int]) -> OtherTruck:
    index, point = at
    truck, orders = problem.trucks[index], orders_of(problem, plan)
    found = cheapest_order(problem, truck, (orders[index], plan.rounds[index].seconds), point)
    if isinstance(found, Why):
        return OtherTruck(truck.name, None, binding(problem, plan, at, found))
    moved = assemble(problem, _swapped(orders, {mine[0]: mine[1], index: found}), plan.core, plan.seed)
    return OtherTruck(truck.name, _between(plan, moved), None)


def why_order(problem: Problem, plan: RoundPlan, truck: str) -> tuple[OtherOrder, ...]:
    """What two plain orders of a truck's stops would take: the nearest stop next, and the round backwards."""
    index = next((i for i, each in enumerate(problem.trucks) if each.name == truck), None)
    if index is None:
        raise BadData(f"there is no truck {truck} in this problem")
    stops = [point for point in orders_of(problem, plan)[index] if point >= problem.first_stop]
    if len(stops) < 2:
        return ()
    return tuple(
        _reordered(problem, plan, (index, name), order)
        for name, order in (("nearest next", _nearest_next(problem, index, stops)), ("backwards", stops[::-1]))
    )


def _reordered(problem: Problem, plan: RoundPlan, which: tuple[int, str], stops: Sequence[int]) -> OtherOrder:
    index, name = which
    truck = problem.trucks[index]
    order = with_dumps(problem, truck, stops)
    driven = drive(problem, truck, order)
    if not isinstance(driven, TruckRound):
        return OtherOrder(name, None, driven.why)
    other = assemble(problem, _swapped(orders_of(problem, plan), {index: order}), plan.core, plan.seed)
    return OtherOrder(name, _between(plan, other), None)


def _nearest_next(problem: Problem, index: int, stops: Sequence[int]) -> list[int]:
    here, left, order = problem.trucks[index].start_point, list(stops), []
    while left:
        here = min(left, key=lambda point: (int(problem.metres[here, point]), point))
        left.remove(here)
        order.append(here)
    return order


def _between(plan: RoundPlan, other: RoundPlan) -> Delta:
    return Delta(
        other.metres - plan.metres, other.seconds - plan.seconds, other.cost - plan.cost,
        other.objective - plan.objective, longest_s(other.rounds) - longest_s(plan.rounds),
    )  # fmt: skip


def _point(problem: Problem, stop_id: str) -> int:
    return problem.first_stop + problem.index_of(stop_id)


def _swapped(values: Sequence[T], changed: Mapping[int, T]) -> tuple[T, ...]:
    """The values with some of them, by their number, replaced."""
    return tuple(changed.get(index, value) for index, value in enumerate(values))
