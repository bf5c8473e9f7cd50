"""Claims about searches that are ended, that go on from a plan, and that end at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from routing_cases import grid, with_stop, with_stops

from engines.routing.annealer import Annealer
from engines.routing.carried import carried_over
from engines.routing.check import check
from engines.routing.model import model_of
from engines.routing.params import Core, Params
from engines.routing.plan import STOPPED_BY_CLOCK, UNTIL_TIME_WAS_UP
from engines.routing.problem import Goal, Problem, Progress, StopRule
from engines.routing.rounds import assemble, orders_of, rank
from engines.routing.search import runs_of
from engines.routing.solve import solve

AT_ONCE, SHORT, LOOKS = StopRule(max_looks=1), StopRule(max_looks=1000), StopRule(max_looks=4000)
DAYS = [
    grid(60, 2, capacity_l=700),
    replace(grid(60, 3, capacity_l=700), goal=Goal.balanced, max_seconds=4500),
    with_stops(grid(60, 2, capacity_l=900), prize=2900),
    with_stops(grid(40, 2, capacity_l=900), prize=900),
]


@pytest.mark.parametrize("problem", DAYS)
def test_however_short_the_search_no_other_core_s_plan_is_better(problem: Problem) -> None:
    simple = solve(problem, AT_ONCE, params=Params(core=Core.insertion))
    assert rank(problem, solve(problem, AT_ONCE)) <= rank(problem, simple)
    for rule in (SHORT, LOOKS):
        plan, theirs = solve(problem, rule), solve(problem, rule, params=Params(core=Core.ortools))
        assert rank(problem, plan) <= rank(problem, theirs)


def test_a_search_that_is_ended_at_once_serves_everything_that_fits() -> None:
    problem = grid(300, 4, capacity_l=3000)
    plan = solve(problem, StopRule(max_seconds=60, cancelled=lambda: True))
    assert not plan.unserved
    assert not plan.repeatable


def test_stops_that_pay_only_together_are_in_the_first_plan_already() -> None:
    problem = with_stops(grid(300, 4, capacity_l=5000), prize=2500)
    assert len(solve(problem, AT_ONCE).served) > 250
    assert not solve(with_stops(grid(1, 4), prize=2500), LOOKS).served


@pytest.mark.parametrize("core", [Core.auto, Core.ortools, Core.insertion, Core.pyvrp])
def test_a_search_that_goes_on_from_a_plan_is_never_worse_than_that_plan(core: Core) -> None:
    problem = grid(60, 2, capacity_l=700)
    good = solve(problem, LOOKS, seed=3)
    assert rank(problem, solve(problem, AT_ONCE, params=Params(core=core, start=good))) <= rank(problem, good)


def test_a_plan_is_carried_over_to_a_day_with_other_stops_trucks_and_hours() -> None:
    old = replace(grid(40, 3, capacity_l=700), max_seconds=5000)  # too short for one truck
    plan = solve(old, LOOKS)
    fewer = replace(old, trucks=old.trucks[1:], max_seconds=max(each.seconds for each in plan.rounds[1:]) - 500)
    orders = carried_over(fewer, plan)
    assert check(fewer, assemble(fewer, orders, "test", 0)) == []
    kept = [each.stop_ids for each in plan.rounds[1:]]
    for order, before in zip(orders, kept, strict=True):
        stops = [fewer.stop_at(point).id for point in order if not fewer.is_dump(point)]
        assert stops == [stop for stop in before if stop in stops]
        assert len(stops) >= len(before) // 2
    assert carried_over(old, plan)[0]


def test_a_round_already_begun_keeps_its_beginning_when_it_is_planned_again() -> None:
    problem = grid(20, 2)
    plan = solve(problem, LOOKS)
    begun = plan.rounds[1].stop_ids[2::-1]
    trucks = (problem.trucks[0], replace(problem.trucks[1], locked=begun))
    later = replace(problem, trucks=trucks)
    again = solve(later, AT_ONCE, params=Params(start=plan))
    assert again.rounds[1].stop_ids[:3] == begun
    assert not again.unserved


@pytest.mark.parametrize(
    ("begun", "heavy", "kept"),
    [(("s1", "s2", "s3"), "s2", ("s1",)), (("s1", "s2", "s3"), "s3", ("s1", "s2")), (("s1", "s2"), "s1", ())],
)
def test_a_beginning_that_no_longer_fits_is_kept_up_to_the_first_stop_that_does_not(
    begun: tuple[str, ...], heavy: str, kept: tuple[str, ...]
) -> None:
    problem = grid(8, 2)
    plan = solve(problem, LOOKS)
    problem = with_stop(problem, int(heavy[1:]), volume_l=2000)
    later = replace(problem, trucks=(replace(problem.trucks[0], locked=begun), problem.trucks[1]))
    for start in (plan, None):
        again = solve(later, LOOKS, params=Params(start=start))
        assert again.rounds[0].stop_ids[: len(kept)] == kept
        assert not {*begun[len(kept) :]} & {*again.served}
        assert len(again.served) == 8 - len(begun) + len(kept)


def test_a_beginning_of_more_than_one_load_is_gone_on_with_behind_an_unloading() -> None:
    problem = grid(8, 2, capacity_l=250)
    begun = replace(problem, trucks=(replace(problem.trucks[0], locked=("s1", "s2", "s3")), problem.trucks[1]))
    plan = solve(begun, LOOKS)
    assert plan.rounds[0].stop_ids[:3] == ("s1", "s2", "s3")
    assert not plan.unserved


def test_a_beginning_too_large_for_a_truck_that_never_unloads_is_cut_where_it_is_full() -> None:
    problem = grid(8, 2, capacity_l=350, dump=False)
    trucks = (replace(problem.trucks[0], locked=("s1", "s2", "s3"), load_l=100), problem.trucks[1])
    plan = solve(replace(problem, trucks=trucks), LOOKS)
    assert plan.rounds[0].stop_ids == ("s1", "s2")
    assert "s3" not in plan.served


def test_a_plan_that_the_clock_ended_is_not_one_to_repeat() -> None:
    for core in (Core.auto, Core.ortools):
        plan = solve(grid(60), StopRule(max_seconds=0.05, max_looks=10**9), params=Params(core=core))
        assert (plan.core, plan.repeatable) == (STOPPED_BY_CLOCK, False)
    assert solve(grid(10), LOOKS).repeatable


@pytest.mark.parametrize("core", [Core.annealer, Core.ortools])
def test_a_plan_searched_for_as_long_as_a_clock_allowed_is_not_one_to_repeat(core: Core) -> None:
    plan = solve(grid(30), StopRule(max_seconds=0.3), params=Params(core=core))
    assert not plan.repeatable
    assert plan.core.endswith(UNTIL_TIME_WAS_UP)
    assert solve(grid(5), StopRule(max_seconds=60), params=Params(core=Core.insertion)).repeatable


def test_several_runs_share_a_budget_where_trips_must_pay_and_none_loses_the_best_so_far() -> None:
    problem = with_stops(grid(60, 1, capacity_l=700), prize=1500)
    told: list[Progress] = []
    looks = 40_000
    plan = solve(problem, StopRule(max_looks=looks, progress=told.append), 4, Params(core=Core.annealer))
    assert runs_of(model_of(problem)) > 1
    no_dump = with_stops(grid(60, 1, capacity_l=700, dump=False), prize=1500)
    assert runs_of(model_of(with_stops(problem, prize=None))) == runs_of(model_of(no_dump)) == 1
    objectives = [each.objective for each in told]
    assert objectives == sorted(objectives, reverse=True)
    assert plan.objective <= min(objectives, default=plan.objective)
    assert not check(problem, plan)
    assert plan.repeatable


def test_only_the_first_of_several_runs_gives_the_plan_up_to_begin_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[bool] = []
    begin = Annealer.begin_anew

    def recorded(self: Annealer, seed: int) -> None:
        begin(self, seed)
        began.append(self.anew)

    monkeypatch.setattr(Annealer, "begin_anew", recorded)
    problem = with_stops(grid(30, 12, capacity_l=700), prize=4000)
    problem = replace(problem, trucks=tuple(replace(truck, max_trips=1) for truck in problem.trucks))
    assert runs_of(model_of(problem)) > 1
    solve(problem, StopRule(max_looks=20_000), 4, Params(core=Core.annealer))
    assert began == [True]


@pytest.mark.parametrize("seed", range(3))
def test_from_a_plan_that_serves_nobody_the_search_finds_the_bins_that_pay_for_the_way_only_together(seed: int) -> None:
    problem = with_stops(grid(90, 2, capacity_l=5000), prize=4500)
    far = problem.metres.copy()
    far[:2, 2:] += 25_000  # depot and dump, from all stops
    far[2:, :2] += 25_000
    problem = replace(problem, metres=far, seconds=far // 10)
    nobody = solve(with_stops(problem, prize=1), AT_ONCE)
    assert not nobody.served
    plan = solve(problem, StopRule(max_looks=20_000), seed, Params(core=Core.annealer, start=nobody))
    assert len(plan.served) > 40
    assert not check(problem, plan)


@pytest.mark.parametrize("seed", range(4))
def test_a_finished_plan_that_is_taken_over_again_gets_no_stop_that_does_not_pay(seed: int) -> None:
    problem = with_stops(grid(120, 2, seed=3), prize=300)
    plan = solve(problem, StopRule(max_looks=20_000), 1, Params(core=Core.annealer))
    assert len(plan.unserved) > 20
    again = Annealer(model_of(problem), seed)
    again.start(orders_of(problem, plan), warm=True)
    assert assemble(problem, again.orders, "annealer", seed).objective <= plan.objective
