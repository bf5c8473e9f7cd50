"""Claims about the goals time and emissions: the same bins as money would have served, in fewer hours or with less
CO2e, and reasons for a bin in money."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from routing_cases import TRUCK, grid, with_stops

from engines.routing.check import check
from engines.routing.confirm import confirm
from engines.routing.duties import choice_of
from engines.routing.pareto import sweep
from engines.routing.problem import Goal, Place, Problem, Progress, Stop, StopRule, Truck
from engines.routing.reasons import why_stop
from engines.routing.rounds import assemble, objective_of, orders_of
from engines.routing.solve import solve
from engines.routing.worth import Seen, worth_of_visits
from engines.routing.worth_when_full import may_stay

LOOKS = StopRule(max_looks=6_000)
LESS = {Goal.time: "seconds", Goal.emissions: "g_co2e"}


def priced(goal: Goal, prize: int = 9_000, trucks: int = 2, seed: int = 1) -> Problem:
    """Forty bins on five kilometres square; every other one is worth a thirtieth of what its neighbour is."""
    problem = grid(40, trucks, seed=seed)
    stops = tuple(replace(stop, prize=prize if i % 2 else prize // 30) for i, stop in enumerate(problem.stops))
    return replace(problem, stops=stops, goal=goal)


def diesel_and_electric(goal: Goal) -> Problem:
    """Two trucks that could each serve all bins that pay; the one without emissions costs half as much again."""
    problem = priced(goal, 9_000)
    diesel = replace(problem.trucks[0], capacity_l=5000, g_co2e_per_km=900.0)
    electric = replace(diesel, name="electric", cost_per_km=1.5, cost_per_hour=54.0, g_co2e_per_km=30.0)
    return replace(problem, trucks=(diesel, electric))


@pytest.mark.parametrize("goal", LESS)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_same_bins_as_money_serves_take_no_more_hours_or_emissions(goal: Goal, seed: int) -> None:
    money, other = (solve(priced(each, seed=seed), LOOKS, seed) for each in (Goal.balanced, goal))
    assert 0 < len(money.served) < 40
    assert {*other.served} == {*money.served}
    assert getattr(other, LESS[goal]) <= getattr(money, LESS[goal])
    assert not check(priced(goal, seed=seed), other)


def test_as_few_emissions_as_possible_sends_the_clean_truck_to_the_same_bins() -> None:
    money, clean = (solve(diesel_and_electric(goal), LOOKS) for goal in (Goal.cost, Goal.emissions))
    balanced = solve(diesel_and_electric(Goal.balanced), LOOKS)
    assert {*clean.served} == {*balanced.served}
    assert clean.g_co2e < money.g_co2e / 5
    assert clean.g_co2e < balanced.g_co2e / 5
    assert clean.round_of(clean.served[0]).truck == "electric"  # type: ignore[union-attr]


def test_as_few_hours_as_possible_are_hours_and_not_the_dear_ones_alone() -> None:
    """The cheap truck begins far away, so that its hours cost little and are many."""
    at = np.array([0, 30_000, 1_000, 2_000, 3_000])
    metres = np.abs(at[:, None] - at).astype(np.int64)
    stops = tuple(Stop(f"s{i}", 0, 0, 100, 10, 60, "Waste", must_serve=True) for i in range(3))
    dear = replace(TRUCK, name="dear", cost_per_hour=90.0)
    far = replace(TRUCK, name="far", cost_per_hour=1.0, cost_per_km=0.0, depot=1)
    problem = Problem(
        stops, (dear, far), (Place("near", 0, 0), Place("away", 0, 0)), (), metres, metres // 10, Goal.time
    )
    assert solve(problem, LOOKS).round_of("s0").truck == "dear"  # type: ignore[union-attr]
    assert solve(replace(problem, goal=Goal.cost), LOOKS).round_of("s0").truck == "far"  # type: ignore[union-attr]


@pytest.mark.parametrize("goal", LESS)
def test_a_bin_that_is_not_worth_its_money_is_left_and_told_with_it(goal: Goal) -> None:
    """The way to the last of three and back is 2 km; a kilometre costs 3 (time counts twice), and emits little."""
    at = np.arange(4, dtype=np.int64) * 1000
    metres = np.abs(at[:, None] - at)
    stops = tuple(Stop(f"s{i}", 0, 0, 100, 10, 0, "Waste", prize=prize) for i, prize in enumerate((9000, 9000, 5000)))
    truck = replace(TRUCK, g_co2e_per_km=1.0)
    problem = Problem(stops, (truck,), (Place("depot", 0, 0),), (), metres, metres // 10, goal)
    plan = solve(problem, LOOKS)
    assert {*plan.served} == {"s0", "s1"}
    assert plan.unserved[0].cost_milli == 6000
    reason = why_stop(problem, plan, "s2", LOOKS)
    assert (reason.served, reason.flip_prize, reason.overturned) == (False, 6000, False)
    assert confirm(problem, reason, LOOKS).agrees
    kept = why_stop(problem, plan, "s1", LOOKS)
    assert (kept.served, kept.flip_prize) == (True, 6000)


def test_what_a_visit_is_worth_is_money_under_every_goal() -> None:
    problems = [replace(grid(12, 2), goal=goal) for goal in Goal]
    seen = {stop.id: Seen(70.0, 0.2) for stop in problems[0].stops}
    worths = [worth_of_visits(problem, seen, 20_000) for problem in problems]
    assert worths[0] == worths[1] == worths[2] == worths[3]
    assert all(each.haul > 0 and each.spared > 0 for each in worths[0].values())


@pytest.mark.parametrize("goal", LESS)
def test_what_a_full_truck_leaves_is_what_is_not_worth_the_money_of_a_trip(goal: Goal) -> None:
    problem = priced(Goal.balanced, 3_000)
    rounds = solve(with_stops(problem, must_serve=True), LOOKS)
    plans = [assemble(each, orders_of(each, rounds), "by hand", 0) for each in (problem, replace(problem, goal=goal))]
    assert may_stay(problem, plans[0]) == may_stay(replace(problem, goal=goal), plans[1])


def test_the_same_seed_gives_the_same_bytes_and_the_progress_never_goes_back() -> None:
    told: list[Progress] = []
    problem = priced(Goal.emissions)
    first = solve(problem, replace(LOOKS, progress=told.append), 3)
    assert first == solve(problem, LOOKS, 3)
    assert first.repeatable
    shares = [each.share for each in told]
    assert shares == sorted(shares)


def test_a_clock_that_is_over_before_the_choice_still_gives_a_plan_and_says_so() -> None:
    problem = priced(Goal.emissions)
    plan = solve(problem, StopRule(max_seconds=0.0, max_looks=10**9))
    assert not plan.repeatable
    assert not check(problem, plan)


@pytest.mark.parametrize("goal", LESS)
def test_what_a_truck_has_begun_stays_its_own(goal: Goal) -> None:
    problem = priced(goal)
    begun = replace(problem.trucks[1], locked=("s7", "s3"), start_at=problem.first_stop + 5)
    problem = replace(problem, trucks=(problem.trucks[0], begun))
    plan = solve(problem, LOOKS)
    assert not check(problem, plan)
    assert plan.rounds[1].stop_ids[:2] == ("s7", "s3")


def test_without_prizes_or_with_weights_nothing_is_chosen_in_money() -> None:
    bare = replace(grid(6, 2), goal=Goal.emissions)
    assert choice_of(bare) is bare
    assert choice_of(priced(Goal.cost)).goal is Goal.cost
    assert choice_of(priced(Goal.time)).goal is Goal.balanced


def test_a_sweep_serves_the_same_bins_for_least_money_fewest_hours_and_least_emissions() -> None:
    found = {option.goal: option.plan for option in sweep(diesel_and_electric(Goal.balanced), LOOKS)}
    for goal, measure in LESS.items():
        assert {*found[goal].served} == {*found[Goal.balanced].served}
        assert getattr(found[goal], measure) <= getattr(found[Goal.balanced], measure)


def test_a_plan_tells_the_objective_of_its_own_goal() -> None:
    problem = priced(Goal.emissions)
    plan = solve(problem, LOOKS)
    assert plan.objective == objective_of(problem, plan.rounds)
    assert plan.problem_hash == problem.hash


def test_a_town_without_a_truck_is_told_so_under_every_goal() -> None:
    none: tuple[Truck, ...] = ()
    for goal in Goal:
        plan = solve(replace(priced(goal), trucks=none), LOOKS)
        assert len(plan.unserved) == 40
        assert plan.verdicts == solve(replace(priced(Goal.cost), trucks=none), LOOKS).verdicts
