"""In which order a search looks at place and meaning: chosen by what each order will cost, the same for every back end.

    planner = Planner()
    ranked, trace = planner.run(source, depth=200)

A back end gives one `CandidateSource` for each search. Three plans:
limits first: all that the limits leave, compared exactly; the cost grows with how many these are.
all meanings: everything compared exactly, then the limits; the cost grows with the collection.
meaning first: an approximate index gives its nearest, the limits are checked exactly on each, and more are fetched
while too few survive; an exact plan ends it where the next round would cost more, or place and meaning are at odds.
Up to 10,000 candidates, and where every hit must be counted, only the exact plans take part; elsewhere the approximate
one must be cheaper by a third. How much it must fetch depends on how many of what is near this question the limits
leave, which a source may tell from a sample.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from math import ceil, inf
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retrieval.costs import Cost, LearnedCosts
from retrieval.store import PlanTrace

__all__ = ["CHECKED", "FEW", "CandidateSource", "Nearest", "Plan", "Planner"]

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
FEW = 10_000  # candidates that are always compared exactly
SPARE = 1.5  # times what the share of survivors says, so that one round is mostly enough
GROWTH = 4  # of the fetch from round to round
ADVANTAGE = 1.3  # times cheaper than the cheapest exact plan must an approximate one be
AT_ODDS = 0.5  # of the survivors that were to be expected
PATIENCE = 20  # times what an approximate round took may the exact answer then take
CHECKED = 10  # best of a recall sample


class Plan(StrEnum):
    """The orders in which a search can look."""

    LIMITS_FIRST = "limits first"
    ALL_MEANINGS = "all meanings"
    MEANING_FIRST = "meaning first"


EMBEDDED_COSTS: Mapping[str, Cost] = {  # one core of 2026, 384 numbers each; only the start of what is learned
    Plan.LIMITS_FIRST: Cost(0.15, 0.1),
    Plan.ALL_MEANINGS: Cost(0.1, 0.06),
    Plan.MEANING_FIRST: Cost(0.3, 8.0),
}


@dataclass(frozen=True)
class Nearest:
    """What is nearest in meaning, best first: a back end's own numbers and their cosines, two arrays of shape (n,)."""

    numbers: Numbers
    cosines: Floats

    def only(self, mask: npt.NDArray[np.bool_]) -> Nearest:
        """Those that a mask of shape (n,) keeps."""
        return Nearest(self.numbers[mask], self.cosines[mask])

    def first(self, count: int) -> Nearest:
        """The best so many."""
        return Nearest(self.numbers[:count], self.cosines[:count])


