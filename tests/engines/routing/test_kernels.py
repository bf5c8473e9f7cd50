"""Claims about compiled loops: compiled once and ahead, never while a question waits, never older than their text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from numba.core import event
from routing_cases import grid, with_stop, with_stops

from engines.routing.check import check
from engines.routing.kernels import KERNELS
from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Problem, Rest, StopRule
from engines.routing.solve import solve
from engines.routing.sources import SOURCES

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "engines" / "routing"
LOOKS = StopRule(max_looks=1500)
ASK = """
import sys; sys.path[:0] = {path!r}
from routing_cases import grid, with_stop
from engines.routing.check import check
from engines.routing.solve import solve
from engines.routing.problem import StopRule
problem = {problem}
plan = solve(problem, StopRule(max_looks=2000))
print(plan.core, len(plan.served), check(problem, plan), sep="|")
"""


class Compilations(event.Listener):
    """The names of what is compiled."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def on_start(self, event: Any) -> None:
        self.names.append(event.data["dispatcher"].py_func.__qualname__)

    def on_end(self, event: Any) -> None:
        """Nothing is to be done."""


def asked(cache: Path, problem: str = "grid(12, 2)") -> subprocess.Popen[str]:
    """A process that solves a problem, with its own folder for compiled code."""
    program = ASK.format(path=[str(ROOT), str(Path(__file__).parent)], problem=problem)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(cache)}
    return subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True)


def every_kind() -> list[Problem]:
    """Problems that take every branch: plain, dumps, windows, breaks, locks, releases, limits, reloads, balance."""
    plain = grid(15, 3, capacity_l=5000, dump=False)
    dumps = grid(15, 2, capacity_l=400)
    trucks = (replace(dumps.trucks[0], locked=("s1", "s2"), load_l=100), *dumps.trucks[1:])
    rested = replace(
        dumps, trucks=tuple(replace(t, rest=Rest(600, 2000, 600), max_metres=90_000) for t in dumps.trucks)
    )
    return [
        plain, replace(plain, goal=Goal.time), dumps, replace(dumps, trucks=trucks), rested,
        with_stops(dumps, window=(0, 9000), prize=4000), with_stop(dumps, 0, release_s=900),
        replace(grid(9, 1, capacity_l=300, dump=False), reload_at_depot=True), replace(dumps, goal=Goal.balanced),
        grid(1, 1), grid(2, 3),
    ]  # fmt: skip


def test_nothing_is_compiled_once_the_loops_are_at_hand() -> None:
    assert KERNELS.wait()
    with event.install_listener("numba:compile", Compilations()) as heard:
        for problem in every_kind():
            plan = solve(problem, LOOKS)
            assert plan.repeatable
            solve(problem, LOOKS, params=Params(start=plan))
        solve(grid(12), LOOKS, params=Params(core=Core.annealer, annealer="sqa", replicas=2))
    assert heard.names == []


def test_asking_for_a_plan_by_or_tools_loads_no_compiler() -> None:
    program = (
        "import sys; from engines.routing import solve, reasons, baseline, pareto, confirm;"
        "print([name for name in ('numba', 'llvmlite', 'pyvrp', 'ortools') if name in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("problem", "core"),
    [("grid(12, 2)", "or-tools"), ("with_stop(grid(12, 2), 2, release_s=900)", "(insertion|pyvrp)")],
)
def test_where_nothing_is_compiled_the_first_question_is_answered_all_the_same_and_says_so(
    tmp_path: Path, problem: str, core: str
) -> None:
    asking = asked(tmp_path, problem)
    said, _ = asking.communicate(timeout=90)
    assert re.fullmatch(core + r" while the annealer is compiled\|12\|\[\]", said.strip())
    assert asking.returncode == 0  # the compiler is told to end before the process does


def test_where_the_compiler_itself_fails_another_core_answers_and_the_cause_is_told(tmp_path: Path) -> None:
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba" / "__init__.py").write_text("raise RuntimeError('made for another processor')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    program = ASK.format(path=[str(tmp_path), str(ROOT), str(Path(__file__).parent)], problem="grid(12, 2)")
    run = partial(subprocess.run, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run([sys.executable, "-c", program]).stdout.strip() == "or-tools without the annealer|12|[]"
    alone = run([sys.executable, "-m", "engines.routing.kernels"])
    assert alone.returncode == 1
    assert "cannot run here: RuntimeError('made for another processor')" in alone.stderr


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_compile_into_one_folder_at_once_and_the_next_finds_all(tmp_path: Path) -> None:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "engines.routing.kernels"]
    both = [subprocess.Popen(command, env=environment, cwd=ROOT) for _ in range(2)]
    assert [each.wait() for each in both] == [0, 0]
    said, _ = asked(tmp_path).communicate(timeout=90)
    assert said.strip() == "annealer|12|[]"


def test_every_file_whose_text_is_compiled_is_in_the_mark() -> None:
    compiled = {f.stem for f in FOLDER.glob("*.py") if re.search(r"^@(compiled|folded)$", f.read_text(), re.MULTILINE)}
    constants = {"model", "compiled"}
    assert {*SOURCES} == compiled | constants


def test_a_plan_of_every_kind_passes_the_checker() -> None:
    for problem in every_kind():
        assert check(problem, solve(problem, LOOKS)) == []
