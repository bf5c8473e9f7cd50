"""An ablation of the route engine: arms that differ in one setting, at equal CPU time, over instances and seeds.

    python -m evals routing --data FOLDER --seconds 10 --seeds 5 --ablation sqa

The first arm is the one that the others are compared with: a difference is (arm - first) in points of the gap to the
best known, so a positive one is worse. Seeds of one instance are averaged before anything is compared, because they
are not independent of each other. The second arm is the first once more: what it differs by is chance alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev

from pydantic import JsonValue

from domain.errors import BadData
from evals.routing.formats import read_all
from evals.routing.instances import Instance
from evals.routing.suite import Asked, JsonObject, found_in, judged, mean, seeds
from evals.routing.worker import OURS, Job

Settings = Mapping[str, JsonValue]
Run = tuple[str, int]
"""Instance and seed."""

REPLICAS = 4
ARMS: dict[str, dict[str, Settings]] = {
    "sqa": {
        "sa": {"core": "annealer", "annealer": "sa"},
        "sa, again": {"core": "annealer", "annealer": "sa"},
        f"{REPLICAS} replicas": {"core": "annealer", "annealer": "sqa", "replicas": REPLICAS, "coupling": 0.0},
        f"{REPLICAS} coupled": {"core": "annealer", "annealer": "sqa", "replicas": REPLICAS},
    },
    "core": {
        "auto": {},
        "auto, again": {},
        "annealer": {"core": "annealer"},
        "pyvrp": {"core": "pyvrp"},
    },
}
"""Fields of the engine's `Params` by arm."""


def figures(asked: Asked, which: str) -> JsonObject:
    """`arms[name]`: mean gap, mean difference to the first arm with its 95 % interval, and how often it was better.

    `runs` has every gap. Instances without a best-known cost are left out. Raises BadData for an unknown ablation and
    for data that cannot be read.
    """
    if which not in ARMS:
        raise BadData(f"there is no ablation {which}; there are {', '.join(ARMS)}")
    arms = ARMS[which]
    found, gaps = found_in(asked), {arm: dict[Run, float | None]() for arm in arms}
    print(f"{which}: {asked.seconds:g} CPU s a run, {asked.seeds} seed(s); gap % by arm\n{'':30}{_columns(list(arms))}")
    for name, instance in read_all(found):
        if instance.best_known is None:
            print(f"{name:30}left out: nobody published a best-known cost")
            continue
        for arm, settings in arms.items():
            for seed in seeds(asked):
                job = Job(str(found.files[name].absolute()), OURS, asked.seconds, seed, settings)
                gaps[arm][name, seed] = judged(instance, job).gap_pct
        print(_line(name, instance, gaps))
    compared = compare(gaps)
    print(table(compared))
    runs: JsonObject = {
        arm: {f"{name} {seed}": gap for (name, seed), gap in found.items()} for arm, found in gaps.items()
    }
    return {"ablation": which, "cpu_s": asked.seconds, "arms": compared, "runs": runs}


def compare(gaps: Mapping[str, Mapping[Run, float | None]]) -> JsonObject:
    """Each arm beside the first, over the runs in which all arms have a feasible answer."""
    first = next(iter(gaps.values()))
    paired = [run for run in first if all(found[run] is not None for found in gaps.values())]
    made: JsonObject = {}
    for arm, found in gaps.items():
        differences = by_instance({run: (found[run] or 0.0) - (first[run] or 0.0) for run in paired})
        made[arm] = {
            "mean_gap_pct": mean(by_instance({run: found[run] or 0.0 for run in paired})),
            "difference_points": mean(differences),
            "ci95": interval(differences),
            "better": sum(difference < 0 for difference in differences),
            "instances": len(differences),
            "runs": len(paired),
            "infeasible": sum(gap is None for gap in found.values()),
        }
    return made


def by_instance(values: Mapping[Run, float]) -> list[float]:
    """The mean over seeds of each instance."""
    names = dict.fromkeys(name for name, _ in values)
    return [fmean(value for (of, _), value in values.items() if of == name) for name in names]


def interval(differences: Sequence[float]) -> list[JsonValue] | None:
    """The 95 % interval of a mean of paired differences (Student's t); None for fewer than two."""
    from scipy.stats import t

    if len(differences) < 2:
        return None
    half = float(t.ppf(0.975, len(differences) - 1)) * stdev(differences) / sqrt(len(differences))
    return [round(fmean(differences) - half, 4), round(fmean(differences) + half, 4)]


def table(compared: JsonObject) -> str:
    """The arms for people."""
    lines = [f"{'arm':24}{'gap %':>9}{'difference':>12}{'95 %':>20}{'better':>9}{'infeasible':>12}"]
    for arm, found in compared.items():
        assert isinstance(found, dict)
        ci = found["ci95"]
        span = f"{ci[0]:+.3f} .. {ci[1]:+.3f}" if isinstance(ci, list) else "-"
        gap, difference = found["mean_gap_pct"], found["difference_points"]
        numbers = "".join(
            f"{n:>{w}.3f}" if isinstance(n, float) else f"{'-':>{w}}" for n, w in ((gap, 9), (difference, 12))
        )
        lines.append(f"{arm:24}{numbers}{span:>20}{found['better']:>6}/{found['instances']}{found['infeasible']:>12}")
    return "\n".join(lines)


def _columns(names: Sequence[str]) -> str:
    return "".join(f"{name:>18}" for name in names)


def _line(name: str, instance: Instance, gaps: Mapping[str, Mapping[Run, float | None]]) -> str:
    means = [mean([gap for (of, _), gap in found.items() if of == name]) for found in gaps.values()]
    return f"{name:24}{len(instance.stops):>6}{_columns(['-' if m is None else f'{m:.3f}' for m in means])}"
