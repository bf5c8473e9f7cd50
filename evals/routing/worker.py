"""One run of one solver in a process of its own: `python -m evals.routing.worker JOB`, both ways in JSON.

A job names the instance's file, the solver, its CPU seconds and its seed. The answer is the last line of the output:
routes, the cost over CPU time as the solver claims it, and what it took. Judging is the caller's.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pydantic import JsonValue

from evals.routing import peer_ortools, peer_pyvrp, peer_vroom
from evals.routing.formats import read_instance
from evals.routing.instances import Instance, Route
from evals.routing.watch import Solver, Watch, nothing

OURS = "roundsman"
PEERS = {
    "pyvrp": Solver(nothing, peer_pyvrp.solve),
    "ortools": Solver(peer_ortools.cannot, peer_ortools.solve),
    "vroom": Solver(peer_vroom.cannot, peer_vroom.solve),
}
ROOT = Path(__file__).parents[2]
ONE_THREAD = ("OMP_NUM_THREADS=1", "OPENBLAS_NUM_THREADS=1", "MKL_NUM_THREADS=1")
SPARE_CPU_S, SPARE_TIMES = 300, 4  # a run that does not end by itself is ended here; compiling takes a minute once
SLOWEST = 30  # wall seconds for one CPU second on a machine that does much else


@dataclass(frozen=True)
class Job:
    """What a process of its own is asked; `settings` are fields of our engine's `Params`."""

    file: str
    solver: str
    seconds: float
    seed: int = 1
    settings: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What came back. `trace`: (CPU s, cost) as claimed. `before_mb`: memory with the instance read, nothing solved.

    `failure` is why there is no answer; it is empty for one that merely is not feasible.
    """

    routes: tuple[Route, ...] = ()
    trace: tuple[tuple[float, int], ...] = ()
    cpu_s: float = 0.0
    wall_s: float = 0.0
    peak_mb: float = 0.0
    before_mb: float = 0.0
    failure: str = ""


def run_apart(job: Job) -> Outcome:
    """Runs the job in a process of its own, one thread, and waits for it."""
    command = ["env", *ONE_THREAD, sys.executable, "-m", "evals.routing.worker", json.dumps(asdict(job))]
    patience = SLOWEST * (job.seconds + SPARE_CPU_S)
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patience)
    except subprocess.TimeoutExpired:
        return Outcome(failure=f"no answer after {patience:.0f} s")
    if done.returncode or not done.stdout.strip():
        last = (done.stderr.strip().splitlines() or [f"ended with code {done.returncode}"])[-1]
        return Outcome(failure=last[:200])
    found = json.loads(done.stdout.strip().splitlines()[-1])
    routes = tuple(Route(vehicle, tuple(points)) for vehicle, points in found.pop("routes"))
    return Outcome(routes=routes, trace=tuple((spent, cost) for spent, cost in found.pop("trace")), **found)


def run_here(job: Job) -> Outcome:
    """Runs the job in this process."""
    instance = read_instance(Path(job.file).absolute())
    before, began = memory_mb("VmRSS"), time.monotonic()
    watch = Watch(job.seconds, job.seed)
    routes = _solve(instance, job, watch)
    spent = watch.spent
    return Outcome(
        tuple(Route(each.vehicle, tuple(map(int, each.points))) for each in routes),
        tuple(watch.trace),
        round(spent, 3),
        round(time.monotonic() - began, 3),
        memory_mb("VmHWM"),
        before,
    )


def _solve(instance: Instance, job: Job, watch: Watch) -> list[Route]:
    if job.solver != OURS:
        return list(PEERS[job.solver].solve(instance, watch))
    from evals.routing.ours import solve_ours  # compiled code, only where it is measured

    return list(solve_ours(instance, watch, job.settings))


def memory_mb(which: str) -> float:
    """This process's memory: `VmRSS` now, `VmHWM` at its peak. Not `ru_maxrss`: that begins with the parent's peak."""
    status = Path("/proc/self/status")
    if not status.exists():  # no Linux: the parent's peak may be counted in
        return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 1)
    line = next(line for line in status.read_text("ascii").splitlines() if line.startswith(which))
    return round(int(line.split()[1]) / 1024, 1)


def main() -> int:
    """Answer the job of the command line on the standard output."""
    job = Job(**json.loads(sys.argv[1]))
    most = round(job.seconds * SPARE_TIMES) + SPARE_CPU_S
    resource.setrlimit(resource.RLIMIT_CPU, (most, most))
    outcome = run_here(job)
    routes = [(route.vehicle, route.points) for route in outcome.routes]
    print(json.dumps({**asdict(outcome), "routes": routes}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
