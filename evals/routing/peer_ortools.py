"""The peer OR-Tools routing: cheapest insertion or cheapest arc first, then guided local search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evals.routing.instances import NO_LIMIT, Instance, Route, alike
from evals.routing.watch import Watch

MUST = 10**13
"""For a stop that must be served where vehicles are bound to stops: its insertion finds nothing without a way out."""
WALL_TIMES = 10  # the library's own limit is wall time: only a brake, the CPU budget ends the search


def cannot(instance: Instance) -> str | None:
    """Trips with unloading on the way, and releases, have no place in its model without copies of nodes."""
    if any(vehicle.max_trips != 1 or vehicle.ends_empty for vehicle in instance.vehicles):
        return "unloading on the way needs copies of nodes, which the plain model has not"
    return None


def solve(instance: Instance, watch: Watch) -> Sequence[Route]:
    """The best routes found within the CPU budget; empty when none was."""
    from ortools.constraint_solver import pywrapcp

    watch.start()
    starts = [vehicle.start for vehicle in instance.vehicles]
    ends = [vehicle.end for vehicle in instance.vehicles]
    manager = pywrapcp.RoutingIndexManager(len(instance.demand), len(starts), starts, ends)
    model = pywrapcp.RoutingModel(manager)
    _add_costs(instance, model)
    _add_limits(instance, model)
    _add_stops(instance, manager, model)
    ending = _Ending(watch, model)
    model.AddAtSolutionCallback(ending.found)
    model.AddSearchMonitor(model.solver().CustomLimit(ending.over))
    for first in _firsts(instance):
        answer = None if watch.over else model.SolveWithParameters(_search(first, watch))
        if answer is not None:
            return _routes(instance, manager, model, answer)
    return []


@dataclass
class _Ending:
    """Notes each better answer and ends the search when the CPU budget is used up."""

    watch: Watch
    model: Any

    def found(self) -> None:
        if (cost := int(self.model.CostVar().Max())) < MUST:
            self.watch.note(cost)

    def over(self) -> bool:
        return self.watch.over


def _timed(instance: Instance) -> bool:
    """Whether time bounds anything."""
    limits = [limit for each in instance.vehicles for limit in (each.latest, each.max_duration)]
    return min(limits) < NO_LIMIT or int(instance.latest[instance.first_stop :].min()) < NO_LIMIT


def _add_costs(instance: Instance, model: Any) -> None:
    rates: dict[int, int] = {}
    for vehicle, vehicles in alike(instance.vehicles).items():
        rate = vehicle.cost_per_distance
        if rate not in rates:
            rates[rate] = model.RegisterTransitMatrix((instance.distance * rate).tolist())
        for index in vehicles:
            model.SetArcCostEvaluatorOfVehicle(rates[rate], index)
            model.SetFixedCostOfVehicle(vehicle.fixed_cost, index)


def _add_limits(instance: Instance, model: Any) -> None:
    demand = model.RegisterUnaryTransitVector(instance.demand.tolist())
    capacities = [vehicle.capacity for vehicle in instance.vehicles]
    model.AddDimensionWithVehicleCapacity(demand, 0, capacities, True, "load")
    if any(vehicle.max_distance < NO_LIMIT for vehicle in instance.vehicles):
        distance = model.RegisterTransitMatrix(instance.distance.tolist())
        limits = [vehicle.max_distance for vehicle in instance.vehicles]
        model.AddDimensionWithVehicleCapacity(distance, 0, limits, True, "distance")
    if not _timed(instance):
        return
    service = np.where(np.arange(len(instance.demand)) >= instance.first_stop, instance.service, 0)
    times = model.RegisterTransitMatrix((instance.duration + service[:, None]).tolist())
    horizon = max(vehicle.latest for vehicle in instance.vehicles)
    model.AddDimension(times, horizon, horizon, False, "time")
    time = model.GetDimensionOrDie("time")
    for index, vehicle in enumerate(instance.vehicles):
        time.CumulVar(model.Start(index)).SetRange(vehicle.earliest, vehicle.latest)
        time.CumulVar(model.End(index)).SetRange(vehicle.earliest, vehicle.latest)
        if vehicle.max_duration < NO_LIMIT:
            time.SetSpanUpperBoundForVehicle(vehicle.max_duration, index)


def _add_stops(instance: Instance, manager: Any, model: Any) -> None:
    horizon = max(vehicle.latest for vehicle in instance.vehicles)
    limited = any(vehicle.allowed is not None for vehicle in instance.vehicles)
    timed = _timed(instance)
    for stop in instance.stops:
        index = manager.NodeToIndex(stop)
        if limited or not instance.required[stop]:
            model.AddDisjunction([index], MUST if instance.required[stop] else int(instance.prize[stop]))
        if limited:
            able = [i for i, each in enumerate(instance.vehicles) if each.allowed is None or stop in each.allowed]
            model.VehicleVar(index).SetValues([-1, *able])
        if timed:
            latest = min(int(instance.latest[stop]), horizon)
            model.GetDimensionOrDie("time").CumulVar(index).SetRange(int(instance.earliest[stop]), latest)


def _firsts(instance: Instance) -> list[int]:
    """First solution strategies to try in turn: with windows the cheapest arc finds nothing in time, else it leads."""
    from ortools.constraint_solver import routing_enums_pb2

    named = routing_enums_pb2.FirstSolutionStrategy
    inserting = [named.PARALLEL_CHEAPEST_INSERTION, named.LOCAL_CHEAPEST_INSERTION]
    windows = bool((instance.latest[instance.first_stop :] < NO_LIMIT).any())
    return [*inserting, named.PATH_CHEAPEST_ARC] if windows else [named.PATH_CHEAPEST_ARC, *inserting]


def _search(first: int, watch: Watch) -> Any:
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.first_solution_strategy = first
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.time_limit.FromMilliseconds(round(watch.seconds * 1000 * WALL_TIMES))
    return parameters


def _routes(instance: Instance, manager: Any, model: Any, answer: Any) -> list[Route]:
    made = []
    for vehicle in range(len(instance.vehicles)):
        points = []
        index = answer.Value(model.NextVar(model.Start(vehicle)))
        while not model.IsEnd(index):
            points.append(manager.IndexToNode(index))
            index = answer.Value(model.NextVar(index))
        if points:
            made.append(Route(vehicle, tuple(points)))
    return made
