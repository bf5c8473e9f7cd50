"""Suite `operations`: what choosing bins by forecast saves, in a simulated operation that fills as the records say.

    python -m evals operations --data cities/berkeley --weeks 8 --seeds 10

Every policy plays the same worlds; kilometres are compared at equal overflow rate. How and why: decision record 7.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from statistics import fmean

from pydantic import JsonValue

from domain.errors import BadData
from engines.forecast.ensemble import FITS
from engines.routing.kernels import KERNELS
from evals.operations.chart import trade_off_svg
from evals.operations.compare import KPIS, RATE, Curve, overflows_per_1000_bin_days, saving, saving_pct
from evals.operations.data import read_records
from evals.operations.foresight import MEMBERS, Belief
from evals.operations.policies import STRATEGIES, Policy
from evals.operations.rounds import Aim, Effort, Planner
from evals.operations.stage import Scene, Stage, known_before, stage_of, world_of
from evals.operations.town import Records, hour_of
from evals.operations.world import Run, World, play
from evals.progress import say

JsonObject = dict[str, JsonValue]
Runs = dict[int, list[Run]]  # by rung of a policy's ladder, one a world
OURS, ORACLE = "ours", "oracle"
PEERS = tuple(name for name in STRATEGIES if name != OURS)
AROUND = 1  # rungs of a knob's ladder played on either side of the one found on the training part
MOST_RUNGS = 6
FLOOR_MARGIN = 1.15  # above the least rate that the training part says a policy can reach
PILOT_WEEKS, PILOT_SEEDS = 3, 1
OTHER_RATES = (0.8, 1.25)  # of the target: the saving there is told as well, where all curves reach


@dataclass(frozen=True)
class Asked:
    """What to play: counted weeks, how many seeds, the cut in time, the overflow rate to compare at, and effort.

    `target` is full bins per 1,000 bin-days; `looks` the changes of a plan that each day's solve tries; `truck_times`
    makes every truck so much larger, to see how much of a saving hangs on the trucks. `aim` is what all policies make
    small alike. Records from `until` on are not read and seeds begin at `first_seed`: settings are sought on other
    weeks and worlds than figures are told of. `sensed`: whether bins report between emptyings, a sensor
    being made up where the records hold no readings. `belief`: what `ours` chooses by; `members`: of the forecast.
    """

    data: Path | None
    weeks: int = 4
    seeds: int = 3
    test_from: date | None = None
    target: float = 30.0
    looks: int = 2000
    truck_times: float = 1.0
    aim: Aim = Aim.km
    until: date | None = None
    first_seed: int = 1
    sensed: bool = True
    belief: Belief = Belief.product
    members: tuple[str, ...] = MEMBERS

    @property
    def scene(self) -> Scene:
        """How the worlds are played."""
        return Scene(self.sensed, self.belief, self.members)

    def __post_init__(self) -> None:
        if self.data is None:
            raise BadData("operations needs --data: a city folder, or a csv of readings (container,time_utc,fill_pct)")
        if not (1 <= self.weeks <= 52 and 1 <= self.seeds <= 100 and 0 < self.target < 1000 and self.looks >= 1):
            raise BadData(
                "operations takes 1 to 52 weeks, 1 to 100 seeds, a target of 0 to 1,000 and at least one look"
            )
        if not self.members or not set(self.members) <= set(FITS):
            raise BadData(f"members of the forecast are of {', '.join(FITS)}")


@dataclass(frozen=True, eq=False)
class Played:
    """All curves of one measurement, and the overflow rate at which they are compared: the least that all reach."""

    stage: Stage
    curves: dict[str, Curve]
    rate: float


def figures(asked: Asked) -> JsonObject:
    """The suite's figures. Raises BadData for data that cannot be replayed.

    `km_saving_pct[peer]` and `ci95[peer]`: kilometres that ours needs less than the peer at the target rate, in percent
    of the peer's; against the oracle it is negative. `hours_saving_pct` and `cost_saving_pct` the same of truck hours
    and money. `km_over_oracle_pct`: our kilometres over the oracle's, less one; `oracle_saves_pct`: what the oracle
    would save of ours, which is less, being a share of the larger figure. `policies` holds every figure of each policy
    at the target, summed over the counted weeks and averaged over seeds; `km_above_floor` what of the kilometres the
    litres alone do not take; `curve` the points behind it; `saving_at` the saving of km at other rates; `notes` what
    the figures rest on.
    """
    played = play_all(asked)
    return told(asked, played)


def play_all(asked: Asked) -> Played:
    """Look for each policy's knob on the training part, then play around it on the test part."""
    assert asked.data is not None
    KERNELS.wait()  # no round is planned by another core because the annealer's loops are still being compiled
    records = with_trucks(read_records(asked.data), asked.truck_times)
    if asked.until is not None:
        records = known_before(records, _midnight(asked.until))
    stage = stage_of(records, None if asked.test_from is None else _midnight(asked.test_from), asked.scene)
    stage = replace(stage, known=replace(stage.known, aim=asked.aim))
    pilots = [world_of(stage, seed, min(PILOT_WEEKS, asked.weeks), train=True) for seed in range(PILOT_SEEDS)]
    worlds = [world_of(stage, seed, asked.weeks) for seed in range(asked.first_seed, asked.first_seed + asked.seeds)]
    tables = [
        _Table(policy, stage, Effort(asked.looks, asked.aim, policy.load_share)) for policy in STRATEGIES.values()
    ]
    rungs = [_rung(table, pilots, asked.target) for table in tables]
    target = max([asked.target, *(FLOOR_MARGIN * rate for _, rate in rungs if rate > asked.target)])
    if target > asked.target:
        rungs = [_rung(table, pilots, target) for table in tables]
    found: list[Runs] = []
    for table, (rung, _) in zip(tables, rungs, strict=True):
        found.append(_swept(table, rung, worlds, target))
        say(f"{table.policy.name}: {len(found[-1])} settings x {len(worlds)} worlds")
    rate = max([target, *(min(map(_rate, runs.values())) for runs in found)])
    for table, runs in zip(tables, found, strict=True):
        _lengthen(runs, table, worlds, rate)
    curves = {
        table.policy.name: Curve.of({table.ladder[k]: each for k, each in runs.items()})
        for table, runs in zip(tables, found, strict=True)
    }
    return Played(stage, curves, rate)


