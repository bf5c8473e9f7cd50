"""The planner on PostGIS and Weaviate, with more documents than are always compared one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import psycopg
import pytest
from sqlalchemy import URL, make_url
from weaviate_double import Double

from domain.spatial import haversine_m
from retrieval.postgis_limits import limits_of
from retrieval.postgis_store import PostgisSearch
from retrieval.regions import Area, Circle, Polygon
from retrieval.store import Document, SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

pytestmark = [pytest.mark.postgis, pytest.mark.slow]
NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
SATHER = (37.8703, -122.2595)
MANY = 10_600
WORDINGS = 700


class Turning:
    """A model of eight numbers: a wording's number is an angle, and near numbers are near in meaning."""

    name, dimensions = "turning", 8

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors on a half circle."""
        angles = np.array([int(text.rpartition("w")[2]) * np.pi / WORDINGS for text in texts])
        vectors = np.zeros((len(texts), 8), dtype=np.float32)
        vectors[:, 0], vectors[:, 1] = np.cos(angles), np.sin(angles)
        return vectors


def documents() -> list[Document]:
    """Around Sather Gate; the first 300 within 500 m, all of them far in meaning from what is asked."""
    random = np.random.default_rng(5)
    made = []
    for n in range(MANY):
        lat, lon = SATHER + (random.uniform(-0.003, 0.003, 2) if n < 300 else random.uniform(-0.1, 0.1, 2))
        wording = WORDINGS - 1 - n % 40 if n < 300 else n % (WORDINGS - 60)
        fields = {"zone": f"Z{n % 50}"} | ({"area": "North"} if n % 4 == 0 else {})
        kind = "bins" if n % 10 == 9 else "requests"
        made.append(
            Document(f"d{n}", kind, "note", f"w{wording}", "r", float(lat), float(lon),
                     NOON - timedelta(minutes=n), fields)
        )  # fmt: skip
    return made


EVERY = documents()


@pytest.fixture(scope="module")
def crowd_url(postgres_url: str) -> URL:
    """A database of their own."""
    name = f"crowd_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    return make_url(postgres_url.replace("/postgres?", f"/{name}?"))


@pytest.fixture(scope="module")
def crowd(crowd_url: URL) -> Iterator[PostgisSearch]:
    """A search over all of them."""
    with Double.started() as double:
        side = WeaviateSide(WeaviateAddress(double.url, double.grpc_port))
        with closing(PostgisSearch(crowd_url, "smalltown", side, Turning(), vector_s=60)) as made:
            made.upsert(EVERY)
            while made.embed_pending(60):
                pass
            yield made


HERE = Circle(*SATHER, 400)
WIDE = Circle(*SATHER, 60_000)
HALF = Polygon(((37.7, -122.3), (37.7, -122.0), (38.0, -122.0), (38.0, -122.3)))
LIMITS: dict[str, dict[str, object]] = {
    "nothing": {},
    "a small circle whose documents are far in meaning": {"near": HERE},
    "a circle around all": {"near": WIDE},
    "a polygon around most": {"near": HALF},
    "a kind": {"kinds": ("requests",)},
    "a rare kind in a circle": {"kinds": ("bins",), "near": HERE},
    "a time": {"since": NOON - timedelta(minutes=10_300)},
    "a field": {"filters": {"zone": ("Z3", "Z4")}},
    "a field, and a circle around all": {"filters": {"zone": "Z7"}, "near": WIDE},
    "an area of the records": {"near": Area("North")},
}


@pytest.mark.parametrize("limits", LIMITS)
def test_whatever_the_plan_the_nearest_within_the_limits_are_found(crowd: PostgisSearch, limits: str) -> None:
    request = SearchRequest("w0", k=20, alpha=1.0, deadline_s=90, **LIMITS[limits])  # type: ignore[arg-type]
    found = crowd.search(request)
    left = [document for document in EVERY if inside(document, request)]
    assert found.degraded == ()
    assert found.searched == len(left)
    best = sorted(left, key=lambda each: (int(each.text[1:]), each.at and -each.at.timestamp(), each.id))[:20]
    assert [hit.document.text for hit in found.hits] == [document.text for document in best]
    assert {hit.document.id for hit in found.hits} <= {document.id for document in left}


def inside(document: Document, request: SearchRequest) -> bool:
    """The limits, said again."""
    near = request.near
    lat, lon = document.lat or 0.0, document.lon or 0.0
    if isinstance(near, Circle) and (haversine_m(lat, lon, near.lat, near.lon) or 0) > near.radius_m:
        return False
    if isinstance(near, Polygon) and not (37.7 <= lat <= 38.0 and -122.3 <= lon <= -122.0):
        return False
    if isinstance(near, Area) and document.fields.get("area") != near.name:
        return False
    zones = request.filters.get("zone", document.fields["zone"])
    return (
        (not request.kinds or document.kind in request.kinds)
        and (request.since is None or (document.at or NOON) >= request.since)
        and document.fields["zone"] in ({zones} if isinstance(zones, str) else {*zones})
    )


def test_the_plan_depends_on_how_much_the_limits_leave(crowd: PostgisSearch) -> None:
    few = crowd.search(SearchRequest("w0", near=HERE, deadline_s=90))
    many = crowd.search(SearchRequest("w0", deadline_s=90))
    assert few.trace is not None
    assert many.trace is not None
    assert (few.trace.plan, few.trace.actual) == ("limits first", few.searched)
    assert many.trace.plan.startswith("meaning first")
    assert many.trace.estimated == MANY
    assert set(many.trace.alternatives) == {"limits first", "meaning first"}


def test_few_documents_that_only_time_or_a_field_leaves_are_compared_here_without_weaviate(
    crowd: PostgisSearch, crowd_url: URL
) -> None:
    away = WeaviateSide(WeaviateAddress("http://127.0.0.1:9", 10))
    with closing(PostgisSearch(crowd_url, "smalltown", away, Turning())) as alone:
        for limits in ({"since": NOON - timedelta(minutes=1_000)}, LIMITS["a field"]):
            request = SearchRequest("w0", k=20, alpha=1.0, deadline_s=90, **limits)  # type: ignore[arg-type]
            found = alone.search(request)
            assert (found.plan, found.searched < 1_100) == ("own copy", True)
            assert [hit.document.id for hit in found.hits] == [hit.document.id for hit in crowd.search(request).hits]


def test_a_search_whose_hits_are_all_counted_is_exact(crowd: PostgisSearch) -> None:
    found = crowd.search(SearchRequest("w0", floor=0.3, deadline_s=90))
    assert (found.plan, found.searched) == ("limits first", MANY)


def test_the_estimate_of_a_circle_is_near_the_truth(crowd: PostgisSearch) -> None:
    for radius_m in (300, 1_000, 4_000, 30_000):
        request = SearchRequest("w0", near=Circle(*SATHER, radius_m), deadline_s=90)
        trace, actual = crowd.search(request).trace, crowd.estimate(request)
        assert trace is not None
        assert actual / 2 - 20 <= trace.estimated <= 2 * actual + 20


def test_a_search_with_a_floor_counts_all_that_reach_it(crowd: PostgisSearch) -> None:
    floor = float(np.cos(100.5 * np.pi / WORDINGS))  # the first hundred and one wordings
    near = sum(int(document.text[1:]) <= 100 for document in EVERY)
    assert near > 1_000
    assert crowd.search(SearchRequest("w0", floor=floor, deadline_s=90)).matching == near
    within = SearchRequest("w0", floor=floor, near=WIDE, filters={"zone": "Z7"}, deadline_s=90)
    expected = sum(
        int(each.text[1:]) <= 100 and inside(each, replace(within, floor=None)) for each in EVERY
    )  # fmt: skip
    assert crowd.search(within).matching == expected


def test_what_a_circle_holds_is_read_from_an_index_alone(crowd: PostgisSearch) -> None:
    limits = limits_of(SearchRequest("note", near=Circle(*SATHER, 3_000)), 1)
    asked = f"EXPLAIN SELECT row, meaning, kind, at, sent FROM search_documents d WHERE {limits.sql}"
    with crowd._connections.read() as connection:
        plan = " ".join(line for (line,) in connection.execute(asked, limits.values).fetchall())
    assert "Index Only Scan using search_documents_striped" in plan
