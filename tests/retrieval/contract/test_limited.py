"""What limits leave: every back end agrees with the definition, document by document."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from embedders import ConceptEmbedder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import OutOfRange
from domain.spatial import haversine_m
from retrieval.keeping import KeptStore
from retrieval.regions import Area, Circle, Polygon, Region
from retrieval.store import Document, SearchRequest, holds_value

NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
SATHER = (37.8703, -122.2595)
CITY = [
    Document("a", "requests", "rats", "by the wall", "records:a", 37.5, -121.5, fields={"zone": "North, East"}),
    Document("b", "requests", "rats", "by the gate", "records:b", 37.5, -120.5, fields={"zone": "North-East"}),
    Document("c", "requests", "snow", "by the gate", "records:c", fields={"zone": "West", "a\"b'$.c": "odd"}),
]


@pytest.fixture
def city(search: KeptStore) -> KeptStore:
    """Three documents."""
    search.upsert(CITY)
    assert search.embed_pending(30) == 0
    return search


def ids(search: KeptStore, **limits: object) -> set[str]:
    """What a search for rats gives."""
    request = SearchRequest("rats", k=1_000, **limits)  # type: ignore[arg-type]
    found = search.search(request)
    assert found.searched == search.estimate(request) == found.matching == len(found.hits)
    return {hit.document.id for hit in found.hits}


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("North", {"a"}), ("East", {"a"}), ("North-East", {"b"}), (("East", "West"), {"a", "c"}), ("north", set()),
     ((), set()), ("\x00", set()), ("%", set())],
)  # fmt: skip
def test_a_filter_keeps_documents_whose_field_holds_one_of_the_values(
    city: KeptStore, wanted: str | tuple[str, ...], found: set[str]
) -> None:
    assert ids(city, filters={"zone": wanted}) == found


def test_all_filters_must_hold_and_a_field_that_nobody_has_holds_nothing(city: KeptStore) -> None:
    assert ids(city, filters={"zone": "West", "a\"b'$.c": "odd"}) == {"c"}
    assert ids(city, filters={"zone": "North", "a\"b'$.c": "odd"}) == set()
    assert ids(city, filters={"colour": "red"}) == set()


def test_a_polygon_keeps_what_it_surrounds(city: KeptStore) -> None:
    square = Polygon(((37.0, -122.0), (37.0, -121.0), (38.0, -121.0), (38.0, -122.0)))
    assert ids(city, near=square) == {"a"}


def test_a_circle_holds_what_is_inside_and_says_how_far(search: KeptStore) -> None:
    near = [Document(str(n), "bins", "rats", "", "r", SATHER[0] + n / 1112, SATHER[1]) for n in range(4)]
    search.upsert(near)
    found = search.search(SearchRequest("rats", near=Circle(*SATHER, 230)))
    assert {hit.document.id: round(hit.distance_m or 0, -1) for hit in found.hits} == {"0": 0, "1": 100, "2": 200}


def test_a_circle_of_twenty_thousand_kilometres_holds_whatever_has_a_place(city: KeptStore) -> None:
    assert ids(city, near=Circle(*SATHER, 20_000_000), deadline_s=30) == {"a", "b"}
    assert ids(city, near=Circle(-37.9, 57.7, 20_000_000), deadline_s=30) == {
        "a",
        "b",
    }  # from nearly the other side of the earth


def test_an_area_is_what_the_records_say_and_its_circle_where_they_are_silent(search: KeptStore) -> None:
    there = Document("requests/1", "requests", "rats", "", "r", *SATHER)
    site = replace(there, id="sites/u15", kind="bins", fields={"site_id": "u15"})
    named = replace(there, id="requests/3", lat=None, lon=None, fields={"area": "East"})
    west = replace(there, id="requests/60", fields={"area": "West"})
    search.upsert([there, site, named, west])
    east = Area("East", frozenset({"u15"}), Circle(*SATHER, 200))
    assert ids(search, near=east) == {"requests/3", "sites/u15", "requests/1"}  # not what stands there but is West's
    assert ids(search, near=replace(east, circle=None)) == {"requests/3", "sites/u15"}
    assert ids(search, near=Area("Bancroft Way", circle=Circle(*SATHER, 50))) == {
        "requests/1", "sites/u15", "requests/60"
    }  # fmt: skip


def test_a_window_begins_inclusive_ends_exclusive_and_leaves_out_what_has_no_date(search: KeptStore) -> None:
    day = timedelta(days=1)
    dated = [Document(str(n), "bins", "rats", "", "r", at=NOON - n * day) for n in range(3)]
    search.upsert([*dated, Document("undated", "bins", "rats", "", "r")])
    assert search.embed_pending(30) == 0
    assert ids(search, since=NOON - day, until=NOON) == {"1"}
    assert ids(search, until=NOON - day) == {"2"}
    assert ids(search, as_of=NOON - day) == {"1", "2", "undated"}


@pytest.mark.parametrize(
    "limit",
    [{"floor": math.nan}, {"floor": math.inf}, {"deadline_s": math.nan}, {"deadline_s": math.inf},
     *({name: NOON.replace(tzinfo=None)} for name in ("since", "until", "as_of"))],
)  # fmt: skip
def test_a_limit_that_is_no_number_or_no_moment_is_refused_in_words(city: KeptStore, limit: dict[str, object]) -> None:
    with pytest.raises(OutOfRange, match=r"floor|seconds|no zone"):
        ids(city, **limit)


def test_what_was_known_only_later_is_not_there(search: KeptStore) -> None:
    opened, closed = NOON - timedelta(days=3), NOON - timedelta(days=1)
    told = Document("70", "requests", "rats", "warden came", "r", at=opened, known_from=closed)
    search.upsert([told, replace(told, id="70/open", text="", known_from=None, known_until=closed)])
    assert search.embed_pending(30) == 0
    assert ids(search, as_of=closed - timedelta(seconds=1)) == {"70/open"}
    assert ids(search, as_of=closed) == {"70"}
    assert ids(search) == {"70"}


def test_a_vector_that_is_brought_along_is_compared_whatever_its_length(city: KeptStore) -> None:
    snow = ConceptEmbedder().embed(["snow by the gate"])[0] * 7
    found = city.search(SearchRequest("rats", alpha=1, vectors={"custom": snow}))
    assert found.hits[0].document.id == "c"
    assert found.hits[0].dense is not None
    assert found.hits[0].dense <= 1


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ({"custom": np.ones(3, dtype=np.float32)}, "3 numbers; documents have 512"),
        ({"openai": np.ones(512, dtype=np.float32)}, "no vectors of the name “openai”"),
    ],
)
def test_a_vector_that_nothing_can_be_compared_to_is_refused_in_words(
    city: KeptStore, vectors: dict[str, np.ndarray], said: str
) -> None:
    with pytest.raises(OutOfRange, match=said):
        city.search(SearchRequest("rats", vectors=vectors))


# ---------------------------------------------------------------- any place, any time

KIND = st.sampled_from(["requests", "bins", "handbook"])
EDGES = [(0.0, 179.999), (0.0, -179.999), (89.999, 10.0), (89.999, -170.0), (0.0, 180.0), (-90.0, 0.0)]
DEGREES = st.tuples(st.floats(-90, 90), st.floats(-180, 180))
NEAR_HOME = st.tuples(st.floats(37.86, 37.88), st.floats(-122.27, -122.25))
PLACED = st.one_of(st.none(), st.sampled_from(EDGES), DEGREES, NEAR_HOME)
SOME = st.lists(st.tuples(KIND, PLACED, st.one_of(st.none(), st.integers(1, 6))), min_size=1, max_size=12)
CIRCLES = st.builds(lambda at, radius: Circle(*at, radius), st.one_of(DEGREES, NEAR_HOME), st.floats(1, 2.1e7))
SMALL = st.builds(lambda at, radius: Circle(*at, radius), NEAR_HOME, st.floats(50, 3_000))
LIMITS = st.fixed_dictionaries(
    {
        "kinds": st.lists(KIND, max_size=2, unique=True).map(tuple),
        "near": st.one_of(st.none(), CIRCLES, SMALL),
        "since": st.one_of(st.none(), st.integers(0, 5)),
        "until": st.one_of(st.none(), st.integers(0, 5)),
        "as_of": st.one_of(st.none(), st.integers(0, 5)),
        "filters": st.sampled_from([{}, {"zone": "North"}, {"zone": ("North", "West")}]),
    }
)


@given(some=SOME, limits=LIMITS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_hits_are_exactly_what_the_limits_leave(search: KeptStore, some: list, limits: dict) -> None:  # type: ignore[type-arg]
    documents = [
        Document(
            str(n), kind, "rats", "", "r", *(place or (None, None)), day and NOON + timedelta(days=day),
            fields={"zone": ("North", "South, West", "East")[n % 3]},
        )
        for n, (kind, place, day) in enumerate(some)
    ]  # fmt: skip
    limits = {name: NOON + timedelta(days=value) if isinstance(value, int) else value for name, value in limits.items()}
    search.delete([str(n) for n in range(12)])
    search.upsert(documents)
    assert search.embed_pending(30) == 0
    inside = {document.id for document in documents if _inside(document, SearchRequest("rats", **limits))}
    assert ids(search, **limits) == inside
    assert ids(search, **limits, alpha=1.0) == inside


def _inside(document: Document, request: SearchRequest) -> bool:
    at, near = document.at, request.near
    if request.kinds and document.kind not in request.kinds:
        return False
    if not all(holds_value(document.fields.get(name, ""), wanted) for name, wanted in request.filters.items()):
        return False
    if isinstance(near, Circle):
        metres = haversine_m(document.lat, document.lon or 0, near.lat, near.lon)
        if metres is None or metres > near.radius_m:
            return False
    if at is None:
        return request.since is None and request.until is None
    return (
        (request.since is None or at >= request.since)
        and (request.until is None or at < request.until)
        and (request.as_of is None or at <= request.as_of)
    )


RINGS: list[tuple[str, Region]] = [
    ("a square over the antimeridian", Polygon(((-1, 179), (-1, -179), (1, -179), (1, 179)))),
    ("the same ring from the other side", Polygon(((1, -179), (1, 179), (-1, 179), (-1, -179)))),
    ("an hourglass, whose edges cross", Polygon(((0, 0), (2, 2), (0, 2), (2, 0)))),
    ("a pentagram, whose middle is outside", Polygon(((0, 0.4), (2, 1.04), (0, 1.6), (1.25, 0), (1.2, 2)))),
    ("a dart", Polygon(((0, 0), (1, 0.5), (2, 0), (1, 2)))),
]
SPOTS = [(lat, lon) for lat in (-0.5, 0.2, 0.7, 1.1, 1.7) for lon in (-179.5, 0.3, 0.8, 1.05, 1.6, 179.5)]


@pytest.mark.parametrize(("name", "ring"), RINGS)
def test_polygons_hold_what_the_even_odd_rule_says(search: KeptStore, name: str, ring: Polygon) -> None:
    search.upsert([Document(f"{lat},{lon}", "bins", "rats", "", "r", lat, lon) for lat, lon in SPOTS])
    assert ids(search, near=ring) == {f"{lat},{lon}" for lat, lon in SPOTS if _even_odd(ring, lat, lon)}, name


def _even_odd(polygon: Polygon, lat: float, lon: float) -> bool:
    ring = polygon.unrolled()
    crossings = 0
    for turn in (-360, 0, 360):
        for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, (*ring[1:], ring[0]), strict=True):
            if (lat_a > lat) != (lat_b > lat):
                crossings += lon + turn < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a)
    return crossings % 2 == 1
