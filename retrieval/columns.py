"""The documents of a city as columns in memory, where `limits.py` decides what a search may look at.

Columns and not an R*Tree in the same SQLite file: every document that a tree names must then be looked up by row.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import compress
from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.cells import Cells
from retrieval.fields import FieldColumns
from retrieval.store import KINDS

__all__ = ["COMPILED_FROM", "UNSAID", "ColumnCache", "Columns", "Mask", "documents_changed", "sphere_points"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
MOSTLY = 0.8  # of the documents: when fewer are known already, all are read again
MOST_LAT_DEG, MOST_WIDE_DEG = 60.0, 5.0
COMPILED_FROM = 20_000  # documents of a city from which loops over them are machine code, which `warm` loads
UNSAID = -1  # the code of a document without a site, or without an area


@dataclass(frozen=True)
class Columns:
    """Documents in the order of their rows, each array of shape (n,), `points` (n, 3) on a sphere of radius 1.

    Times are seconds since 1970, NaN where there is none; kinds, sites and areas are codes. A later `edition` of a
    city's documents has a higher number.
    """

    rows: Numbers
    ids: Sequence[str]
    texts: Numbers
    kinds: Numbers
    at: Floats
    known_from: Floats
    known_until: Floats
    lat: Floats
    lon: Floats
    points: Floats
    fields: FieldColumns
    sites: Numbers
    areas: Numbers
    site_codes: Mapping[str, int]
    area_codes: Mapping[str, int]
    edition: int = 0

    def count_kinds(self, places: Numbers) -> dict[str, int]:
        """How many of the documents are of each kind, without kinds of which none is."""
        if len(places) == len(self.kinds):
            return {**self._kind_counts}
        if len(places) < COMPILED_FROM:
            counts = np.bincount(self.kinds[places], minlength=len(KINDS))
        else:
            from retrieval.kernels import count_codes  # numba, where a city is large enough to want it

            counts = np.zeros(len(KINDS), dtype=np.int64)
            count_codes(self.kinds, places, counts)
        return {kind: count for kind, count in zip(KINDS, counts.tolist(), strict=True) if count}

    @cached_property
    def _kind_counts(self) -> Mapping[str, int]:
        counts = np.bincount(self.kinds, minlength=len(KINDS)).tolist()
        return {kind: count for kind, count in zip(KINDS, counts, strict=True) if count}

    @property
    def all_kinds(self) -> Set[str]:
        """The kinds of which there are documents."""
        return self._kind_counts.keys()

    def newest_of_texts(self, texts: Numbers, mask: Mask, most: int) -> Iterator[list[int]]:
        """For each text the places of its newest documents that a mask leaves."""
        order, sorted_texts = self._by_text
        starts, ends = np.searchsorted(sorted_texts, texts), np.searchsorted(sorted_texts, texts, "right")
        firsts = order[np.minimum(starts, max(0, len(order) - 1))] if len(order) else order
        alone = zip(starts.tolist(), ends.tolist(), firsts.tolist(), mask[firsts].tolist(), strict=True)
        for start, end, first, inside in alone:
            if end - start == 1:
                yield [first] if inside else []
            else:
                places = order[start:end]
                yield places[mask[places]][:most].tolist()

    def places_of(self, rows: Numbers) -> Numbers:
        """Where in the columns the rows are. Raises LookupError where one is not there: another moment's columns."""
        places = np.searchsorted(self.rows, rows)
        if len(rows) and not (len(self.rows) and (self.rows.take(places, mode="clip") == rows).all()):
            raise LookupError("rows of another moment than the columns")
        return places

    @cached_property
    def _by_text(self) -> tuple[Numbers, Numbers]:
        """Places ordered by text, the newest first, then by id; and the texts in that order."""
        texts, nth, counts = np.unique(self.texts, return_inverse=True, return_counts=True)
        shared = np.flatnonzero(counts[nth] > 1).tolist() if len(texts) else []
        ranks = np.zeros(len(self.ids), dtype=np.int64)  # only equals among documents of one text are told apart by id
        ranks[sorted(shared, key=self.ids.__getitem__)] = np.arange(len(shared))
        order = np.lexsort((ranks, -np.nan_to_num(self.at), self.texts))
        return order, self.texts[order]

    @cached_property
    def cells(self) -> Cells:
        """Where the documents are."""
        return Cells(self.lat, self.lon)

    @cached_property
    def points_by_cell(self) -> Floats:
        """The points in the order of the cells, so that those of one cell are read in a row."""
        return np.ascontiguousarray(self.points[self.cells.places])

    def prepare(self) -> None:
        """Work out what a search within a circle looks at, so that none has to wait for it."""
        _ = self.corners, self.points_by_cell

    @cached_property
    def corners(self) -> Floats:
        """The corners of the box of all documents that have a place, as points, shape (4, 3); shape (0, 3) without any.

        None either for a box beyond 60 degrees of latitude or 5 degrees wide: there its farthest point from somewhere
        within 3,000 km may be another than a corner.
        """
        lat, lon = self.lat[~np.isnan(self.lat)], self.lon[~np.isnan(self.lat)]
        if not len(lat) or np.abs(lat).max() > MOST_LAT_DEG or lon.max() - lon.min() > MOST_WIDE_DEG:
            return np.zeros((0, 3))
        south, north, west, east = lat.min(), lat.max(), lon.min(), lon.max()
        return sphere_points(np.array([south, south, north, north]), np.array([west, east, west, east]))

    @cached_property
    def all_placed(self) -> bool:
        """Whether every document has a place."""
        return not bool(np.isnan(self.lat).any() or np.isnan(self.lon).any())

    def newest(self, places: Numbers) -> float | None:
        """The time of the newest of the documents, seconds since 1970; None when none has a time."""
        if len(places) == len(self.rows):
            return float(self._times[-1]) if len(self._times) else None
        if len(places) < COMPILED_FROM:
            newest = float(np.fmax.reduce(self.at[places], initial=-inf))
        else:
            from retrieval.kernels import largest  # numba, where a city is large enough to want it

            newest = float(largest(self.at, places))
        return newest if newest > -inf else None

    @cached_property
    def everything(self) -> Numbers:
        """All places."""
        return np.arange(len(self.rows))

    @cached_property
    def latest(self) -> float:
        """The last moment at which something happened or became known, seconds since 1970."""
        moments = [times[~np.isnan(times)] for times in (self.at, self.known_from)]
        return float(max((each.max() for each in moments if len(each)), default=-inf))

    @cached_property
    def kind_shares(self) -> Sequence[float]:
        """The share of each kind among the documents, in the order of KINDS."""
        shares: list[float] = (np.bincount(self.kinds, minlength=len(KINDS)) / max(1, len(self.kinds))).tolist()
        return shares

    def share_between(self, since: datetime | None, until: datetime | None) -> float:
        """The share of documents whose time lies in a window."""
        first = 0 if since is None else np.searchsorted(self._times, since.timestamp())
        last = len(self._times) if until is None else np.searchsorted(self._times, until.timestamp())
        return max(0, int(last) - int(first)) / max(1, len(self.rows))

    @cached_property
    def _times(self) -> Floats:
        return np.sort(self.at[~np.isnan(self.at)])

    @cached_property
    def replaced(self) -> bool:
        """Whether there is any version of a record that was replaced by another."""
        return bool((~np.isnan(self.known_until)).any())


