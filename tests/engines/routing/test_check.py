"""The checker refuses what a solver could get wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from routing_cases import grid, with_stop

from engines.routing.check import check
from engines.routing.problem import LONGEST, Problem, Rest, RestTaken, RoundPlan, StopRule, TruckRound
from engines.routing.rounds import assemble
from engines.routing.solve import solve


@pytest.fixture(scope="module")
def problem() -> Problem:
    return grid(10, 2, capacity_l=500)


@pytest.fixture(scope="module")
def plan(problem: Problem) -> RoundPlan:
    return solve(problem, StopRule(20, 20))


def busy(plan: RoundPlan) -> int:
    return max(range(len(plan.rounds)), key=lambda i: len(plan.rounds[i].visits))


def changed(plan: RoundPlan, **changes: object) -> RoundPlan:
    """The plan with its busiest round changed."""
    at = busy(plan)
    each: TruckRound = replace(plan.rounds[at], **changes)  # type: ignore[arg-type]
    return replace(plan, rounds=(*plan.rounds[:at], each, *plan.rounds[at + 1 :]))


def test_a_true_plan_passes(problem: Problem, plan: RoundPlan) -> None:
    assert check(problem, plan) == []


def test_two_swapped_stops_are_seen(problem: Problem, plan: RoundPlan) -> None:
    visits = list(plan.rounds[busy(plan)].visits)
    visits[0], visits[1] = replace(visits[0], stop_id=visits[1].stop_id), replace(visits[1], stop_id=visits[0].stop_id)
    assert any("matrix" in fault for fault in check(problem, changed(plan, visits=tuple(visits))))


def test_an_overloaded_truck_is_seen(problem: Problem, plan: RoundPlan) -> None:
    small = replace(problem, trucks=tuple(replace(truck, capacity_l=150) for truck in problem.trucks))
    assert any("overloaded" in fault for fault in check(small, replace(plan, problem_hash=small.hash)))


def test_a_missing_last_dump_is_seen(problem: Problem, plan: RoundPlan) -> None:
    visits = plan.rounds[busy(plan)].visits[:-1]
    assert any("does not end empty" in fault for fault in check(problem, changed(plan, visits=visits)))


def test_a_missing_dump_in_the_middle_is_seen(problem: Problem, plan: RoundPlan) -> None:
    visits = list(plan.rounds[busy(plan)].visits)
    middle = next(i for i, visit in enumerate(visits) if visit.is_dump and i < len(visits) - 1)
    del visits[middle]
    assert any("overloaded" in fault for fault in check(problem, changed(plan, visits=tuple(visits))))


def test_a_late_return_is_seen(problem: Problem, plan: RoundPlan) -> None:
    short = replace(problem, max_seconds=600)
    assert any("after its shift" in fault for fault in check(short, replace(plan, problem_hash=short.hash)))


def test_a_wrong_stream_is_seen(problem: Problem, plan: RoundPlan) -> None:
    other = replace(problem, trucks=tuple(replace(truck, streams=frozenset({"Glass"})) for truck in problem.trucks))
    assert any("may not carry" in fault for fault in check(other, replace(plan, problem_hash=other.hash)))


def test_a_stop_served_twice_or_never_is_seen(problem: Problem, plan: RoundPlan) -> None:
    visits = plan.rounds[busy(plan)].visits
    assert any("2 times" in fault for fault in check(problem, changed(plan, visits=(visits[0], *visits))))
    assert any("neither served" in fault for fault in check(problem, changed(plan, visits=visits[1:])))


def test_prettified_totals_are_seen(problem: Problem, plan: RoundPlan) -> None:
    assert check(problem, replace(plan, metres=plan.metres - 1))
    assert check(problem, replace(plan, cost=plan.cost * 0.9))
    assert check(problem, replace(plan, objective=plan.objective // 2))
    assert check(problem, changed(plan, metres=1))


def test_a_plan_of_another_problem_is_refused(problem: Problem, plan: RoundPlan) -> None:
    assert check(with_stop(problem, 0, prize=7), plan)


def test_a_break_after_more_visits_than_there_are_is_seen(problem: Problem, plan: RoundPlan) -> None:
    rest = Rest(100, 50_000, 60)
    rested = replace(problem, trucks=tuple(replace(truck, rest=rest) for truck in problem.trucks))
    never = changed(replace(plan, problem_hash=rested.hash), rest=RestTaken(99, 100, 160))
    assert check(rested, replace(plan, problem_hash=rested.hash)) == []
    assert any("more visits" in fault for fault in check(rested, never))


def test_a_stop_that_another_truck_has_begun_is_seen(problem: Problem, plan: RoundPlan) -> None:
    taken = plan.rounds[busy(plan)].stop_ids[0]
    other = 1 - busy(plan)
    trucks = [replace(t, locked=(taken,)) if i == other else t for i, t in enumerate(problem.trucks)]
    begun = replace(problem, trucks=tuple(trucks))
    assert any("another has begun" in fault for fault in check(begun, replace(plan, problem_hash=begun.hash)))


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_round_that_leaves_out_what_it_has_begun_is_seen_unless_it_cannot_be_driven(kept: int) -> None:
    problem = grid(10, 2)
    begun = replace(problem, trucks=(replace(problem.trucks[0], locked=("s4", "s7", "s2")), problem.trucks[1]))
    beginning = [begun.first_stop + i for i in (4, 7, 2)]
    orders = [[*beginning[:kept], begun.first_dump] if kept else [], []]
    faults = check(begun, assemble(begun, orders, "test", 0))
    assert faults == [f"truck truck 1: leaves out {('s4', 's7', 's2')[kept]}, which it has begun"]
    assert check(begun, assemble(begun, [[*beginning, begun.first_dump], []], "test", 0)) == []
    heavy = with_stop(begun, (4, 7, 2)[kept], volume_l=5000)
    early = replace(begun, trucks=(replace(begun.trucks[0], shift_end_s=400), begun.trucks[1]))
    rested = replace(begun, trucks=(replace(begun.trucks[0], rest=Rest(0, 100, 8 * 3600)), begun.trucks[1]))
    assert not [fault for fault in check(heavy, assemble(heavy, orders, "test", 0)) if "begun" in fault]
    for narrow in (early, rested):
        assert not [fault for fault in check(narrow, assemble(narrow, [[], []], "test", 0)) if "begun" in fault]


@pytest.mark.parametrize("matrix", ["metres", "seconds"])
def test_a_way_home_that_is_none_is_seen(problem: Problem, plan: RoundPlan, matrix: str) -> None:
    values = getattr(problem, matrix).copy()
    values[problem.first_dump, 0] = LONGEST
    cut_off = replace(problem, **{matrix: values})
    assert any("no way home" in fault for fault in check(cut_off, replace(plan, problem_hash=cut_off.hash)))
