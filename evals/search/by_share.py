"""Questions by the share of the documents within their circle, asked by the planner and then by each plan alone.

What the suites `spatial` and `production` have in common. Regret is what the planner's plan costs against the cheapest
one, all of them run alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from domain.errors import StoreUnavailable
from domain.spatial import EARTH_RADIUS_M
from evals.progress import say
from evals.search.world import BLOCK, Question, World
from retrieval.planner import Plan, Planner
from retrieval.store import DEFAULT_VECTOR, Found, PlanTrace, SearchRequest

__all__ = [
    "AT_ODDS", "CITY", "FOREVER_S", "SHARES", "Bench", "Took", "alone", "asked_of", "bucket", "floored", "metres",
    "summed", "times", "took_by_share",
]  # fmt: skip

JsonObject = dict[str, JsonValue]
Floats = npt.NDArray[np.float64]
SHARES = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
AT_ODDS = (0.01, 0.1, 0.3)
K = 10
WARMING = 8  # questions of each bucket that only teach the planner and fill the caches
FLOOR = 0.3  # of meaning; the assistant's own searches have one too (0.35), and every hit is then counted
FOREVER_S = 86_400.0
HOPELESS_MS = 1_000.0  # a plan that takes longer alone is asked once in a bucket and told by that
EXACT = {Plan.LIMITS_FIRST.value, Plan.ALL_MEANINGS.value}
CITY = "made-up"


class Planned(Protocol):
    """A back end whose planner can be exchanged."""

    planner: Planner

    def search(self, request: SearchRequest) -> Found:
        """The best documents by words and meaning."""
        ...


@dataclass(frozen=True)
class Bench:
    """A back end with the world's documents, how its planners are made (always that plan, or free), and its clock.

    `busy` gives the CPU seconds of whatever works for a search in this process.
    """

    search: Planned
    planner: Callable[[Plan | None], Planner]
    busy: Callable[[], float] = time.thread_time


@dataclass(frozen=True)
class Took:
    """One question: share of the exact ten best found, milliseconds (wall, CPU), and what each plan alone costs.

    `hybrid_recall` is None where no exact plan was asked. `vector_ms`: what comparing meanings took of `wall_ms`.
    """

    recall: float
    hybrid_recall: float | None
    wall_ms: float
    cpu_ms: float
    vector_ms: float
    costs: Mapping[str, float]
    plan: str
    error: float
    floor_wall_ms: float
    floor_plan: str

    @property
    def chosen_ms(self) -> float:
        """What the plan that was chosen costs, run alone like the others."""
        return self.costs[self.plan]

    @property
    def regret(self) -> float:
        """The chosen plan's cost against the cheapest one's; 1 where the cheapest was chosen."""
        return self.chosen_ms / min(self.costs.values())


def asked_of(world: World, count: int) -> dict[str, list[Question]]:
    """So many questions of each bucket, and before them those that only warm."""
    buckets = {
        **{f"{share:.2%}": (share, False) for share in SHARES},
        **{f"{share:.2%} at odds": (share, True) for share in AT_ODDS},
    }
    return {name: world.questions(share, count + WARMING, at_odds=odd) for name, (share, odd) in buckets.items()}


def took_by_share(
    bench: Bench, world: World, questions: Mapping[str, Sequence[Question]]
) -> tuple[dict[str, list[Took]], Planner]:
    """What each counted question took, by bucket, and the planner that the others have taught."""
    truths = _exact(world, [question for each in questions.values() for question in each])
    search, taught = bench.search, bench.planner(None)
    search.planner = taught
    for turn in range(WARMING):
        for each in questions.values():
            for request in (*_requests(each[turn]), floored(each[turn])):
                search.search(request)
    found: dict[str, list[Took]] = {}
    order, first = np.random.default_rng(world.seed), 0
    for name, each in questions.items():
        hopeless: set[Plan] = set()
        counted = list(zip(each, truths[first : first + len(each)], strict=True))[WARMING:]
        first += len(each)
        found[name] = [_asked(bench, taught, question, order, hopeless) for question in counted]
        say(f"{name}: {bucket(found[name])}")
    return found, taught


def _requests(question: Question, k: int = K) -> tuple[SearchRequest, SearchRequest]:
    """The question by words and meaning, and by meaning alone; however long it takes, since how long is measured."""
    vectors = {DEFAULT_VECTOR: question.vector}
    both = SearchRequest(question.text, k=k, near=question.circle, vectors=vectors, deadline_s=FOREVER_S)
    return both, replace(both, alpha=1.0)


def floored(question: Question) -> SearchRequest:
    """The question as the assistant asks it: all that reach a floor are counted."""
    return replace(_requests(question)[0], floor=FLOOR)


def _asked(
    bench: Bench, taught: Planner, asked: tuple[Question, set[int]], order: np.random.Generator, hopeless: set[Plan]
) -> Took:
    """One question by the planner, then by each plan alone, in any order, which teaches nobody."""
    (question, truth), search = asked, bench.search
    both, meaning = _requests(question)
    search.planner = taught
    wall, busy = time.perf_counter(), bench.busy()
    hybrid = search.search(both)
    busy, wall = bench.busy() - busy, time.perf_counter() - wall
    counting = time.perf_counter()
    counted = search.search(floored(question))
    counting = time.perf_counter() - counting
    dense = search.search(meaning)
    recall = len(truth & {_number(hit.document.id) for hit in dense.hits}) / max(1, len(truth))
    trace = _trace(hybrid)
    costs, exact = _each_alone(bench, both, order, hopeless)
    costs.setdefault(trace.plan, trace.cost_ms)  # of two plans, or one known to be hopeless: as it was
    same = None if exact is None else _shared(exact, hybrid)
    error = max(trace.estimated, 1) / max(trace.actual, 1)
    return Took(
        recall, same, 1_000 * wall, 1_000 * busy, trace.cost_ms, costs, trace.plan, max(error, 1 / error),
        1_000 * counting, counted.plan,
    )  # fmt: skip


def _each_alone(
    bench: Bench, request: SearchRequest, order: np.random.Generator, hopeless: set[Plan]
) -> tuple[dict[str, float], Found | None]:
    """What each plan costs alone, by its name, and what an exact one found.

    `hopeless` plans have taken so long at an earlier question of the bucket that they are left out, and gets those that
    take so long now.
    """
    costs: dict[str, float] = {}
    exact: Found | None = None
    plans = [*Plan]
    for plan in [plans[place] for place in order.permutation(len(plans))]:
        if plan in hopeless:
            continue
        bench.search.planner = bench.planner(plan)
        found, cost = _repeated(bench.search, request)
        ran = _trace(found).plan
        if not ran.startswith(plan):
            continue  # the back end has no such plan here
        costs[ran] = cost
        exact = found if ran in EXACT else exact
        if cost > HOPELESS_MS:
            hopeless.add(plan)
    return costs, exact


def _repeated(search: Planned, request: SearchRequest) -> tuple[Found, float]:
    """A search, and the cost of its plan in ms when it comes again at once: each finds its own caches."""
    found = search.search(request)
    cost = _trace(found).cost_ms
    return found, cost if cost > HOPELESS_MS else min(cost, _trace(search.search(request)).cost_ms)


def _trace(found: Found) -> PlanTrace:
    if found.trace is None or found.degraded:
        raise StoreUnavailable(f"A question was answered by less than everything: {'; '.join(found.degraded)}.")
    return found.trace


def _shared(exact: Found, other: Found) -> float:
    kept = {hit.document.id for hit in exact.hits}
    return len(kept & {hit.document.id for hit in other.hits}) / len(kept) if kept else 1.0


def _number(id_: str) -> int:
    return int(id_.rpartition("/")[2])


# ---------------------------------------------------------------- truth


def _exact(world: World, questions: Sequence[Question]) -> list[set[int]]:
    """The ten nearest within each question's circle, compared with every document, without any part of the search."""
    queries = np.stack([question.vector for question in questions])
    best = [np.zeros((0, 2)) for _ in questions]
    for first in range(0, world.bins, BLOCK):
        last = min(world.bins, first + BLOCK)
        cosines = world.vectors(first, last) @ queries.T
        lat, lon = world.lat[first:last], world.lon[first:last]
        for column, question in enumerate(questions):
            inside = np.flatnonzero(metres(lat, lon, question) <= question.circle.radius_m)
            near = cosines[inside, column].astype(np.float64)
            top = inside[np.argpartition(-near, K)[:K]] if len(near) > K else inside
            rows = np.stack([cosines[top, column].astype(np.float64), top + first], axis=1)
            both = np.concatenate([best[column], rows])
            best[column] = both[np.argsort(-both[:, 0])[:K]]
    return [{int(number) for number in each[:, 1]} for each in best]


