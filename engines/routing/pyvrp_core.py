"""PyVRP as a core: iterated local search with native prizes, reloads and profiles (Wouda, Lan and Kool 2024).

The way home by the last dump is the distance to an end depot of its own, as in the annealer's arrays. Arc costs stand
in the distance matrix, so every goal is a distance to PyVRP; only waiting is paid through its duration cost. One of its
iterations counts as LOOKS_EACH looks. A unit of load too much costs at most MOST_PENALTY there, so small loads are
counted in smaller units: else an overloaded plan is cheaper than any feasible one, and none is found. Its local search
looks at rounds that nobody would drive, such as an empty trip from the start to a dump, so every way between its depots
is a real one; and it is first asked for plans that leave out no stop without a prize, which it finds better ones of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.routing.model import FAR, Facts, Model
from engines.routing.problem import LONGEST, Problem, RoundPlan
from engines.routing.rounds import Order
from engines.routing.stopping import Budget
from engines.routing.task import Task

LOOKS_EACH = 100
NOWHERE = 1 << 40  # distance of a way that is none; it takes LONGEST, as 2^40 s times a penalty would overflow in a sum
INFEASIBLE = 1 << 60  # what PyVRP calls the cost of an infeasible plan lies above
PATIENCE = 1 / 3  # of a turn, for a first plan with every stop that has no prize
MOST_LEFT, FEW_UNSURE = 0.25, 500  # share left out by the plan that is known, of so many, for all to be hoped for
TELL_ITERATIONS = 20
MOST_PENALTY = 100_000  # PyVRP's default bound on what a unit of load, time or way too much costs
UNLIMITED = int(np.iinfo(np.int64).max)
LOADS = (("litres", "room_l", "aboard_l"), ("kilos", "room_kg", "aboard_kg"))


def supports(problem: Problem) -> bool:
    """Whether PyVRP knows every rule of the problem: no breaks, locks, balance, or limits on way and driving."""
    limited = any(
        truck.rest or truck.locked or truck.max_metres is not None or truck.max_drive_s is not None
        for truck in problem.trucks
    )
    elsewhere = any(truck.start_at is not None for truck in problem.trucks)
    balance = problem.weights.per_longest_s > 0 if problem.weights is not None else problem.goal == "balanced"
    return not (limited or elsewhere or balance) and bool(problem.trucks)


@dataclass(frozen=True)
class Turn:
    """The seed, the share of the budget to end at, and the stops of which no plan should leave one out."""

    seed: int
    until: float = 1.0
    bound: frozenset[str] = frozenset()


def without_prize(task: Task, known: RoundPlan) -> frozenset[str]:
    """The stops that some truck can serve and that have no prize or must be served.

    None where the plan that is known leaves more than a quarter of them, or any of many: PyVRP looks at the clock only
    between two of its local searches, and one that cannot succeed takes 2 to 3 s with 1000 stops.
    """
    stops = (task.problem.stop_at(point) for point in task.servable)
    bound = frozenset(stop.id for stop in stops if stop.must_serve or stop.prize is None)
    left = len(bound.difference(known.served))
    hoped_for = len(bound) <= FEW_UNSURE and left <= len(bound) * MOST_LEFT
    return bound if hoped_for or not left else frozenset()


@dataclass(frozen=True, eq=False)
class Built:
    """PyVRP's data, and where its depots lead: location of kind k's start is 2 k, of its end 2 k + 1, dumps follow."""

    data: Any
    first_dump: int
    dumps: tuple[int, ...]


class Halt:
    """A stopping criterion over the budget, told about the best so far; nothing feasible by `hopeless` ends it too."""

    def __init__(self, budget: Budget, until: float, scale: float, hopeless: float) -> None:
        self.budget, self.until, self.scale, self.hopeless, self.calls, self.left = budget, until, scale, hopeless, 0, 0

    def __call__(self, best_cost: float) -> bool:
        """Whether to stop."""
        self.calls += 1
        if self.calls > 1:
            self.budget.looks += LOOKS_EACH
        feasible = best_cost < INFEASIBLE
        if self.calls % TELL_ITERATIONS == 0 and feasible:
            self.budget.tell(round(best_cost * self.scale), self.left, "pyvrp")
        return self.budget.share >= (self.until if feasible else self.hopeless) or self.budget.over


def improve_with_pyvrp(model: Model, orders: Sequence[Order] | None, budget: Budget, turn: Turn) -> list[Order] | None:
    """Orders found from the given ones or from scratch; None when none is feasible.

    Where a third of the turn finds no plan with all that is bound, the rest goes to plans that may leave stops out.
    """
    if turn.bound:
        hopeless = budget.share + (turn.until - budget.share) * PATIENCE
        found = _searched(model, orders, budget, (turn, hopeless))
        if found is not None or budget.over:
            return found
    return _searched(model, orders, budget, (replace(turn, bound=frozenset()), turn.until))


def _searched(
    model: Model, orders: Sequence[Order] | None, budget: Budget, plan: tuple[Turn, float]
) -> list[Order] | None:
    import pyvrp

    turn, hopeless = plan
    built = build(model, turn.bound)
    initial = None if orders is None else _solution(model, built, orders)
    if initial is not None and not initial.is_feasible():
        initial = None
    halt = Halt(budget, turn.until, model.scale, hopeless)
    search = pyvrp.SolveParams(ils=pyvrp.IteratedLocalSearchParams(callbacks=_best_told(halt, len(model.facts.stops))))
    result = pyvrp.solve(built.data, halt, turn.seed, False, False, search, initial)
    return _orders(model, built, result.best) if result.best.is_feasible() else None


def _best_told(halt: Halt, stops: int) -> Any:
    """What hears of each best plan and keeps how many stops it leaves out, for who follows the search."""
    from pyvrp import IteratedLocalSearchCallbacks

    class Hearing(IteratedLocalSearchCallbacks):
        def on_start(self, ils: Any) -> None:
            halt.left = stops - ils.initial_solution.num_clients()

        def on_best(self, best: Any) -> None:
            halt.left = stops - best.num_clients()

    return Hearing()


def build(model: Model, bound: frozenset[str] = frozenset()) -> Built:
    """The model as PyVRP's data; of the stops `bound` none may be left out."""
    import pyvrp

    facts = model.facts
    n, kinds, d = len(facts.stops), len(facts.kinds), len(facts.dumps)
    first_dump, first_stop = 2 * kinds, 2 * kinds + d
    profiles: dict[tuple[int, bytes], int] = {}
    distances: list[Any] = []
    durations: list[Any] = []
    types = []
    units = _units(facts)
    for k in range(kinds):
        key = (int(facts.kinds["group"][k]), facts.ends["allowed"][k].tobytes())
        if key not in profiles:
            profiles[key] = len(distances)
            distance, duration = _matrices(facts, k, first_stop)
            distances.append(distance)
            durations.append(duration)
        types.append(_vehicle(facts, k, (profiles[key], units)))
    service = facts.dumps["stay"]
    depots = [pyvrp.Depot(location) for location in range(2 * kinds)]
    depots += [pyvrp.Depot(first_dump + i, service_duration=int(service[i])) for i in range(d)]
    data = pyvrp.ProblemData(
        [pyvrp.Location(0, 0) for _ in range(first_stop + n)],
        [
            _client(row, first_stop + i, units, required=stop.id in bound)
            for i, (row, stop) in enumerate(zip(facts.stops, model.stops, strict=True))
        ],
        depots, types, distances, durations,
    )  # fmt: skip
    return Built(data, first_dump, tuple(int(point) for point in facts.dumps["point"]))


