"""Suite `routing`: how far above the best known our plans are, beside the peers, in equal CPU seconds.

    python -m evals routing --data FOLDER --seconds 10 --seeds 3 --peers

Reads VRPLIB files with PyVRP's extensions, Solomon's text files and Montevideo's waste files below the folder. Every
run is a process of its own with one thread and a budget of CPU seconds, counted from "instance in memory"; every
answer is judged by `evals.routing.check`, which knows the instance alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from pydantic import JsonValue

from domain.errors import BadData
from evals.routing.check import cost_of, faults_of, served_by
from evals.routing.formats import Found, find, read_all
from evals.routing.instances import Instance
from evals.routing.stated import figures_apart
from evals.routing.worker import OURS, PEERS, Job, Outcome, run_apart

JsonObject = dict[str, JsonValue]
MOMENTS_S = (1, 10, 30, 60, 100)
"""CPU seconds at which the gap on the way is told."""
STATED_FROM_S = 10.0  # a measurement of at least so many seconds also has the stated case (evals/routing/stated.py)
SHORTEST_S = 0.05  # the first budget at which a feasible answer is looked for


@dataclass(frozen=True)
class Asked:
    """What to measure: CPU seconds a run, seeds 1 to `seeds`, the peers too or not, fields of our `Params`."""

    data: Path | None
    seconds: float = 10.0
    seeds: int = 1
    peers: bool = False
    settings: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Judged:
    """One run, judged. `gap_pct` is None without a best-known cost or a feasible answer."""

    cost: int | None
    gap_pct: float | None
    faults: tuple[str, ...]
    served: int
    at_s: Mapping[int, float]
    outcome: Outcome

    @property
    def feasible(self) -> bool:
        """Whether the independent check found no fault."""
        return not self.faults

    @property
    def first_feasible_s(self) -> float | None:
        """CPU seconds to the first feasible answer; None when the last one is not."""
        if not self.feasible:
            return None
        return self.outcome.trace[0][0] if self.outcome.trace else self.outcome.cpu_s


def figures(asked: Asked) -> JsonObject:
    """The suite's figures, a line printed for each instance. Raises BadData for data that cannot be read.

    `instances[name]`: `gap_pct` is the mean over seeds, `first_feasible_s` and `peak_mb` the worst, `feasible` whether
    all seeds were; `at_s` the mean gap after so many CPU seconds, as the solver claims it; `peers` the same of each.
    `stated`: first plan, mid-shift re-plan and 50,000 bins under all rules, measured from 10 seconds a run on;
    `failure` where it broke, because the instances' figures stand without it.
    Our `first_feasible_s` is proved by a run that ends there; the peers' is what they claim of themselves.
    """
    found = found_in(asked)
    instances: JsonObject = {}
    print(heading(asked))
    for name, instance in read_all(found):
        row = measured(name, found.files[name], instance, asked)
        instances[name] = row
        print(line(name, row))
    for file, reason in found.unread.items():
        print(f"not read: {file.name}: {reason}")
    rows = [row for row in instances.values() if isinstance(row, dict)]
    stated = figures_apart() if asked.seconds >= STATED_FROM_S else None
    if stated:
        print(stated_line(stated))
    return {
        "instances": instances,
        "mean_gap_pct": mean_gaps(rows),
        "feasible_share": fmean(bool(row["feasible"]) for row in rows),
        "worst_first_feasible_s": worst([row["first_feasible_s"] for row in rows]),
        "worst_peak_mb": worst([row["peak_mb"] for row in rows]),
        "cpu_s": asked.seconds,
        "stated": stated,
        "unread": {file.name: reason for file, reason in found.unread.items()},
    }


def baselines(found: JsonObject) -> JsonObject:
    """`mean_gap_pct` by kind of each peer, from the suite's figures."""
    instances = found["instances"]
    assert isinstance(instances, dict)
    made: JsonObject = {}
    for peer in PEERS:
        rows = [row for each in instances.values() for row in _row_of(peer, each)]
        if rows:
            made[peer] = {"mean_gap_pct": mean_gaps(rows)}
    return made


