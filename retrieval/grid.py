"""A grid over the earth, coarse to fine: the cells of a place, and few cells that cover a region.

A cell is a square in degrees, half as wide with each level: "14:11639:5249" is 0.011 degrees wide, or 1.2 km.
A document carries its cells of all levels, so that one list of cells of one level narrows a search in an engine that
knows no geometry. What lies in the region is always in the cover, what lies in the cover may be outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import floor

from domain.spatial import bounding_box
from retrieval.regions import Circle, Polygon

__all__ = ["LEVELS", "Spans", "cells_of", "cover", "spans_of"]

LEVELS = range(6, 19)  # 2.8 degrees to 76 metres
MOST_CELLS = 100  # of one cover: a square region is then cut about ten by ten
DEGREES = 180.0
Spans = tuple[tuple[float, float, float, float], ...]
"""Boxes (south, north, west, east) in degrees."""


def cells_of(lat: float, lon: float) -> tuple[str, ...]:
    """The cells of a place in degrees, one of each level."""
    return tuple(_name(level, *_place(level, lat, lon)) for level in LEVELS)


def cover(region: Circle | Polygon) -> tuple[str, ...]:
    """At most a hundred cells that hold a region, of the finest level that allows it; none where no level does."""
    boxes = spans_of(region)
    found: tuple[str, ...] = ()
    for level in LEVELS:
        if sum(_count(level, box) for box in boxes) > MOST_CELLS:
            break
        found = tuple(dict.fromkeys(cell for box in boxes for cell in _inside(level, box)))
    return found


def spans_of(region: Circle | Polygon) -> Spans:
    """The boxes around a region: two where it crosses the antimeridian."""
    if isinstance(region, Circle):
        south, north, *spans = bounding_box(region.lat, region.lon, region.radius_m)
        pairs = [(spans[0], spans[1]), (spans[2], spans[3])]
        return tuple((south, north, west, east) for west, east in pairs if west <= east)
    ring = region.unrolled()
    south, north = min(lat for lat, _ in ring), max(lat for lat, _ in ring)
    west, east = min(lon for _, lon in ring), max(lon for _, lon in ring)
    if east - west >= 2 * DEGREES:
        return ((south, north, -DEGREES, DEGREES),)
    if east > DEGREES:
        return ((south, north, west, DEGREES), (south, north, -DEGREES, east - 2 * DEGREES))
    if west < -DEGREES:
        return ((south, north, west + 2 * DEGREES, DEGREES), (south, north, -DEGREES, east))
    return ((south, north, west, east),)


def _place(level: int, lat: float, lon: float) -> tuple[int, int]:
    """Row and column; the pole and the antimeridian's east side belong to the last ones."""
    across = 2**level
    row = min(across - 1, max(0, floor((lat + 90) * across / DEGREES)))
    column = min(2 * across - 1, max(0, floor((lon + DEGREES) * across / DEGREES)))
    return row, column


def _count(level: int, box: tuple[float, float, float, float]) -> int:
    (south, west), (north, east) = _corners(level, box)
    return (north - south + 1) * (east - west + 1)


def _inside(level: int, box: tuple[float, float, float, float]) -> Iterator[str]:
    (south, west), (north, east) = _corners(level, box)
    for row in range(south, north + 1):
        for column in range(west, east + 1):
            yield _name(level, row, column)


def _corners(level: int, box: tuple[float, float, float, float]) -> tuple[tuple[int, int], tuple[int, int]]:
    south, north, west, east = box
    return _place(level, south, west), _place(level, north, east)


def _name(level: int, row: int, column: int) -> str:
    return f"{level}:{row}:{column}"