def _midnight(day: date) -> float:
    return hour_of(datetime.combine(day, datetime.min.time()))


def with_trucks(records: Records, times: float) -> Records:
    """The records with trucks so much larger, and a note that says so."""
    if times == 1:
        return records
    trucks = tuple(
        replace(t, capacity_l=round(t.capacity_l * times), capacity_kg=round(t.capacity_kg * times))
        for t in records.town.trucks
    )
    notes = (f"trucks hold {times:g} times what the data says", *records.town.notes)
    return replace(records, town=replace(records.town, trucks=trucks, notes=notes))


class _Table:
    """Plays one policy at the rungs of its ladder: a world once a rung, days with equal wishes solved once for all."""

    def __init__(self, policy: Policy, stage: Stage, effort: Effort) -> None:
        self.policy, self.stage = policy, stage
        self.ladder = policy.ladder(stage.town, stage.known.sensed)
        self.planner = Planner(stage.town, effort)
        self._played: dict[tuple[int, World], Run] = {}

    def runs(self, rung: int, worlds: Sequence[World]) -> list[Run]:
        """One run a world."""
        for world in worlds:
            if (rung, world) not in self._played:
                self._played[rung, world] = self._play(rung, world)
        return [self._played[rung, world] for world in worlds]

    def _play(self, rung: int, world: World) -> Run:
        policy, known, knob = self.policy, self.stage.known.fresh(), self.ladder[rung]
        say(f"{policy.name} at {knob:g}: run {len(self._played) + 1}, {self.planner.solves} plans solved")
        return play(world, lambda view: policy.strategy(view, known, knob), self.planner, policy.sees_truth)


def _rung(table: _Table, pilots: Sequence[World], target: float) -> tuple[int, float]:
    """The rung with the least service that still meets the target in the pilots, by bisection; and its rate."""
    low, high = 0, len(table.ladder) - 1
    while low < high:
        middle = (low + high) // 2
        if _rate(table.runs(middle, pilots)) <= target:
            high = middle
        else:
            low = middle + 1
    return low, _rate(table.runs(low, pilots))


def _swept(table: _Table, rung: int, worlds: Sequence[World], target: float) -> Runs:
    """Runs around the target, by rung: from the trained rung, the first world is tried until the target is passed.

    That only says which settings to play; all are compared at the same rate afterwards.
    """
    last = len(table.ladder) - 1
    first = {rung: table.runs(rung, worlds[:1])}
    meets = _rate(first[rung]) <= target
    while (_rate(first[rung]) <= target) == meets and 0 <= (following := rung - 1 if meets else rung + 1) <= last:
        rung = following
        first[rung] = first.get(rung) or table.runs(rung, worlds[:1])
    at = rung + 1 if meets and rung < last else rung
    low, high = max(0, at - AROUND - 1), min(last, at + AROUND)
    runs = {k: [*(first.get(k) or table.runs(k, worlds[:1])), *table.runs(k, worlds[1:])] for k in range(low, high + 1)}
    _lengthen(runs, table, worlds, target)
    return runs


def _lengthen(runs: Runs, table: _Table, worlds: Sequence[World], rate: float) -> None:
    """Play more settings at the end of a curve that does not reach the rate."""
    for _ in range(MOST_RUNGS):
        low, high = min(runs), max(runs)
        if _rate(runs[high]) > rate and high + 1 < len(table.ladder):
            runs[high + 1] = table.runs(high + 1, worlds)
        elif _rate(runs[low]) < rate and low > 0:
            runs[low - 1] = table.runs(low - 1, worlds)
        else:
            return


