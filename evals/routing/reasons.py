"""Suite `reasons`: whether a full search decides as the told reason of a served or skipped bin says.

    python -m evals reasons --data cities --samples 200

Rounds are planned as the assistant plans them, for cities and days, with one truck and a short shift, so that bins
worth a visit are left. Bins are drawn from each round, half of them served ones. The reason of each is computed as it
is told in an answer; then the round is searched for anew, with the bin's prize a little above and a little below the
one at which the decision is said to turn (`engines/routing/confirm.py`), each time `full_times_one` times as long as
one of the reason's own searches (`--seconds` says how long). Only reasons that turn on a prize are counted. Beside them
stand a few of rounds without prizes, where the fixed schedule says which bins are due: such a round is searched for
with and without the bin, and what counts is how many bins are left. Full searches end by looks alone. Those of a told
reason end by looks and by the clock of an answer: where it cuts some short, the reason is what was known by then, and
the figures say how many.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import sqrt
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from domain.errors import AskAgain, BadData
from domain.operation import Operation
from domain.values import Call
from engines.routing.confirm import Confirmation, confirm
from engines.routing.kernels import KERNELS
from engines.routing.params import Params
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.reasons import StopReason
from engines.routing.sides import SEARCHES, forced, without
from engines.routing.solve import solve
from engines.routing.worth import Worth
from evals.bench import Bench, bench
from evals.progress import say
from tools.context import Ctx, Tuning
from tools.departure import choose_trucks
from tools.plan_reasons import ExplanationFacts, verdict_of
from tools.planning import PLAN_SHARE, make_round
from tools.reason_searches import bin_reason, search_rule
from tools.resolve import Setting, resolve
from tools.round_problem import Wish, full_milli

JsonObject = dict[str, JsonValue]
Tell = Callable[[Tuning, Problem, RoundPlan, str], StopReason]
DAYS_BACK = tuple(4 * number % 181 for number in range(60))
"""Days before the newest record on which rounds are planned: different weekdays, weeks and months of half a year."""
SHIFTS_H = (2, 4, 3)  # one truck, so long: what is left over is worth explaining
WHOLE_CITY_BINS = 300  # a larger city is planned by areas
AREA_BINS = (40, 150)
FROM_A_ROUND = 8  # bins drawn, half of them served
DECISIONS = (
    "served", "kept too long", "skipped", "narrowly skipped", "overturned", "too dear",
    "cannot", "asked", "crowded out",
)  # fmt: skip
"""What is told of a bin (tools/plan_reasons.py); the last three do not turn on a prize."""
SURFACE = "measurement"
Z95 = 1.959964  # the normal quantile of a two-sided 95 % interval


@dataclass(frozen=True)
class Asked:
    """What to measure: a city folder or a folder of them, how many bins, and the quiet seconds of a full search."""

    data: Path | None
    samples: int = 200
    seconds: float = 3.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.data is None:
            raise BadData("reasons needs --data FOLDER (a city folder, or a folder of city folders)")
        if self.samples < 1 or not self.seconds > 0:
            raise BadData("reasons needs --samples of at least 1 and --seconds above 0")


@dataclass(frozen=True)
class Round:
    """A planned round: where and when, as it was asked for, its problem and its plan; of each bin the parts of its
    worth and its chance of overflow in percent, and what a sure overflow is worth in milli-currency."""

    city: str
    now: str
    parameters: JsonObject
    problem: Problem
    plan: RoundPlan
    worths: Mapping[str, Worth] = field(default_factory=dict)
    chances: Mapping[str, int] = field(default_factory=dict)
    overflow_milli: float = 0.0

    @property
    def priced(self) -> bool:
        """Whether bins are chosen by what a visit is worth."""
        return any(stop.prize is not None for stop in self.problem.stops)

    def decision(self, reason: StopReason) -> str:
        """Which of DECISIONS is told of a bin."""
        worth = self.worths.get(reason.stop_id, Worth())
        turns = None if reason.flip_prize is None else worth.chance_at(reason.flip_prize, self.overflow_milli)
        facts = ExplanationFacts(subject="", about="", verdict="", chance_pct=self.chances.get(reason.stop_id))
        return verdict_of(reason, None if turns is None else round(100 * turns), facts)


@dataclass(frozen=True)
class Sample:
    """A bin's reason, what full searches made of it, how long one waited for it, and the CPU seconds of both."""

    round: Round
    found: Confirmation
    told_s: float
    told_cpu_s: float
    confirmed_cpu_s: float
    decision: str = ""

    @property
    def counts(self) -> bool:
        """Whether the reason turns on a prize."""
        return self.found.reason.prize is not None and self.found.reason.flip_prize is not None


