"""A stated case with all rules at once: the first plan of 1,000 bins, a re-plan in mid-shift, and 50,000 bins.

    python -m evals.routing.stated          the town
    python -m evals.routing.stated crowd    the 50,000 bins

A made-up town, the same for everybody: two streams, volume and weight, dump trips, windows, breaks, prizes, and bins
that must be served. In the middle of the shift one truck breaks down; the others have begun their rounds and go on
with the rest. All times are CPU seconds of this process, the reasons and the engine's own check included; the loops
are loaded before. Memory is the most that a process has held, so the town and the crowd have one each.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
from pydantic import JsonValue

from engines.routing.check import check
from engines.routing.crowd import Fleet, within_reach
from engines.routing.distances import HaversineMatrix
from engines.routing.kernels import KERNELS
from engines.routing.params import Params
from engines.routing.problem import Goal, Place, Problem, Rest, RoundPlan, Stop, StopRule, Truck
from engines.routing.solve import solve
from evals.routing.worker import ONE_THREAD, ROOT, memory_mb

JsonObject = dict[str, JsonValue]
Found = TypeVar("Found")
DEPOT, DUMP = (37.87, -122.27), (37.86, -122.30)
SHIFT_S, NOON_S = 8 * 3600, 4 * 3600
BINS, TRUCKS, CROWD = 1_000, 12, 50_000
SECONDS = 3.0  # the re-plan's budget: what a dispatcher waits
LAST_WORDS = 400  # characters told of what a broken process said
AT_ONCE = StopRule(max_cpu_seconds=0.0)


def town(bins: int = BINS, trucks: int = TRUCKS, seed: int = 1) -> Problem:
    """The stated town: places, loads, windows and prizes drawn by `seed`."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-0.06, 0.06, size=(bins, 2)) + DEPOT
    stops = tuple(_stop(i, (float(at[i, 0]), float(at[i, 1])), rng) for i in range(bins))
    fleet = tuple(
        Truck(
            f"truck {i}", 12_000, 6_000, frozenset({"glass"} if i % 4 == 3 else {"waste"}), shift_end_s=SHIFT_S,
            rest=Rest(3 * 3600, 5 * 3600, 1800), fixed_cost=20.0,
        )
        for i in range(trucks)
    )  # fmt: skip
    metres, seconds = HaversineMatrix().matrix([DEPOT, DUMP, *((stop.lat, stop.lon) for stop in stops)])
    return Problem(
        stops, fleet, (Place("depot", *DEPOT),), (Place("dump", *DUMP, 900),), metres, seconds, Goal.balanced
    )


def _stop(i: int, at: tuple[float, float], rng: np.random.Generator) -> Stop:
    litres = int(rng.integers(60, 900))
    opens = int(rng.integers(0, 4)) * 3600
    return Stop(
        f"b{i}", *at, litres, litres // 4, 60, "glass" if i % 4 == 3 else "waste", must_serve=i % 20 == 0,
        prize=None if i % 20 == 0 else int(rng.integers(2_000, 30_000)),
        window=(opens, opens + 4 * 3600) if i % 5 == 0 else None,
    )  # fmt: skip


def at_noon(problem: Problem, plan: RoundPlan) -> Problem:
    """The same town in the middle of the shift: the first truck has broken down, the others have begun their rounds.

    What the broken truck has served is gone, and what the others served by then is locked to them.
    """
    done = {v.stop_id for v in plan.rounds[0].visits if v.depart_s <= NOON_S and not v.is_dump}
    kept = [i for i, stop in enumerate(problem.stops) if stop.id not in done]
    points = np.array([*range(problem.first_stop), *(problem.first_stop + i for i in kept)])
    begun = {
        each.truck: tuple(v.stop_id for v in each.visits if v.depart_s <= NOON_S and not v.is_dump)
        for each in plan.rounds[1:]
    }
    return replace(
        problem,
        stops=tuple(problem.stops[i] for i in kept),
        trucks=tuple(replace(truck, locked=begun[truck.name]) for truck in problem.trucks[1:]),
        metres=problem.metres[np.ix_(points, points)],
        seconds=problem.seconds[np.ix_(points, points)],
    )


