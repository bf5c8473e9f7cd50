"""Improvement of a feasible plan with OR-Tools routing (guided local search; Voudouris and Tsang 1999).

How waste collection is put into it: a truck's end stands for "last dump, then depot", so every truck ends empty without
a node for it; dump trips in the middle are optional copies of the dumps whose load slack empties the truck; stops
are disjunctions whose penalty is the prize. The search starts from the given plan, because the library's own starts
put no dump trip in and would drop stops instead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from engines.routing.problem import OLDER_TRUCK, Problem, RoundPlan, Truck
from engines.routing.rates import milli_rates, span_rate
from engines.routing.rounds import Failure, Order, assemble, drive, nearest_dump, orders_of
from engines.routing.stopping import Budget, looks_per_second

ALWAYS, MUST = 10**9, 10**11
FEWEST_MS = 20
STEPS_PER_SECOND, STEPS_TIMES_STOPS2 = 266_000, 4e9  # measured: 266,000 /s at 95 and 123 stops, 80,000 /s at 235
STEPS_BETWEEN = 1000  # steps after which it is asked whether the search was ended


def supports(problem: Problem) -> bool:
    """Whether this model has every rule of the problem: capacity, streams, windows, prizes, dumps, shifts, balance."""
    plain = all(
        replace(Truck(truck.name, 0, 0), **{name: getattr(truck, name) for name in OLDER_TRUCK}) == truck
        for truck in problem.trucks
    )
    return plain and not problem.reload_at_depot and not any(stop.release_s for stop in problem.stops)


@dataclass(frozen=True, eq=False)
class _Nodes:
    """The model's nodes: stops, one start and one end per depot, then dump copies.

    `point[node]` is its matrix point; `last_dump[stop, depot]` the dump on the way home.
    """

    stops: list[int]
    depots: int
    point: npt.NDArray[np.int64]
    last_dump: npt.NDArray[np.int64]

    def start(self, depot: int) -> int:
        return len(self.stops) + depot

    def end(self, depot: int) -> int:
        return len(self.stops) + self.depots + depot

    @property
    def first_copy(self) -> int:
        return len(self.stops) + 2 * self.depots


def improve(problem: Problem, plan: RoundPlan, servable: list[int], budget: Budget) -> RoundPlan | None:
    """A plan at least found, not necessarily better, from `plan`; None when the library gives nothing.

    `servable`: points of the stops that some truck could serve. A step of the library counts as the share of a look
    that takes as long. Raises nothing of the library's own.
    """
    from ortools.constraint_solver import pywrapcp  # heavy, so only where used

    nodes = _nodes(problem, plan, servable)
    starts = [nodes.start(truck.depot) for truck in problem.trucks]
    ends = [nodes.end(truck.depot) for truck in problem.trucks]
    manager = pywrapcp.RoutingIndexManager(len(nodes.point), len(problem.trucks), starts, ends)
    model = pywrapcp.RoutingModel(manager)
    _add_travel(problem, nodes, model)
    _add_loads(problem, nodes, manager, model)
    _add_stops(problem, nodes, manager, model)
    parameters = _search(budget)
    steps = _Steps(budget, (problem, nodes), manager, model)
    model.AddSearchMonitor(model.solver().CustomLimit(steps.used_up))
    model.AddAtSolutionCallback(steps.found)
    model.CloseModelWithParameters(parameters)
    routes = _as_routes(problem, plan, nodes, manager)
    first = model.ReadAssignmentFromRoutes(routes, True)
    if first is None:
        return None
    found = model.SolveFromAssignmentWithParameters(first, parameters)
    if found is None:
        return None
    return _read(problem, nodes, (manager, model, found), plan.seed)


class _Steps:
    """Counts the library's steps as looks, tells the best plan so far, and ends the search when the budget says so."""

    def __init__(self, budget: Budget, asked: tuple[Problem, _Nodes], manager: Any, model: Any) -> None:
        self.budget, self.model, self.count = budget, model, 0
        problem, nodes = asked
        stops = len(nodes.stops)
        self.each = looks_per_second(stops) / min(STEPS_PER_SECOND, STEPS_TIMES_STOPS2 / max(stops, 1) ** 2)
        self.index = [manager.NodeToIndex(node) for node in range(stops)]
        self.worth = [_penalty(problem, point) for point in nodes.stops]
        self.prize = [problem.stop_at(point).prize or 0 for point in nodes.stops]
        self.beyond = len(problem.stops) - stops
        self.told = (10**18, len(problem.stops))

    def used_up(self) -> bool:
        """Whether the search must end."""
        self.count += 1
        self.budget.looks = int(self.count * self.each)
        if self.count % STEPS_BETWEEN == 0:
            if self.told[0] < 10**18:
                self.budget.tell(*self.told, "or-tools")
            return self.budget.over
        return self.budget.by_looks and self.budget.share >= 1.0

    def found(self) -> None:
        """A plan: its objective without what only the library pays for stops left out."""
        if not self.budget.to_tell:
            return
        left = [i for i, at in enumerate(self.index) if self.model.NextVar(at).Value() == at]
        objective = self.model.CostVar().Value() - sum(self.worth[i] - self.prize[i] for i in left)
        self.told = min(self.told, (objective, len(left) + self.beyond), key=lambda each: (each[1], each[0]))


