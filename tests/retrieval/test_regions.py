"""Circles and polygons on the earth, and what is none."""

from __future__ import annotations

import math

import numpy as np
import pytest

from domain.errors import OutOfRange
from retrieval.limits import surrounded
from retrieval.regions import Circle, Polygon

SQUARE = Polygon(((37.0, -122.0), (37.0, -121.0), (38.0, -121.0), (38.0, -122.0)))


def held(polygon: Polygon, *points: tuple[float, float]) -> list[bool]:
    """Which of the points the polygon holds."""
    lat, lon = np.array(points, dtype=np.float64).T
    return surrounded(polygon, lat, lon).tolist()


def test_a_polygon_holds_what_is_inside_and_nothing_without_a_place() -> None:
    inside = held(SQUARE, (37.5, -121.5), (36.9, -121.5), (37.5, -120.9), (37.5, 58.5), (np.nan, np.nan))
    assert inside == [True, False, False, False, False]


def test_a_hollow_corner_is_outside() -> None:
    bent = Polygon(((0.0, 0.0), (0.0, 4.0), (4.0, 4.0), (4.0, 3.0), (1.0, 3.0), (1.0, 0.0)))
    assert held(bent, (0.5, 1.0), (3.0, 3.5), (3.0, 1.0)) == [True, True, False]


def test_where_a_ring_crosses_itself_inside_is_counted_even_and_odd() -> None:
    bow = Polygon(((0.0, 0.0), (2.0, 2.0), (2.0, 0.0), (0.0, 2.0)))
    assert held(bow, (1.0, 0.2), (0.2, 1.0), (1.8, 1.0), (1.0, 1.9)) == [False, True, True, False]


def test_the_direction_and_the_first_corner_of_a_ring_do_not_matter() -> None:
    points = [(37.0 + i / 7, -122.3 + j / 7) for i in range(9) for j in range(11)]
    ring = SQUARE.ring
    assert held(Polygon(ring[::-1]), *points) == held(SQUARE, *points) == held(Polygon(ring[2:] + ring[:2]), *points)


def test_a_polygon_across_the_antimeridian_holds_both_sides() -> None:
    fiji = Polygon(((-20.0, 176.0), (-20.0, -178.0), (-15.0, -178.0), (-15.0, 176.0)))
    assert held(fiji, (-17.0, 178.0), (-17.0, -179.0), (-17.0, -177.0), (-17.0, 0.0)) == [True, True, False, False]


@pytest.mark.parametrize(
    "ring",
    [(), ((1.0, 1.0), (2.0, 2.0)), ((1.0, 1.0), (2.0, 2.0), (1.0, 1.0)), ((91.0, 0.0), (1.0, 1.0), (2.0, 0.0))],
)
def test_what_is_no_ring_on_the_earth_is_refused_in_words(ring: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(OutOfRange, match=r"corners|not on the earth"):
        Polygon(ring)


def test_exchanged_coordinates_are_recognized_where_they_leave_the_earth() -> None:
    with pytest.raises(OutOfRange, match=r"not on the earth\. It would be with the two exchanged"):
        Circle(-122.2595, 37.8703, 500)
    with pytest.raises(OutOfRange, match=r"not on the earth\. Which place"):
        Circle(200.0, 37.8703, 500)


@pytest.mark.parametrize("radius_m", [0, -1, math.nan, math.inf])
def test_a_radius_that_holds_nothing_is_refused_in_words(radius_m: float) -> None:
    with pytest.raises(OutOfRange, match="How many metres around the place"):
        Circle(37.87, -122.26, radius_m)