def figures(bins: int = BINS, seconds: float = SECONDS) -> JsonObject:
    """`first_plan_s`, `replan_first_s` (a checked plan at once), `replan_s` and what it gained, `peak_mb`."""
    _load()
    problem = town(bins, max(3, TRUCKS * bins // BINS))
    first_s, first = timed(lambda: solve(problem, AT_ONCE))
    plan = solve(problem, StopRule(max_cpu_seconds=seconds))
    noon = at_noon(problem, plan)
    at_once_s, at_once = timed(lambda: solve(noon, AT_ONCE, params=Params(start=plan)))
    replan_s, after = timed(lambda: solve(noon, StopRule(max_cpu_seconds=0.6 * seconds), params=Params(start=plan)))
    begun = {truck.name: truck.locked for truck in noon.trucks}
    return {
        "bins": bins, "trucks": len(problem.trucks), "first_plan_s": first_s, "first_objective": first.objective,
        "objective": plan.objective, "served": len(plan.served), "replan_first_s": at_once_s,
        "replan_first_objective": at_once.objective, "replan_s": replan_s, "replan_objective": after.objective,
        "begun_kept": all(each.stop_ids[: len(begun[each.truck])] == begun[each.truck] for each in after.rounds),
        "changed_stops": changed(noon, plan, after),
        "faults": [*check(problem, first), *check(problem, plan), *check(noon, at_once), *check(noon, after)],
        "peak_mb": memory_mb("VmHWM"),
    }  # fmt: skip


def crowd_figures(bins: int = CROWD) -> JsonObject:
    """`crowd_s` from the bins' places to the checked plan, how many it plans for and serves, `crowd_peak_mb`."""
    _load()
    spent, (kept, served, faults) = timed(lambda: crowded(bins))
    return {
        "crowd_bins": bins, "crowd_planned_for": kept, "crowd_served": served, "crowd_s": spent,
        "crowd_faults": [*faults], "crowd_peak_mb": memory_mb("VmHWM"),
    }  # fmt: skip


def figures_apart(module: str = "evals.routing.stated") -> JsonObject:
    """The figures from two processes of their own, so that their memory is theirs; `failure` alone where one broke."""
    made: JsonObject = {}
    for case in ("town", "crowd"):
        command = ["env", *ONE_THREAD, sys.executable, "-m", module, case]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            return {"failure": f"{case} ended with {done.returncode}: {done.stderr.strip()[-LAST_WORDS:]}"}
        made |= json.loads(done.stdout)
    return made


def _load() -> None:
    if not KERNELS.wait():
        raise RuntimeError(KERNELS.fault)


def timed(work: Callable[[], Found]) -> tuple[float, Found]:
    """CPU seconds of a piece of work, and what it gave."""
    began = time.process_time()
    found = work()
    return round(time.process_time() - began, 3), found


def changed(problem: Problem, plan: RoundPlan, after: RoundPlan) -> int:
    """Stops still to be planned that another truck serves than before, or that only one of the plans serves."""
    before = {stop_id: each.truck for each in plan.rounds for stop_id in each.stop_ids}
    now = {stop_id: each.truck for each in after.rounds for stop_id in each.stop_ids}
    return sum(before.get(stop.id) != now.get(stop.id) for stop in problem.stops)


def crowded(bins: int) -> tuple[int, int, list[str]]:
    """(bins planned for, served, faults) of a town of more bins than one plan holds, from its places on."""
    rng = np.random.default_rng(2)
    at = rng.uniform(-0.15, 0.15, size=(bins, 2)) + DEPOT
    urgency = rng.random(bins).round(2)
    small = town(4, TRUCKS)
    offered = [_stop(i, (float(at[i, 0]), float(at[i, 1])), rng) for i in range(bins)]
    urgent = {stop.id: float(each) for stop, each in zip(offered, urgency, strict=True)}
    kept = set(within_reach(offered, lambda stop: urgent[stop.id], Fleet(small.trucks, small.depots)).kept)
    stops = tuple(stop for stop in offered if stop.id in kept)
    metres, seconds = HaversineMatrix().matrix([DEPOT, DUMP, *((stop.lat, stop.lon) for stop in stops)])
    problem = replace(small, stops=stops, metres=metres, seconds=seconds)
    plan = solve(problem, AT_ONCE)
    return len(kept), len(plan.served), check(problem, plan)


if __name__ == "__main__":
    print(json.dumps(crowd_figures() if sys.argv[1:] == ["crowd"] else figures(), indent=1))
    sys.exit(0)