def figures(asked: Asked, tell: Tell = bin_reason) -> JsonObject:
    """The suite's figures. Raises BadData for a folder without a city that can be planned for.

    `agree_share` with `ci95` (Wilson 1927) over the reasons that turn on a prize: no full search found a better plan
    that decides otherwise; `alike_share`: the full searches, which do not know the plans behind the reason, decide
    alike. `by_decision` (what is told) and `by_city` the same apart, `beside` the same of reasons that turn on none.
    `full_times_one` and `full_times_all`: how many times the looks of one of a reason's searches, and of all of them,
    a full search has; `overturned` how many reasons said that a longer search would decide otherwise; `cut_short` of
    how many the clock of an answer ended searches; `told_s_max` the longest wait for a reason; `against` each bin of
    which a full search found a better plan that decides otherwise than told; `rounds` what was planned; `cpu_s` what
    the whole measurement took.
    """
    began = time.process_time()
    KERNELS.wait()  # no round is planned by another core because the annealer's loops are still being compiled
    with bench(_parent_of(asked)) as where:
        samples = list(until_enough(put_to_test(_rounds(where, asked), asked, tell), asked.samples))
    if not samples:
        raise BadData(f"no round with a bin could be planned for {asked.data}")
    return {**told(samples), **times(samples, asked), "cpu_s": round(time.process_time() - began, 1)}


def until_enough(samples: Iterator[Sample], most: int) -> Iterator[Sample]:
    """The samples up to and with the one that makes `most` of those that count."""
    counted = 0
    for each in samples:
        yield each
        counted += each.counts
        if counted >= most:
            return


def times(samples: Sequence[Sample], asked: Asked) -> JsonObject:
    """How many times as long as one of a reason's searches, and as all of them, a full search is, in looks."""
    stops = [len(each.round.problem.stops) for each in samples if each.counts] or [1]
    own = [search_rule(_tuning(asked), count, SEARCHES).max_looks or 1 for count in stops]
    full = [StopRule.of_work(count, asked.seconds).max_looks or 1 for count in stops]
    one = float(np.mean([ours / theirs for ours, theirs in zip(full, own, strict=True)]))
    return {"full_times_one": round(one, 2), "full_times_all": round(one / SEARCHES, 2)}


def _tuning(asked: Asked) -> Tuning:
    """The settings by which reasons are told."""
    return Tuning(seed=asked.seed, surface=SURFACE)


def put_to_test(rounds: Iterator[Round], asked: Asked, tell: Tell) -> Iterator[Sample]:
    """Bins of round after round, with their reasons and what became of them."""
    for number, each in enumerate(rounds):
        full = _by_looks(StopRule.of_work(len(each.problem.stops), asked.seconds))
        tuning = _tuning(asked)
        for bin_id in drawn(each.plan, np.random.default_rng([asked.seed, number])):
            asked_at, began = time.perf_counter(), time.process_time()
            reason = tell(tuning, each.problem, each.plan, bin_id)
            told_s, between = time.perf_counter() - asked_at, time.process_time()
            found = confirmed(each.problem, reason, full, asked.seed + 1)
            spent = (told_s, between - began, time.process_time() - between)
            yield Sample(each, found, *spent, each.decision(reason))


def confirmed(problem: Problem, reason: StopReason, full: StopRule, seed: int) -> Confirmation:
    """The reason against full searches. Of a bin without a prize `above` says whether serving it leaves fewer bins."""
    if reason.prize is not None:
        return confirm(problem, reason, full, seed)
    plain = Params(reasoned=False)
    inside = solve(forced(problem, reason.stop_id), full, seed, plain)
    outside = solve(without(problem, reason.stop_id), full, seed, plain)
    more = _others_left(problem, inside, reason) - _others_left(problem, outside, reason)
    serves = reason.stop_id in inside.served
    if reason.served:  # right where serving it costs at most one other bin: then as many are served as without it
        right = serves and more <= 1
        return Confirmation(replace(reason, flip_prize=0), right, None, right)
    wrong = serves and more <= 0  # there is room for it beside as many others
    return Confirmation(replace(reason, flip_prize=None), wrong, None, not wrong)


