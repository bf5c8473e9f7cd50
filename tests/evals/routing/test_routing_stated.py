"""Claims about the stated case: all rules are in it, what was begun stays, and its plans pass the check."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.routing.params import Params
from engines.routing.problem import StopRule
from engines.routing.solve import solve
from evals.routing.stated import NOON_S, at_noon, changed, crowd_figures, figures, figures_apart, town
from evals.routing.suite import stated_line
from evals.routing.worker import memory_mb


def test_the_town_has_every_rule_that_it_names() -> None:
    problem = town(40, 4)
    assert {stop.stream for stop in problem.stops} == {"waste", "glass"}
    assert any(stop.window for stop in problem.stops)
    assert any(stop.must_serve for stop in problem.stops)
    assert any(stop.prize for stop in problem.stops)
    assert all(truck.rest and problem.dumps for truck in problem.trucks)


def test_at_noon_the_broken_truck_is_gone_and_the_others_keep_what_they_have_begun() -> None:
    problem = town(40, 4)
    plan = solve(problem, StopRule(max_looks=3000))
    noon = at_noon(problem, plan)
    assert [truck.name for truck in noon.trucks] == ["truck 1", "truck 2", "truck 3"]
    gone = {stop.id for stop in problem.stops} - {stop.id for stop in noon.stops}
    assert gone == {v.stop_id for v in plan.rounds[0].visits if v.depart_s <= NOON_S and not v.is_dump}
    after = solve(noon, StopRule(max_looks=3000), params=Params(start=plan))
    assert all(each.stop_ids[: len(t.locked)] == t.locked for each, t in zip(after.rounds, noon.trucks, strict=True))


def test_changed_stops_are_those_that_another_truck_or_only_one_plan_serves() -> None:
    problem = town(30, 4)
    plan = solve(problem, StopRule(max_looks=2000))
    assert changed(problem, plan, plan) == 0
    moved = replace(plan.rounds[0], truck="truck 9")
    assert changed(problem, plan, replace(plan, rounds=(moved, *plan.rounds[1:]))) == len(moved.stop_ids) > 0
    assert changed(problem, plan, replace(plan, rounds=plan.rounds[1:])) == len(moved.stop_ids)


def test_a_small_case_gives_every_figure_and_no_fault() -> None:
    found = figures(bins=60, seconds=0.3) | crowd_figures(2_000)
    assert found["faults"] == found["crowd_faults"] == []
    assert found["begun_kept"] is True
    assert found["objective"] <= found["first_objective"]  # type: ignore[operator]
    assert found["replan_objective"] <= found["replan_first_objective"]  # type: ignore[operator]
    assert found["crowd_planned_for"] == 1_200
    assert 0 < found["peak_mb"] <= found["crowd_peak_mb"]  # type: ignore[operator]  # here one process, one peak
    assert "re-plan" in stated_line(found)


def test_memory_of_this_process_is_not_that_of_a_case_apart(tmp_path: Path) -> None:
    held = np.ones(250_000_000, dtype=np.uint8)  # this process at its peak; the case apart needs a fraction of it
    (tmp_path / "small_case.py").write_text(
        "import json, sys\nfrom evals.routing.worker import memory_mb\n"
        "print(json.dumps({sys.argv[1]: memory_mb('VmHWM')}))\n"
    )
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", str(tmp_path))
        found = figures_apart("small_case")
    assert held.all()
    assert memory_mb("VmHWM") > 250
    assert {*found} == {"town", "crowd"}
    assert all(0 < peak < 200 for peak in found.values())  # type: ignore[operator]


def test_a_stated_case_that_breaks_is_a_figure_and_costs_no_other_one() -> None:
    found = figures_apart("evals.routing.no_such_case")
    assert "no_such_case" in str(found["failure"])
    assert "not measured" in stated_line(found)