def _row_of(peer: str, row: JsonValue) -> Iterator[JsonObject]:
    """A peer's row of an instance, with the instance's kind, when it ran."""
    assert isinstance(row, dict)
    peers = row["peers"]
    assert isinstance(peers, dict)
    if isinstance(found := peers.get(peer), dict):
        yield {**found, "kind": row["kind"]}


def found_in(asked: Asked) -> Found:
    """The instances of `--data`, every one of them read once, so that a bad file is told before hours of work."""
    if asked.data is None:
        raise BadData("routing needs --data FOLDER (VRPLIB, Solomon or Montevideo files below it)")
    if not asked.seconds > 0 or asked.seeds < 1:
        raise BadData("routing needs --seconds above 0 and --seeds of at least 1")
    found = find(asked.data)
    for _ in read_all(found):
        pass
    return found


def measured(name: str, file: Path, instance: Instance, asked: Asked) -> JsonObject:
    """One instance: ours over the seeds, and the peers when they are asked for."""
    jobs = [Job(str(file.absolute()), OURS, asked.seconds, seed, asked.settings) for seed in seeds(asked)]
    ours = [judged(instance, job) for job in jobs]
    row = summary(ours)
    row["first_claimed_s"] = row["first_feasible_s"]
    row["first_feasible_s"] = first_proved_s(instance, jobs[0], ours[0])
    peers: JsonObject = {}
    for peer, solver in PEERS.items() if asked.peers else ():
        if reason := solver.cannot(instance):
            peers[peer] = {"skipped": reason}
            continue
        theirs = [Job(str(file.absolute()), peer, asked.seconds, seed) for seed in seeds(asked)]
        peers[peer] = summary([judged(instance, job) for job in theirs])
    return {
        "kind": instance.group,
        "stops": len(instance.stops),
        "best_known": instance.best_known,
        "rounding": instance.convention,
        "notes": list(instance.notes),
        **row,
        "peers": peers,
    }


def first_proved_s(instance: Instance, job: Job, whole: Judged) -> float | None:
    """CPU seconds, reasons and checks included, of the shortest run that ended with a feasible answer.

    Tried from what the whole run claims, twice as long each time; None when the whole run was not feasible either.
    """
    if not whole.feasible:
        return None
    budget = max(SHORTEST_S, whole.first_feasible_s or 0.0)
    while budget < job.seconds:
        tried = judged(instance, replace(job, seconds=budget))
        if tried.feasible:
            return tried.outcome.cpu_s
        budget *= 2
    return whole.outcome.cpu_s


def seeds(asked: Asked) -> range:
    """The seeds of a measurement."""
    return range(1, asked.seeds + 1)


def judged(instance: Instance, job: Job) -> Judged:
    """Runs a job and judges its answer by the instance alone."""
    return judge(instance, run_apart(job))


def judge(instance: Instance, outcome: Outcome) -> Judged:
    """Cost, faults and gaps of an outcome."""
    faults = [outcome.failure] if outcome.failure else faults_of(instance, outcome.routes)
    cost = None if outcome.failure else cost_of(instance, outcome.routes)
    on_the_way = {
        moment: gap
        for moment in MOMENTS_S
        if moment < outcome.cpu_s
        for gap in [gap_pct(instance, _at(outcome, moment))]
        if gap is not None
    }
    gap = None if faults else gap_pct(instance, cost)
    return Judged(cost, gap, tuple(faults), served_by(instance, outcome.routes), on_the_way, outcome)


def gap_pct(instance: Instance, cost: int | None) -> float | None:
    """Per cent above the best known."""
    if cost is None or not instance.best_known:
        return None
    return round(100 * (cost / instance.best_known - 1), 4)


def _at(outcome: Outcome, moment: float) -> int | None:
    return next((cost for spent, cost in reversed(outcome.trace) if spent <= moment), None)