def sphere_points(lat: Floats, lon: Floats) -> Floats:
    """Points on a sphere of radius 1, shape (n, 3), of degrees; NaN where these are."""
    north, east = np.radians(lat), np.radians(lon)
    return np.stack([np.cos(north) * np.cos(east), np.cos(north) * np.sin(east), np.sin(north)], axis=1)


class ColumnCache:
    """The columns of cities, brought up to date when their documents have changed. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, Columns] = {}

    def current(self, connection: sqlite3.Connection, city: int) -> Columns:
        """What the file holds at the moment that the connection reads, which may lie before what is kept."""
        edition = _edition(connection, city)
        with self._lock:
            kept = self._kept.get(city)
            if kept is None or kept.edition < edition:
                columns = _read(connection, city) if kept is None else _updated(connection, city, kept)
                kept = self._kept[city] = replace(columns, edition=edition)
            if kept.edition == edition:
                return kept
        # a reader that began before the last write; rows removed since are not kept
        return replace(_read(connection, city), edition=edition)


def documents_changed(connection: sqlite3.Connection, city: int) -> None:
    """Say within a write that a city's documents are others now."""
    value = (_name(city), str(_edition(connection, city) + 1))
    connection.execute("INSERT OR REPLACE INTO search_notes VALUES (?, ?)", value)


