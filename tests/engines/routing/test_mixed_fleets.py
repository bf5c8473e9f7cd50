"""Claims about fleets of trucks that differ in size and cost, and about what a late start does to a search."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from routing_cases import grid, with_stop, with_stops

from engines.routing.annealer import Annealer
from engines.routing.check import check
from engines.routing.model import MIXED, TIMED, model_of
from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Place, Problem, RoundPlan, Stop, StopRule, Truck
from engines.routing.rounds import assemble
from engines.routing.solve import solve

LARGE = Truck("large", 600, 600, shift_end_s=10**6, cost_per_km=2.0, cost_per_hour=0.0)
SMALL = Truck("small", 200, 200, shift_end_s=10**6, cost_per_km=1.0, cost_per_hour=0.0)


def line(places_m: list[int], trucks: tuple[Truck, ...]) -> Problem:
    """Stops of 100 l on one road from the depot, at these metres."""
    at = np.array([0, *places_m])
    metres = np.abs(at[:, None] - at).astype(np.int64)
    stops = tuple(Stop(f"s{i}", 0.0, 0.0, 100, 1, 0, "any") for i in range(len(places_m)))
    return Problem(stops, trucks, (Place("depot", 0.0, 0.0),), (), metres, metres, Goal.cost)


def two_clusters() -> Problem:
    """Six stops far out, two near by; a large truck and four small ones carry them all."""
    far, near = [9000, 9010, 9020, 9030, 9040, 9050], [500, 510]
    return line([*near, *far], (LARGE, *(replace(SMALL, name=f"small {i}") for i in range(4))))


def truck_of(plan: RoundPlan, stop_id: str) -> str:
    return next(each.truck for each in plan.rounds if stop_id in each.stop_ids)


def test_the_first_plan_of_a_mixed_fleet_sends_the_large_truck_far_out() -> None:
    problem = two_clusters()
    annealer = Annealer(model_of(problem), 0)
    annealer.start()
    plan = assemble(problem, annealer.orders, "annealer", 0)
    assert {truck_of(plan, f"s{i}") for i in range(2, 8)} == {"large"}
    assert truck_of(plan, "s0") != "large"
    assert not plan.unserved


def test_rounds_change_trucks_where_each_is_cheaper_on_the_other_one() -> None:
    """Long rounds, no truck to spare, and no stop that would gain by going alone: only the trucks can change."""
    dear, cheap = replace(SMALL, name="dear", capacity_l=3000, cost_per_km=5.0), replace(SMALL, capacity_l=3000)
    far, near = [40_000 + 10 * i for i in range(30)], [-400 - 10 * i for i in range(30)]
    problem = line([*near, *far], (dear, cheap))
    begin, end = problem.first_stop, problem.size
    swapped = assemble(problem, [[*range(begin + 30, end)], [*range(begin, begin + 30)]], "annealer", 0)
    plan = solve(problem, StopRule(max_looks=2000), 1, Params(core=Core.annealer, start=swapped))
    assert {truck_of(plan, f"s{i}") for i in range(30)} == {"dear"}
    assert {truck_of(plan, f"s{i}") for i in range(30, 60)} == {"small"}
    assert plan.objective < swapped.objective / 3


def test_a_begun_round_keeps_its_truck_in_a_mixed_fleet() -> None:
    problem = two_clusters()
    begun = replace(
        problem, trucks=(problem.trucks[0], replace(problem.trucks[1], locked=("s7",)), *problem.trucks[2:])
    )
    plan = solve(begun, StopRule(max_looks=5000), params=Params(core=Core.annealer))
    assert truck_of(plan, "s7") == "small 0"
    assert not check(begun, plan)


@pytest.mark.parametrize("dump", [True, False])
def test_any_mixed_fleet_gives_a_plan_that_passes_the_checker(dump: bool) -> None:
    problem = grid(40, 6, capacity_l=500, dump=dump)
    trucks = tuple(
        replace(t, capacity_l=(300, 900, 2000)[i % 3], cost_per_km=1.0 + i % 3, fixed_cost=float(i % 3))
        for i, t in enumerate(problem.trucks)
    )
    for mixed in (replace(problem, trucks=trucks), with_stops(replace(problem, trucks=trucks), window=(0, 20_000))):
        assert model_of(mixed).facts.flags[MIXED]
        plan = solve(mixed, StopRule(max_looks=6000), 3, Params(core=Core.annealer))
        assert not check(mixed, plan)
        assert not plan.unserved


def test_trucks_of_one_kind_are_no_mixed_fleet_wherever_they_begin() -> None:
    problem = grid(10, 3)
    streams = (*problem.trucks[:2], replace(problem.trucks[2], streams=frozenset({"Waste"})))
    assert not model_of(replace(problem, trucks=streams)).facts.flags[MIXED]


def test_a_late_start_alone_makes_no_search_look_at_the_clock() -> None:
    problem = grid(60, 5, capacity_l=2000, dump=False)
    late = replace(problem, trucks=tuple(replace(t, late_start=True, shift_end_s=10**7) for t in problem.trucks))
    assert not model_of(late).facts.flags[TIMED]
    assert model_of(with_stop(late, 0, window=(0, 9000))).facts.flags[TIMED]
    plan = solve(late, StopRule(max_looks=3000), params=Params(core=Core.annealer))
    assert not check(late, plan)


def test_a_shift_is_looked_at_unless_even_a_full_truck_is_home_in_time() -> None:
    """Six stops of 100 l fill a truck: the six longest ways must fit, not those of all stops."""
    problem = line([1000 * i for i in range(1, 31)], (replace(SMALL, capacity_l=600),))
    ways = np.sort(problem.seconds[1:, 1:].max(axis=1))[::-1]
    enough = int(ways[:6].sum()) + 2 * 30_000
    for shift, timed in ((enough, False), (enough - 1, True)):
        with_shift = replace(problem, trucks=(replace(problem.trucks[0], shift_end_s=shift),))
        assert bool(model_of(with_shift).facts.flags[TIMED]) is timed
    assert all(a >= b for a, b in pairwise(ways))
