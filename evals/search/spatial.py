"""python -m evals spatial --bins N: the planner over place and meaning, from one in ten thousand to everything."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from domain.spatial import EARTH_RADIUS_M
from evals.progress import say
from evals.search.world import BLOCK, Question, World
from retrieval.planner import Plan, Planner
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import DEFAULT_VECTOR, Found, SearchRequest

__all__ = ["Asked", "figures"]

JsonObject = dict[str, JsonValue]
Floats = npt.NDArray[np.float64]
SHARES = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
AT_ODDS = (0.01, 0.1, 0.3)
K = 10
WARMING = 8  # questions of each bucket that only teach the planner and fill the caches
FLOOR = 0.3  # of meaning, as the assistant's own searches have one: every hit is then counted
FOREVER_S = 86_400.0
HOPELESS_MS = 1_000.0  # a plan that takes longer alone is asked once in a bucket and told by that
CITY = "made-up"


@dataclass(frozen=True)
class Asked:
    """How many documents, how many counted questions in each bucket, the seed, and whether an index may help."""

    bins: int
    questions: int
    seed: int
    approximate: bool = True


@dataclass(frozen=True)
class _Took:
    """One question: share of the exact ten best found, milliseconds (wall, CPU), and what each plan alone costs."""

    recall: float
    hybrid_recall: float
    wall_ms: float
    cpu_ms: float
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


def figures(asked: Asked) -> tuple[JsonObject, JsonObject, int]:
    """Figures by bucket, those of each plan alone, and the number of questions.

    `recall10` is that of search by meaning against a brute-force comparison made here, `hybrid_recall10` that of both
    lists against the exact plan; `p50_ms`, `p95_ms` are whole hybrid searches, the question's embedding aside, and
    `floor_p50_ms`, `floor_p95_ms` the same searches where every hit is counted. All of these are of a search that runs
    already; `first_questions` are what a new one takes.
    """
    world = World(asked.bins, asked.seed)
    buckets = {
        **{f"{share:.2%}": (share, False) for share in SHARES},
        **{f"{s:.2%} at odds": (s, True) for s in AT_ODDS},
    }
    questions = {
        name: world.questions(share, asked.questions + WARMING, at_odds=odd) for name, (share, odd) in buckets.items()
    }
    with _indexed(world, asked.approximate) as (search, file):
        started = {
            "as it starts": _first(file, world, [each[0] for each in questions.values()], warm=False),
            "read ahead": _first(file, world, [each[0] for each in questions.values()], warm=True),
        }
        truths = _exact(world, [question for each in questions.values() for question in each])
        taught = Planner()
        search.planner = taught
        for turn in range(WARMING):
            for each in questions.values():
                for request in (*_requests(each[turn]), _floored(each[turn])):
                    search.search(request)
        found: JsonObject = {}
        order, every = np.random.default_rng(asked.seed), []
        for place, (name, each) in enumerate(questions.items()):
            first = place * (asked.questions + WARMING) + WARMING
            hopeless: set[str] = set()
            took = [
                _asked(search, taught, (question, truth), order, hopeless)
                for question, truth in zip(each[WARMING:], truths[first:], strict=False)
            ]
            every += took
            found[name] = _bucket(took)
            say(f"{name}: {found[name]}")
    return {**_summed(found, taught), "first_questions": {**started}}, _alone(every), asked.questions * len(buckets)


@contextmanager
def _indexed(world: World, approximate: bool = True) -> Iterator[tuple[SqliteSearch, Path]]:
    with tempfile.TemporaryDirectory(prefix="roundsman-") as folder:
        file = Path(folder) / "search.db"
        search = SqliteSearch(file, CITY, world, approximate=approximate)
        for first in range(0, world.bins, BLOCK):
            search.upsert(world.documents(first, min(world.bins, first + BLOCK)))
        say(f"{world.bins} documents indexed")
        search.embed_pending(FOREVER_S)
        say("vectors made")
        search.prepare()
        say("in memory, and its index made if it has one")
        yield search, file
        search.close()


def _first(file: Path, world: World, questions: Sequence[Question], *, warm: bool) -> JsonObject:
    """CPU of the first questions, one of each bucket, that a new search is asked; `warm`: after it has read ahead.

    `read_ahead_cpu_s` is what that takes, in the background of a server.
    """
    search = SqliteSearch(file, CITY, world, approximate=False)
    began = time.process_time()
    if warm:
        search.warm()
    ahead = time.process_time() - began
    took = []
    for question in questions:
        busy = time.thread_time()
        search.search(_floored(question))
        took.append(1_000 * (time.thread_time() - busy))
    search.close()
    return {
        "first_cpu_ms": round(took[0], 2),
        "later_cpu_p50_ms": round(float(np.median(took[1:])), 2),
        "later_cpu_worst_ms": round(max(took[1:]), 2),
        "read_ahead_cpu_s": round(ahead, 2),
    }


def _requests(question: Question, k: int = K) -> tuple[SearchRequest, SearchRequest]:
    """The question by words and meaning, and by meaning alone; however long it takes, since how long is measured."""
    vectors = {DEFAULT_VECTOR: question.vector}
    both = SearchRequest(question.text, k=k, near=question.circle, vectors=vectors, deadline_s=FOREVER_S)
    return both, replace(both, alpha=1.0)


def _floored(question: Question) -> SearchRequest:
    """The question as the assistant asks it: all that reach a floor are counted."""
    return replace(_requests(question)[0], floor=FLOOR)


def _asked(
    search: SqliteSearch,
    taught: Planner,
    asked: tuple[Question, set[int]],
    order: np.random.Generator,
    hopeless: set[str],
) -> _Took:
    """One question by the planner, then by each plan alone, in any order, which teaches nobody; `hopeless` plans have
    taken so long at an earlier question of the bucket that they are left out, and gets those that take so long now."""
    question, truth = asked
    both, meaning = _requests(question)
    search.planner = taught
    wall, busy = time.perf_counter(), time.thread_time()
    hybrid = search.search(both)
    busy, wall = time.thread_time() - busy, time.perf_counter() - wall
    counting = time.perf_counter()
    floored = search.search(_floored(question))
    counting = time.perf_counter() - counting
    dense = search.search(meaning)
    recall = len(truth & {_number(hit.document.id) for hit in dense.hits}) / max(1, len(truth))
    costs: dict[str, float] = {}
    for place in order.permutation(len(Plan)):
        plan = [*Plan][place]
        if plan in hopeless:
            continue
        search.planner = Planner(only=plan, sample_every=0)
        found, cost = _repeated(search, both)
        if found.trace and found.trace.plan == plan:
            costs[plan.value] = cost
        if plan == Plan.LIMITS_FIRST:
            exact = found
        elif cost > HOPELESS_MS:
            hopeless.add(plan.value)
    kept = {hit.document.id for hit in exact.hits}
    same = len(kept & {hit.document.id for hit in hybrid.hits}) / max(1, len(kept))
    trace = hybrid.trace
    assert trace is not None
    error = max(trace.estimated, 1) / max(trace.actual, 1)
    error = max(error, 1 / error)
    return _Took(recall, same, 1_000 * wall, 1_000 * busy, costs, trace.plan, error, 1_000 * counting, floored.plan)


def _repeated(search: SqliteSearch, request: SearchRequest) -> tuple[Found, float]:
    """A search, and the cost of its plan in ms when it comes again at once: each finds its own caches."""
    found = search.search(request)
    assert found.trace is not None
    if found.trace.cost_ms > HOPELESS_MS:
        return found, found.trace.cost_ms
    again = search.search(request).trace
    assert again is not None
    return found, min(found.trace.cost_ms, again.cost_ms)


def _exact(world: World, questions: Sequence[Question]) -> list[set[int]]:
    """The ten nearest within each question's circle, compared with every document, without any part of the search."""
    queries = np.stack([question.vector for question in questions])
    best = [np.zeros((0, 2)) for _ in questions]
    for first in range(0, world.bins, BLOCK):
        last = min(world.bins, first + BLOCK)
        cosines = world.vectors(first, last) @ queries.T
        lat, lon = world.lat[first:last], world.lon[first:last]
        for column, question in enumerate(questions):
            inside = np.flatnonzero(_metres(lat, lon, question) <= question.circle.radius_m)
            near = cosines[inside, column].astype(np.float64)
            top = inside[np.argpartition(-near, K)[:K]] if len(near) > K else inside
            rows = np.stack([cosines[top, column].astype(np.float64), top + first], axis=1)
            both = np.concatenate([best[column], rows])
            best[column] = both[np.argsort(-both[:, 0])[:K]]
    return [{int(number) for number in each[:, 1]} for each in best]