def metres(lat: Floats, lon: Floats, question: Question) -> Floats:
    """From places to the middle of a question's circle, by the haversine formula."""
    north, east = np.radians(lat - question.circle.lat), np.radians(lon - question.circle.lon)
    across = np.cos(np.radians(lat)) * np.cos(np.radians(question.circle.lat)) * np.sin(east / 2) ** 2
    found: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.sin(north / 2) ** 2 + across))
    return found


# ---------------------------------------------------------------- figures


def bucket(took: Sequence[Took]) -> JsonObject:
    """The figures of one bucket. `compared`: how many plans could be timed alone, as a mean."""
    plans, floor_plans = [each.plan for each in took], [each.floor_plan for each in took]
    known = [each.hybrid_recall for each in took if each.hybrid_recall is not None]
    return {
        "recall10": round(float(np.mean([each.recall for each in took])), 4),
        "hybrid_recall10": round(float(np.mean(known)), 4) if known else None,
        **times("", [each.wall_ms for each in took]),
        **times("cpu_", [each.cpu_ms for each in took]),
        **times("floor_", [each.floor_wall_ms for each in took]),
        "regret": round(float(np.median([each.regret for each in took])), 3),
        "compared": round(float(np.mean([len(each.costs) for each in took])), 2),
        "estimate_error": round(float(np.median([each.error for each in took])), 3),
        "plans": {plan: plans.count(plan) for plan in sorted({*plans})},
        "floor_plans": {plan: floor_plans.count(plan) for plan in sorted({*floor_plans})},
    }