def summary(runs: Sequence[Judged]) -> JsonObject:
    """Several seeds of one solver on one instance."""
    moments = sorted({moment for run in runs for moment in run.at_s})
    good = [run for run in runs if run.feasible]
    at_s: JsonObject = {str(m): mean([run.at_s[m] for run in runs if m in run.at_s]) for m in moments}
    return {
        "gap_pct": mean([run.gap_pct for run in good]),
        "gaps_pct": [run.gap_pct for run in runs],
        "cost": mean([run.cost for run in good]),
        "served": min(run.served for run in runs),
        "feasible": len(good) == len(runs),
        "faults": [fault for run in runs for fault in run.faults[:2]],
        "first_feasible_s": worst([run.first_feasible_s for run in runs]),
        "peak_mb": worst([run.outcome.peak_mb for run in runs]),
        "before_mb": worst([run.outcome.before_mb for run in runs]),
        "cpu_s": mean([run.outcome.cpu_s for run in runs]),
        "at_s": at_s,
    }


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of what is known."""
    known = [value for value in values if value is not None]
    return round(fmean(known), 4) if known else None


def worst(values: Iterable[JsonValue]) -> float | None:
    """The largest of what is known; None when a run has none, because none is worse than any."""
    known = list(values)
    numbers = [float(value) for value in known if isinstance(value, int | float)]
    return max(numbers) if len(numbers) == len(known) else None


def mean_gaps(rows: Iterable[Mapping[str, JsonValue]]) -> JsonObject:
    """Mean gap by kind, of the instances that have one."""
    kinds: dict[str, list[float]] = {}
    for row in rows:
        if isinstance(gap := row.get("gap_pct"), int | float):
            kinds.setdefault(str(row["kind"]), []).append(float(gap))
    return {kind: mean(gaps) for kind, gaps in kinds.items()}


# ---------------------------------------------------------------- for people


def heading(asked: Asked) -> str:
    """The table's first lines."""
    columns = (
        f"{'instance':24}{'kind':10}{'stops':>6}  {'solver':10}{'gap %':>9}{'feasible':>9}{'first s':>9}{'peak MB':>9}"
    )
    return f"{asked.seconds:g} CPU s a run, {asked.seeds} seed(s)\n{columns}{'CPU s':>8}  gap % at s"


def line(name: str, row: JsonObject) -> str:
    """An instance's lines: ours, then each peer."""
    peers = row["peers"]
    assert isinstance(peers, dict)
    start = f"{name:24}{row['kind']:10}{row['stops']:>6}"
    lines = [f"{start}  {_cells('ours', row)}"]
    for peer, found in peers.items():
        assert isinstance(found, dict)
        told = f"{peer:10}{found['skipped']}" if "skipped" in found else _cells(peer, found)
        lines.append(f"{'':{len(start)}}  {told}")
    return "\n".join(lines)


def stated_line(found: JsonObject) -> str:
    """The stated case in a line."""
    if "failure" in found:
        return f"all rules: not measured, {found['failure']}"
    return (
        f"all rules, {found['bins']} bins, {found['trucks']} trucks: first plan {found['first_plan_s']} CPU s; a truck "
        f"breaks down at noon: re-plan {found['replan_first_s']} s at once, {found['replan_s']} s searched, "
        f"{found['changed_stops']} stops changed; {found['peak_mb']} MB; by itself, {found['crowd_bins']} bins: "
        f"{found['crowd_s']} s, {found['crowd_planned_for']} planned for, {found['crowd_peak_mb']} MB; "
        f"faults {found['faults']} {found['crowd_faults']}"
    )


def _cells(solver: str, row: JsonObject) -> str:
    at_s, faults = row["at_s"], row["faults"]
    assert isinstance(at_s, dict)
    assert isinstance(faults, list)
    gap = _text(row["gap_pct"], 2) if row["gap_pct"] is not None else f"={_text(row['cost'], 0)}"
    way = "  ".join(f"{moment}: {_text(value, 2)}" for moment, value in at_s.items())
    cells = f"{solver:10}{gap:>9}{'yes' if row['feasible'] else 'NO':>9}{_text(row['first_feasible_s'], 2):>9}"
    return f"{cells}{_text(row['peak_mb'], 0):>9}{_text(row['cpu_s'], 1):>8}  {way or (faults[0] if faults else '')}"


def _text(value: JsonValue, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, int | float) else "-"