def _edition(connection: sqlite3.Connection, city: int) -> int:
    found = connection.execute("SELECT value FROM search_notes WHERE name = ?", (_name(city),)).fetchone()
    return int(found[0]) if found else 0


def _name(city: int) -> str:
    return f"documents of {city}"


def _updated(connection: sqlite3.Connection, city: int, old: Columns) -> Columns:
    """What the file holds now, of which most is known: a row is written once and never numbered again."""
    if not len(old.rows):
        return _read(connection, city)
    rows = connection.execute("SELECT row FROM search_documents WHERE city = ?", (city,))
    there = np.sort(np.fromiter((row for (row,) in rows), dtype=np.int64))
    kept = np.zeros(len(old.rows), dtype=np.bool_)
    if len(there):
        kept = there.take(np.searchsorted(there, old.rows), mode="clip") == old.rows
    if kept.sum() < MOSTLY * len(there):
        return _read(connection, city)
    return _joined(old, kept, _read(connection, city, after=int(old.rows[-1])))


def _joined(old: Columns, kept: Mask, new: Columns) -> Columns:
    """The kept documents of the old columns, then the new ones."""
    site_codes, area_codes = _more(old.site_codes, new.site_codes), _more(old.area_codes, new.area_codes)
    arrays: dict[str, Any] = {
        name: np.concatenate([getattr(old, name)[kept], getattr(new, name)])
        for name in ("rows", "texts", "kinds", "at", "known_from", "known_until", "lat", "lon", "points")
    }
    sites = _recoded(new.sites, new.site_codes, site_codes)
    areas = _recoded(new.areas, new.area_codes, area_codes)
    return replace(
        old,
        **arrays,
        ids=[*compress(old.ids, kept.tolist()), *new.ids],
        sites=np.concatenate([old.sites[kept], sites]),
        areas=np.concatenate([old.areas[kept], areas]),
        site_codes=site_codes,
        area_codes=area_codes,
        fields=new.fields,
    )


def _more(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """The old codes, and codes for names that are new."""
    unknown = [name for name in new if name not in old]
    return {**old, **{name: len(old) + nth for nth, name in enumerate(unknown)}}


def _recoded(codes: Numbers, names: Mapping[str, int], to: Mapping[str, int]) -> Numbers:
    table = np.array([*(to[name] for name in sorted(names, key=names.__getitem__)), UNSAID], dtype=np.int64)
    recoded: Numbers = table[codes]  # UNSAID, -1, is the last
    return recoded


def _read(connection: sqlite3.Connection, city: int, after: int = 0) -> Columns:
    rows = connection.execute(
        "SELECT row, id, meaning, kind, at, known_from, known_until, lat, lon, site_id, area"
        " FROM search_documents WHERE city = ? AND row > ? ORDER BY row",
        (city, after),
    ).fetchall()
    row, ids, meaning, kind, at, known_from, known_until, lat, lon, site, area = (
        zip(*rows, strict=True) if rows else ((),) * 11
    )
    site_codes, area_codes = _codes(site), _codes(area)
    return Columns(
        rows=np.array(row, dtype=np.int64),
        ids=ids,
        texts=np.array(meaning, dtype=np.int64),
        kinds=np.array([KINDS.index(each) for each in kind], dtype=np.int64),
        at=np.array(at, dtype=np.float64),
        known_from=np.array(known_from, dtype=np.float64),
        known_until=np.array(known_until, dtype=np.float64),
        lat=(lat_deg := np.array(lat, dtype=np.float64)),
        lon=(lon_deg := np.array(lon, dtype=np.float64)),
        points=sphere_points(lat_deg, lon_deg),
        fields=FieldColumns(city),
        sites=np.array([site_codes.get(each, UNSAID) for each in site], dtype=np.int64),
        areas=np.array([area_codes.get(each, UNSAID) for each in area], dtype=np.int64),
        site_codes=site_codes,
        area_codes=area_codes,
    )


def _codes(names: Sequence[str | None]) -> dict[str, int]:
    return {name: code for code, name in enumerate(sorted({name for name in names if name is not None}))}
