"""Search in a SQLite file, beside the contract that every back end keeps: requests, any text, deadlines, the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from embedders import ConceptEmbedder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.errors import DeadlineExceeded, OutOfRange, StoreUnavailable
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, SearchRequest

NOON = datetime(2025, 6, 1, 12, 0, tzinfo=UTC)
SATHER = (37.8703, -122.2595)


def note(number: int, text: str, **more: object) -> Document:
    """A request that is found by its text."""
    made = Document(f"requests/{number}", "requests", f"Request {number}", text, f"records:requests/{number}")
    return replace(made, **more)  # type: ignore[arg-type]


DOCUMENTS = [
    note(1, "rats at the corner", lat=SATHER[0], lon=SATHER[1], at=NOON),
    note(2, "bin is overflowing", lat=37.8712, lon=-122.2595, at=NOON - timedelta(days=1)),
    note(3, "snow on the path", at=NOON - timedelta(days=2), fields={"place": "Evans Hall", "area": "East"}),
    Document("handbook/pests.md", "handbook", "Pests", "Set traps and call the warden.", "handbook/pests.md"),
    Document(
        "sites/u15", "bins", "Sather Gate", "Bins for Waste.", "records:sites/u15", *SATHER, fields={"site_id": "u15"}
    ),
]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SqliteSearch]:
    """Five documents with vectors."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    made.upsert(DOCUMENTS)
    assert made.embed_pending(10) == 0
    yield made
    made.close()


def ids(search: SqliteSearch, text: str, **more: object) -> list[str]:
    """The ids of the hits, best first."""
    return [hit.document.id for hit in search.search(SearchRequest(text, **more)).hits]  # type: ignore[arg-type]


# ---------------------------------------------------------------- what is found


def test_fields_are_found_by_words_and_have_no_meaning(search: SqliteSearch) -> None:
    assert ids(search, "Evans", alpha=0) == ["requests/3"]
    assert all("Evans" not in text for text in search._embedder.seen)  # type: ignore[union-attr]


# ---------------------------------------------------------------- limits


@pytest.mark.parametrize("place", [(91.0, 0.0, 5.0), (0.0, 181.0, 5.0), (float("nan"), 0.0, 5.0)])
def test_a_place_off_the_earth_is_refused_in_words(place: tuple[float, float, float]) -> None:
    with pytest.raises(OutOfRange, match="is not on the earth"):
        Circle(*place)


@pytest.mark.parametrize("radius_m", [0.0, -1.0, float("inf")])
def test_a_radius_that_holds_nothing_is_refused_in_words(radius_m: float) -> None:
    with pytest.raises(OutOfRange, match="How many metres"):
        Circle(*SATHER, radius_m)


def test_an_unknown_kind_and_a_senseless_number_are_refused_in_words() -> None:
    with pytest.raises(OutOfRange, match="no documents of the kind “trucks”"):
        SearchRequest("rats", kinds=("trucks",))
    with pytest.raises(OutOfRange, match="1 to 1000 hits"):
        SearchRequest("rats", k=0)
    with pytest.raises(OutOfRange, match="from 0 to 1"):
        SearchRequest("rats", alpha=1.5)


# ---------------------------------------------------------------- any text, any order


@given(text=st.text(alphabet=st.characters(), max_size=300))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_text_of_a_user_raises(search: SqliteSearch, text: str) -> None:
    search.search(SearchRequest(text, floor=0.3))


# ---------------------------------------------------------------- what is said when a part is missing


def test_vectors_made_anew_replace_those_in_memory(search: SqliteSearch, tmp_path: Path) -> None:
    search.search(SearchRequest("vermin"))
    other = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder("newer"))
    other.adopt_model()
    other.embed_pending(10)
    search.adopt_model()
    search.embed_pending(10)
    assert search.search(SearchRequest("vermin", floor=0.3)).matching == 1
    other.close()


def test_a_search_beyond_its_time_is_ended(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    search.upsert([note(n, "rats " * 20) for n in range(3_000)])
    with pytest.raises(DeadlineExceeded, match="longer than its time"):
        search.search(SearchRequest("rats", deadline_s=0.0))
    assert len(search.search(SearchRequest("rats")).hits) == 10
    search.close()


def test_what_the_first_search_of_a_process_reads_is_not_on_its_time(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    search.upsert([note(n, "rats" if n == 7 else "snow") for n in range(4_000)])
    assert ids(search, "rats", deadline_s=0.0) == ["requests/7"]
    search.close()


def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "search.db").write_text("This is no database at all. " * 100)
    with pytest.raises(StoreUnavailable, match="no database"):
        SqliteSearch(tmp_path / "search.db", "smalltown").search(SearchRequest("rats"))


def test_a_closed_search_leaves_no_lock_on_the_file(search: SqliteSearch, tmp_path: Path) -> None:
    search.close()
    connection = sqlite3.connect(tmp_path / "search.db", timeout=0)
    connection.execute("BEGIN EXCLUSIVE")
    connection.close()