def _units(facts: Facts) -> dict[str, int]:
    """By the name of each load that a stop or a truck has: units of one litre or kilo, 1 or what makes up for costs.

    A mean stop too much then costs as much as the dearest way out to a stop and home.
    """
    ways = facts.ends["start_cost"] + facts.ends["end_cost"]
    dearest = float(ways[ways < FAR].max(initial=0))
    made = {}
    for name, _, aboard in LOADS:
        held = facts.stops[name][facts.stops[name] > 0]
        if len(held) or facts.kinds[aboard].any():
            made[name] = max(1, ceil(dearest / (MOST_PENALTY * float(held.mean())))) if len(held) else 1
    return made


def _client(row: Any, location: int, units: dict[str, int], *, required: bool) -> Any:
    import pyvrp

    return pyvrp.Client(
        location, pickup=[unit * int(row[name]) for name, unit in units.items()], service_duration=int(row["service"]),
        tw_early=int(row["early"]), tw_late=_limit(row["late"]), release_time=int(row["release"]),
        prize=0 if required else int(row["penalty"]), required=required,
    )  # fmt: skip


def _vehicle(facts: Facts, k: int, profile: tuple[int, dict[str, int]]) -> Any:
    import pyvrp

    row, (matrix, units) = facts.kinds[k], profile
    usable = [2 * len(facts.kinds) + i for i in range(len(facts.dumps)) if facts.usable[k, i]]
    rooms = [(units[name], int(row[room]), int(row[aboard])) for name, room, aboard in LOADS if name in units]
    return pyvrp.VehicleType(
        num_available=int(row["have"]), capacity=[unit * room for unit, room, _ in rooms], start_depot=2 * k,
        end_depot=2 * k + 1, fixed_cost=int(row["fixed"]), tw_early=int(row["leave"]), tw_late=_limit(row["back"]),
        shift_duration=_limit(row["longest"]), unit_distance_cost=1, unit_duration_cost=int(row["per_second"]),
        profile=matrix, start_late=None if row["late_start"] else int(row["leave"]),
        initial_load=[unit * aboard for unit, _, aboard in rooms],
        reload_depots=usable, max_reloads=min(int(row["most_dumps"]), 1000),
    )  # fmt: skip


