"""What the loops keep instead of reckoning it again: costs of arcs, lists of near stops, bounds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from routing_cases import grid

from engines.routing.annealer import Annealer
from engines.routing.model import DUMPS, MIXED, SCANNED, TIMED, model_of
from engines.routing.nearness import neighbours_together
from engines.routing.problem import LONGEST, Problem, StopRule, Truck
from engines.routing.ruin import ruin
from engines.routing.state import COST, STALE, TAKEN, TOUCHED, begin_move, undo
from engines.routing.stopping import Budget
from engines.routing.times import by_way_of_dump, direct, repair


def loads_only(problem: Problem) -> Problem:
    return replace(
        problem, trucks=tuple(replace(t, shift_end_s=LONGEST, late_start=True) for t in problem.trucks), goal="cost"
    )


def unlike(truck: Truck, index: int) -> Truck:
    """The same truck, every second one dearer by the way and larger."""
    return replace(truck, cost_per_km=1.0 + index % 2, capacity_l=truck.capacity_l * (1 + index % 2))


def mixed(problem: Problem) -> Problem:
    return replace(problem, trucks=tuple(unlike(truck, i) for i, truck in enumerate(problem.trucks)))


def one_way(problem: Problem) -> Problem:
    """The same with ways that differ there and back, unequal stays, and no way from the last stop to the one before."""
    rng = np.random.default_rng(7)
    metres = np.rint(problem.metres * rng.uniform(0.5, 1.6, problem.metres.shape)).astype(np.int64)
    seconds = np.rint(problem.seconds * rng.uniform(0.5, 1.6, problem.seconds.shape)).astype(np.int64)
    metres[-1, -2] = LONGEST
    stops = tuple(replace(stop, service_s=30 * (i % 4)) for i, stop in enumerate(problem.stops))
    return replace(problem, metres=metres, seconds=seconds, stops=stops)


CASES = {
    "loads only, one way": one_way(loads_only(grid(60, 8, capacity_l=1000, dump=False))),
    "dumps, one way, unlike trucks": one_way(mixed(grid(60, 3, capacity_l=700))),
    "loads only": loads_only(grid(60, 8, capacity_l=1000, dump=False)),
    "loads only, unlike trucks": mixed(loads_only(grid(60, 8, capacity_l=1000, dump=False))),
    "shifts": replace(grid(60, 6, capacity_l=2000, dump=False), max_seconds=4000),
    "dumps": grid(60, 3, capacity_l=700),
    "dumps, unlike trucks": mixed(grid(60, 3, capacity_l=700)),
}


@pytest.mark.parametrize("name", CASES)
def test_after_thousands_of_moves_every_kept_arc_is_what_it_costs(name: str) -> None:
    annealer = Annealer(model_of(CASES[name]), 1)
    annealer.start()
    budget = Budget(StopRule(max_looks=6000))
    for until in (0.2, 0.6, 1.0):
        annealer.run(budget, until=until)
        _check_arcs(annealer, name)


def _check_arcs(annealer: Annealer, name: str) -> None:
    facts, state = annealer.model.facts, annealer.state
    n, nodes = len(facts.stops), state.nodes
    assert bool(facts.flags[TIMED]) == ("loads only" not in name)
    assert bool(facts.flags[DUMPS]) == ("dumps" in name)
    assert bool(facts.flags[MIXED]) == ("unlike" in name)
    seen = 0
    for v in range(len(state.trucks)):
        i, cost, k = n + v, 0, int(state.trucks["kind"][v])
        while state.trucks["count"][v] > 0:
            j = int(nodes["after"][i])
            way = by_way_of_dump if nodes["dump_after"][i] else direct
            assert nodes["arc"][i] != STALE
            assert (nodes["arc"][i], nodes["leg"][i]) == way(facts, k, (i, j)), (v, i, j)
            cost, i, seen = cost + int(nodes["arc"][i]), j, seen + 1
            if i >= n:
                break
        if cost:
            waiting = int(state.trucks["paid"][v]) - cost - int(facts.kinds["fixed"][k])
            assert waiting >= 0 if facts.flags[TIMED] else waiting == 0
    assert seen >= 60
    assert state.tally[COST] == state.trucks["paid"][state.trucks["count"] > 0].sum()


@pytest.mark.parametrize("name", ["loads only, unlike trucks", "loads only, one way"])
def test_a_move_that_is_undone_leaves_nothing_changed(name: str) -> None:
    annealer = Annealer(model_of(CASES[name]), 2)
    annealer.start()
    annealer.run(Budget(StopRule(max_looks=500)))
    facts, state = annealer.model.facts, annealer.state
    kept, taken = ("after", "before", "truck", "dump_after", "arc", "leg"), 0
    for _ in range(200):
        before, cost = [state.nodes[name].copy() for name in kept], int(state.tally[COST])
        paid = state.trucks[["count", "load_l", "load_kg", "paid"]].copy()
        begin_move(state)
        ruin(facts, state)
        for x in range(int(state.tally[TOUCHED])):
            repair(facts, state, int(state.touched["truck"][x]))
        taken += int(state.tally[TAKEN])
        undo(facts, state)
        served = before[2] >= 0
        served[len(facts.stops) :] = True
        for name_, was in zip(kept, before, strict=True):
            assert (state.nodes[name_][served] == was[served]).all(), name_
        assert (state.trucks[["count", "load_l", "load_kg", "paid"]] == paid).all()
        assert state.tally[COST] == cost
    assert taken > 500


def test_neighbours_stand_together_and_every_stop_once() -> None:
    at = np.random.default_rng(3).uniform(0, 10_000, (200, 2))
    metres = np.rint(np.hypot(*(at[:, None] - at[None]).transpose(2, 0, 1))).astype(np.int64)
    order = neighbours_together(metres)
    assert sorted(order.tolist()) == list(range(200))
    step = metres[order[:-1], order[1:]].mean()
    assert step < metres[np.arange(199), np.arange(1, 200)].mean() / 5
    assert neighbours_together(metres[:0, :0]).shape == (0,)


@pytest.mark.parametrize("name", ["loads only, one way", "loads only, unlike trucks", "dumps, one way, unlike trucks"])
def test_the_rows_of_a_model_lead_back_to_the_problem(name: str) -> None:
    problem = CASES[name]
    model = model_of(problem)
    facts = model.facts
    assert [problem.stop_at(int(point)) for point in facts.points] == list(model.stops)
    assert [model.row_of[int(point)] for point in facts.points] == list(range(len(model.stops)))
    assert set(model.row_of[: problem.first_stop]) == {-1}
    assert facts.flags[SCANNED] == 0
    apart = ~np.eye(len(model.stops), dtype=bool)
    for c in range(len(model.stops)):
        onward = [*facts.cost[:, c, apart[c]].ravel().tolist(), *facts.ends["end_cost"][:, c].tolist()]
        assert facts.stops["least_on"][c] == min(onward)
        for g in range(len(facts.cost)):
            assert facts.near_cost[g, c].tolist() == facts.cost[g, facts.insert_near[c], c].tolist()
