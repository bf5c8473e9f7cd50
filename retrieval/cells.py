"""How many documents a region holds, and which they may be, from the cells of one fine grid.

    cells = Cells(lat, lon)
    cells.estimate(Circle(37.87, -122.26, 500))    # about how many, in tens of microseconds
    cells.candidates(Circle(37.87, -122.26, 500))  # places in lat and lon, some of them outside

Cells are squares of 180 / 2^17 degrees, 153 m from south to north, numbered row by row from the south-west, as level 17
of `retrieval.grid`. The documents of a run of cells of one row stand together, so a region is one run for each row that
it crosses: two looks into a sorted list, however many documents there are.
"""

from __future__ import annotations

from math import asin, cos, pi, radians, sin

import numpy as np
import numpy.typing as npt

from domain.spatial import EARTH_RADIUS_M
from retrieval.regions import Circle, Polygon

__all__ = ["Cells"]

LEVEL = 17
ACROSS = 2**LEVEL
STEP_DEG = 180 / ACROSS
IN_ROW = 2 * ACROSS
MOST_ROWS = 8_192  # a region of more rows is a good part of a continent: then every document is a candidate
SLACK_DEG = 1e-6  # 10 cm: rounding must lose nothing

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]


class Cells:
    """Documents by cell. `lat`, `lon` in degrees, shape (n,), NaN for what has no place.

    `counts`, shape (n,): how many documents stand at each point, where one point stands for a whole cell. `places`:
    those of the documents that have a place, in the order of their cells.
    """

    def __init__(self, lat: Floats, lon: Floats, counts: Numbers | None = None) -> None:
        self._of = len(lat)
        placed = np.flatnonzero(~(np.isnan(lat) | np.isnan(lon)))
        keys = _row(lat[placed]) * IN_ROW + _column(lon[placed])
        order = np.argsort(keys, kind="stable")
        self.places, self._keys = placed[order], keys[order]
        each = np.ones(len(placed), dtype=np.int64) if counts is None else counts[self.places]
        self._totals = np.concatenate([[0], np.cumsum(each)])
        self.placed = int(self._totals[-1])

    def estimate(self, region: Circle | Polygon) -> int:
        """About how many documents the region holds: those of the cells whose middle it holds."""
        rows = self._rows(region)
        if rows is None:
            return self.placed
        middles = (rows + 0.5) * STEP_DEG - 90
        first, last = self._runs(rows, *_chords(region, middles, middles), inner=True)
        return int((self._totals[last] - self._totals[first]).sum())

    def candidates(self, region: Circle | Polygon) -> Numbers | None:
        """The places, ascending, of all documents of all cells that the region touches; None for too many cells."""
        runs = self.touched(region)
        if runs is None:
            return None
        candidates = np.zeros(self._of, dtype=np.bool_)
        for begin, end in zip(*(each.tolist() for each in runs), strict=True):
            candidates[self.places[begin:end]] = True
        return np.flatnonzero(candidates)

    def touched(self, region: Circle | Polygon) -> tuple[Numbers, Numbers] | None:
        """The same as runs of `places`: where each begins and ends (exclusive)."""
        rows = self._rows(region)
        if rows is None:
            return None
        south = rows * STEP_DEG - 90
        first, last = self._runs(rows, *_chords(region, south - SLACK_DEG, south + STEP_DEG + SLACK_DEG), inner=False)
        some = first < last
        return first[some], last[some]

    def _rows(self, region: Circle | Polygon) -> Numbers | None:
        """The rows of the grid that both the region and the documents reach into."""
        if not len(self._keys):
            return np.zeros(0, dtype=np.int64)
        south, north = _latitudes(region)
        first = max(int(_row(np.array([south]))[0]), int(self._keys[0] // IN_ROW))
        last = min(int(_row(np.array([north]))[0]), int(self._keys[-1] // IN_ROW))
        return None if last - first >= MOST_ROWS else np.arange(first, last + 1)

    def _runs(self, rows: Numbers, west: Floats, east: Floats, inner: bool) -> tuple[Numbers, Numbers]:
        """Where the runs of each row begin and end (exclusive) among the keys, for spans of longitude.

        `west` > `east`: there is none. Spans may reach beyond 180: each is looked for here and once around the earth
        on either side. `inner`: only cells whose middle the span holds.
        """
        half = STEP_DEG / 2 if inner else 0.0
        there = west <= east
        found = []
        for turn in (-360.0, 0.0, 360.0):
            a, b = west + turn, east + turn
            kept = there & (b >= -180) & (a < 180)
            begin = np.ceil((a[kept] + 180 - half) / STEP_DEG) if inner else np.floor((a[kept] + 180) / STEP_DEG)
            end = np.floor((b[kept] + 180 - half) / STEP_DEG)
            row = rows[kept] * IN_ROW
            low = row + np.clip(begin, 0, IN_ROW).astype(np.int64)
            high = row + np.clip(end, -1, IN_ROW - 1).astype(np.int64)
            found.append((np.searchsorted(self._keys, low, "left"), np.searchsorted(self._keys, high, "right")))
        first, last = (np.concatenate(side) for side in zip(*found, strict=True))
        return first, np.maximum(first, last)


def _row(lat: Floats) -> Numbers:
    row: Numbers = np.clip(np.floor((lat + 90) / STEP_DEG), 0, ACROSS - 1).astype(np.int64)
    return row


def _column(lon: Floats) -> Numbers:
    column: Numbers = np.clip(np.floor((lon + 180) / STEP_DEG), 0, IN_ROW - 1).astype(np.int64)
    return column


def _latitudes(region: Circle | Polygon) -> tuple[float, float]:
    if isinstance(region, Polygon):
        return min(lat for lat, _ in region.ring), max(lat for lat, _ in region.ring)
    reach = np.degrees(region.radius_m / EARTH_RADIUS_M) + SLACK_DEG
    return max(-90.0, region.lat - reach), min(90.0, region.lat + reach)


def _chords(region: Circle | Polygon, south: Floats, north: Floats) -> tuple[Floats, Floats]:
    """The widest span of longitudes (west, east) that a region has between two latitudes, row by row."""
    return _circle_chords(region, south, north) if isinstance(region, Circle) else _spans(region, south, north)


def _circle_chords(circle: Circle, south: Floats, north: Floats) -> tuple[Floats, Floats]:
    """From cos d = sin a sin b + cos a cos b cos(lon), the spherical law of cosines, solved for the longitude.

    A circle is widest where the meridian touches it, at sin(lat) = sin(middle) / cos d, nearer to the pole than its
    middle; the latitude taken is the one nearest to that in each row.
    """
    reach, middle = min(circle.radius_m / EARTH_RADIUS_M, pi), radians(circle.lat)
    around_pole = abs(middle) + reach >= pi / 2
    widest = middle if around_pole else asin(max(-1.0, min(1.0, sin(middle) / cos(reach))))
    if around_pole:
        return np.full(len(south), circle.lon - 180.0), np.full(len(south), circle.lon + 180.0)
    lat = np.clip(widest, np.radians(south), np.radians(north))
    across = (cos(reach) - np.sin(lat) * sin(middle)) / (np.cos(lat) * cos(middle))
    half = np.degrees(np.arccos(np.clip(across, -1, 1))) + SLACK_DEG
    half[across > 1] = -1.0
    touching = (south <= circle.lat) & (circle.lat <= north)
    half[touching & (half < 0)] = SLACK_DEG  # a circle thinner than rounding
    return circle.lon - half, circle.lon + half


def _spans(polygon: Polygon, south: Floats, north: Floats) -> tuple[Floats, Floats]:
    """From the westernmost to the easternmost point that the ring's edges have between the latitudes."""
    ring = np.array(polygon.unrolled())
    west, east = np.full(len(south), np.inf), np.full(len(south), -np.inf)
    for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        low, high = min(lat_a, lat_b), max(lat_a, lat_b)
        crossed = (high >= south) & (low <= north)
        if not crossed.any():
            continue
        for lat in (np.maximum(south[crossed], low), np.minimum(north[crossed], high)):
            flat = lat_a == lat_b
            lons = (lon_a, lon_b) if flat else (lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a),)
            for lon in lons:
                west[crossed] = np.minimum(west[crossed], lon - SLACK_DEG)
                east[crossed] = np.maximum(east[crossed], lon + SLACK_DEG)
    return west, east