class CandidateSource(Protocol):
    """One search as a back end runs it: its limits, and its question as a vector.

    `Numbers` name what has a meaning, in the back end's own way. Where only exact answers will do, `plans` is without
    MEANING_FIRST.
    """

    @property
    def plans(self) -> frozenset[Plan]:
        """What can be run now."""
        ...

    @property
    def total(self) -> int:
        """Meanings without any limit."""
        ...

    @property
    def most(self) -> int:
        """How many `approximate` gives at most."""
        ...

    def estimate(self) -> int:
        """How many the limits probably leave, quickly: from a histogram of cells."""
        ...

    def survival(self) -> float:
        """The share (0..1) of what `approximate` gives that probably passes the limits: 1 where cells filter well."""
        ...

    def survival_near(self) -> float:
        """The same of what is nearest to this question, where the source can tell; else `survival()`."""
        ...

    def within(self) -> Numbers:
        """Exactly those that the limits leave, ascending."""
        ...

    def passes(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Which of these the limits leave, exactly."""
        ...

    def exact(self, numbers: Numbers | None, depth: int) -> Nearest:
        """The `depth` nearest of these (of everything that the limits leave when None), compared exactly."""
        ...

    def approximate(self, fetch: int) -> Nearest:
        """About the `fetch` nearest of all, the limits not yet checked; their cosines are exact.

        It may give fewer; where it gives no more than for a smaller `fetch`, it is not asked again.
        """
        ...


@dataclass(frozen=True)
class _Sizes:
    """What the costs of a search grow with."""

    estimated: int
    total: int
    fetch: int

    def of(self, plan: Plan) -> int:
        """The size that the cost of a plan grows with."""
        if plan == Plan.LIMITS_FIRST:
            return self.estimated
        return self.total if plan == Plan.ALL_MEANINGS else self.fetch


class Planner:
    """Chooses, runs, measures and learns. Safe for many threads.

    `clock` gives seconds: this thread's CPU time where the work is done in this process, `time.perf_counter` where a
    server does it. `sample_every`: of so many approximate searches one is also run exactly, for the recall in its
    trace; 0 for none. `only`: always this plan where the source has it, for measurements.
    """

    def __init__(
        self,
        costs: Mapping[str, Cost] | None = None,
        clock: Callable[[], float] = time.thread_time,
        sample_every: int = 256,
        only: Plan | None = None,
    ) -> None:
        self.costs = LearnedCosts({**EMBEDDED_COSTS, **(costs or {})})
        self._clock = clock
        self._sample_every = sample_every
        self._only = only
        self._lock = threading.Lock()
        self._approximate_searches = 0

    def choose(self, source: CandidateSource, depth: int) -> PlanTrace:
        """The plan that will probably be cheapest, before anything is run; `actual` is not known yet (-1)."""
        plans = self._allowed(source)
        if not self._may_win(source, depth, plans):
            plans = plans - {Plan.MEANING_FIRST} or plans
        sizes = _sizes(source, depth, plans)
        expected = {plan: self.costs.expected(plan, sizes.of(plan)) for plan in Plan if plan in plans}
        chosen = min(expected, key=lambda plan: expected[plan] * (ADVANTAGE if plan == Plan.MEANING_FIRST else 1))
        alternatives = {plan.value: round(ms, 3) for plan, ms in expected.items()}
        return PlanTrace(chosen.value, sizes.estimated, -1, 0.0, alternatives=alternatives)

    def _allowed(self, source: CandidateSource) -> frozenset[Plan]:
        """The plans among which cost decides."""
        if self._only in source.plans:
            return frozenset({self._only})
        return (source.estimate() <= FEW and source.plans - {Plan.MEANING_FIRST}) or source.plans

    def _may_win(self, source: CandidateSource, depth: int, plans: frozenset[Plan]) -> bool:
        """Whether the approximate plan would be taken if all that is near passed the limits; else it need not be known
        how many do."""
        sizes = _Sizes(source.estimate(), source.total, ceil(SPARE * depth))
        exact = [self.costs.expected(plan, sizes.of(plan)) for plan in plans - {Plan.MEANING_FIRST}]
        return ADVANTAGE * self.costs.expected(Plan.MEANING_FIRST, sizes.fetch) < min(exact, default=inf)

    def run(self, source: CandidateSource, depth: int) -> tuple[Nearest, PlanTrace]:
        """The `depth` nearest that the limits leave, best first, and why they were looked for in this way."""
        began = self._clock()
        trace = self.choose(source, depth)
        chosen = Plan(trace.plan)
        if chosen == Plan.MEANING_FIRST:
            nearest, trace = self._meaning_first(source, depth, trace)
        else:
            nearest, trace = self._exactly(source, chosen, depth, trace)
        for plan in self._allowed(source) - {chosen}:
            self.costs.passed_over(plan)
        return nearest, replace(trace, cost_ms=round(1_000 * (self._clock() - began), 3))

    def _exactly(self, source: CandidateSource, plan: Plan, depth: int, trace: PlanTrace) -> tuple[Nearest, PlanTrace]:
        began = self._clock()
        numbers = source.within() if plan == Plan.LIMITS_FIRST else None
        nearest = source.exact(numbers, depth)
        size = source.total if numbers is None else len(numbers)
        self.costs.learn(plan, size, 1_000 * (self._clock() - began))
        return nearest, replace(trace, actual=-1 if numbers is None else len(numbers))

    def _meaning_first(self, source: CandidateSource, depth: int, trace: PlanTrace) -> tuple[Nearest, PlanTrace]:
        """Fetch, check, and fetch more while too few survive, more comes, and no exact plan would be quicker."""
        sizes = _sizes(source, depth, source.plans)
        exact = {plan: self.costs.expected(plan, sizes.of(plan)) for plan in source.plans - {Plan.MEANING_FIRST}}
        fetch, before = min(sizes.fetch, source.most), 0
        while True:
            began = self._clock()
            nearest = source.approximate(fetch)
            passing = source.passes(nearest.numbers)
            kept = nearest.only(passing)
            took_ms = 1_000 * (self._clock() - began)
            more, before = len(nearest.numbers) > before, len(nearest.numbers)
            if more:  # what an index gave at the end of its list says nothing of a longer one
                self.costs.learn(Plan.MEANING_FIRST, fetch, took_ms)
            at_odds = _at_odds(source, nearest, passing) and min(exact.values(), default=inf) <= PATIENCE * took_ms
            if len(kept.numbers) >= depth and not at_odds:
                return self._sampled(source, kept.first(depth), trace)
            more = more and fetch < source.most
            fetch = min(_next_fetch(fetch, len(kept.numbers), depth), source.most)
            next_ms = self.costs.expected(Plan.MEANING_FIRST, fetch)
            if len(nearest.numbers) >= source.total or not exact:
                return kept.first(depth), trace
            if at_odds or not more or fetch >= source.total or next_ms > min(exact.values()):
                instead = min(exact, key=lambda plan: exact[plan])
                found, trace = self._exactly(source, instead, depth, trace)
                return found, replace(trace, plan=f"{Plan.MEANING_FIRST}, then {instead}")

    def _sampled(self, source: CandidateSource, nearest: Nearest, trace: PlanTrace) -> tuple[Nearest, PlanTrace]:
        """Now and then the exact answer as well: the recall is known, and the exact plan's cost stays learned."""
        with self._lock:
            self._approximate_searches += 1
            nth = self._approximate_searches
        exact = source.plans - {Plan.MEANING_FIRST}
        if not self._sample_every or not exact or nth % self._sample_every:
            return nearest, trace
        plan = Plan.ALL_MEANINGS if Plan.ALL_MEANINGS in exact else Plan.LIMITS_FIRST
        truth, _ = self._exactly(source, plan, len(nearest.numbers), trace)
        best = truth.first(CHECKED).numbers
        found = np.isin(best, nearest.first(CHECKED).numbers).mean() if len(best) else 1.0
        return truth, replace(trace, recall_sample=round(float(found), 4))


def _at_odds(source: CandidateSource, nearest: Nearest, passing: npt.NDArray[np.bool_]) -> bool:
    """Whether place and meaning are at odds: of the first quarter far fewer survive than place alone would say.

    The best within the limits are then far down the list, where a graph of neighbours misses more than near its top.
    """
    early = len(nearest.numbers) // 4
    return bool(passing[:early].sum() < AT_ODDS * early * min(1.0, source.survival()))


def _sizes(source: CandidateSource, depth: int, plans: frozenset[Plan]) -> _Sizes:
    """What the costs of these plans grow with; how many survive near the question is asked only for the approximate."""
    survival = source.survival_near() if Plan.MEANING_FIRST in plans else 1.0
    fetch = ceil(SPARE * depth / max(survival, 1 / max(source.total, 1)))
    return _Sizes(source.estimate(), source.total, min(max(source.total, 1), fetch))


def _next_fetch(fetch: int, kept: int, depth: int) -> int:
    """What the share that survived so far says, within the growth that one round may have."""
    told = ceil(SPARE * fetch * depth / kept) if kept else GROWTH * fetch
    return min(GROWTH * fetch, max(2 * fetch, told))
