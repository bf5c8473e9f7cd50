"""Reasons are computed, and confirmed by solving again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from routing_cases import grid, with_stop, with_stops

from domain.errors import BadData
from engines.routing.insertion import detour_of, why_skipped
from engines.routing.problem import StopRule, Why
from engines.routing.solve import solve

QUICK = StopRule(max_seconds=20, max_solutions=30)


def test_the_detour_of_the_only_stop_is_its_whole_round() -> None:
    problem = grid(1, 1)
    plan = solve(problem, QUICK)
    detour = detour_of(problem, plan, "s0")
    assert (detour.metres, detour.seconds, detour.truck) == (plan.metres, plan.seconds, "truck 1")


def test_the_prize_that_flips_a_skip_does_flip_it_and_one_less_does_not() -> None:
    problem = with_stop(grid(8, 1, capacity_l=5000), 3, prize=1)
    plan = solve(problem, QUICK)
    flip = why_skipped(problem, plan, "s3").flip_prize
    assert flip is not None
    assert "s3" in solve(with_stop(problem, 3, prize=flip + 2), QUICK).served
    assert "s3" not in solve(with_stop(problem, 3, prize=flip // 2), QUICK).served


def test_each_truck_says_what_binds_it() -> None:
    problem = with_stop(grid(4, 2), 0, stream="Glass", volume_l=1500)
    problem = replace(problem, trucks=(replace(problem.trucks[0], streams=frozenset({"Waste"})), problem.trucks[1]))
    why = why_skipped(problem, solve(problem, QUICK), "s0")
    assert [chance.binding for chance in why.trucks] == [Why.no_truck_for_stream, Why.too_large]
    assert (why.cheapest, why.flip_prize) == (None, None)


def test_reasons_are_refused_for_a_stop_they_do_not_fit() -> None:
    problem = grid(2)
    plan = solve(problem, QUICK)
    with pytest.raises(BadData):
        why_skipped(problem, plan, "s0")
    with pytest.raises(BadData):
        detour_of(problem, plan, "nowhere")


def test_no_stop_is_left_whose_prize_exceeds_its_cheapest_insertion() -> None:
    problem = with_stops(grid(15, 1, capacity_l=5000), prize=1500)
    plan = solve(problem, StopRule(max_seconds=0))
    for each in plan.unserved:
        flip = why_skipped(problem, plan, each.stop_id).flip_prize
        assert flip is None or flip >= 1500