def _others_left(problem: Problem, plan: RoundPlan, reason: StopReason) -> int:
    """How many other bins without a prize a plan leaves."""
    served = {*plan.served, reason.stop_id}
    return sum(stop.prize is None and stop.id not in served for stop in problem.stops)


def _by_looks(rule: StopRule) -> StopRule:
    """The rule without its clock."""
    return StopRule(max_looks=rule.max_looks)


def drawn(plan: RoundPlan, rng: np.random.Generator) -> list[str]:
    """Bins of a plan, served and skipped ones in turn, as many of each as there are up to half of FROM_A_ROUND."""
    kinds = (sorted(plan.served), sorted(each.stop_id for each in plan.unserved))
    half = FROM_A_ROUND // 2
    picked = [[names[i] for i in rng.permutation(len(names))[:half]] for names in kinds]
    return [names[k] for k in range(half) for names in picked if k < len(names)]


# ---------------------------------------------------------------- rounds


def _parent_of(asked: Asked) -> Path:
    assert asked.data is not None
    return asked.data.resolve().parent if _is_city(asked.data) else asked.data


def _is_city(folder: Path) -> bool:
    return (folder / "city.toml").is_file()


def cities_of(data: Path) -> list[str]:
    """Names of the city folders at or in a folder. Raises BadData when there is none."""
    if _is_city(data):
        return [data.resolve().name]
    names = sorted(each.name for each in data.iterdir() if _is_city(each)) if data.is_dir() else []
    if not names:
        raise BadData(f"{data} is no city folder and holds none (a city folder has a city.toml)")
    return names


def _rounds(where: Bench, asked: Asked) -> Iterator[Round]:
    """Rounds of all cities in turn, over days, shifts and areas; those that can't be planned left out. A city whose
    rounds have no prizes has one."""
    assert asked.data is not None
    cities = {name: where.operation(name) for name in cities_of(asked.data)}
    wishes = {name: list(_wishes(city)) for name, city in cities.items()}
    for number in range(max(map(len, wishes.values()))):
        for name in cities:
            if number >= len(wishes[name]):
                continue
            now, parameters = wishes[name][number]
            try:
                made = planned(where, name, now, parameters)
            except AskAgain as error:
                say(f"{name} {now}: no round: {error}")
                continue
            if not made.priced:
                wishes[name] = []
            yield made


