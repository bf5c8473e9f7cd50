"""The meanings of a city's texts as the planner sees them: rows of a matrix in memory, and an index if there is one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt

from retrieval.columns import COMPILED_FROM
from retrieval.planner import Nearest, Plan
from retrieval.quantised import Bounds, bounded
from retrieval.vectors import Vectors, told

__all__ = ["ApproximateIndex", "TextSource", "texts_left"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
CODES_FROM = 256  # rows: fewer are compared by their true numbers at once
SAMPLE, NEAREST = 16_384, 32  # texts compared to see how many near a question the limits leave, and how many are near
BY_PLACE = 2  # as so many of them counts what place alone would say
EXACT = frozenset({Plan.LIMITS_FIRST, Plan.ALL_MEANINGS})


class ApproximateIndex(Protocol):
    """Finds nearly the nearest texts without looking at all."""

    def nearest(self, query: Floats, count: int) -> Numbers:
        """The numbers of about `count` texts near a question."""
        ...


@dataclass(frozen=True)
class TextSource:
    """One search over texts: `numbers` of the planner are rows of the vectors.

    `rows` are those of the texts that the limits leave, ascending. `estimated` of `documents` were expected there.
    """

    vectors: Vectors
    query: Floats
    rows: Numbers
    estimated: int
    documents: int
    index: ApproximateIndex | None = None

    @property
    def plans(self) -> frozenset[Plan]:
        """The approximate plan only where there is an index."""
        return EXACT if self.index is None else EXACT | {Plan.MEANING_FIRST}

    @property
    def total(self) -> int:
        """How many texts have a meaning."""
        return len(self.vectors.numbers)

    @property
    def most(self) -> int:
        """The index gives as many as are asked for."""
        return self.total

    def estimate(self) -> int:
        """How many documents the cells say."""
        return self.estimated

    def survival(self) -> float:
        """The share that the cells say: the index knows no places."""
        return min(1.0, self.estimated / max(1, self.documents))

    def survival_near(self) -> float:
        """The share of the sample's nearest to the question that the limits leave; of few texts what place says."""
        return self._survival_near

    def within(self) -> Numbers:
        """The rows that the limits leave."""
        return self.rows

    def passes(self, numbers: Numbers) -> npt.NDArray[np.bool_]:
        """Which of the rows the limits leave."""
        return self._flags[numbers]

    def exact(self, numbers: Numbers | None, depth: int) -> Nearest:
        """The nearest rows; without `numbers` everything is gone over in one sweep, and then the limits are kept."""
        rows = self.rows if numbers is None else numbers
        if self.vectors.codes is not None and len(rows) >= CODES_FROM:
            bounds = self._bounds(rows, whole=numbers is None)
            if rows is self.rows:
                self.__dict__["bounds"] = bounds
            kept = rows[bounds.nearest(depth)]
            return _sorted(kept, self.vectors.matrix[kept] @ self.query, depth)
        cosines = self.vectors.matrix[rows] @ self.query if numbers is not None else self._swept[rows]
        return _sorted(rows, cosines, depth)

    def approximate(self, fetch: int) -> Nearest:
        """The nearest rows as the index knows them, compared exactly."""
        assert self.index is not None
        rows = self.vectors.rows_of(self.index.nearest(self.query, fetch))
        rows = rows[rows >= 0]
        return _sorted(rows, self.vectors.matrix[rows] @ self.query, fetch)

    def reaching(self, floor: float) -> Numbers:
        """All rows within the limits whose cosine reaches a floor."""
        rows = self.rows
        if self.vectors.codes is not None and len(rows) >= CODES_FROM:
            rows = rows[self.bounds.at_least(floor)]
        return rows[told(self.vectors.matrix[rows] @ self.query) >= floor]

    @cached_property
    def bounds(self) -> Bounds:
        """The bounded cosines of the rows within the limits; those of the search itself where it made them."""
        return self._bounds(self.rows, whole=2 * len(self.rows) > self.total)

    def _bounds(self, rows: Numbers, *, whole: bool) -> Bounds:
        assert self.vectors.codes is not None
        if len(rows) == self.total:
            return bounded(self.vectors.codes, self.query)
        return bounded(self.vectors.codes, self.query, rows, whole=whole)

    @cached_property
    def _survival_near(self) -> float:
        if self.vectors.codes is None or self.total < 2 * SAMPLE:
            return self.survival()
        sample = np.arange(0, self.total, self.total // SAMPLE)
        cosines = bounded(self.vectors.codes, self.query, sample).near
        nearest = sample[np.argpartition(cosines, -NEAREST)[-NEAREST:]]
        left = float((np.searchsorted(self.rows, nearest, "right") - np.searchsorted(self.rows, nearest)).sum())
        return (left + BY_PLACE * self.survival()) / (NEAREST + BY_PLACE)

    @cached_property
    def _swept(self) -> Floats:
        swept: Floats = self.vectors.matrix @ self.query
        return swept

    @cached_property
    def _flags(self) -> npt.NDArray[np.bool_]:
        flags = np.zeros(self.total, dtype=np.bool_)
        flags[self.rows] = True
        return flags


def texts_left(rows: Numbers, places: Numbers, texts: int) -> tuple[Numbers, int]:
    """The texts, of so many, of the documents at some places, ascending, and how many of these have a vector.

    `rows` says which text each document's is, -1 where it has no vector.
    """
    there = np.zeros(texts, dtype=np.bool_)
    if len(places) >= COMPILED_FROM:
        from retrieval.kernels import mark_rows  # numba, where a city is large enough to want it

        count = mark_rows(rows, places, there)
    else:
        known = rows[places]
        known = known[known >= 0]
        there[known], count = True, len(known)
    return np.flatnonzero(there), count


def _sorted(rows: Numbers, cosines: Floats, depth: int) -> Nearest:
    """The best first; those of one cosine by number."""
    exact = told(cosines)
    if len(rows) > depth:
        worst = np.partition(exact, len(exact) - depth)[len(exact) - depth]
        kept = np.flatnonzero(exact >= worst)
        rows, exact = rows[kept], exact[kept]
    order = np.lexsort((rows, -exact))[:depth]
    return Nearest(rows[order], exact[order])
