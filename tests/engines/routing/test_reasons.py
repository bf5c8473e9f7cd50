"""Claims about reasons: figures are differences of plans that can be driven, and full searches decide as they say."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from routing_cases import TRUCK, grid, with_stop, with_stops

from domain.errors import BadData
from engines.routing.confirm import confirm
from engines.routing.contrast import Move, contrast
from engines.routing.params import Params
from engines.routing.pareto import marked, sweep
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Why
from engines.routing.reasons import why_order, why_stop, why_truck
from engines.routing.rounds import assemble
from engines.routing.sides import forced, without
from engines.routing.solve import solve

QUICK = StopRule(max_seconds=30, max_looks=6_000)
PLACE = StopRule(max_seconds=30, max_looks=1_000)


def line(*prizes: int | None, shift_s: int = 8 * 3600, step_m: int = 1000) -> Problem:
    """Stops every `step_m` along a road that begins at the depot; 10 m and one milli-currency a metre, no dump."""
    stops = tuple(Stop(f"s{i}", 0.0, 0.0, 100, 10, 0, "Waste", prize=prize) for i, prize in enumerate(prizes))
    at = np.arange(len(prizes) + 1, dtype=np.int64) * step_m
    metres = np.abs(at[:, None] - at)
    truck = replace(TRUCK, cost_per_hour=0.0, shift_end_s=shift_s)
    return Problem(stops, (truck,), (Place("depot", 0.0, 0.0),), (), metres, metres // 10, Goal.cost)


def test_the_last_stop_of_a_road_turns_at_the_price_of_the_way_to_it_and_back() -> None:
    served, left = line(9000, 9000, 9000), line(9000, 9000, 1999)
    for problem in (served, left):
        reason = why_stop(problem, solve(problem, QUICK), "s2", QUICK)
        assert reason.extra is not None
        assert (reason.extra.metres, reason.extra.seconds, reason.extra.milli) == (2000, 200, 2000)
        assert (reason.flip_prize, reason.overturned) == (2000, False)
        assert reason.served == (problem is served)


def test_a_stop_on_the_way_costs_nothing_and_is_served_from_the_first_coin_on() -> None:
    problem = line(1, 9000)
    reason = why_stop(problem, solve(problem, QUICK), "s0", QUICK)
    assert (reason.served, reason.flip_prize) == (True, 0)


def test_a_shift_that_is_too_short_is_named_with_its_truck_and_how_much_is_missing() -> None:
    problem = line(None, None, None, shift_s=500)  # there and back is 600 s
    reason = why_stop(problem, solve(problem, QUICK), "s2")
    (bound,) = reason.bindings
    assert (reason.extra, reason.flip_prize) == (None, None)
    assert (bound.truck, bound.why, bound.short_by, bound.unit) == ("truck 1", Why.shift_too_short, 100, "s")
    assert bound.extra is not None
    assert (bound.extra.metres, bound.extra.milli) == (2000, 2000)


def test_a_full_truck_is_short_of_litres_and_a_stream_of_nothing_that_could_be_given() -> None:
    problem = replace(grid(3, 2, capacity_l=200, dump=False), max_seconds=None)
    problem = replace(problem, trucks=(problem.trucks[0], replace(problem.trucks[1], streams=frozenset({"Glass"}))))
    plan = solve(problem, QUICK)
    reason = why_stop(problem, plan, plan.unserved[0].stop_id)
    first, second = reason.bindings
    assert (first.why, first.short_by, first.unit) == (Why.fleet_full, 100, "l")
    assert (second.why, second.extra, second.short_by) == (Why.no_truck_for_stream, None, None)


def test_a_closed_window_says_how_late_the_truck_would_be() -> None:
    problem = with_stop(line(None, None), 1, window=(0, 150))
    reason = why_stop(problem, solve(problem, QUICK), "s1")
    (bound,) = reason.bindings
    assert (bound.why, bound.short_by, bound.unit) == (Why.window_closed, 50, "s")


def test_what_must_give_way_is_named() -> None:
    problem = line(9000, 9000, 4000)
    problem = replace(problem, trucks=(replace(problem.trucks[0], capacity_l=200),))
    plan = solve(problem, QUICK)
    assert set(plan.served) == {"s0", "s1"}
    reason = why_stop(problem, plan, "s2", QUICK)
    assert len(reason.displaced) == 1
    assert reason.flip_prize == 9000 + 2000  # the stop that gives way, and the longer way


def test_what_would_be_served_in_its_place_is_named_and_its_way_is_part_of_the_difference() -> None:
    """Room for two of three bins: without the second one the truck would drive on to the third."""
    problem = line(9000, 9000, 8000)
    problem = replace(problem, trucks=(replace(problem.trucks[0], capacity_l=200),))
    reason = why_stop(problem, solve(problem, QUICK), "s1", QUICK)
    assert (reason.served, reason.displaced, reason.displaced_milli) == (True, ("s2",), 8000)
    assert reason.extra is not None
    assert (reason.extra.metres, reason.flip_prize) == (-2000, 6000)
    assert reason.extra.cost == pytest.approx(-2.0)


def test_a_stop_that_pays_only_with_another_names_it() -> None:
    """Two bins at the end of a long road: neither pays the way alone."""
    problem = line(15_000, 15_000, step_m=10_000)
    metres = np.array([[0, 10_000, 10_000], [10_000, 0, 0], [10_000, 0, 0]])
    problem = replace(problem, metres=metres, seconds=metres // 10)
    reason = why_stop(problem, solve(problem, QUICK), "s0", QUICK)
    assert (reason.served, reason.along, reason.along_milli, reason.flip_prize) == (True, ("s1",), 15_000, 5_000)
    assert reason.extra is not None
    assert reason.extra.metres == 20_000
    assert reason.extra.cost == pytest.approx(20.0)


@pytest.mark.parametrize("goal", [Goal.cost, Goal.balanced])
def test_what_is_told_of_a_reason_adds_up_to_what_decides_and_is_the_difference_of_two_plans(goal: Goal) -> None:
    problem = replace(with_stops(grid(14, 2, capacity_l=300), prize=5000), goal=goal)
    plan = solve(problem, QUICK, 1)
    for stop in problem.stops[::2]:
        for reason in (why_stop(problem, plan, stop.id), why_stop(problem, plan, stop.id, PLACE, 1)):
            extra = reason.extra
            assert extra is not None
            told = 1000 * extra.cost + reason.longest_milli + reason.displaced_milli - reason.along_milli
            assert told == pytest.approx(extra.milli, abs=4)  # four sums, each rounded to a thousandth
            rates = problem.trucks[0].cost_per_km / 1000, problem.trucks[0].cost_per_hour / 3600
            assert extra.cost == pytest.approx(rates[0] * extra.metres + rates[1] * extra.seconds)
            assert (reason.longest_milli != 0) == (goal is Goal.balanced and extra.longest_s != 0)
            assert reason.overturned or reason.served == (extra.milli <= 5000)


@pytest.mark.parametrize("stop_id", ["s0", "s1", "s2"])
def test_a_reason_is_the_plan_with_the_stop_forced_in_less_the_one_with_it_forced_out(stop_id: str) -> None:
    problem = line(9000, 7000, 8000)
    problem = replace(
        problem, goal=Goal.balanced, trucks=(replace(problem.trucks[0], capacity_l=200, cost_per_hour=9.0),)
    )
    extra = why_stop(problem, solve(problem, QUICK), stop_id, QUICK).extra
    inside, outside = (solve(change(problem, stop_id), QUICK) for change in (forced, without))
    assert extra is not None
    assert (extra.metres, extra.seconds) == (inside.metres - outside.metres, inside.seconds - outside.seconds)
    assert extra.cost == pytest.approx(inside.cost - outside.cost)
    assert extra.milli == pytest.approx(inside.objective - outside.objective, abs=2)


@pytest.mark.parametrize("stop_id", ["s0", "s2", "s5"])
def test_what_a_stop_takes_is_told_against_the_same_round_as_the_prize_at_which_it_turns(stop_id: str) -> None:
    """The round in question drives to and fro, so that new searches with and without the stop are both better."""
    problem = line(9000, 9000, 9000, 9000, 9000, 100)
    poor = assemble(problem, [[3, 1, 5, 2, 4]], "by hand", 0)
    reason = why_stop(problem, poor, stop_id, QUICK)
    price = {"s0": 0, "s2": 0, "s5": 2000}[stop_id]
    assert reason.extra is not None
    assert (reason.extra.milli, reason.extra.metres, reason.flip_prize) == (price, price, price)
    assert (reason.served, reason.searched, reason.overturned) == (stop_id != "s5", True, False)


def test_a_stop_served_for_less_than_it_costs_is_told_to_be_served_by_a_search_too_short() -> None:
    problem = line(9000, 100)
    reason = why_stop(problem, assemble(problem, [[1, 2]], "by hand", 0), "s1", QUICK)
    assert (reason.served, reason.flip_prize, reason.overturned) == (True, 2000, True)


def test_forcing_in_and_out_changes_that_stop_alone() -> None:
    problem = line(1, 1, 1)
    assert solve(forced(problem, "s2"), QUICK).round_of("s2")
    assert solve(without(line(None, None, None), "s1"), QUICK).round_of("s1") is None
    assert [stop.prize for stop in forced(problem, "s2", 7).stops] == [1, 1, 7]


def test_a_plan_that_is_only_compared_is_the_same_plan_without_the_price_of_each_place() -> None:
    problem = with_stops(grid(12, 2), prize=700)
    told, plain = solve(problem, QUICK, 3), solve(problem, QUICK, 3, Params(reasoned=False))
    assert (told.rounds, told.objective) == (plain.rounds, plain.objective)
    assert all(each.cost_milli is not None for each in told.unserved)
    assert [each.cost_milli for each in plain.unserved] == [None] * len(told.unserved) != []


def test_all_searches_of_a_reason_end_by_one_clock() -> None:
    """Eight searches, none of which would ever end by its looks: they take the second of the rule, not one each."""
    problem = with_stops(grid(30, 2), prize=9000)
    plan = solve(problem, QUICK)
    began = time.monotonic()
    reason = why_stop(problem, plan, plan.served[0], StopRule(max_seconds=1.0, max_looks=10**9))
    assert time.monotonic() - began < 4.0
    assert (reason.repeatable, reason.searched) == (False, True)


def test_a_reason_without_any_time_is_that_of_the_best_place_and_says_that_it_was_cut_short() -> None:
    problem = line(9000, 9000, 1999)
    plan = solve(problem, QUICK)
    for stop_id in ("s0", "s2"):
        told, plain = why_stop(problem, plan, stop_id, StopRule(max_seconds=0.0)), why_stop(problem, plan, stop_id)
        assert (told.repeatable, told.searched) == (False, False)
        assert (told.extra, told.flip_prize, told.truck) == (plain.extra, plain.flip_prize, plain.truck)


def test_a_reason_that_a_person_ends_begins_no_further_search() -> None:
    problem = line(9000, 9000, 1999)
    plan = solve(problem, QUICK)
    ended = StopRule(max_seconds=30, max_looks=1_000, cancelled=lambda: True)
    reason = why_stop(problem, plan, "s2", ended)
    assert (reason.repeatable, reason.searched, reason.flip_prize) == (False, False, 2000)


def test_all_searches_of_a_sweep_end_by_one_clock_and_every_goal_has_a_plan() -> None:
    began = time.monotonic()
    found = sweep(grid(30, 2), StopRule(max_seconds=1.0, max_looks=10**9))
    assert time.monotonic() - began < 3.0
    assert [option.goal for option in found] == list(Goal)
    assert not any(option.plan.repeatable for option in found)
    late = sweep(grid(8, 2), StopRule(max_seconds=0.0, max_looks=1_000))
    assert all(len(option.plan.served) == 8 for option in late)


def test_searches_that_end_by_looks_are_the_same_whatever_the_clock_of_all_says() -> None:
    problem = with_stops(grid(12, 2), prize=700)
    plan = solve(problem, QUICK, 3)
    rules = [replace(PLACE, max_seconds=seconds) for seconds in (30.0, 300.0, None)]
    told = [why_stop(problem, plan, "s0", rule, 3) for rule in rules]
    assert told[0] == told[1] == told[2]
    assert told[0].repeatable


def test_a_reason_of_a_stop_that_is_not_there_is_refused() -> None:
    problem = grid(2)
    plan = solve(problem, QUICK)
    with pytest.raises(BadData):
        why_stop(problem, plan, "nowhere")
    with pytest.raises(BadData):
        why_order(problem, plan, "truck 9")
    with pytest.raises(BadData):
        why_truck(with_stop(problem, 0, prize=0), solve(without(problem, "s0"), QUICK), "s0")


# ---------------------------------------------------------------- truck and order


def test_the_other_truck_costs_more_or_is_forbidden_by_a_rule_with_its_name() -> None:
    problem = grid(12, 3)
    narrow = replace(problem.trucks[2], streams=frozenset({"Glass"}))
    problem = replace(problem, trucks=(*problem.trucks[:2], narrow))
    plan = solve(problem, QUICK)
    others = why_truck(problem, plan, plan.served[0])
    forbidden = next(each for each in others if each.truck == "truck 3")
    assert forbidden.binding is not None
    assert forbidden.binding.why is Why.no_truck_for_stream
    assert all(each.extra.milli >= 0 for each in others if each.extra)


def test_a_served_stops_reason_names_the_truck_that_serves_it_in_the_plan_however_poor_that_plan_is() -> None:
    problem = with_stops(grid(14, 2, capacity_l=5000, dump=False), prize=40_000)
    points = list(range(problem.first_stop, problem.size))
    plan = assemble(problem, [points[::2], points[1::2]], "annealer", 0)
    for stop_id in plan.served[::3]:
        driven = plan.round_of(stop_id)
        assert driven is not None
        reason = why_stop(problem, plan, stop_id, PLACE)
        assert reason.searched  # a better plan was found, where another truck may serve the stop
        assert reason.truck == driven.truck


def test_other_orders_of_a_round_are_longer_or_forbidden() -> None:
    problem = grid(9, 1)
    plan = solve(problem, QUICK)
    told = why_order(problem, plan, "truck 1")
    assert [each.name for each in told] == ["nearest next", "backwards"]
    assert all(each.extra is not None and each.extra.milli >= 0 for each in told)
    assert why_order(line(None), solve(line(None), QUICK), "truck 1") == ()


# ---------------------------------------------------------------- put to the test


def test_full_searches_agree_with_the_reasons_of_a_small_town() -> None:
    problem = with_stops(grid(10, 1, capacity_l=5000), prize=2500)
    plan = solve(problem, QUICK)
    found = [confirm(problem, why_stop(problem, plan, f"s{i}", QUICK, 3), QUICK, 3) for i in range(6)]
    assert sum(each.agrees for each in found) >= 5, found


def test_a_wrong_reason_is_found_out() -> None:
    problem = line(9000, 9000, 1999)
    reason = why_stop(problem, solve(problem, QUICK), "s2", QUICK)
    assert confirm(problem, reason, QUICK).agrees
    assert not confirm(problem, replace(reason, flip_prize=500), QUICK).agrees
    assert not confirm(problem, replace(reason, flip_prize=8000), QUICK).agrees
    assert not confirm(problem, replace(reason, flip_prize=None), QUICK).agrees


def test_a_full_search_that_ends_worse_than_the_known_plans_refutes_nothing_but_does_not_decide_alike() -> None:
    problem = line(9000, 9000, 1999)
    reason = why_stop(problem, solve(problem, QUICK), "s2", QUICK)
    assert (reason.serving_milli, reason.leaving_milli) == (6000, 4000)
    cheaper = confirm(problem, replace(reason, flip_prize=500, serving_milli=4600), QUICK)
    assert (cheaper.agrees, cheaper.alike) == (True, False)
    assert not confirm(problem, replace(reason, flip_prize=500, serving_milli=4601), QUICK).agrees


def test_a_stop_that_nobody_can_serve_agrees_when_a_search_leaves_it() -> None:
    problem = line(None, None, shift_s=300)
    reason = why_stop(problem, solve(problem, QUICK), "s1", PLACE)
    assert reason.flip_prize is None
    assert confirm(problem, reason, QUICK).agrees


# ---------------------------------------------------------------- two plans, and the trade-off


def test_a_contrast_names_each_stop_that_moved_and_adds_up() -> None:
    problem = grid(10, 2)
    first, second = solve(problem, QUICK), solve(without(problem, "s0"), QUICK)
    found = contrast(first, second)
    assert found.lost == ("s0",)
    assert found.gained == ()
    assert Move("s0", first.round_of("s0").truck, None) in found.moves  # type: ignore[union-attr]
    assert found.change.metres == second.metres - first.metres == sum(each.change.metres for each in found.trucks)
    assert sum(len(each.lost) - len(each.gained) for each in found.trucks) == 1
    same = contrast(first, first)
    assert (same.moves, same.change.metres, [each.reordered for each in same.trucks]) == ((), 0, [False, False])


def test_a_round_driven_backwards_is_reordered_without_a_move() -> None:
    plan = solve(grid(6, 1, dump=False), QUICK)
    (each,) = plan.rounds
    turned = replace(plan, rounds=(replace(each, visits=each.visits[::-1]),))
    assert contrast(plan, turned).moves == ()
    assert contrast(plan, turned).trucks[0].reordered


def test_a_sweep_has_the_cheapest_and_the_quickest_plan_and_beats_none_of_them() -> None:
    problem = grid(8, 2)
    slow_but_cheap = replace(problem.trucks[0], cost_per_km=0.1, cost_per_hour=1.0, g_co2e_per_km=3000.0)
    problem = replace(problem, trucks=(slow_but_cheap, problem.trucks[1]))
    found = {option.goal: option for option in sweep(problem, QUICK)}
    assert set(found) == set(Goal)
    assert found[Goal.cost].plan.cost == min(option.plan.cost for option in found.values())
    assert found[Goal.emissions].plan.g_co2e == min(option.plan.g_co2e for option in found.values())
    assert found[Goal.cost].beaten_by is None
    assert found[Goal.emissions].beaten_by is None
    assert found[Goal.cost].plan.cost < found[Goal.emissions].plan.cost


def test_a_plan_that_another_beats_in_everything_names_it() -> None:
    (cheap,) = sweep(grid(8, 2), QUICK, goals=(Goal.cost,))
    worse = replace(cheap, goal=Goal.time, plan=replace(cheap.plan, cost=cheap.plan.cost + 1))
    quicker = replace(worse, goal=Goal.emissions, plan=replace(worse.plan, seconds=cheap.plan.seconds - 1))
    assert [each.beaten_by for each in marked([cheap, worse])] == [None, Goal.cost]
    assert [each.beaten_by for each in marked([cheap, quicker, cheap])] == [None, None, None]


def test_a_stop_that_a_truck_has_begun_with_has_its_reason_and_the_rest_stays_begun() -> None:
    problem = with_stops(grid(8, 2), prize=9000)
    problem = replace(problem, trucks=(replace(problem.trucks[0], locked=("s1", "s2", "s3")), problem.trucks[1]))
    plan = solve(problem, QUICK)
    reason = why_stop(problem, plan, "s2", QUICK)
    assert (reason.served, reason.truck) == (True, "truck 1")
    assert reason.flip_prize is not None
    assert solve(without(problem, "s2"), QUICK, params=Params(start=plan)).rounds[0].stop_ids[:2] == ("s1", "s3")


def test_a_begun_stop_that_its_truck_cannot_go_on_with_is_left_and_the_reason_says_no_other_may() -> None:
    problem = with_stop(grid(8, 2), 2, volume_l=2000)
    problem = replace(problem, trucks=(replace(problem.trucks[0], locked=("s1", "s2", "s3")), problem.trucks[1]))
    plan = solve(problem, QUICK)
    reason = why_stop(problem, plan, "s3", QUICK)
    assert (reason.served, reason.extra) == (False, None)
