"""Cells: every document of a region is a candidate, and the estimate is near the truth where PostGIS's is not."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.spatial import haversine_m
from retrieval.cells import Cells
from retrieval.limits import surrounded
from retrieval.regions import Circle, Polygon

Floats = npt.NDArray[np.float64]


def inside(circle: Circle, lat: Floats, lon: Floats) -> set[int]:
    """The places within a circle, one by one by the haversine formula."""
    pairs = zip(lat.tolist(), lon.tolist(), strict=True)
    metres = [haversine_m(None if np.isnan(a) else a, b, circle.lat, circle.lon) for a, b in pairs]
    return {place for place, away in enumerate(metres) if away is not None and away <= circle.radius_m}


@given(
    lat=st.floats(-90, 90), lon=st.floats(-180, 180),
    radius_m=st.sampled_from([0.5, 40.0, 300.0, 5_000.0, 200_000.0, 3e6, 2e7]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_document_within_a_circle_is_missed_anywhere_on_earth(
    lat: float, lon: float, radius_m: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    reach = np.degrees(radius_m / 6_371_000)
    lats = np.clip(lat + rng.normal(0, reach, 60), -90, 90)
    lons = (lon + rng.normal(0, 2 * reach, 60) / max(0.01, np.cos(np.radians(lat))) + 180) % 360 - 180
    lats[:3], lons[:3] = (lat, np.nan, 90.0), (lon, 0.0, -180.0)
    circle = Circle(lat, lon, radius_m)
    found = Cells(lats, lons).candidates(circle)
    assert found is None or inside(circle, lats, lons) <= {*found.tolist()}


@given(
    corners=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50)), min_size=3, max_size=9, unique=True),
    middle=st.sampled_from([(37.87, -122.26), (-17.0, 179.99), (0.0, 0.0), (65.0, -179.98)]), seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_document_within_a_polygon_is_missed(
    corners: list[tuple[int, int]], middle: tuple[float, float], seed: int
) -> None:
    lat, lon = middle
    polygon = Polygon(tuple((lat + a / 1_000, (lon + b / 1_000 + 180) % 360 - 180) for a, b in corners))
    rng = np.random.default_rng(seed)
    lats, lons = lat + rng.uniform(-0.05, 0.05, 200), (lon + rng.uniform(-0.05, 0.05, 200) + 180) % 360 - 180
    found = Cells(lats, lons).candidates(polygon)
    assert found is not None
    assert {*np.flatnonzero(surrounded(polygon, lats, lons)).tolist()} <= {*found.tolist()}


@pytest.fixture(scope="module")
def city() -> tuple[Floats, Floats]:
    """Twenty thousand documents in forty neighbourhoods of a city of 30 km."""
    rng = np.random.default_rng(1)
    middles = rng.uniform(-0.13, 0.13, (40, 2))
    at = middles[rng.integers(0, 40, 20_000)] + rng.normal(0, 0.01, (20_000, 2))
    return 37.8 + at[:, 0], -122.3 + at[:, 1] / np.cos(np.radians(37.8))


@pytest.mark.parametrize("radius_m", [500, 1_000, 2_000, 5_000, 20_000])
def test_the_estimate_is_within_a_fifth_of_the_truth_in_the_median(
    city: tuple[Floats, Floats], radius_m: float
) -> None:
    cells, (lat, lon) = Cells(*city), city
    factors = []
    for each in range(0, 20_000, 1_000):
        circle = Circle(lat[each], lon[each], radius_m)
        truth, said = len(inside(circle, lat, lon)), max(1, cells.estimate(circle))
        factors.append(max(truth / said, said / truth))
    assert np.median(factors) < 1.2
    assert max(factors) < 3


def test_candidates_are_few_more_than_what_is_inside(city: tuple[Floats, Floats]) -> None:
    cells, (lat, lon) = Cells(*city), city
    circle = Circle(lat[7], lon[7], 1_500)
    candidates = cells.candidates(circle)
    assert candidates is not None
    assert len(candidates) < 1.6 * len(inside(circle, lat, lon))
    assert (np.diff(candidates) > 0).all()


def test_a_polygon_is_estimated_from_its_cells(city: tuple[Floats, Floats]) -> None:
    lat, lon = city
    square = Polygon(((37.75, -122.4), (37.75, -122.25), (37.85, -122.25), (37.85, -122.4)))
    truth = int(surrounded(square, lat, lon).sum())
    assert Cells(lat, lon).estimate(square) == pytest.approx(truth, rel=0.05)


def test_points_that_stand_for_many_count_for_as_many() -> None:
    lat, lon, counts = np.array([37.8, 37.9]), np.array([-122.3, -122.3]), np.array([700, 40])
    cells = Cells(lat, lon, counts)
    assert cells.placed == 740
    assert cells.estimate(Circle(37.8, -122.3, 2_000)) == 700
    assert cells.estimate(Circle(37.85, -122.3, 20_000)) == 740


def test_without_documents_there_is_nothing_anywhere() -> None:
    cells = Cells(np.array([np.nan]), np.array([np.nan]))
    assert (cells.placed, cells.estimate(Circle(0, 0, 1e5))) == (0, 0)
    found = cells.candidates(Circle(0, 0, 1e5))
    assert found is not None
    assert found.tolist() == []
