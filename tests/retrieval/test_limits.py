"""What limits a search in one SQLite file, beside the contract: fields that change, whole cities in a circle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder

from domain.errors import OutOfRange
from domain.spatial import haversine_m
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, SearchRequest, holds_value

CITY = [
    Document("a", "requests", "rats", "by the wall", "records:a", 37.5, -121.5, fields={"zone": "North, East"}),
    Document("b", "requests", "rats", "by the gate", "records:b", 37.5, -120.5, fields={"zone": "North-East"}),
    Document("c", "requests", "snow", "by the gate", "records:c", fields={"zone": "West", "a\"b'$.c": "odd"}),
]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SqliteSearch]:
    """Three documents."""
    made = SqliteSearch(tmp_path / "s.db", "smalltown", ConceptEmbedder())
    made.upsert(CITY)
    assert made.embed_pending(10) == 0
    yield made
    made.close()


def ids(search: SqliteSearch, **limits: object) -> set[str]:
    """What a search for rats gives."""
    request = SearchRequest("rats", **limits)  # type: ignore[arg-type]
    found = search.search(request)
    assert found.searched == search.estimate(request) == len(found.hits)
    return {hit.document.id for hit in found.hits}


def test_filters_follow_what_documents_say_now(search: SqliteSearch) -> None:
    assert ids(search, filters={"zone": "South"}) == set()
    search.upsert([Document("d", "requests", "rats", "", "records:d", fields={"zone": "South"})])
    assert ids(search, filters={"zone": "South"}) == {"d"}


def test_a_value_is_the_whole_field_or_one_of_several() -> None:
    assert holds_value("a, b", "a, b")
    assert holds_value("a, b", ("x", "b"))
    assert not holds_value("ab, c", "a")


@pytest.mark.parametrize(
    "vectors",
    [{"custom": np.zeros(4)}, {"custom": np.array([1.0, np.nan])}, {"custom": np.ones((2, 2))},
     {"custom": np.ones(4), "openai": np.ones(4)}],
)  # fmt: skip
def test_what_is_no_direction_or_more_than_one_is_refused_in_words(vectors: dict[str, np.ndarray]) -> None:
    with pytest.raises(OutOfRange, match=r"finite numbers|one kind of vectors"):
        SearchRequest("rats", vectors=vectors)


@pytest.mark.parametrize("turned", [0.0, 90.0, 179.0])
@pytest.mark.parametrize("lat", [0.0, 37.8, -59.0, 75.0])
def test_a_circle_around_a_whole_city_holds_what_the_formula_says(tmp_path: Path, lat: float, turned: float) -> None:
    rng = np.random.default_rng(1)
    places = rng.uniform(-1, 1, (80, 2)) * (0.9, 2.4) + (lat, turned)
    lons = (places[:, 1] + 180) % 360 - 180
    search = SqliteSearch(tmp_path / "wide.db", "smalltown", None)
    documents = [
        Document(str(n), "requests", "rats", "", "r", a, b)
        for n, (a, b) in enumerate(zip(places[:, 0].tolist(), lons.tolist(), strict=True))
    ]
    search.upsert([*documents, Document("nowhere", "requests", "rats", "", "r")])
    for east in (0.0, 3.0, 40.0, 170.0):
        at = Circle(lat / 2, (turned + east + 180) % 360 - 180, 1.0)
        away = np.array([haversine_m(d.lat, d.lon or 0.0, at.lat, at.lon) or 0.0 for d in documents])
        for radius_m in (float(away.max()) * (1 - 1e-7), float(away.max()) + 0.01, float(np.median(away)), 2e7):
            near = Circle(at.lat, at.lon, radius_m)
            assert search.estimate(SearchRequest("", near=near)) == (away <= radius_m).sum()
    search.close()
