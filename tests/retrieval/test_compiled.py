"""Machine code finds what numpy finds: whole searches in one file, each answered in both ways."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedders import ConceptEmbedder

from retrieval import columns, limits, postings, ranking, sqlite_store
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, Found, Polygon, SearchRequest

MODULES = (columns, limits, postings, ranking, sqlite_store)
NEVER = 10**9
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
MIDDLE, NOWHERE, EARTH = Circle(37.5, -121.5, 900), Circle(10.0, 10.0, 50), Circle(0.0, 0.0, 2e7)
RING = Polygon(((37.49, -121.51), (37.51, -121.51), (37.505, -121.49)))


def documents() -> Sequence[Document]:
    """Four hundred, of two kinds and eight wordings; every seventh has no time and every ninth no place."""
    rng = np.random.default_rng(4)
    lat, lon = 37.5 + rng.normal(0, 0.01, 400), -121.5 + rng.normal(0, 0.01, 400)
    words = ("rats", "mice", "snow and ice", "broken lid", "smell", "rats by the gate", "graffiti", "noise at night")
    return [
        Document(
            f"d/{n}", "requests" if n % 3 else "rounds", f"about {words[n % 8]}", words[n % 8], "r",
            *((None, None) if n % 9 == 0 else (float(lat[n]), float(lon[n]))),
            at=None if n % 7 == 0 else BEGAN + timedelta(hours=n),
        )
        for n in range(400)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documents, of which a sixth have no vector yet."""
    path = tmp_path_factory.mktemp("compiled") / "search.db"
    search = SqliteSearch(path, "smalltown", ConceptEmbedder())
    search.upsert(documents()[:330])
    assert search.embed_pending(30) == 0
    search.upsert([replace(each, text=f"{each.text} again") for each in documents()[330:]])
    search.close()
    return path


@pytest.fixture
def both(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[SqliteSearch, SqliteSearch]]:
    """Two searches of the file, the second for machine code."""
    made = tuple(SqliteSearch(file, "smalltown", ConceptEmbedder()) for _ in range(2))
    yield made[0], made[1]
    for each in made:
        each.close()


@pytest.mark.parametrize("near", [None, MIDDLE, RING, NOWHERE, EARTH])
@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("floor", [None, 0.3])
@pytest.mark.parametrize("since", [None, BEGAN + timedelta(hours=200)])
def test_a_search_says_the_same_by_machine_code(
    both: tuple[SqliteSearch, SqliteSearch],
    monkeypatch: pytest.MonkeyPatch,
    near: Any,
    alpha: float,
    floor: float | None,
    since: datetime | None,
) -> None:
    request = SearchRequest("rats at the gate", k=20, near=near, alpha=alpha, floor=floor, since=since)
    told: list[Found] = []
    for search, least in zip(both, (NEVER, 0), strict=True):
        for module in MODULES:
            monkeypatch.setattr(module, "COMPILED_FROM", least)
        told.append(replace(search.search(request), trace=None))
    assert told[0] == told[1]
    assert bool(told[0].hits) == (near is not NOWHERE)
