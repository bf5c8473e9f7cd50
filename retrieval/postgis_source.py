"""One search as the planner runs it: what the limits leave is PostGIS's to say, what is near in meaning Weaviate's.

Numbers are those of texts: documents of one wording have one meaning.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from domain.errors import DeadlineExceeded
from retrieval.planner import Nearest, Plan
from retrieval.postgis_census import Counts
from retrieval.postgis_limits import Limits, narrowing
from retrieval.postgis_tables import CityRow, Connection, numbers_text
from retrieval.postgis_vectors import DECIMALS, object_id, row_of
from retrieval.store import SearchRequest
from retrieval.vector_collections import EXACT_BELOW, Placed
from retrieval.weaviate_side import MOST_RESULTS, Near, Neighbour, WeaviateSide

__all__ = ["Candidates", "Limited", "VectorSearch", "read_candidates"]

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
SURVIVES = 0.5  # of what cells let through: a circle fills more than half of its cells when these are small
FEW_IDS = 500  # up to so many a list is shorter than what else would be fetched
ALL_COUNTED = EXACT_BELOW // 2  # documents up to which a request with a floor is answered exactly
LEAST_S = 0.005  # less time than this is none


@dataclass(frozen=True)
class Candidates:
    """Documents that the limits leave, ascending by row; arrays of shape (n,). `at` is NaN where there is no time."""

    rows: Numbers
    texts: Numbers
    kinds: Sequence[str]
    at: npt.NDArray[np.float64]
    sent: Mask

    def counts(self) -> Counts:
        """Counted."""
        times = self.at[~np.isnan(self.at)]
        sent = [kind for kind, there in zip(self.kinds, self.sent.tolist(), strict=True) if there]
        return Counts(
            dict(sorted(Counter(self.kinds).items())), Counter(sent), float(times.max()) if len(times) else None
        )


def read_candidates(connection: Connection, limits: Limits, most: int) -> Candidates | None:
    """All of them, or None when there are more than `most`."""
    sql = (
        "SELECT kind, array_agg(row), array_agg(meaning), array_agg(at), array_agg(sent) FROM"  # noqa: S608
        f" (SELECT row, meaning, kind, at, sent FROM search_documents d WHERE {limits.sql} LIMIT %(most)s) c"
        " GROUP BY kind"
    )
    found = connection.cursor(binary=True).execute(sql, limits.values | {"most": most + 1}).fetchall()
    rows, texts, at, sent = (
        np.concatenate([np.array(each[column], dtype=dtype) for each in found]) if found else np.zeros(0, dtype=dtype)
        for column, dtype in enumerate((np.int64, np.int64, np.float64, np.bool_), 1)
    )
    if len(rows) > most:
        return None
    order = np.argsort(rows)
    kinds = [kind for kind, among, *_ in found for _ in among]
    return Candidates(rows[order], texts[order], [kinds[n] for n in order.tolist()], at[order], sent[order])


@dataclass(frozen=True)
class Limited:
    """A request, its limits, and the documents that these leave where they are few."""

    request: SearchRequest
    limits: Limits
    candidates: Candidates | None


class VectorSearch:
    """The planner's `CandidateSource`. `kinds` are those of which Weaviate holds documents; `ends` is monotonic."""

    def __init__(
        self, side: WeaviateSide, connection: Connection, city: CityRow, limited: Limited, ends: float
    ) -> None:
        self._side, self._connection, self._city, self._ends = side, connection, city, ends
        self._request, self._limits, self.candidates = limited.request, limited.limits, limited.candidates
        self.total = city.documents
        self.most = MOST_RESULTS
        self.kinds: tuple[str, ...] = ()
        self.name = ""
        self.vector: Floats = np.zeros(0, dtype=np.float32)
        self.estimated = 0
        self.plans: frozenset[Plan] = frozenset()
        self._exhausted = False

    def aim(self, name: str, vector: Floats, kinds: Sequence[str], estimated: int) -> None:
        """Say what to look for, once the limits have been looked at: `estimated` documents are left.

        With a floor every hit is counted, so the approximate index takes part only where exactly is too much to ask.
        """
        self.name, self.vector, self.kinds, self.estimated = name, vector, tuple(kinds), estimated
        exactly = self._request.floor is not None and estimated <= ALL_COUNTED
        self.plans = frozenset({Plan.LIMITS_FIRST} if exactly else {Plan.LIMITS_FIRST, Plan.MEANING_FIRST})

    def estimate(self) -> int:
        """What was said when it was aimed, or the number of candidates where these were read."""
        return self.estimated if self.candidates is None else len(self.candidates.rows)

    def survival(self) -> float:
        """Kinds and times are told to Weaviate exactly, circles and polygons by cells, areas and fields not at all."""
        if self._request.filters or (self._request.near is not None and not self._narrow.cells):
            return max(self.estimated / max(self.total, 1), 1 / max(self.total, 1))
        return SURVIVES if self._request.near is not None else 1.0

    def survival_near(self) -> float:
        """The same: there is no sample of vectors in this process."""
        return self.survival()

    def within(self) -> Numbers:
        """The texts of the candidates that Weaviate holds; reads them when there are more than a few."""
        if self.candidates is None:
            self.candidates = read_candidates(self._connection, self._limits, self.total)
        assert self.candidates is not None
        return np.unique(self.candidates.texts[self.candidates.sent])

    def passes(self, numbers: Numbers) -> Mask:
        """Which texts have a document within the limits."""
        if not len(numbers):
            return np.zeros(0, dtype=np.bool_)
        sql = (
            "SELECT DISTINCT d.meaning FROM search_documents d"  # noqa: S608  # conditions of ours
            f" WHERE d.meaning = ANY(%(asked)s::bigint[]) AND {self._limits.checks}"
        )
        left = self._connection.execute(sql, self._limits.values | {"asked": numbers_text(numbers.tolist())}).fetchall()
        return np.isin(numbers, np.array(left, dtype=np.int64).reshape(-1))

    def exact(self, numbers: Numbers | None, depth: int) -> Nearest:
        """By lists of ids; where these would be long and cells and times say the same, by these, as exactly."""
        assert numbers is not None
        if not len(numbers):
            return Nearest(numbers, np.zeros(0))
        return self._exact_narrowed(numbers, depth) if self._tells(len(numbers)) else self._by_ids(numbers, depth)

    def approximate(self, fetch: int) -> Nearest:
        """What Weaviate gives within the cells and times; 10,000 at most."""
        near = Near(self.name, self.vector, self.kinds, min(fetch, MOST_RESULTS), placed=self._narrow)
        found = self._asked(near)
        self._exhausted = len(found) < near.limit
        return self._texts(found, self.candidates)

    def at_least(self, floor: float) -> Nearest:
        """Everything within the limits that is so near; of more than 10,000 a kind, the nearest."""
        near = Near(self.name, self.vector, self.kinds, MOST_RESULTS, most_distance=1 - floor, placed=self._narrow)
        if self.candidates is not None and (self._request.filters or not self._narrow.cells):
            return self._by_ids(self.within(), MOST_RESULTS, near.most_distance)
        found = self._texts(self._asked(near), self.candidates)
        return found.only(self.passes(found.numbers))

    # ------------------------------------------------------------ Weaviate

    @cached_property
    def _narrow(self) -> Placed:
        return narrowing(self._request)

    def _asked(self, near: Near) -> list[Neighbour]:
        left = self._ends - time.monotonic()
        if left < LEAST_S:
            raise DeadlineExceeded("its time was up before meaning could be compared.")
        return self._side.near(self._city.tenant, near, left) if near.kinds else []

    def _tells(self, candidates: int) -> bool:
        """Whether what Weaviate is told by cells and times is nearly all of the limits, and shorter than the ids."""
        if candidates <= FEW_IDS or candidates > EXACT_BELOW // 2 or self._request.filters:
            return False
        return self._request.near is None or bool(self._narrow.cells)

    def _exact_narrowed(self, numbers: Numbers, depth: int) -> Nearest:
        """Up to 40,000 objects that pass a filter are compared one by one by Weaviate: fetch until enough fit."""
        fetch = depth if self._request.near is None else 2 * depth
        while True:
            found = self.approximate(fetch)
            kept = found.only(np.isin(found.numbers, numbers))
            if len(kept.numbers) >= depth or fetch >= MOST_RESULTS or self._exhausted:
                return kept.first(depth)
            fetch = min(4 * fetch, MOST_RESULTS)

    def _by_ids(self, numbers: Numbers, depth: int, most_distance: float | None = None) -> Nearest:
        """One document stands for each text."""
        candidates = self.candidates
        assert candidates is not None
        held = np.flatnonzero(candidates.sent & np.isin(candidates.texts, numbers))
        _, first = np.unique(candidates.texts[held], return_index=True)
        standing = held[first]
        kinds = tuple(sorted({candidates.kinds[place] for place in standing}))
        ids = [object_id(self._city, row) for row in candidates.rows[standing].tolist()]
        near = Near(self.name, self.vector, kinds, min(depth, MOST_RESULTS), ids, most_distance=most_distance)
        return self._texts(self._asked(near), candidates).first(depth)

    def _texts(self, found: Sequence[Neighbour], candidates: Candidates | None) -> Nearest:
        """Neighbours as texts, the nearest of each, best first."""
        pairs = [(row, each.cosine) for each in found if (row := row_of(self._city, each.uuid)) is not None]
        rows = np.array([row for row, _ in pairs], dtype=np.int64)
        cosines = np.array([cosine for _, cosine in pairs], dtype=np.float64).round(DECIMALS)
        texts = self._read_texts(rows) if candidates is None else _looked_up(rows, candidates)
        known = texts >= 0
        texts, cosines = texts[known], cosines[known]
        _, first = np.unique(texts, return_index=True)
        order = first[np.lexsort((texts[first], -cosines[first]))]
        return Nearest(texts[order], cosines[order])

    def _read_texts(self, rows: Numbers) -> Numbers:
        """The text of each row, -1 for one that is gone."""
        sql = "SELECT row, meaning FROM search_documents WHERE row = ANY(%s::bigint[]) AND city = %s"
        rows_read = self._connection.execute(sql, (numbers_text(rows.tolist()), self._city.number)).fetchall()
        found: dict[int, int] = {row: text for row, text in rows_read}
        return np.array([found.get(row, -1) for row in rows.tolist()], dtype=np.int64)


def _looked_up(rows: Numbers, candidates: Candidates) -> Numbers:
    if not len(candidates.rows):
        return np.full(len(rows), -1)
    places = np.searchsorted(candidates.rows, rows).clip(max=len(candidates.rows) - 1)
    return np.where(candidates.rows[places] == rows, candidates.texts[places], -1)
