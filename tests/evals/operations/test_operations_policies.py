"""Each policy on a world so small that a person knows what it should do, and what knowing more is worth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_operations_world import MONDAY, line_town, steady_world

from engines.forecast.history import BinHistory
from engines.forecast.rates import fit_rates
from evals.operations.foresight import Filter
from evals.operations.policies import Known, Strategy, fixed_tuned, oracle, ours, threshold_tuned
from evals.operations.rounds import Effort, Planner
from evals.operations.town import DAY_H, WEEK_H, Town, moment_of
from evals.operations.world import Run, World, play

DEAR = 50.0  # a full bin costs fifty kilometres a day: far more than any way here
PACE = 20.0  # points a day: full after five days


@pytest.fixture(scope="module")
def town() -> Town:
    """Two bins, one and two kilometres out, in a truck that holds ten of them."""
    return line_town(2)


@pytest.fixture(scope="module")
def known(town: Town) -> Known:
    """Both bins filled by 20 points a day in all that is recorded, and were emptied every two days."""
    at = np.array([moment_of(MONDAY - 48.0 * k) for k in range(60, 0, -1)])
    past = [
        BinHistory(b, "waste", s, at, np.full(60, 40.0), step_pct=20.0)
        for b, s in zip(town.bins, town.sites, strict=True)
    ]
    grown = PACE / DAY_H * np.arange(12 * WEEK_H + 1) * np.ones((2, 1))
    return Known(town, Filter(fit_rates(past)), np.full(2, PACE / DAY_H), grown)


def run_of(strategy: Strategy, known: Known, knob: float, world: World | None = None) -> Run:
    """Three weeks of a policy."""
    world = world or steady_world(known.town, (PACE, PACE), weeks=3)
    planner = Planner(world.town, Effort(looks=100))
    return play(world, lambda view: strategy(view, known, knob), planner, strategy is oracle)


def test_the_oracle_comes_on_the_last_day_before_a_bin_is_full_and_takes_its_neighbour_along(known: Known) -> None:
    """Emptied at six in the morning, a bin holds 80 four days later and would be full by the next day's round."""
    run = run_of(oracle, known, DEAR)
    assert not run.full.any()
    assert run.life(1) == "....E...E...E...E...."
    assert run.metres == 4 * 4000
    assert {day for index, day, _ in run.visits if index == 0} == {day for index, day, _ in run.visits if index == 1}


def test_ours_comes_a_little_earlier_because_it_does_not_know(known: Known) -> None:
    run, best = run_of(ours, known, DEAR), run_of(oracle, known, DEAR)
    assert run.full.mean() <= 0.05
    assert best.metres <= run.metres <= 2 * best.metres


def test_a_dearer_overflow_lets_ours_drive_further_and_fewer_bins_stand_full(known: Known) -> None:
    cheap, dear = run_of(ours, known, 2.0), run_of(ours, known, DEAR)
    assert cheap.metres < dear.metres
    assert cheap.full.sum() >= dear.full.sum()


def test_the_threshold_s_visits_come_when_the_reported_step_reaches_it(known: Known) -> None:
    run = run_of(threshold_tuned, known, 60.0)
    assert all(60 <= level <= 85 for _, _, level in run.visits)
    assert not run.full.any()
    assert run_of(threshold_tuned, known, 100.0).full.sum() > 0


def test_the_fixed_schedule_for_dear_overflows_comes_before_bins_are_full_and_for_cheap_ones_seldom(
    known: Known,
) -> None:
    often, seldom = (run_of(fixed_tuned, replace(known, _schedules={}), knob) for knob in (DEAR, 0.2))
    assert often.full.sum() == 0
    assert seldom.metres < often.metres
    assert seldom.full.sum() > 0
