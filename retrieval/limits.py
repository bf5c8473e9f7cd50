"""What the limits of a request leave of a city's documents: exactly, and before that about how many."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from functools import cached_property
from math import pi, sin

import numpy as np
import numpy.typing as npt

from domain.spatial import EARTH_RADIUS_M
from retrieval.columns import COMPILED_FROM, UNSAID, Columns, Mask, sphere_points
from retrieval.store import KINDS, Area, Circle, Polygon, Region, SearchRequest

__all__ = ["Left", "left_of", "surrounded"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
WIDE_M = 3e6  # see `Columns.corners`
ROUNDING = 1e-15  # of a squared chord, 0.2 mm: a document at the very edge, or at the middle, is inside


@dataclass(frozen=True)
class Left:
    """The places in the columns, ascending, that the limits leave; how many were expected; of how many documents."""

    places: Numbers
    estimated: int
    of: int

    @property
    def whole(self) -> bool:
        """Whether the limits leave everything."""
        return len(self.places) == self.of

    @cached_property
    def mask(self) -> Mask:
        """The same as one truth for each document."""
        if self.whole:
            return np.ones(self.of, dtype=np.bool_)
        mask = np.zeros(self.of, dtype=np.bool_)
        mask[self.places] = True
        return mask


def left_of(connection: sqlite3.Connection, columns: Columns, request: SearchRequest) -> Left:
    """What the limits leave; fields that were never asked for are read on the way."""
    near = request.near
    if isinstance(near, Circle) and columns.all_placed and _holds_all(columns, near):
        near = None
    places = columns.everything if near is None else _places_near(columns, near)
    if request.kinds and not columns.all_kinds <= {*request.kinds}:
        wanted = np.array([kind in request.kinds for kind in KINDS])
        places = places[wanted[columns.kinds[places]]]
    places = _known(columns, _within_window(columns, places, request), request)
    for name, values in request.filters.items():
        places = places[columns.fields.holding(connection, name, values)[places]]
    return Left(places, _estimate(columns, request, near), len(columns.rows))


def _within_window(columns: Columns, places: Numbers, request: SearchRequest) -> Numbers:
    if request.since is not None:
        places = places[columns.at[places] >= request.since.timestamp()]
    if request.until is not None:
        places = places[columns.at[places] < request.until.timestamp()]
    return places


def _known(columns: Columns, places: Numbers, request: SearchRequest) -> Numbers:
    """Those that had happened and were known at the moment of asking; the newest versions without one."""
    if request.as_of is None:
        return places[np.isnan(columns.known_until[places])] if columns.replaced else places
    now = request.as_of.timestamp()
    if columns.replaced:  # what has no time compares as false, so it is the negation that is asked
        places = places[~(columns.known_until[places] <= now)]
    if columns.latest > now:
        places = places[~((columns.at[places] > now) | (columns.known_from[places] > now))]
    return places


def _places_near(columns: Columns, near: Region) -> Numbers:
    """The places of what a region holds, ascending."""
    if isinstance(near, Circle) and len(columns.rows) >= COMPILED_FROM:
        runs = columns.cells.touched(near)
        if runs is not None:
            return _marked(columns, runs, near)
    candidates = columns.cells.candidates(near) if isinstance(near, Circle | Polygon) else None
    places = columns.everything if candidates is None else candidates
    return places[_near(columns, places, near)]


def _marked(columns: Columns, runs: tuple[Numbers, Numbers], circle: Circle) -> Numbers:
    """Those of the runs of cells that are within the circle."""
    from retrieval.kernels import mark_within  # numba, where a city is large enough to want it

    middle, most = _chord(circle)
    mask = np.zeros(len(columns.rows), dtype=np.bool_)
    mark_within(runs, (columns.cells.places, columns.points_by_cell), middle, most, mask)
    return np.flatnonzero(mask)


def _near(columns: Columns, places: Numbers, near: Region) -> Mask:
    if isinstance(near, Circle):
        return _inside(columns, places, near)
    if isinstance(near, Polygon):
        return surrounded(near, columns.lat[places], columns.lon[places])
    return _held(columns, places, near)


def _holds_all(columns: Columns, circle: Circle) -> bool:
    """Whether a circle surely holds every document: it holds the corners of the box around them."""
    if circle.radius_m > WIDE_M or not len(columns.corners):
        return False
    middle, most = _chord(circle)
    return bool(_near_enough(columns.corners - middle, most).all())


def _inside(columns: Columns, places: Numbers, circle: Circle) -> Mask:
    """Within the circle."""
    middle, most = _chord(circle)
    if len(columns.rows) < COMPILED_FROM:
        return _near_enough(columns.points[places] - middle, most)
    from retrieval.kernels import within_chord  # numba, where a city is large enough to want it

    inside: Mask = within_chord(columns.points, places, middle, most)
    return inside


def _chord(circle: Circle) -> tuple[Floats, float]:
    """A circle's middle on the unit sphere, (3,), and the square of the longest chord from there: 2 sin(angle / 2) is
    the chord of a great circle's angle."""
    chord = 2 * sin(min(circle.radius_m / EARTH_RADIUS_M, pi) / 2)
    return sphere_points(np.array([circle.lat]), np.array([circle.lon]))[0], chord * chord + ROUNDING


def _near_enough(apart: Floats, most: float) -> Mask:
    inside: Mask = np.einsum("ij,ij->i", apart, apart) <= most
    return inside


def _held(columns: Columns, places: Numbers, area: Area) -> Mask:
    """By the records where they speak, by the circle where they are silent."""
    named = columns.area_codes.get(area.name)
    sites, areas = columns.sites[places], columns.areas[places]
    held = np.isin(sites, [columns.site_codes[site] for site in area.site_ids if site in columns.site_codes])
    held |= areas == (-2 if named is None else named)
    if area.circle is None:
        return held
    silent = _inside(columns, places, area.circle)
    if area.site_ids:
        silent &= sites == UNSAID
    if named is not None:
        silent &= areas == UNSAID
    return held | silent


def surrounded(polygon: Polygon, lat: Floats, lon: Floats) -> Mask:
    """Which points a ring holds, by the even-odd rule; never those whose place is NaN."""
    ring = np.array(polygon.unrolled())
    west = ring[:, 1].min()
    east = west + (lon - west) % 360
    inside = np.zeros(len(lat), dtype=np.bool_)
    for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if lat_a != lat_b:
            crossed = (lat_a > lat) != (lat_b > lat)
            inside ^= crossed & (east < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a))
    return inside


def _estimate(columns: Columns, request: SearchRequest, near: Region | None) -> int:
    """From the cells, and from the shares of the kinds and of the window as if these were independent of place."""
    total = len(columns.rows)
    region = near.circle if isinstance(near, Area) else near
    expected = float(total if region is None else columns.cells.estimate(region))
    if request.kinds:
        expected *= sum(columns.kind_shares[KINDS.index(kind)] for kind in set(request.kinds))
    if request.since is not None or request.until is not None:
        expected *= columns.share_between(request.since, request.until)
    return round(expected)
