"""Our own engine as one of the solvers that are measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pydantic import JsonValue

from domain.errors import BadData
from engines.routing.kernels import KERNELS
from engines.routing.params import Core, Params
from engines.routing.problem import Progress, RoundPlan, StopRule
from engines.routing.solve import solve
from evals.routing.instances import Instance, Route, as_problem, point_of
from evals.routing.watch import Watch

WARMING_STOPS, WARMING_LOOKS = 30, 2000


def solve_ours(instance: Instance, watch: Watch, settings: Mapping[str, JsonValue]) -> Sequence[Route]:
    """The engine's plan within the CPU budget; `settings` are fields of its `Params`.

    Compiled code is loaded, or compiled on a machine's first run, before the watch starts: on a piece of the instance.
    """
    params = params_of(settings)
    KERNELS.wait()  # else the engine searches without them, and compiles beside the run
    solve(as_problem(first_stops(instance, WARMING_STOPS)), StopRule(max_looks=WARMING_LOOKS), watch.seed, params)
    watch.start()
    problem = as_problem(instance)
    optional = int((~instance.required[instance.first_stop :]).sum())

    def told(progress: Progress) -> None:
        if progress.unserved <= optional:
            watch.note(progress.objective)

    return routes_of(solve(problem, StopRule(max_cpu_seconds=watch.seconds, progress=told), watch.seed, params))


def params_of(settings: Mapping[str, JsonValue]) -> Params:
    """`Params` from JSON. Raises BadData for a setting that it does not have."""
    try:
        chosen = {name: Core(str(value)) if name == "core" else value for name, value in settings.items()}
        return Params(**{"core": Core.auto, **chosen})  # type: ignore[arg-type]
    except (TypeError, ValueError) as error:
        raise BadData(f"the engine has no such setting: {error}") from None


def routes_of(plan: RoundPlan) -> list[Route]:
    """A plan's rounds as routes between points."""
    return [
        Route(point_of(each.truck), tuple(point_of(visit.stop_id) for visit in each.visits))
        for each in plan.rounds
        if each.visits
    ]


def first_stops(instance: Instance, most: int) -> Instance:
    """The instance with its first stops only."""
    kept = slice(0, instance.first_stop + most)
    within = frozenset(instance.stops[:most])
    vehicles = tuple(v if v.allowed is None else replace(v, allowed=v.allowed & within) for v in instance.vehicles)
    square = np.ascontiguousarray(instance.distance[kept, kept])
    return replace(
        instance,
        distance=square,
        duration=square
        if instance.duration is instance.distance
        else np.ascontiguousarray(instance.duration[kept, kept]),
        places=instance.places[kept],
        demand=instance.demand[kept],
        service=instance.service[kept],
        earliest=instance.earliest[kept],
        latest=instance.latest[kept],
        release=instance.release[kept],
        prize=instance.prize[kept],
        required=instance.required[kept],
        vehicles=vehicles,
    )
