"""Machine code finds what numpy finds: whole searches in one file, each answered in both ways."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder

from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Area, Circle, Document, Found, Polygon, Region, SearchRequest

NEVER, SWITCH = 10**9, "COMPILED_FROM"
BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
WORDS = ("rats", "mice", "snow and ice", "broken lid", "smell", "rats by the gate", "graffiti", "noise at night")
REGIONS: Mapping[str, Region | None] = {
    "anywhere": None,
    "circle": Circle(37.5, -121.5, 900),
    "polygon": Polygon(((37.49, -121.51), (37.51, -121.51), (37.505, -121.49))),
    "area": Area("North", frozenset({"S1"}), Circle(37.5, -121.5, 700)),
    "half the earth": Circle(0.0, -121.5, 9e6),
    "nothing": Circle(10.0, 10.0, 50),
}


def documents() -> Sequence[Document]:
    """Four hundred, some of them far from the others, of two kinds and eight wordings, at times in no order.

    Every seventh has no time and every ninth no place; some are of a site, of an area, of neither.
    """
    rng = np.random.default_rng(4)
    lat, lon = 37.5 + rng.normal(0, 0.01, 400), -121.5 + rng.normal(0, 0.01, 400)
    lat[5::40], lon[5::40] = rng.uniform(-80, 80, 10), rng.uniform(-180, 180, 10)
    hours = rng.permutation(400).tolist()
    belongs: Sequence[dict[str, str]] = ({}, {"site_id": "S1"}, {"site_id": "S2"}, {"area": "North"}, {"area": "South"})
    return [
        Document(
            f"d/{n}", "requests" if n % 3 else "rounds", f"about {WORDS[n % 8]}", WORDS[n % 8], "r",
            *((None, None) if n % 9 == 0 else (float(lat[n]), float(lon[n]))),
            at=None if n % 7 == 0 else BEGAN + timedelta(hours=hours[n]), fields=belongs[n % 5],
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
def both(file: Path) -> Iterator[tuple[SqliteSearch, SqliteSearch]]:
    """Two searches of the file, so that neither finds what the other has kept."""
    made = SqliteSearch(file, "smalltown", ConceptEmbedder()), SqliteSearch(file, "smalltown", ConceptEmbedder())
    yield made
    for each in made:
        each.close()


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("floor", [None, 0.3])
def test_a_search_says_the_same_by_machine_code(
    both: tuple[SqliteSearch, SqliteSearch], monkeypatch: pytest.MonkeyPatch, region: str, floor: float | None
) -> None:
    for alpha in (0.0, 0.6, 1.0):
        for since in (None, BEGAN + timedelta(hours=200)):
            request = SearchRequest(
                "rats at the gate", k=20, alpha=alpha, near=REGIONS[region], since=since, floor=floor
            )
            told: list[Found] = []
            for search, least in zip(both, (NEVER, 0), strict=True):
                compile_from(monkeypatch, least)
                told.append(search.search(request))
            assert told[0] == told[1]
            assert bool(told[0].hits) == (region != "nothing")


def compile_from(monkeypatch: pytest.MonkeyPatch, documents: int) -> None:
    """In every module that has two ways: machine code from so many documents on."""
    two_ways = [each for name, each in sys.modules.items() if name.startswith("retrieval.") and hasattr(each, SWITCH)]
    assert len(two_ways) > 3
    for module in two_ways:
        monkeypatch.setattr(module, SWITCH, documents)
