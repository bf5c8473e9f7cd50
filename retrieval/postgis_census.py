"""How many documents there are: exactly by kind, roughly by place; counted once for each edition of a city's documents.

PostgreSQL's own estimate for ST_DWithin is off by a factor of a hundred in the median, so the planner has a histogram
of our own: current documents by cells of 153 m.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retrieval.cells import STEP_DEG, Cells
from retrieval.postgis_limits import Limits
from retrieval.postgis_tables import CityRow, Connection
from retrieval.regions import Area
from retrieval.store import SearchRequest

__all__ = ["Census", "CensusCache", "Counts", "count_within"]

STALE = 0.05  # of the documents: so many may change before places are counted again
KEPT_COUNTS = 256  # answers to "how many within these limits" that are remembered for one edition


@dataclass(frozen=True)
class Counts:
    """Documents within limits: by kind, how many of them Weaviate holds, and the time of the newest, if any."""

    kinds: Mapping[str, int]
    sent: Mapping[str, int]
    newest: float | None

    @property
    def documents(self) -> int:
        """All kinds together."""
        return sum(self.kinds.values())


@dataclass(frozen=True)
class Census:
    """A city's documents that are current by kind, and how many of them stand where."""

    current: Counts
    cells: Cells
    documents: int

    def estimate(self, request: SearchRequest) -> int:
        """How many documents a request's kinds and place leave; its other limits could only leave fewer."""
        kinds = request.kinds or tuple(self.current.kinds)
        all_of_them = self.current.documents or 1
        share = sum(self.current.kinds.get(kind, 0) for kind in kinds) / all_of_them
        near = request.near.circle if isinstance(request.near, Area) else request.near
        return round(share * (all_of_them if near is None else self.cells.estimate(near)))


class CensusCache:
    """The latest census of each city, and the latest counts. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._census: dict[str, tuple[int, Census]] = {}
        self._counts: dict[tuple[object, ...], Counts] = {}

    def current(self, connection: Connection, city: CityRow) -> Census:
        """What holds now; places may be behind by one document in twenty, everything else is exact."""
        with self._lock:
            edition, known = self._census.get(city.name, (-1, None))
        if known is not None and edition == city.edition:
            return known
        counts = _counted(connection, "d.city = %(city)s AND d.known_until IS NULL", {"city": city.number})
        if known is not None and abs(city.documents - known.documents) <= STALE * known.documents:
            made = Census(counts, known.cells, known.documents)
        else:
            made = Census(counts, _cells(connection, city), city.documents)
        with self._lock:
            self._census[city.name] = (city.edition, made)
        return made

    def within(self, connection: Connection, city: CityRow, limits: Limits) -> Counts:
        """Exactly what limits leave."""
        key = (city.name, city.edition, limits.sql, repr(sorted(limits.values.items())))
        with self._lock:
            known = self._counts.get(key)
        if known is None:
            known = count_within(connection, limits)
            with self._lock:
                if len(self._counts) >= KEPT_COUNTS:
                    self._counts.clear()
                self._counts[key] = known
        return known


def count_within(connection: Connection, limits: Limits) -> Counts:
    """Count what limits leave."""
    return _counted(connection, limits.sql, limits.values)


def _counted(connection: Connection, condition: str, values: Mapping[str, object]) -> Counts:
    sql = (
        "SELECT kind, count(*), count(*) FILTER (WHERE sent), max(at)"  # noqa: S608
        f" FROM search_documents d WHERE {condition} GROUP BY kind ORDER BY kind"
    )
    rows = connection.execute(sql, values).fetchall()
    times = [newest for *_, newest in rows if newest is not None]
    return Counts(
        {kind: count for kind, count, _, _ in rows},
        {kind: sent for kind, _, sent, _ in rows if sent},
        max(times) if times else None,
    )


def _cells(connection: Connection, city: CityRow) -> Cells:
    """Counted by PostgreSQL; the middle of a cell stands for its documents."""
    sql = (
        "SELECT floor((lat + 90) / %(step)s), floor((lon + 180) / %(step)s), count(*) FROM search_documents"
        " WHERE city = %(city)s AND known_until IS NULL AND spot IS NOT NULL GROUP BY 1, 2"
    )
    found = connection.execute(sql, {"step": STEP_DEG, "city": city.number}).fetchall()
    south, west, count = np.array(found, dtype=np.float64).reshape(-1, 3).T
    return Cells((south + 0.5) * STEP_DEG - 90, (west + 0.5) * STEP_DEG - 180, count.astype(np.int64))