def _rate(runs: Sequence[Run]) -> float:
    return fmean(overflows_per_1000_bin_days(run) for run in runs)


# ---------------------------------------------------------------- what is told


def told(asked: Asked, played: Played) -> JsonObject:
    """The figures of what was played."""
    curves, rate = played.curves, played.rate
    mine = curves[OURS]
    km, hours, cost = (
        {peer: saving(mine, curves[peer], rate, figure) for peer in PEERS} for figure in ("km", "hours", "cost")
    )
    policies: JsonObject = {
        name: {figure: round(curve.mean_at(rate, figure), 2) for figure in KPIS} for name, curve in curves.items()
    }
    return {
        **_oracle(curves, rate),
        "km_saving_pct": {peer: each.pct for peer, each in km.items()},
        "ci95": {peer: list(each.ci95) for peer, each in km.items()},
        "hours_saving_pct": {peer: each.pct for peer, each in hours.items()},
        "hours_ci95": {peer: list(each.ci95) for peer, each in hours.items()},
        "cost_saving_pct": {peer: each.pct for peer, each in cost.items()},
        "cost_ci95": {peer: list(each.ci95) for peer, each in cost.items()},
        "policies": policies,
        "saving_at": _elsewhere(played),
        "curve": {name: _points(curve) for name, curve in curves.items()},
        "compared_at_per_1000_bin_days": round(rate, 2),
        "km_above_floor": {name: _above_floor(curve, rate) for name, curve in curves.items()},
        "aim": asked.aim,
        "belief": asked.belief,
        "readings": "sensors" if asked.sensed else "none",
        "weeks": asked.weeks,
        "seeds": asked.seeds,
        "bins": len(played.stage.town.bins),
        "test_from": played.stage.cut,
        "notes": [*_warnings(asked, played), *played.stage.town.notes],
    }


def _oracle(curves: Mapping[str, Curve], rate: float) -> JsonObject:
    """How far ours is from the oracle, as a share of the oracle's kilometres and of ours."""
    mine, best = curves[OURS], curves[ORACLE]
    over, left = saving(mine, best, rate).more, saving(best, mine, rate)
    return {
        "km_over_oracle_pct": over.pct,
        "km_over_oracle_ci95": list(over.ci95),
        "oracle_saves_pct": left.pct,
        "oracle_saves_ci95": list(left.ci95),
    }


def baselines(found: JsonObject) -> JsonObject:
    """Each peer's figures at the target rate, from the suite's figures."""
    policies = found["policies"]
    assert isinstance(policies, dict)
    return {peer: policies[peer] for peer in PEERS}


def chart(found: JsonObject) -> str:
    """The trade-off curves as SVG, from the suite's figures."""
    curves, rate = found["curve"], found["compared_at_per_1000_bin_days"]
    assert isinstance(curves, dict)
    assert isinstance(rate, float | int)
    places = {name: _places(points) for name, points in curves.items()}
    return trade_off_svg(f"Kilometres in {found['weeks']} weeks, {found['bins']} bins", places, float(rate))


def _places(points: JsonValue) -> list[tuple[float, float]]:
    assert isinstance(points, list)
    rows = [point for point in points if isinstance(point, dict)]
    return sorted((float(str(row[RATE])), float(str(row["km"]))) for row in rows)


def _above_floor(curve: Curve, rate: float) -> float:
    """Kilometres beyond those that hauling the collected litres takes at least: what choosing and routing decide."""
    return round(curve.mean_at(rate, "km") - curve.mean_at(rate, "floor_km"), 2)


def _points(curve: Curve) -> list[JsonValue]:
    return [
        {"knob": knob, **{name: round(float(table[k].mean()), 3) for name, table in curve.tables.items()}}
        for k, knob in enumerate(curve.knobs)
    ]


def _elsewhere(played: Played) -> JsonObject:
    """Savings at other rates that the curves of ours and the peer both reach."""
    made: JsonObject = {}
    for share in OTHER_RATES:
        rate = round(played.rate * share, 1)
        both = [p for p in PEERS if played.curves[OURS].reaches(rate) and played.curves[p].reaches(rate)]
        if both:
            made[str(rate)] = {p: saving_pct(played.curves[OURS], played.curves[p], rate) for p in both}
    return made


def _warnings(asked: Asked, played: Played) -> list[str]:
    """What a reader must know before believing a figure."""
    said = [
        f"{name} has no setting played on both sides of {played.rate:.3g} per 1,000 bin-days: read at its nearest point"
        for name, curve in played.curves.items()
        if not curve.reaches(played.rate)
    ]
    if played.rate > asked.target:
        said.append(
            f"with one round a day not every policy can keep full bins at {asked.target:g} per 1,000 bin-days: "
            f"all are compared at {played.rate:.3g}"
        )
    if asked.seeds < 5:
        said.append(f"{asked.seeds} seeds make a rough interval; 10 are wanted")
    return said