def times(name: str, values: Sequence[float]) -> JsonObject:
    """Median and 95th percentile."""
    return {
        f"{name}p50_ms": round(float(np.percentile(values, 50)), 2),
        f"{name}p95_ms": round(float(np.percentile(values, 95)), 2),
    }


def summed(buckets: JsonObject, taught: Planner) -> JsonObject:
    """The buckets, the worst of them, and what the planner has learned."""

    def over(name: str) -> list[float]:
        told = [each[name] for each in buckets.values() if isinstance(each, dict)]
        return [float(str(value)) for value in told if value is not None]

    return {
        "buckets": buckets,
        "worst_p95_ms": max(over("p95_ms")),
        "worst_cpu_p95_ms": max(over("cpu_p95_ms")),
        "worst_floor_p95_ms": max(over("floor_p95_ms")),
        "worst_recall10": min(over("recall10")),
        "worst_hybrid_recall10": min(over("hybrid_recall10")),
        "median_regret": round(float(np.median(over("regret"))), 3),
        "worst_regret": max(over("regret")),
        "learned": {name: [round(c.fixed_ms, 4), round(c.each_us, 4)] for name, c in taught.costs.known().items()},
    }


def alone(took: Sequence[Took], name: str = "cpu_") -> JsonObject:
    """What comparing meanings costs over all buckets: each plan alone, and the one that the planner chose.

    `name` says by which clock the back end's planner measures, and begins the figures' names.
    """
    costs = {plan.value: [each.costs[plan] for each in took if plan in each.costs] for plan in Plan}
    return {
        plan: {f"worst_{name}p95_ms": said[f"{name}p95_ms"], f"{name}p50_ms": said[f"{name}p50_ms"]}
        for plan, values in {**costs, "chosen": [each.chosen_ms for each in took]}.items()
        if values
        for said in [times(name, values)]
    }
