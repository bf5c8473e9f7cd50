"""What the searches of a process did, added up for whoever watches it: plans, seconds, estimates, samples of recall.

    tally = Tally("sqlite")
    tally.add(found, seconds)
    tally.counted().plans        # {"limits first": 1}

Nothing of what was asked or found is kept.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Protocol, TypeVar

from domain.errors import NotNow
from domain.search_counts import SearchCounts
from retrieval.store import Found, SearchRequest

__all__ = ["Tally", "tallied"]


class Tally:
    """Adds up. Safe for many threads."""

    def __init__(self, back_end: str) -> None:
        self._lock = threading.Lock()
        self._counted = SearchCounts(back_end)

    def add(self, found: Found, seconds: float) -> None:
        """One answer, and how long it took, the vector of its question included."""
        trace = found.trace
        with self._lock:
            now = self._counted
            ratio = now.estimate_ratio
            if trace is not None:
                ratio = ratio.adding(max(trace.estimated, 1) / max(trace.actual, 1))
            self._counted = replace(
                now, plans=Counter(now.plans) + Counter([found.plan]), seconds=now.seconds.adding(seconds),
                estimate_ratio=ratio, degraded=now.degraded + bool(found.degraded),
            )  # fmt: skip
        if trace is not None and trace.recall_sample is not None:
            self.add_sample(trace.recall_sample)

    def add_fault(self) -> None:
        """A search that a fault or the deadline ended."""
        with self._lock:
            self._counted = replace(self._counted, unanswered=self._counted.unanswered + 1)

    def add_sample(self, recall: float) -> None:
        """The share (0..1) of the exact ten best that an approximate search found."""
        with self._lock:
            now = self._counted
            self._counted = replace(now, samples=now.samples + 1, recall=now.recall + recall)

    def counted(self) -> SearchCounts:
        """The sums of this moment."""
        with self._lock:
            return self._counted


class Tallying(Protocol):
    """A back end that adds up what its searches do."""

    @property
    def tally(self) -> Tally:
        """The sums."""
        ...


Store = TypeVar("Store", bound=Tallying)


def tallied(search: Callable[[Store, SearchRequest], Found]) -> Callable[[Store, SearchRequest], Found]:
    """A store's `search` that adds up what it does."""

    @wraps(search)
    def adding_up(store: Store, request: SearchRequest) -> Found:
        began = time.perf_counter()
        try:
            found = search(store, request)
        except NotNow:
            store.tally.add_fault()
            raise
        store.tally.add(found, time.perf_counter() - began)
        return found

    return adding_up
