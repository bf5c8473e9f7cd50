"""What a plan promises: feasible, complete, reproducible, and with a reason for whatever it leaves out."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_cases import grid, with_stop, with_stops

from domain.errors import BadData
from engines.routing.baseline import fixed_schedule
from engines.routing.check import check
from engines.routing.construct import nearest_orders
from engines.routing.distances import HaversineMatrix
from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Problem, Rest, StopRule, Why
from engines.routing.rounds import assemble
from engines.routing.solve import solve

QUICK = StopRule(max_seconds=20, max_solutions=30)
START_ONLY = StopRule(max_seconds=0)


def test_a_small_round_is_as_short_as_the_shortest_of_all_orders() -> None:
    problem = grid(6, 1)
    first, dump = problem.first_stop, problem.first_dump
    best = min(
        sum(problem.metres[a, b] for a, b in zip((0, *order), (*order, dump), strict=True)) + problem.metres[dump, 0]
        for order in permutations(range(first, problem.size))
    )
    assert solve(replace(problem, goal=Goal.emissions), QUICK).metres == best


def test_the_same_seed_gives_the_same_plan_and_every_seed_a_feasible_one() -> None:
    problem = grid(25, 2, capacity_l=500)
    assert solve(problem, QUICK, seed=3) == solve(problem, QUICK, seed=3)
    assert not check(problem, solve(problem, QUICK, seed=4))


def test_the_search_never_makes_the_first_plan_worse() -> None:
    problem = grid(40, 2, capacity_l=700)
    start, naive = solve(problem, START_ONLY), assemble(problem, nearest_orders(problem), "insertion", 0)
    assert solve(problem, QUICK).objective < start.objective <= naive.objective


def test_a_truck_unloads_as_often_as_its_capacity_demands_and_ends_empty() -> None:
    plan = solve(grid(12, 1, capacity_l=300), QUICK)
    assert plan.rounds[0].trips == 4
    assert plan.rounds[0].visits[-1].is_dump
    assert not plan.unserved


def test_without_a_dump_a_truck_makes_one_trip_and_the_rest_is_named() -> None:
    plan = solve(grid(12, 1, capacity_l=300, dump=False), QUICK)
    assert (len(plan.served), plan.rounds[0].trips) == (3, 1)
    assert {each.why for each in plan.unserved} == {Why.fleet_full}


@pytest.mark.parametrize("trucks", [1, 2, 3])
def test_one_more_truck_never_leaves_more_stops_unserved(trucks: int) -> None:
    problem = replace(grid(30, trucks + 1), max_seconds=2400)
    fewer = replace(problem, trucks=problem.trucks[:-1])
    assert len(solve(problem, QUICK).unserved) <= len(solve(fewer, QUICK).unserved)


def test_a_stop_whose_stream_no_truck_takes_is_named() -> None:
    problem = with_stop(grid(5), 2, stream="Glass")
    problem = replace(problem, trucks=tuple(replace(truck, streams=frozenset({"Waste"})) for truck in problem.trucks))
    plan = solve(problem, QUICK)
    assert [(each.stop_id, each.why) for each in plan.unserved] == [("s2", Why.no_truck_for_stream)]
    assert "stream" in plan.unserved[0].text


def test_each_stream_rides_only_on_a_truck_that_takes_it() -> None:
    problem = grid(10)
    problem = replace(
        problem,
        stops=tuple(replace(stop, stream="Glass" if i % 2 else "Waste") for i, stop in enumerate(problem.stops)),
        trucks=(
            replace(problem.trucks[0], streams=frozenset({"Glass"})),
            replace(problem.trucks[1], streams=frozenset({"Waste"})),
        ),
    )
    plan = solve(problem, QUICK)
    assert set(plan.rounds[0].stop_ids) == {f"s{i}" for i in range(1, 10, 2)}
    assert not plan.unserved


def test_a_stop_larger_than_every_truck_is_named_and_the_others_are_served() -> None:
    plan = solve(with_stop(grid(5), 0, volume_l=5000), QUICK)
    assert [(each.stop_id, each.why) for each in plan.unserved] == [("s0", Why.too_large)]


def test_weight_binds_as_volume_does() -> None:
    plan = solve(with_stops(grid(6, 1), weight_kg=400), QUICK)
    assert plan.rounds[0].trips == 3


def test_a_shift_too_short_for_any_stop_serves_none_and_says_so() -> None:
    plan = solve(replace(grid(4), max_seconds=60), QUICK)
    assert {each.why for each in plan.unserved} == {Why.shift_too_short}
    assert plan.metres == 0


def test_a_stop_not_worth_its_prize_is_skipped_with_both_figures() -> None:
    plan = solve(with_stops(grid(4), prize=5), QUICK)
    assert {each.why for each in plan.unserved} == {Why.cheaper_to_skip}
    assert all(each.cost_milli is not None and each.prize is not None for each in plan.unserved)
    assert all(each.cost_milli > each.prize for each in plan.unserved)  # type: ignore[operator]


def test_prizes_that_pay_only_together_are_collected_together() -> None:
    plan = solve(with_stops(grid(12, 1, capacity_l=5000), prize=6000), QUICK)
    alone = solve(with_stops(grid(1, 1, capacity_l=5000), prize=6000), QUICK)
    assert len(plan.served) >= 10
    assert not alone.served


def test_a_must_serve_stop_is_served_however_small_its_prize() -> None:
    problem = with_stop(with_stops(grid(4), prize=5), 1, must_serve=True)
    assert solve(problem, QUICK).served == ("s1",)


def test_a_window_is_kept() -> None:
    plan = solve(with_stop(grid(6, 1), 3, window=(5000, 5200)), QUICK)
    visit = next(visit for visit in plan.rounds[0].visits if visit.stop_id == "s3")
    assert 5000 <= visit.depart_s - 60 <= 5200


def test_balanced_shortens_the_longest_round() -> None:
    problem = grid(20, 2, capacity_l=5000)
    cheap, even = solve(problem, QUICK), solve(replace(problem, goal=Goal.balanced), StopRule(20, 200))
    assert max(each.seconds for each in even.rounds) < max(each.seconds for each in cheap.rounds)


def test_nothing_to_do_and_nobody_to_do_it_are_plans_too() -> None:
    assert solve(grid(0), QUICK).metres == 0
    plan = solve(grid(3, 0), QUICK)
    assert [each.why for each in plan.unserved] == [Why.no_truck] * 3


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1, 1e12])
def test_an_impossible_distance_is_refused_with_its_matrix_named(value: float) -> None:
    problem = grid(3)
    metres = problem.metres.astype(float)
    metres[1, 2] = value
    with pytest.raises(BadData, match="metres matrix"):
        replace(problem, metres=metres)


def test_contradictions_are_refused_before_any_search() -> None:
    problem = grid(3)
    with pytest.raises(BadData, match="shape"):
        replace(problem, seconds=np.zeros((2, 2)))
    with pytest.raises(BadData, match="share one stop name"):
        with_stop(problem, 1, id="s0")
    with pytest.raises(BadData, match="volume"):
        with_stop(problem, 1, volume_l=-1)
    with pytest.raises(BadData, match="depot number"):
        replace(problem, trucks=(replace(problem.trucks[0], depot=7),))


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"volume_l": 1.5}, "volume.* whole numbers"),
        ({"window": (0, 2**70)}, "window must be two whole numbers"),
        ({"window": (-5, 10)}, "window must be two whole numbers from 0"),
        ({"window": (11, 10)}, "ends before it begins"),
        ({"id": "dump"}, "name of a depot or dump: dump"),
    ],
)
def test_a_stop_whose_numbers_or_name_cannot_be_meant_is_refused(changes: dict[str, object], fault: str) -> None:
    with pytest.raises(BadData, match=fault):
        with_stop(grid(3), 1, **changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"max_metres": 2**70}, "limits must be whole"),
        ({"capacity_l": 0.5}, "capacities and loads must be whole"),
        ({"rest": Rest(0, 2**70, 60)}, "break's times must be whole"),
    ],
)
def test_a_truck_whose_numbers_cannot_be_meant_is_refused(changes: dict[str, Any], fault: str) -> None:
    problem = grid(3)
    with pytest.raises(BadData, match=fault):
        replace(problem, trucks=(replace(problem.trucks[0], **changes),))


def test_the_fixed_schedule_serves_what_is_due_and_nothing_else() -> None:
    problem = with_stops(grid(8), prize=0)
    assert set(fixed_schedule(problem, ["s1", "s5"], QUICK).served) == {"s1", "s5"}
    with pytest.raises(BadData, match="nowhere"):
        fixed_schedule(problem, ["nowhere"], QUICK)


def test_the_hash_knows_every_change_and_only_changes() -> None:
    assert grid(4).hash == grid(4).hash
    assert len({grid(4).hash, grid(4, 3).hash, grid(4, seed=2).hash, with_stop(grid(4), 0, prize=1).hash}) == 4


def test_great_circle_distances_are_those_of_the_globe_times_the_detour() -> None:
    metres, seconds = HaversineMatrix().matrix([(0.0, 0.0), (0.0, 1.0)])
    assert metres[0, 1] == pytest.approx(111_195 * 1.3, rel=1e-4)
    assert seconds[0, 1] == pytest.approx(111.195 * 1.3 / 25 * 3600, rel=1e-4)
    assert HaversineMatrix().name == "great-circle x 1.3, 25 km/h"
    with pytest.raises(BadData):
        HaversineMatrix().matrix([(0.0, float("nan"))])


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Any small fleet and day: mixed loads, prizes, windows, streams, dumps or none, short shifts."""
    problem = grid(
        draw(st.integers(0, 9)), draw(st.integers(0, 3)), seed=draw(st.integers(0, 99)), dump=draw(st.booleans())
    )
    stops = tuple(
        replace(
            stop,
            volume_l=draw(st.integers(0, 1200)),
            weight_kg=draw(st.integers(0, 600)),
            stream=draw(st.sampled_from(["Waste", "Glass"])),
            must_serve=draw(st.booleans()),
            prize=draw(st.none() | st.integers(0, 20_000)),
            window=draw(st.none() | st.just((600, 3000))),
        )
        for stop in problem.stops
    )
    trucks = tuple(
        replace(truck, streams=draw(st.sampled_from([frozenset[str](), frozenset({"Waste"})])))
        for truck in problem.trucks
    )
    limit = draw(st.none() | st.integers(0, 6000))
    return replace(problem, stops=stops, trucks=trucks, goal=draw(st.sampled_from(Goal)), max_seconds=limit)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_any_day_gives_a_plan_that_passes_the_checker_and_a_reason_for_each_stop_left(problem: Problem) -> None:
    plan = solve(problem, StopRule(max_seconds=0.2, max_solutions=5))
    assert not check(problem, plan)
    assert all(each.text for each in plan.unserved)


def test_a_plan_without_thoroughness_is_feasible_and_says_of_each_skipped_stop_what_is_at_hand() -> None:
    problem = with_stops(grid(12, 1), prize=40)
    rule, quick = StopRule(max_looks=500), Params(core=Core.annealer, thorough=False)
    plan, thorough = solve(problem, rule, 0, quick), solve(problem, rule, 0, replace(quick, thorough=True))
    assert not check(problem, plan)
    assert plan.unserved
    assert all(each.why is Why.cheaper_to_skip and each.cost_milli is None for each in plan.unserved)
    assert all(each.cost_milli is not None for each in thorough.unserved)
