"""Claims about towns of more bins than one plan looks at: most urgent first, in seconds, and the plan can be driven."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from engines.routing.check import check
from engines.routing.crowd import FEWEST_PLANNED, MOST_PLANNED, Candidate, within_reach
from engines.routing.distances import HaversineMatrix
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Truck
from engines.routing.solve import solve

DEPOT = (37.87, -122.27)
SHIFT_S = 8 * 3600


def town(bins: int, seed: int = 1) -> list[Candidate]:
    """Bins at random places of some 30 km square, a tenth of them urgent."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-0.15, 0.15, size=(bins, 2)) + DEPOT
    urgency = np.where(rng.random(bins) < 0.1, 0.9, 0.1)
    return [Candidate(f"b{i}", float(urgency[i]), float(at[i, 0]), float(at[i, 1]), 120) for i in range(bins)]


def problem_of(kept: list[Candidate], trucks: int) -> Problem:
    metres, seconds = HaversineMatrix().matrix([DEPOT, DEPOT, *((each.lat, each.lon) for each in kept)])
    stops = tuple(
        Stop(each.id, each.lat, each.lon, 240, 20, each.service_s, "any", prize=round(20_000 * each.urgency))
        for each in kept
    )
    fleet = tuple(Truck(f"truck {i}", 12_000, 8_000, shift_end_s=SHIFT_S) for i in range(trucks))
    return Problem(
        stops, fleet, (Place("depot", *DEPOT),), (Place("dump", *DEPOT, 900),), metres, seconds, Goal.balanced
    )


def test_fifty_thousand_bins_give_a_plan_that_can_be_driven_within_seconds() -> None:
    bins = town(50_000)
    began = time.process_time()
    chosen = within_reach(bins, [SHIFT_S] * 4, DEPOT)
    wanted = set(chosen.kept)
    problem = problem_of([each for each in bins if each.id in wanted], 4)
    plan = solve(problem, StopRule(max_looks=500))
    assert time.process_time() - began < 30  # seconds on a quiet core; half a minute is the alarm
    assert not check(problem, plan)
    assert len(plan.served) > 100
    assert len(chosen.kept) + len(chosen.later) == 50_000
    assert chosen.verdict.startswith("50,000 bins are more than one plan looks at: the 1,200 most urgent")
    assert "other 48,800 stay for later rounds" in chosen.verdict


def test_no_bin_that_waits_is_more_urgent_than_one_that_is_planned_for() -> None:
    bins = town(20_000)
    chosen = within_reach(bins, [SHIFT_S] * 4, DEPOT)
    urgency = {each.id: each.urgency for each in bins}
    assert min(urgency[i] for i in chosen.kept) >= max(urgency[i] for i in chosen.later)


def test_among_equally_urgent_bins_the_nearest_are_planned_for() -> None:
    bins = [replace(each, urgency=0.5) for each in town(3000)]
    chosen = within_reach(bins, [SHIFT_S], DEPOT)
    way = HaversineMatrix().matrix([DEPOT, *((each.lat, each.lon) for each in bins)])[0][0, 1:]
    metres = dict(zip((each.id for each in bins), way, strict=True))
    assert max(metres[i] for i in chosen.kept) <= 1.001 * min(metres[i] for i in chosen.later)


def test_a_must_is_planned_for_however_far_it_is() -> None:
    bins = [*town(5000), Candidate("must", 2.0, DEPOT[0] + 0.9, DEPOT[1], 120)]
    assert "must" in within_reach(bins, [SHIFT_S], DEPOT).kept


def test_the_trucks_hours_bound_how_many_are_looked_at() -> None:
    bins = town(5000)
    counts = [len(within_reach(bins, [SHIFT_S] * trucks, DEPOT).kept) for trucks in (0, 1, 2, 40)]
    assert counts == [FEWEST_PLANNED, 480, 960, MOST_PLANNED]


def test_a_town_that_one_plan_holds_is_planned_whole_and_nothing_is_said() -> None:
    bins = town(MOST_PLANNED)
    chosen = within_reach(bins, [SHIFT_S], DEPOT)
    assert (chosen.kept, chosen.later, chosen.verdict) == (tuple(each.id for each in bins), (), "")