def _limit(value: Any) -> int:
    """A limit in PyVRP's words: what nothing can reach is none, so that it looks after no times that bind nowhere."""
    return UNLIMITED if int(value) >= LONGEST else int(value)


def _matrices(facts: Facts, k: int, first_stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distances (the costs less what duration pays) and durations (without service) of one profile."""
    n, kinds = len(facts.stops), len(facts.kinds)
    g, whole = int(facts.kinds["group"][k]), int(facts.kinds["per_second"][k])
    size = first_stop + n
    cost, secs = np.full((size, size), NOWHERE, np.int64), np.full((size, size), LONGEST, np.int64)
    service = facts.stops["service"]
    inner = slice(first_stop, size)
    cost[inner, inner], secs[inner, inner] = facts.cost[g], facts.secs - service[:, None]
    cost[inner, inner] -= whole * (secs[inner, inner] + service)
    for each in range(kinds):
        if facts.kinds["group"][each] != g:
            continue
        ends = facts.ends[each]
        cost[2 * each, inner], secs[2 * each, inner] = ends["start_cost"], ends["start_secs"]
        cost[2 * each, inner] -= whole * (ends["start_secs"] + service)
        home = ends["end_secs"] - service
        cost[inner, 2 * each + 1], secs[inner, 2 * each + 1] = ends["end_cost"] - whole * home, home
    depots = slice(0, first_stop)
    cost[depots, depots], secs[depots, depots] = _between_depots(facts, k)
    for i in range(len(facts.dumps)):
        at, stay = 2 * kinds + i, int(facts.dumps["stay"][i])
        to, back = facts.to_dump[g, :n, i], facts.from_dump[g, i]
        secs[inner, at] = to["secs"] - service - stay
        cost[inner, at] = to["cost"] - whole * (to["secs"] - service)
        secs[at, inner], cost[at, inner] = back["secs"], back["cost"] - whole * (back["secs"] + service)
    cost = np.where(cost >= FAR // 2, NOWHERE, np.maximum(cost, 0))
    allowed = np.concatenate([np.ones(first_stop, np.bool_), facts.ends["allowed"][k] == 1])
    cost[:, ~allowed] = cost[~allowed, :] = NOWHERE
    np.fill_diagonal(cost, 0)
    np.fill_diagonal(secs, 0)
    return np.ascontiguousarray(cost), np.ascontiguousarray(secs)


def _between_depots(facts: Facts, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Distances and durations between all starts, ends and dumps, by kind k's rates; an unused truck drives nothing."""
    row, kinds = facts.kinds[k], len(facts.kinds)
    ends = np.stack([facts.kinds["start_point"], facts.kinds["end_point"]], axis=1).reshape(-1)
    at = np.ix_(*(np.concatenate([ends, facts.dumps["point"]]),) * 2)
    metres, secs = facts.metres[at], facts.seconds[at].copy()
    cost = np.rint(row["per_metre"] * metres + (row["per_second"] - int(row["per_second"])) * secs).astype(np.int64)
    none = (metres >= LONGEST) | (secs >= LONGEST)
    cost[none], secs[none] = NOWHERE, LONGEST
    homes = 2 * np.arange(kinds)
    cost[homes, homes + 1] = secs[homes, homes + 1] = 0
    return cost, secs


def _solution(model: Model, built: Built, orders: Sequence[Order]) -> Any:
    """Orders as a PyVRP solution; the last dump is part of the end depot."""
    import pyvrp

    client, depot = pyvrp.ActivityType.CLIENT, pyvrp.ActivityType.DEPOT
    problem = model.problem
    routes = []
    for k, trucks in enumerate(model.members):
        for order in (orders[index] for index in trucks):
            inner = order[:-1] if order and problem.dumps else order
            visits = [
                pyvrp.Activity(depot, built.first_dump + built.dumps.index(point))
                if problem.is_dump(point)
                else pyvrp.Activity(client, model.row_of[point])
                for point in inner
            ]
            if visits:
                routes.append(pyvrp.Route(built.data, visits, k))
    return pyvrp.Solution(built.data, routes)


def _orders(model: Model, built: Built, solution: Any) -> list[Order]:
    """A solution's orders, one per truck, needless dump trips left out."""
    problem, facts = model.problem, model.facts
    orders: list[Order] = [[] for _ in problem.trucks]
    free = [list(trucks) for trucks in model.members]
    for route in solution.routes():
        k = route.vehicle_type()
        order: Order = []
        for activity in route:
            if activity.is_client():
                order.append(int(facts.points[activity.idx]))
            elif activity.idx >= built.first_dump and order and not problem.is_dump(order[-1]):
                order.append(built.dumps[activity.idx - built.first_dump])
        while order and problem.is_dump(order[-1]):
            order.pop()
        if order and facts.ends["end_dump"][k, model.row_of[order[-1]]] >= 0:
            order.append(int(facts.ends["end_dump"][k, model.row_of[order[-1]]]))
        if order:
            orders[free[k].pop(0)] = order
    return orders