def _metres(lat: Floats, lon: Floats, question: Question) -> Floats:
    """The haversine formula."""
    north, east = np.radians(lat - question.circle.lat), np.radians(lon - question.circle.lon)
    across = np.cos(np.radians(lat)) * np.cos(np.radians(question.circle.lat)) * np.sin(east / 2) ** 2
    metres: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.sin(north / 2) ** 2 + across))
    return metres


def _number(id_: str) -> int:
    return int(id_.rpartition("/")[2])


# ---------------------------------------------------------------- figures


def _bucket(took: Sequence[_Took]) -> JsonObject:
    plans, floor_plans = [each.plan for each in took], [each.floor_plan for each in took]
    return {
        "recall10": round(float(np.mean([each.recall for each in took])), 4),
        "hybrid_recall10": round(float(np.mean([each.hybrid_recall for each in took])), 4),
        **_times("", [each.wall_ms for each in took]),
        **_times("cpu_", [each.cpu_ms for each in took]),
        **_times("floor_", [each.floor_wall_ms for each in took]),
        "regret": round(float(np.median([each.regret for each in took])), 3),
        "estimate_error": round(float(np.median([each.error for each in took])), 3),
        "plans": {plan: plans.count(plan) for plan in sorted({*plans})},
        "floor_plans": {plan: floor_plans.count(plan) for plan in sorted({*floor_plans})},
    }


def _times(name: str, values: Sequence[float]) -> JsonObject:
    return {
        f"{name}p50_ms": round(float(np.percentile(values, 50)), 2),
        f"{name}p95_ms": round(float(np.percentile(values, 95)), 2),
    }


def _summed(buckets: JsonObject, taught: Planner) -> JsonObject:
    def over(name: str) -> list[float]:
        return [float(str(each[name])) for each in buckets.values() if isinstance(each, dict)]

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


def _alone(took: Sequence[_Took]) -> JsonObject:
    """What comparing meanings costs over all buckets (CPU): each plan alone, and the one that the planner chose."""
    costs = {plan.value: [each.costs[plan] for each in took if plan in each.costs] for plan in Plan}
    return {
        name: {
            "worst_cpu_p95_ms": round(float(np.percentile(values, 95)), 2),
            "cpu_p50_ms": round(float(np.median(values)), 2),
        }
        for name, values in {**costs, "chosen": [each.chosen_ms for each in took]}.items()
        if values
    }
