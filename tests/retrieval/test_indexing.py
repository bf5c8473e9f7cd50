"""A city's records and handbook as documents: complete, up to date, and as known at each moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from embedders import ConceptEmbedder, NoEmbedder

from domain.errors import BadData
from domain.loading import load_city
from domain.records import Request, Site
from domain.store import Store
from domain.work_records import StoredPlan
from retrieval.following import follow
from retrieval.indexing import index_city
from retrieval.sqlite_store import SqliteSearch, search_file
from retrieval.store import Area, SearchRequest

LATER = datetime(2025, 9, 2, tzinfo=UTC)


@pytest.fixture
def search(store: Store, tmp_path: Path, small_city_folder: Path) -> Iterator[SqliteSearch]:
    """The small city, indexed in the file of its records."""
    made = SqliteSearch(search_file(store, tmp_path), "smalltown", ConceptEmbedder())
    report = index_city(store, made, "smalltown", small_city_folder)
    assert report.changed == {"handbook": 2, "bins": 6, "requests": 8 + 4}  # four of eight requests were closed
    assert (report.without_meaning, report.faults) == (0, ())
    yield made
    made.close()


def best(search: SqliteSearch, text: str, as_of: str = "2025-09-01") -> str:
    """The id of the first hit."""
    moment = datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    return search.search(SearchRequest(text, k=1, as_of=moment)).hits[0].document.id


def a_plan(number: int, parent: str | None = None) -> StoredPlan:
    visits = [{"stop_id": "103", "is_dump": False}, {"stop_id": "dump", "is_dump": True}]
    return StoredPlan(
        city="smalltown", id=f"P-{number:04d}", created_at=datetime(2025, 8, 31, 15, 0, tzinfo=UTC), thread="t-1",
        kind="what_if" if parent else "plan", parent=parent, problem_hash="h", seed=0, core="c", gap=None, baseline={},
        request={"when": "2025-09-01T04:00", "stream": "Compostables", "goal": "cost", "skip": ["105"]}, problem={},
        plan={"rounds": [{"truck": "Truck 1", "visits": visits}]}, content_hash="c",
    )  # fmt: skip


def test_sites_requests_and_pages_are_found_by_what_they_say(search: SqliteSearch) -> None:
    assert best(search, "library") == "sites/public-library"
    assert best(search, "lid broken") == "requests/R1004"
    assert best(search, "reported bin served within four hours") == "handbook/overflow.md"
    by_words = search.search(SearchRequest("bin 103", k=1, alpha=0))
    assert by_words.hits[0].document.id == "sites/public-library"


def test_a_second_indexing_of_the_same_records_changes_nothing(
    search: SqliteSearch, store: Store, small_city_folder: Path
) -> None:
    before = search.search(SearchRequest("overflowing bin"))
    report = index_city(store, search, "smalltown", small_city_folder)
    assert report.changed == {}
    assert search.search(SearchRequest("overflowing bin")) == before


def test_only_what_changed_is_written_again(search: SqliteSearch, store: Store, small_city_folder: Path) -> None:
    (small_city_folder / "handbook" / "snow.md").write_text("# Snow\n\n## Plough first\n\nThen collect.\n")
    assert index_city(store, search, "smalltown", small_city_folder).changed == {"handbook": 1}
    assert best(search, "plough") == "handbook/snow.md#plough-first"
    sites = small_city_folder / "sites.csv"
    sites.write_text(sites.read_text().replace("Town Hall", "City Hall"))
    load_city(store, small_city_folder, at=LATER)
    assert index_city(store, search, "smalltown", small_city_folder).changed == {"bins": 1}
    assert best(search, "city hall") == "sites/town-hall"


def test_a_page_that_is_gone_is_no_longer_found(search: SqliteSearch, store: Store, small_city_folder: Path) -> None:
    (small_city_folder / "handbook" / "overflow.md").unlink()
    assert index_city(store, search, "smalltown", small_city_folder).changed == {"handbook": 1}
    assert search.health().documents["handbook"] == 1


def test_a_crew_note_is_not_known_before_the_request_was_closed(search: SqliteSearch) -> None:
    closed = "2025-07-18T17:05"  # 10:05 local
    assert best(search, "bags removed", "2025-07-19") == "requests/R1002"
    before = search.search(
        SearchRequest("removed three", as_of=datetime(2025, 7, 18, 17, 4, tzinfo=UTC), kinds=("requests",), alpha=0)
    )
    assert before.hits == ()
    assert best(search, "bags left beside", "2025-07-18T17:04") == "requests/R1002/open"
    assert best(search, "bags left beside", closed) == "requests/R1002"
    assert best(search, "bags left beside overdue late", "2025-07-17").endswith("/open")


def test_requests_of_a_neighbourhood_are_those_that_the_records_put_there(search: SqliteSearch, store: Store) -> None:
    found = search.search(SearchRequest("bin", near=Area("Riverside"), kinds=("requests",), as_of=LATER, k=50))
    with store.read() as session:
        there = {f"requests/{r.request_id}" for r in session.query(Request).where(Request.area == "Riverside")}
    assert {hit.document.id for hit in found.hits} == there


def test_a_plan_is_found_by_its_number_its_wishes_and_its_stops(search: SqliteSearch, store: Store) -> None:
    assert follow(store, search, "smalltown").changed == {}
    with store.write() as session:
        session.add(a_plan(1))
    with store.write() as session:
        session.add(a_plan(2, "P-0001"))
    assert follow(store, search, "smalltown").changed == {"rounds": 2}
    assert follow(store, search, "smalltown").changed == {}
    assert best(search, "what-if P-0002") == "plans/P-0002"
    rounds = search.search(SearchRequest("round plan P-0001", kinds=("rounds",), k=1)).hits[0].document
    assert (rounds.url_ref, rounds.title) == ("plans:P-0001", "Round plan P-0001")
    assert rounds.text == "goal cost, skip Train Station, stream Compostables, when 2025-09-01T04:00."
    assert rounds.fields["stops"] == "Public Library"
    assert best(search, "plan library compostables goal cost").startswith("plans/")


def test_a_city_that_is_not_loaded_is_refused_in_words(search: SqliteSearch, store: Store, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no city 'atlantis' is loaded; run roundsman load FOLDER"):
        index_city(store, search, "atlantis", None)


def test_a_page_that_cannot_be_read_is_told_and_the_others_are_found(
    search: SqliteSearch, store: Store, small_city_folder: Path
) -> None:
    (small_city_folder / "handbook" / "overflow.md").write_bytes("# Überlauf".encode("latin-1"))
    report = index_city(store, search, "smalltown", small_city_folder)
    assert report.changed == {"handbook": 1}
    (told,) = report.unread
    assert told.startswith("handbook/overflow.md cannot be read: it is no UTF-8 text")
    assert search.health().documents["handbook"] == 1


def test_a_missing_model_leaves_an_index_of_words(store: Store, tmp_path: Path, small_city_folder: Path) -> None:
    search = SqliteSearch(tmp_path / "words.db", "smalltown", NoEmbedder())
    report = index_city(store, search, "smalltown", small_city_folder)
    assert report.faults == ("the embedding model is not installed",)
    assert report.without_meaning == search.health().texts > 0
    assert best(search, "lid broken") == "requests/R1004"
    search.close()


def test_the_search_tables_live_with_sqlite_records_and_apart_from_others(store: Store, tmp_path: Path) -> None:
    assert search_file(store, tmp_path / "home") == Path(str(store.url.database))
    away = Store("postgresql://nobody@localhost/none")
    assert search_file(away, tmp_path / "home") == tmp_path / "home" / "search.db"


def test_records_and_search_share_a_file_without_harm(search: SqliteSearch, store: Store) -> None:
    with store.write() as session:
        session.add(a_plan(1))
    search.delete(["sites/town-hall"])
    connection = store.engine.raw_connection()
    assert connection.cursor().execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()


@pytest.mark.slow
def test_the_words_of_a_question_and_of_the_page_that_answers_it_may_differ(
    store: Store, tmp_path: Path, small_city_folder: Path
) -> None:
    from retrieval.embedder import MiniLM

    search = SqliteSearch(tmp_path / "real.db", "smalltown", MiniLM())
    assert index_city(store, search, "smalltown", small_city_folder, embed_s=60).without_meaning == 0
    found = search.search(SearchRequest("a crew forgot to come, when will it be fixed?", k=1, kinds=("handbook",)))
    assert found.hits[0].document.id == "handbook/missed-pickup.md"
    assert best(search, "the cover of a container is damaged") == "requests/R1004"
    nothing = search.search(SearchRequest("quantum xylophone", floor=0.3, as_of=LATER))
    assert (nothing.hits, nothing.matching) == ((), 0)
    search.close()


def test_a_record_that_was_put_nowhere_on_the_earth_is_found_by_words_and_stops_nothing(
    search: SqliteSearch, store: Store
) -> None:
    with store.write() as session:  # past the checks of a load, as a person at the database's prompt may
        session.get_one(Site, ("smalltown", "public-library")).lat = 200.0
        session.get_one(Request, ("smalltown", "R1004")).lat = None
    assert follow(store, search, "smalltown").changed == {"bins": 1, "requests": 1}
    hit = search.search(SearchRequest("library", k=1)).hits[0].document
    assert (hit.id, hit.lat, hit.lon) == ("sites/public-library", None, None)
    hit = search.search(SearchRequest("lid broken", k=1)).hits[0].document
    assert (hit.id, hit.lat, hit.lon) == ("requests/R1004", None, None)