def _wishes(city: Operation) -> Iterator[tuple[str, JsonObject]]:
    """What is asked for: each area on each day once, in an order in which both change from one to the next."""
    areas, days = _areas(city), len(DAYS_BACK)
    for number in range(len(areas) * days):
        area = areas[number % len(areas)]
        back = DAYS_BACK[(number + number // len(areas)) % days if len(areas) > 1 else number]
        now = (city.demo_now - timedelta(days=back)).replace(tzinfo=None)
        hours = SHIFTS_H[(number + number // len(SHIFTS_H)) % len(SHIFTS_H)]
        asked: JsonObject = {"when": "tomorrow", "truck_count": 1, "max_hours": hours}
        yield now.isoformat(timespec="minutes"), asked if area is None else {**asked, "near": area}


def _areas(city: Operation) -> Sequence[str | None]:
    """Areas to plan for, the largest first; None is the whole city."""
    bins = [each for each in city.bins.values() if each.in_service]
    if len(bins) <= WHOLE_CITY_BINS:
        return [None]
    names = sorted({each.zone for each in bins} | {each.circuit for each in bins}, key=str)
    sizes = {name: sum(name in (each.zone, each.circuit) for each in bins) for name in names if name}
    least, most = AREA_BINS
    fit = [name for name, size in sizes.items() if least <= size <= most]
    return sorted(fit, key=lambda name: -sizes[name])


def planned(where: Bench, name: str, now: str, parameters: JsonObject) -> Round:
    """A round as `plan_round` makes it. Raises AskAgain for one that cannot be meant."""
    ctx: Ctx = replace(where.ctx(name, "manager", now), tuning=Tuning(surface=SURFACE))
    at = datetime.fromisoformat(now).replace(tzinfo=ctx.zone)
    wish = Wish(**resolve(Call("plan_round", parameters), Setting(ctx.city, at)).values)
    solved = make_round(wish, ctx, choose_trucks(ctx, wish.when, wish.trucks, wish.truck_count))
    problem = solved.problem
    plan = solve(problem, search_of(solved.looks, len(problem.stops)), ctx.tuning.seed)
    say(f"{name} {now} {parameters}: {len(plan.served)} bins served, {len(plan.unserved)} skipped")
    chances = {bin_id: round(100 * seen.chance) for bin_id, seen in solved.outlooks.items()}
    return Round(name, now, parameters, problem, plan, solved.worths, chances, full_milli(ctx))


def search_of(looks: int | None, stops: int) -> StopRule:
    """A round's search without its clock, with as many looks as are usual where a clock ended the one for an answer."""
    usual = _by_looks(StopRule.of_work(stops, Tuning().solve_seconds * PLAN_SHARE))
    return usual if looks is None else StopRule(max_looks=looks)


# ---------------------------------------------------------------- what is told


def told(samples: Sequence[Sample]) -> JsonObject:
    """The figures of samples: of those that turn on a prize, and the others `beside`."""
    counted, beside = ([each for each in samples if each.counts is wanted] for wanted in (True, False))
    return {
        **_share(counted),
        "by_decision": _by_decision(counted),
        "by_city": _by_city(counted),
        "beside": {**_share(beside), "by_decision": _by_decision(beside), "by_city": _by_city(beside)},
        "overturned": sum(each.found.reason.overturned for each in counted),
        "cut_short": sum(not each.found.reason.repeatable for each in counted),
        "rounds": len({id(each.round) for each in counted}),
        "told_s_max": round(max(each.told_s for each in samples), 2),
        "told_cpu_s_per_sample": _mean([each.told_cpu_s for each in counted]),
        "confirmed_cpu_s_per_sample": _mean([each.confirmed_cpu_s for each in counted]),
        "against": [_against(each) for each in samples if not each.found.agrees],
    }


def _by_decision(samples: Sequence[Sample]) -> JsonObject:
    """The share of each decision that was told."""
    parts = {name: [each for each in samples if each.decision == name] for name in DECISIONS}
    return {name: _share(part) for name, part in parts.items() if part}


def _by_city(samples: Sequence[Sample]) -> JsonObject:
    cities = sorted({each.round.city for each in samples})
    return {city: _share([each for each in samples if each.round.city == city]) for city in cities}


def _mean(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 2) if values else None


def _share(samples: Sequence[Sample]) -> JsonObject:
    agreed, alike = (sum(each) for each in ([s.found.agrees for s in samples], [s.found.alike for s in samples]))
    low, high = wilson(agreed, len(samples))
    share, alone = (round(count / len(samples), 4) if samples else None for count in (agreed, alike))
    return {
        "samples": len(samples), "agreed": agreed, "agree_share": share, "ci95": [round(low, 4), round(high, 4)],
        "alike_share": alone,
    }  # fmt: skip


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927, without continuity correction); 0 to 1 of no tries."""
    if not tries:
        return 0.0, 1.0
    share, z2 = hits / tries, Z95**2
    middle = (share + z2 / (2 * tries)) / (1 + z2 / tries)
    reach = Z95 / (1 + z2 / tries) * sqrt(share * (1 - share) / tries + z2 / (4 * tries**2))
    return max(0.0, middle - reach), min(1.0, middle + reach)


def _against(sample: Sample) -> JsonObject:
    """What was told and what full searches did, for whoever looks into it."""
    reason, found = sample.found.reason, sample.found
    return {
        "city": sample.round.city, "now": sample.round.now, "asked": sample.round.parameters, "bin": reason.stop_id,
        "served": reason.served, "told": sample.decision, "cut_short": not reason.repeatable,
        "prize": reason.prize, "flip_prize": reason.flip_prize, "searched": reason.searched,
        "above": found.above, "below": found.below,
    }  # fmt: skip
