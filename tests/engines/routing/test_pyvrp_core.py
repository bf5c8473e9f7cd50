"""PyVRP as a core: it finds plans whatever the units are, and is told of no limit that nothing can reach."""

from __future__ import annotations

from dataclasses import replace

import pytest
from routing_cases import grid, with_stop, with_stops

from engines.routing.check import check
from engines.routing.model import model_of
from engines.routing.params import Params
from engines.routing.problem import LONGEST, Problem, StopRule
from engines.routing.pyvrp_core import NOWHERE, Turn, build, improve_with_pyvrp, without_prize
from engines.routing.rounds import assemble
from engines.routing.stopping import Budget
from engines.routing.task import Task


def dear(litres: int, cost_per_km: float) -> Problem:
    """Sixty stops of so many litres, seven to a truck; nothing but room binds."""
    problem = with_stops(grid(60, 9, dump=False), volume_l=litres, weight_kg=0)
    trucks = (replace(t, capacity_l=7 * litres, cost_per_km=cost_per_km, cost_per_hour=0.0) for t in problem.trucks)
    return replace(problem, trucks=tuple(trucks))


@pytest.mark.parametrize("litres", [1, 100, 5000])
def test_it_finds_a_plan_whatever_a_litre_is_worth_beside_a_way(litres: int) -> None:
    problem = dear(litres, cost_per_km=30_000.0)
    found = improve_with_pyvrp(model_of(problem), None, Budget(StopRule(max_looks=30_000)), Turn(1))
    assert found is not None
    plan = assemble(problem, found, "pyvrp", 1)
    assert check(problem, plan) == []
    assert len(plan.served) == 60


def test_it_is_given_no_windows_where_no_time_binds_and_no_load_that_nobody_has() -> None:
    problem = dear(100, cost_per_km=1.0)
    free = replace(problem, trucks=tuple(replace(t, shift_end_s=LONGEST, late_start=True) for t in problem.trucks))
    assert not build(model_of(free)).data.has_time_windows()
    assert build(model_of(problem)).data.has_time_windows()
    assert build(model_of(free)).data.num_load_dimensions == 1
    assert build(model_of(with_stops(free, weight_kg=3))).data.num_load_dimensions == 2
    assert build(model_of(with_stops(free, volume_l=0))).data.num_load_dimensions == 0


def test_every_way_between_its_depots_is_a_real_one() -> None:
    problem = grid(20, 2)
    built = build(model_of(problem))
    start, home, dump = 0, 1, built.first_dump
    for ways in (built.data.distance_matrix(0), built.data.duration_matrix(0)):
        assert 0 < ways[start, dump] < NOWHERE
        assert ways[start, home] == 0  # of an unused truck
    assert built.data.duration_matrix(0)[start, dump] == problem.seconds[0, problem.first_dump]
    assert built.data.duration_matrix(0)[dump, home] == problem.seconds[problem.first_dump, 0]


def test_stops_without_a_prize_are_bound_and_left_out_only_where_not_all_fit() -> None:
    roomy = grid(20, 2, capacity_l=3000, dump=False)
    problem = with_stop(with_stop(roomy, 3, prize=5), 4, prize=5, must_serve=True)
    task = Task(problem, list(range(problem.first_stop, problem.size)), Budget(StopRule(max_looks=1)), 1, Params())
    everything = assemble(problem, [list(range(problem.first_stop, problem.size)), []], "insertion", 1)
    bound = without_prize(task, everything)
    assert bound == {stop.id for stop in problem.stops} - {"s3"}
    fewer = assemble(problem, [list(range(problem.first_stop, problem.size - 6)), []], "insertion", 1)
    assert without_prize(task, fewer) == frozenset()  # six of nineteen
    model = model_of(problem)
    clients = build(model, bound).data.clients()
    assert [stop.id for stop, client in zip(model.stops, clients, strict=True) if not client.required] == ["s3"]


def test_where_not_all_fit_it_plans_what_does() -> None:
    problem = grid(20, 2, capacity_l=700, dump=False)
    everything = frozenset(stop.id for stop in problem.stops)
    found = improve_with_pyvrp(model_of(problem), None, Budget(StopRule(max_looks=30_000)), Turn(1, bound=everything))
    assert found is not None
    plan = assemble(problem, found, "pyvrp", 1)
    assert check(problem, plan) == []
    assert len(plan.served) == 14
