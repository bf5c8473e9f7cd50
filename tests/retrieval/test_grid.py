"""Cells of the grid: what lies in a region lies in its cover."""

from __future__ import annotations

from math import cos, radians

from hypothesis import given
from hypothesis import strategies as st

from domain.spatial import haversine_m
from retrieval.grid import LEVELS, MOST_CELLS, cells_of, cover
from retrieval.regions import Circle, Polygon

LAT, LON = st.floats(-90, 90), st.floats(-180, 180)


@given(lat=LAT, lon=LON, radius_m=st.floats(1, 2e7), other_lat=LAT, other_lon=LON)
def test_what_is_in_a_circle_is_in_one_of_its_cells(
    lat: float, lon: float, radius_m: float, other_lat: float, other_lon: float
) -> None:
    cells = cover(Circle(lat, lon, radius_m))
    assert len(cells) <= MOST_CELLS
    inside = (haversine_m(other_lat, other_lon, lat, lon) or 0) <= radius_m
    if inside and cells:
        assert not set(cells).isdisjoint(cells_of(other_lat, other_lon))


@given(lat=st.floats(-80, 80), lon=LON, radius_m=st.floats(20, 50_000), turn=st.floats(-1, 1), share=st.floats(0, 0.99))
def test_what_is_near_a_point_is_in_the_cover_of_its_circle(
    lat: float, lon: float, radius_m: float, turn: float, share: float
) -> None:
    north = share * turn * radius_m / 111_320
    east = share * (1 - turn * turn) ** 0.5 * radius_m / 111_320 / cos(radians(lat)) * 0.9
    other_lon = (lon + east + 180) % 360 - 180
    circle = Circle(lat, lon, radius_m)
    if (haversine_m(lat + north, other_lon, lat, lon) or 0) <= radius_m:
        assert not set(cover(circle)).isdisjoint(cells_of(lat + north, other_lon))


def test_the_cover_of_a_small_circle_is_of_one_fine_level_and_not_much_larger() -> None:
    cells = cover(Circle(37.87, -122.26, 500))
    levels = {cell.partition(":")[0] for cell in cells}
    assert len(levels) == 1
    assert 20 <= len(cells) <= MOST_CELLS


def test_a_region_over_the_antimeridian_has_cells_on_both_sides() -> None:
    ring = Polygon(((-1, 179), (-1, -179), (1, -179), (1, 179)))
    for region in (ring, Circle(0, 180, 100_000), Circle(0, -180, 100_000)):
        cells = set(cover(region))
        assert not cells.isdisjoint(cells_of(0.1, 179.8))
        assert not cells.isdisjoint(cells_of(0.1, -179.8))
        assert cells.isdisjoint(cells_of(0.1, 0.0))


def test_a_region_as_large_as_the_earth_has_no_cover() -> None:
    assert cover(Circle(0, 0, 1.9e7)) == ()


def test_a_place_has_one_cell_of_each_level_the_poles_and_the_antimeridian_too() -> None:
    for place in ((90, 180), (-90, -180), (37.87, -122.26)):
        assert [int(cell.partition(":")[0]) for cell in cells_of(*place)] == list(LEVELS)