def _penalty(problem: Problem, point: int) -> int:
    """What leaving a stop out costs."""
    stop = problem.stop_at(point)
    return MUST if stop.must_serve else ALWAYS if stop.prize is None else int(stop.prize)


def _nodes(problem: Problem, plan: RoundPlan, servable: list[int]) -> _Nodes:
    mids = [point for order in orders_of(problem, plan) for point in order[:-1] if problem.is_dump(point)]
    copies = list(mids)
    litres = sum(problem.stop_at(point).volume_l for point in servable)
    kilos = sum(problem.stop_at(point).weight_kg for point in servable)
    short = litres > sum(t.capacity_l for t in problem.trucks) or kilos > sum(t.capacity_kg for t in problem.trucks)
    if problem.dumps and (mids or short or plan.unserved):
        copies += [problem.first_dump + i for i in range(len(problem.dumps)) for _ in problem.trucks]
    depots = list(range(len(problem.depots)))
    point = np.array([*servable, *depots, *depots, *copies], dtype=np.int64)
    last = np.array(
        [[nearest_dump(problem, p, d) for d in depots] for p in servable] if problem.dumps else [], np.int64
    )
    return _Nodes(servable, len(depots), point, last)


def _travel(problem: Problem, nodes: _Nodes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """(metres, seconds with the service at the node left), node by node."""
    metres = problem.metres[np.ix_(nodes.point, nodes.point)].copy()
    seconds = problem.seconds[np.ix_(nodes.point, nodes.point)].copy()
    n = len(nodes.stops)
    service = np.zeros(len(nodes.point), dtype=np.int64)
    service[:n] = [problem.stop_at(point).service_s for point in nodes.stops]
    dump_service = np.array([dump.service_s for dump in problem.dumps], dtype=np.int64)
    service[nodes.first_copy :] = [dump_service[p - problem.first_dump] for p in nodes.point[nodes.first_copy :]]
    for depot in range(nodes.depots):
        end = nodes.end(depot)
        if problem.dumps and n:
            dump = nodes.last_dump[:, depot]
            metres[:n, end] = problem.metres[nodes.stops, dump] + problem.metres[dump, depot]
            seconds[:n, end] = problem.seconds[nodes.stops, dump] + problem.seconds[dump, depot]
            seconds[:n, end] += dump_service[dump - problem.first_dump]
    seconds += service[:, None]
    return metres, seconds


def _add_travel(problem: Problem, nodes: _Nodes, model: Any) -> None:
    metres, seconds = _travel(problem, nodes)
    time = model.RegisterTransitMatrix(seconds.tolist())
    known: dict[tuple[float, float], int] = {}
    for index, truck in enumerate(problem.trucks):
        rates = milli_rates(problem, truck)
        if rates not in known:
            milli = np.rint(rates[0] * metres + rates[1] * seconds).astype(np.int64)
            known[rates] = model.RegisterTransitMatrix(milli.tolist())
        model.SetArcCostEvaluatorOfVehicle(known[rates], index)
    horizon = max(problem.shift_end(truck) for truck in problem.trucks)
    windows = any(problem.stop_at(point).window for point in nodes.stops)
    model.AddDimension(time, horizon if windows else 0, horizon, False, "time")
    dimension = model.GetDimensionOrDie("time")
    for index, truck in enumerate(problem.trucks):
        dimension.CumulVar(model.Start(index)).SetRange(truck.shift_start_s, truck.shift_start_s)
        dimension.CumulVar(model.End(index)).SetMax(problem.shift_end(truck))
    if span_rate(problem):
        dimension.SetGlobalSpanCostCoefficient(round(span_rate(problem)))


def _add_loads(problem: Problem, nodes: _Nodes, manager: Any, model: Any) -> None:
    for name in ("volume_l", "weight_kg"):
        limits = [truck.capacity_l if name == "volume_l" else truck.capacity_kg for truck in problem.trucks]
        reloads = len(nodes.point) > nodes.first_copy
        demand = [int(getattr(problem.stop_at(point), name)) for point in nodes.stops] + [0] * (2 * nodes.depots)
        demand += [-max(limits)] * (len(nodes.point) - len(demand))
        callback = model.RegisterUnaryTransitVector(demand)
        model.AddDimensionWithVehicleCapacity(callback, max(limits) if reloads else 0, limits, True, name)
        if not reloads:
            continue
        dimension = model.GetDimensionOrDie(name)
        for node in range(len(nodes.stops)):
            dimension.SlackVar(manager.NodeToIndex(node)).SetValue(0)
        for vehicle in range(len(problem.trucks)):
            dimension.SlackVar(model.Start(vehicle)).SetValue(0)


def _add_stops(problem: Problem, nodes: _Nodes, manager: Any, model: Any) -> None:
    time = model.GetDimensionOrDie("time")
    for node, point in enumerate(nodes.stops):
        stop = problem.stop_at(point)
        index = manager.NodeToIndex(node)
        model.AddDisjunction([index], _penalty(problem, point))
        able = [i for i, truck in enumerate(problem.trucks) if truck.takes(stop.stream)]
        if len(able) < len(problem.trucks):
            model.VehicleVar(index).SetValues([-1, *able])
        if stop.window:
            time.CumulVar(index).SetMin(stop.window[0])
            time.CumulVar(index).SetMax(min(stop.window[1], max(problem.shift_end(t) for t in problem.trucks)))
    for node in range(nodes.first_copy, len(nodes.point)):
        model.AddDisjunction([manager.NodeToIndex(node)], 0)


def _search(budget: Budget) -> Any:
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(max(FEWEST_MS, int(min(budget.seconds_left, 86_400.0) * 1000)))
    most = budget.rule.max_solutions
    parameters.solution_limit = max(1, most if most is not None else 10**9)
    return parameters


def _as_routes(problem: Problem, plan: RoundPlan, nodes: _Nodes, manager: Any) -> list[list[int]]:
    """The plan in the model's indices, the last dump left out; each dump in the middle takes a copy of its own."""
    node_of = {point: node for node, point in enumerate(nodes.stops)}
    free = {point: [] for point in range(problem.first_dump, problem.first_stop)}  # type: dict[int, list[int]]
    for node in range(len(nodes.point) - 1, nodes.first_copy - 1, -1):
        free[int(nodes.point[node])].append(node)
    routes = []
    for order in orders_of(problem, plan):
        inner = order[:-1] if problem.dumps else order
        route = [free[point].pop() if problem.is_dump(point) else node_of[point] for point in inner]
        routes.append([manager.NodeToIndex(node) for node in route])
    return routes


def _read(problem: Problem, nodes: _Nodes, solved: tuple[Any, Any, Any], seed: int) -> RoundPlan | None:
    """The found routes as a plan, needless dump trips taken out; None if one cannot be driven after all."""
    manager, model, found = solved
    orders: list[Order] = []
    for index, truck in enumerate(problem.trucks):
        order: Order = []
        at = found.Value(model.NextVar(model.Start(index)))
        while not model.IsEnd(at):
            point = int(nodes.point[manager.IndexToNode(at)])
            if not (problem.is_dump(point) and (not order or problem.is_dump(order[-1]))):
                order.append(point)
            at = found.Value(model.NextVar(at))
        if problem.dumps and order and not problem.is_dump(order[-1]):
            order.append(int(nodes.last_dump[nodes.stops.index(order[-1]), truck.depot]))
        if isinstance(drive(problem, truck, order), Failure):
            return None
        orders.append(order)
    return assemble(problem, orders, "or-tools", seed)
