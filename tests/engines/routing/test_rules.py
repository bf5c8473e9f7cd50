"""Every rule of a truck's day is kept by the plan, seen by the checker when broken, and paid for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from routing_cases import grid, with_stop, with_stops

from engines.routing.annealer import Annealer
from engines.routing.check import check
from engines.routing.model import model_of
from engines.routing.params import Core, Params
from engines.routing.plan import ENDED_EARLY, RoundPlan, Why
from engines.routing.problem import LONGEST, Goal, Place, Problem, Progress, Rest, StopRule, Weights
from engines.routing.solve import solve

LOOKS = StopRule(max_seconds=60, max_looks=6000)


def with_trucks(problem: Problem, **changes: object) -> Problem:
    """The problem with every truck changed alike."""
    return replace(problem, trucks=tuple(replace(truck, **changes) for truck in problem.trucks))  # type: ignore[arg-type]


def moved(problem: Problem, plan: RoundPlan) -> RoundPlan:
    """The plan as if it had been made for another problem."""
    return replace(plan, problem_hash=problem.hash)


def test_a_trip_waits_at_the_depot_until_all_of_it_is_released() -> None:
    problem = with_stop(grid(6, 1), 2, release_s=9000)
    plan = solve(problem, LOOKS)
    visits = plan.rounds[0].visits
    late = next(i for i, visit in enumerate(visits) if visit.stop_id == "s2")
    begin = max((i + 1 for i in range(late) if visits[i].is_dump), default=0)
    assert not plan.unserved
    assert visits[begin].arrival_s - visits[begin].seconds >= 9000
    assert any("matrix" in fault for fault in check(with_stop(problem, 2, release_s=9500), plan))


def test_a_break_lies_in_its_hours_and_a_truck_home_before_takes_none() -> None:
    rest = Rest(3000, 4000, 1800)
    long, short = with_trucks(grid(40, 1), rest=rest), with_trucks(grid(2, 1), rest=rest)
    plan = solve(long, LOOKS)
    taken = plan.rounds[0].rest
    assert taken is not None
    assert 3000 <= taken.begin_s <= 4000
    assert taken.end_s - taken.begin_s == 1800
    assert solve(short, LOOKS).rounds[0].rest is None
    rounds = (replace(plan.rounds[0], rest=None),)
    assert any("break" in fault for fault in check(long, replace(plan, rounds=rounds)))


def test_locked_stops_come_first_in_their_order_and_from_where_the_truck_is() -> None:
    problem = grid(12, 2)
    here = problem.first_stop + 4
    trucks = (
        replace(problem.trucks[0], locked=("s5", "s3"), start_at=here, load_l=300, shift_start_s=5000),
        problem.trucks[1],
    )
    problem = replace(problem, trucks=trucks)
    plan = solve(problem, LOOKS)
    assert plan.rounds[0].stop_ids[:2] == ("s5", "s3")
    assert plan.rounds[0].visits[0].metres == problem.metres[here, problem.first_stop + 5]
    assert plan.rounds[0].visits[0].load_l == 400
    other = replace(problem, trucks=(replace(trucks[0], locked=("s3", "s5")), trucks[1]))
    assert any("has begun" in fault for fault in check(other, moved(other, plan)))


def test_a_locked_stop_keeps_its_truck_though_its_window_has_passed() -> None:
    problem = with_stop(grid(8, 2), 1, window=(0, 1))
    problem = replace(problem, trucks=(replace(problem.trucks[0], locked=("s1",)), problem.trucks[1]))
    assert "s1" in solve(problem, LOOKS).rounds[0].stop_ids


def test_a_truck_reloads_at_its_depot_only_where_that_is_allowed() -> None:
    once = grid(9, 1, capacity_l=300, dump=False)
    often = replace(once, reload_at_depot=True)
    assert (len(solve(once, LOOKS).served), len(solve(often, LOOKS).served)) == (3, 9)
    plan = solve(often, LOOKS)
    assert plan.rounds[0].trips == 3
    assert sum(visit.is_dump for visit in plan.rounds[0].visits) == 2
    assert any("no dump" in fault for fault in check(once, moved(once, plan)))


def test_no_more_trips_than_a_truck_may_make() -> None:
    problem = with_trucks(grid(9, 1, capacity_l=300), max_trips=2)
    plan = solve(problem, LOOKS)
    assert (len(plan.served), plan.rounds[0].trips) == (6, 2)
    fewer = with_trucks(problem, max_trips=1)
    assert any("more trips" in fault for fault in check(fewer, moved(fewer, plan)))


def test_a_late_start_saves_the_wait_for_the_first_window() -> None:
    problem = with_stops(grid(5, 1), window=(7000, 20_000))
    early, late = solve(problem, LOOKS), solve(with_trucks(problem, late_start=True), LOOKS)
    assert early.rounds[0].leave_s == 0
    assert late.rounds[0].leave_s is not None
    assert late.rounds[0].leave_s > 6000
    assert late.cost < early.cost


@pytest.mark.parametrize(
    ("limit", "fault"),
    [
        ({"max_metres": 16_000}, "more metres"),
        ({"max_drive_s": 1600}, "drives longer"),
        ({"max_duration_s": 2200}, "out longer"),
    ],
)
def test_ways_driving_and_absence_have_their_limits(limit: dict[str, int], fault: str) -> None:
    free = grid(12, 1, capacity_l=5000)
    bound = with_trucks(free, **limit)
    plan = solve(bound, LOOKS)
    assert 0 < len(plan.served) < 12
    assert any(fault in each for each in check(bound, moved(bound, solve(free, LOOKS))))


def test_pyvrp_pays_for_the_way_home_from_the_last_unloading() -> None:
    problem = with_trucks(grid(12, 1, capacity_l=5000), max_duration_s=2200)
    assert 0 < len(solve(problem, LOOKS, params=Params(core=Core.pyvrp)).served) < 12


def test_a_round_may_end_at_another_depot() -> None:
    problem = grid(4, 1)
    far = Place("yard", 0.0, 0.0)
    metres = np.insert(np.insert(problem.metres, 1, problem.metres[2], axis=0), 1, 0, axis=1)
    metres[:, 1] = metres[1, :]
    problem = replace(problem, depots=(*problem.depots, far), metres=metres, seconds=metres // 10)
    plan = solve(with_trucks(problem, end_depot=1), LOOKS)
    assert plan.rounds[0].home is not None
    assert plan.rounds[0].home.to_id == "yard"
    assert any("return" in fault for fault in check(problem, moved(problem, plan)))


def test_a_fixed_cost_keeps_a_second_truck_at_home() -> None:
    problem = replace(grid(10, 2, capacity_l=600), goal=Goal.cost)
    dear = with_trucks(problem, fixed_cost=500.0)
    plan = solve(dear, LOOKS)
    assert sum(bool(each.visits) for each in plan.rounds) == 1
    assert plan.cost > 500


def test_a_truck_with_a_load_on_board_takes_only_what_it_still_has_room_for() -> None:
    problem = with_trucks(grid(6, 1, dump=False), load_l=500)
    plan = solve(problem, LOOKS, params=Params(core=Core.annealer))
    assert len(plan.served) == 5
    assert not check(problem, plan)


@pytest.mark.parametrize("wait", [False, True])
def test_a_stop_that_has_to_be_served_is_worth_a_trucks_fixed_cost_and_its_waiting(wait: bool) -> None:
    problem = with_trucks(grid(1, 1), fixed_cost=0.0 if wait else 5000.0)
    problem = with_stops(problem, window=(25_000, 28_000)) if wait else problem
    annealer = Annealer(model_of(problem), 0)
    annealer.start()
    assert annealer.orders[0]


def test_weights_override_the_goal() -> None:
    problem = replace(grid(10, 2), weights=Weights(per_metre=1.0))
    plan = solve(problem, LOOKS)
    assert plan.objective == plan.metres


def test_a_cheaper_truck_is_used_before_a_dear_one() -> None:
    problem = grid(6, 2, capacity_l=5000)
    problem = replace(problem, trucks=(replace(problem.trucks[0], cost_per_km=9.0), problem.trucks[1]))
    plan = solve(problem, LOOKS)
    assert not plan.rounds[0].visits
    assert len(plan.rounds[1].stop_ids) == 6


def test_what_cannot_be_reached_is_named_and_the_rest_is_served() -> None:
    problem = grid(6, 1)
    metres = problem.metres.copy()
    metres[problem.first_stop + 2, :] = metres[:, problem.first_stop + 2] = LONGEST
    plan = solve(replace(problem, metres=metres), LOOKS)
    assert [(each.stop_id, each.why) for each in plan.unserved] == [("s2", Why.no_way)]
    assert "no way" in plan.verdicts[0]


def test_where_a_rest_is_due_no_truck_takes_a_way_that_is_none() -> None:
    """Ways without metres, though with seconds: a round that is driven exactly may not take them either."""
    for seed in range(6):
        problem = with_trucks(grid(30, 2, seed=seed), rest=Rest(3600, 4 * 3600, 1800), cost_per_km=0.0)
        metres = problem.metres.copy()
        metres[np.random.default_rng(seed).random(metres.shape) < 0.4] = LONGEST
        np.fill_diagonal(metres, 0)
        broken = replace(problem, metres=metres)
        assert check(broken, solve(broken, LOOKS, seed, Params(core=Core.annealer))) == []


def test_verdicts_say_how_many_stops_no_truck_can_serve_and_why() -> None:
    problem = with_stop(with_stop(grid(6), 0, stream="Glass"), 3, stream="Glass")
    problem = with_trucks(problem, streams=frozenset({"Waste"}))
    said = solve(problem, LOOKS).verdicts
    assert said == ("2 stops (s0, s3) cannot be served by any truck: stream Glass, no truck takes Glass.",)
    assert solve(grid(3, 0), LOOKS).verdicts == (
        "3 stops (s0, s1, s2) cannot be served by any truck: there is no truck.",
    )
    assert solve(grid(0), LOOKS).verdicts == ("There is nothing to serve.",)
    assert "some stay behind" in solve(grid(12, 1, capacity_l=300, dump=False), LOOKS).verdicts[0]


@pytest.mark.parametrize("core", [Core.auto, Core.ortools, Core.pyvrp])
def test_a_search_tells_its_progress_and_ends_when_it_is_cancelled(core: Core) -> None:
    told: list[Progress] = []
    rule = StopRule(max_seconds=30, cancelled=lambda: len(told) >= 2, progress=told.append)
    plan = solve(grid(30, 2), rule, params=Params(core=core))
    assert told[-1].unserved == 0
    assert len(told) == 2
    assert 0 <= told[0].share <= told[1].share < 1
    assert not plan.unserved
    assert (plan.core, plan.repeatable) == (ENDED_EARLY, False)


@pytest.mark.parametrize("core", [Core.ortools, Core.insertion])
def test_a_core_that_does_not_know_a_rule_leaves_the_problem_to_the_annealer(core: Core) -> None:
    problem = with_stop(grid(6, 1), 2, release_s=9000)
    plan = solve(problem, LOOKS, params=Params(core=core))
    assert plan.core == "annealer"
    assert not plan.unserved


def test_coupled_replicas_give_a_plan_that_passes_too_and_the_same_one_twice() -> None:
    problem = grid(25, 2, capacity_l=700)
    sqa = Params(core=Core.annealer, annealer="sqa", replicas=3)
    first, second = (solve(problem, LOOKS, 2, sqa) for _ in range(2))
    assert first == second
    assert not check(problem, first)
    assert not first.unserved


@pytest.mark.parametrize("core", [Core.annealer, Core.pyvrp, Core.ortools, Core.insertion])
def test_every_core_gives_a_plan_that_passes_the_checker(core: Core) -> None:
    problem = with_stop(grid(20, 2, capacity_l=700), 4, window=(500, 4000))
    plan = solve(problem, StopRule(max_seconds=20, max_looks=4000, max_solutions=20), params=Params(core=core))
    assert not check(problem, plan)
    assert not plan.unserved


@pytest.mark.parametrize("core", [Core.annealer, Core.pyvrp])
def test_the_same_seed_and_looks_give_the_same_plan_byte_for_byte(core: Core) -> None:
    problem = with_stops(grid(30, 3, capacity_l=600), window=(0, 9000))
    first, second = (repr(solve(problem, LOOKS, 7, Params(core=core))) for _ in range(2))
    assert first == second


RULES: tuple[Callable[[Problem, st.DataObject], Problem], ...] = (
    lambda problem, data: with_trucks(problem, rest=Rest(600, data.draw(st.integers(600, 5000)), 900)),
    lambda problem, data: with_trucks(problem, max_trips=data.draw(st.integers(1, 3))),
    lambda problem, data: with_trucks(problem, max_metres=data.draw(st.integers(0, 30_000))),
    lambda problem, data: with_trucks(problem, max_drive_s=data.draw(st.integers(0, 3000))),
    lambda problem, data: with_trucks(problem, late_start=True, max_duration_s=data.draw(st.integers(0, 6000))),
    lambda problem, data: with_trucks(problem, load_l=data.draw(st.integers(0, 900)), fixed_cost=3.0),
    lambda problem, data: with_stops(problem, release_s=data.draw(st.integers(0, 9000))),
    lambda problem, data: with_stops(problem, window=(1000, data.draw(st.integers(1000, 9000)))),
    lambda problem, data: with_stop(problem, 0, volume_l=data.draw(st.integers(0, 900)), must_serve=True),
    lambda problem, data: replace(problem, reload_at_depot=True),
    lambda problem, data: replace(problem, goal=data.draw(st.sampled_from(Goal))),
    lambda problem, data: replace(
        problem, trucks=(replace(problem.trucks[0], locked=("s1", "s0")), *problem.trucks[1:])
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mixture_of_rules_gives_a_plan_that_passes_the_checker(data: st.DataObject) -> None:
    problem = grid(
        data.draw(st.integers(2, 14)), data.draw(st.integers(1, 3)), seed=data.draw(st.integers(0, 99)),
        dump=data.draw(st.booleans()),
    )  # fmt: skip
    problem = with_stops(problem, prize=data.draw(st.sampled_from([None, 3000, 20_000])))
    for rule in data.draw(st.lists(st.sampled_from(RULES), max_size=4)):
        problem = rule(problem, data)
    plan = solve(problem, StopRule(max_seconds=20, max_looks=1500), data.draw(st.integers(0, 5)))
    assert not check(problem, plan)
    assert all(each.text for each in plan.unserved)
