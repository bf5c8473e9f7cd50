"""Distance is the same on both databases, and honest at the edges of the map."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from math import inf, nan

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import aliased

from domain.errors import OutOfRange
from domain.records import Bin, City, Place, Request
from domain.spatial import EARTH_RADIUS_M, bounding_box, distance_metres, haversine_m, within_metres
from domain.store import Store
from domain.upsert import upsert

TOWN_HALL = (45.0, -123.0)
HALF_AROUND_M = 3.141592653589793 * EARTH_RADIUS_M
AT = datetime(2025, 9, 1, tzinfo=UTC)

latitudes = st.one_of(st.floats(-90, 90), st.sampled_from([-90.0, -89.9999, 0.0, 89.9999, 90.0]))
longitudes = st.one_of(st.floats(-180, 180), st.sampled_from([-180.0, -179.9999, 0.0, 179.9999, 180.0]))
points = st.tuples(latitudes, longitudes)
radii = st.one_of(st.floats(0, 5_000), st.floats(0, HALF_AROUND_M * 1.1), st.just(0.0))

EDGES = [(n, lat, lon) for n, (lat, lon) in enumerate(
    [(90.0, 0.0), (90.0, 120.0), (89.999, -60.0), (-90.0, 10.0), (-89.9995, 179.0), (0.0, 180.0), (0.0, -180.0),
     (0.0, 179.999), (0.0, -179.999), (60.0, 179.9999), (60.0, -179.9999), (0.0, 0.0), (-0.0, -0.0), (45.0, -123.0)]
)]  # fmt: skip


@pytest.fixture
def world(empty_store: Store) -> Store:
    """A store whose places stand at the poles, along the antimeridian, and at (45, -123)."""
    with empty_store.write() as session:
        session.add(City(name="world", title="World", timezone="UTC", now_local="2025-09-01T00:00", currency="EUR",
                         assumptions={}, aliases={}, loaded_at=AT, digest=""))  # fmt: skip
        session.flush()
        rows = [{"city": "world", "name": str(n), "kind": "point", "lat": lat, "lon": lon} for n, lat, lon in EDGES]
        upsert(session, Place, ("city", "name", "kind"), rows)
    return empty_store


def found_within(store: Store, lat: float, lon: float, radius_m: float) -> set[str]:
    with store.read() as session:
        return set(session.scalars(select(Place.name).where(within_metres(Place, lat, lon, radius_m))))


def distances(store: Store, lat: float, lon: float) -> dict[str, float]:
    with store.read() as session:
        return {name: metres for name, metres in session.execute(select(Place.name, distance_metres(Place, lat, lon)))}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(point=points, radius_m=radii)
@example(point=(0.0, 180.0), radius_m=200.0)
@example(point=(0.0, -179.9995), radius_m=200.0)
@example(point=(90.0, 17.0), radius_m=112.0)
@example(point=(-89.9999, -3.0), radius_m=100.0)
@example(point=(45.0, -123.0), radius_m=0.0)
def test_within_finds_exactly_what_the_great_circle_says(
    world: Store, point: tuple[float, float], radius_m: float
) -> None:
    found = found_within(world, *point, radius_m)
    for n, lat, lon in EDGES:
        exact = haversine_m(lat, lon, *point)
        assert exact is not None
        if abs(exact - radius_m) > 1e-3 + 1e-6 * exact:  # a thousandth of a metre either side of the edge is a tie
            assert (str(n) in found) == (exact < radius_m), (lat, lon, exact)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(point=points)
def test_distances_agree_with_the_great_circle(world: Store, point: tuple[float, float]) -> None:
    for name, metres in distances(world, *point).items():
        _, lat, lon = EDGES[int(name)]
        assert metres == pytest.approx(haversine_m(lat, lon, *point), rel=1e-6, abs=1.0)


@pytest.mark.postgis
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(one=points, other=points)
def test_the_sphere_is_within_six_thousandths_of_the_ellipsoid(
    postgres_ellipsoid: Store, one: tuple[float, float], other: tuple[float, float]
) -> None:
    point = "ST_SetSRID(ST_MakePoint(:lon{0}, :lat{0}), 4326)::geography"
    words = text(f"SELECT ST_Distance({point.format(1)}, {point.format(2)}, true)")
    with postgres_ellipsoid.read() as session:
        exact = session.scalar(words, {"lat1": one[0], "lon1": one[1], "lat2": other[0], "lon2": other[1]})
    assert haversine_m(*one, *other) == pytest.approx(exact, rel=0.006, abs=0.01)


@pytest.fixture
def postgres_ellipsoid(postgres_url: str) -> Iterator[Store]:
    """A store over PostGIS itself; its own ellipsoid distances are the reference."""
    reference = Store(postgres_url.replace("/postgres?", "/with_postgis?"))
    yield reference
    reference.close()


def test_a_radius_of_nought_finds_what_stands_exactly_there(city_store: Store) -> None:
    with city_store.read() as session:
        there = session.scalars(select(Bin.bin_id).where(within_metres(Bin, *TOWN_HALL, 0))).all()
        nowhere = session.scalars(select(Bin.bin_id).where(within_metres(Bin, 45.00001, -123.0, 0))).all()
    assert (there, nowhere) == (["101"], [])


def test_bins_near_a_place_come_with_their_distance_in_order(city_store: Store) -> None:
    metres = distance_metres(Bin, *TOWN_HALL).label("metres")
    query = select(Bin.bin_id, metres).where(Bin.city == "smalltown", within_metres(Bin, *TOWN_HALL, 200))
    with city_store.read() as session:
        rows = session.execute(query.order_by(metres)).all()
    assert [row.bin_id for row in rows] == ["101", "102", "103", "104"]
    assert [round(row.metres, 1) for row in rows] == [0.0, 3.3, 162.1, 164.4]


def test_a_record_without_a_place_is_near_nothing(city_store: Store) -> None:
    with city_store.read() as session:
        near = session.scalar(select(func.count()).select_from(Request).where(within_metres(Request, 0, 0, 3e7)))
        total = session.scalar(select(func.count()).select_from(Request))
        far = session.scalar(select(distance_metres(Request, 0, 0)).where(Request.request_id == "R1006"))
    assert (near, total, far) == (7, 8, None)


def test_two_kinds_of_record_and_an_alias_each_search_their_own_table(city_store: Store) -> None:
    other = aliased(Bin)
    query = select(Bin.bin_id, other.bin_id).join(other, other.city == Bin.city)
    query = query.where(within_metres(Bin, *TOWN_HALL, 1), within_metres(other, 44.9860, -122.9900, 1))
    with city_store.read() as session:
        assert session.execute(query).all() == [("101", "111")]


def test_the_same_query_with_other_numbers_gives_other_rows(city_store: Store) -> None:
    with city_store.read() as session:
        counts = [session.scalar(select(func.count()).select_from(Bin).where(within_metres(Bin, *TOWN_HALL, radius_m)))
                  for radius_m in (1, 200, 1_000, 5_000, 200)]  # fmt: skip
    assert counts == [1, 4, 8, 12, 4]


@pytest.mark.parametrize("point", [(90.1, 0), (-91, 0), (0, 180.5), (0, -181), (nan, 0), (0, inf)])
def test_a_point_off_the_earth_is_asked_back(point: tuple[float, float]) -> None:
    with pytest.raises(OutOfRange, match="not on the earth"):
        within_metres(Bin, *point, 100)
    with pytest.raises(OutOfRange, match="not on the earth"):
        distance_metres(Bin, *point)


@pytest.mark.parametrize("radius_m", [-1, nan, inf])
def test_an_impossible_radius_is_asked_back(radius_m: float) -> None:
    with pytest.raises(OutOfRange, match="How many metres"):
        within_metres(Bin, *TOWN_HALL, radius_m)


@given(point=points, radius_m=radii, bearing=points)
def test_the_box_holds_the_circle(point: tuple[float, float], radius_m: float, bearing: tuple[float, float]) -> None:
    south, north, west, east, west2, east2 = bounding_box(*point, radius_m)
    lat, lon = bearing
    exact = haversine_m(lat, lon, *point)
    assert exact is not None
    if exact <= radius_m:
        assert south <= lat <= north
        assert west <= lon <= east or west2 <= lon <= east2


def test_a_search_among_twenty_thousand_uses_the_databases_index(city_store: Store) -> None:
    rows = [{"city": "smalltown", "name": str(n), "kind": "grid", "lat": 45 + n // 200 / 1000,
             "lon": -123 + n % 200 / 1000} for n in range(20_000)]  # fmt: skip
    query = select(Place.name).where(Place.city == "smalltown", within_metres(Place, *TOWN_HALL, 100))
    with city_store.write() as session:
        upsert(session, Place, ("city", "name", "kind"), rows)
        session.execute(text("ANALYZE places"))
    with city_store.read() as session:
        compiled = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})
        explain = "EXPLAIN QUERY PLAN" if city_store.is_sqlite else "EXPLAIN"
        plan = str(session.execute(text(f"{explain} {compiled}")).all())
    assert (
        "ix_places_city_lat_lon (city=? AND lat>? AND lat<?)" if city_store.is_sqlite else "ix_places_point"
    ) in plan


def test_what_is_not_near_is_all_the_rest(city_store: Store) -> None:
    near = within_metres(Bin, *TOWN_HALL, 200)
    with city_store.read() as session:
        rest = session.scalars(select(Bin.bin_id).where(~near).order_by(Bin.bin_id)).all()
        either = session.scalar(select(func.count()).select_from(Bin).where(near | (Bin.bin_id == "112")))
    assert (rest, either) == ([str(n) for n in range(105, 113)], 5)
