"""Records change, the index follows: nothing lost, nothing twice, nothing that was removed stays findable."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from embedders import ConceptEmbedder
from sqlalchemy import delete, update

from domain.errors import NotNow
from domain.ledger_entry import ERASED
from domain.records import City, Request, Site
from domain.repositories.outbox import waiting
from domain.store import Store
from domain.work_records import StoredPlan, Thread
from retrieval.following import Followed, Follower, follow, in_step
from retrieval.indexing import Rebuild, index_city, reindex
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import SearchRequest
from retrieval.turns import my_turn

NOW = datetime(2025, 8, 31, 15, 0, tzinfo=UTC)
LATER = datetime(2025, 9, 2, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A search file apart from the records, as it is beside PostgreSQL."""
    return tmp_path / "search.db"


@pytest.fixture
def search(city_store: Store, file: Path) -> Iterator[SqliteSearch]:
    """The small city's index, on records of either database."""
    made = SqliteSearch(file, "smalltown", ConceptEmbedder())
    index_city(city_store, made, "smalltown", None)
    yield made
    made.close()


class Cut(SqliteSearch):
    """A search that fails at the n-th write, as if the process had been killed there."""

    writes_left = 10**9

    def upsert(self, documents: Sequence[object]) -> int:
        """As the search, or not at all."""
        self._count()
        return super().upsert(documents)  # type: ignore[arg-type]

    def delete(self, ids: Sequence[str]) -> int:
        """As the search, or not at all."""
        self._count()
        return super().delete(ids)

    def remember(self, kind: str, digest: str) -> None:
        """As the search, or not at all."""
        self._count()
        super().remember(kind, digest)

    def _count(self) -> None:
        self.writes_left -= 1
        if self.writes_left < 0:
            raise NotNow("cut")


def ids(search: SqliteSearch, text: str, kind: str = "requests") -> set[str]:
    """Documents that hold all the words, at any time."""
    found = search.search(SearchRequest(text, kinds=(kind,), k=50, alpha=0, floor=1))
    return {hit.document.id for hit in found.hits}


def change(store: Store, request_id: str, title: str) -> None:
    with store.write() as session:
        session.execute(update(Request).where(Request.request_id == request_id).values(title=title))


def content(file: Path) -> tuple[list[object], ...]:
    """All that a search file says, apart from row numbers."""
    with sqlite3.connect(file) as connection:
        documents = connection.execute("SELECT id, kind, title, text, fields, digest FROM search_documents ORDER BY id")
        texts = connection.execute("SELECT text FROM search_texts ORDER BY text")
        words = connection.execute("SELECT title, text, fields FROM search_words_1 ORDER BY title, text, fields")
        found = documents.fetchall(), texts.fetchall(), words.fetchall()
    connection.close()
    return found


def test_a_changed_request_is_found_by_its_new_words_only(city_store: Store, search: SqliteSearch) -> None:
    assert ids(search, "zebra crossing") == set()
    change(city_store, "R1004", "Zebra crossing blocked")
    assert follow(city_store, search, "smalltown").changed == {"requests": 1}
    assert ids(search, "zebra crossing") == {"requests/R1004"}
    assert follow(city_store, search, "smalltown") == Followed()


def test_the_words_that_a_record_no_longer_has_are_gone_with_their_vector(
    city_store: Store, search: SqliteSearch, file: Path
) -> None:
    for title in ("Zebra crossing blocked", "Giraffe crossing blocked"):
        change(city_store, "R1004", title)
        follow(city_store, search, "smalltown")
    (documents, texts, words) = content(file)
    assert "zebra" not in repr((documents, texts, words)).lower()
    assert search.health().texts == search.health().embedded == len(texts)


def test_a_text_that_another_document_shares_stays_when_one_of_them_goes(
    city_store: Store, search: SqliteSearch
) -> None:
    for request_id in ("R1003", "R1004"):
        change(city_store, request_id, "Zebra crossing blocked")
    with city_store.write() as session:
        session.execute(update(Request).values(kind=None, note=None, closed_at=None))
    follow(city_store, search, "smalltown")
    with city_store.write() as session:
        session.execute(delete(Request).where(Request.request_id == "R1003"))
    follow(city_store, search, "smalltown")
    (hit,) = search.search(SearchRequest("zebra", floor=1)).hits
    assert (hit.document.id, hit.dense is not None) == ("requests/R1004", True)


def test_a_removed_record_leaves_no_document_no_text_and_no_vector(
    city_store: Store, search: SqliteSearch, file: Path
) -> None:
    change(city_store, "R1002", "Zebra crossing blocked")
    follow(city_store, search, "smalltown")
    with city_store.write() as session:
        session.execute(delete(Request).where(Request.request_id == "R1002"))
    assert follow(city_store, search, "smalltown").removed >= 1
    assert ids(search, "zebra") == set()
    with sqlite3.connect(file) as connection:
        assert not connection.execute("SELECT 1 FROM search_texts WHERE text LIKE '%Zebra%'").fetchall()
        loose = "SELECT 1 FROM search_vectors WHERE text NOT IN (SELECT number FROM search_texts)"
        assert not connection.execute(loose).fetchall()
    connection.close()


def test_a_request_that_is_closed_is_then_two_documents_and_one_again_when_reopened(
    city_store: Store, search: SqliteSearch
) -> None:
    both = {"requests/R1002", "requests/R1002/open"}
    for closed_at, there in ((None, {"requests/R1002"}), (NOW, both)):
        with city_store.write() as session:
            session.execute(update(Request).where(Request.request_id == "R1002").values(closed_at=closed_at))
        follow(city_store, search, "smalltown")
        with search._connections.read() as connection:
            found = connection.execute("SELECT id FROM search_documents WHERE id LIKE 'requests/R1002%'").fetchall()
        assert {id_ for (id_,) in found} == there


def test_an_erased_persons_plan_no_longer_says_what_they_asked(city_store: Store, search: SqliteSearch) -> None:
    with city_store.write() as session:
        session.add(Thread(id="C-0001", city="smalltown", owner="vera", created_at=NOW))
        session.add(
            StoredPlan(
                city="smalltown", id="P-0001", created_at=NOW, thread="C-0001", kind="plan", parent=None,
                problem_hash="h", seed=0, core="c", gap=None, baseline={}, request={"near": "grandmother's house"},
                problem={}, plan={}, content_hash="c",
            )
        )  # fmt: skip
    follow(city_store, search, "smalltown")
    assert ids(search, "grandmother", "rounds") == {"plans/P-0001"}
    with city_store.write() as session:
        session.execute(update(Thread).values(owner=ERASED))
    follow(city_store, search, "smalltown")
    assert ids(search, "grandmother", "rounds") == set()
    assert ids(search, "plan P-0001", "rounds") == {"plans/P-0001"}
    reindex(city_store, search, "smalltown", None)
    assert ids(search, "grandmother", "rounds") == set()


@pytest.mark.parametrize("writes", range(11))
def test_wherever_following_is_cut_off_going_on_ends_where_an_index_made_anew_does(
    store: Store, tmp_path: Path, writes: int
) -> None:
    cut = Cut(tmp_path / "cut.db", "smalltown")
    index_city(store, cut, "smalltown", None)
    change(store, "R1004", "Zebra crossing blocked")
    with store.write() as session:
        session.execute(delete(Request).where(Request.request_id == "R1002"))
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="City Hall"))
        session.get_one(City, "smalltown").aliases = {"places": {"City Hall": ["the old hall"]}}
    cut.writes_left = writes
    try:
        follow(store, cut, "smalltown")
        whole = True
    except NotNow:
        whole = False
    assert whole == (writes >= 9)
    cut.writes_left = 10**9
    follow(store, cut, "smalltown")
    anew = SqliteSearch(tmp_path / "anew.db", "smalltown")
    index_city(store, anew, "smalltown", None)
    assert content(tmp_path / "cut.db") == content(tmp_path / "anew.db")
    cut.close()
    anew.close()


def test_an_index_of_other_records_does_not_follow_and_is_built_anew_at_the_next_start(
    store: Store, tmp_path: Path
) -> None:
    stranger = SqliteSearch(tmp_path / "stranger.db", "smalltown")
    change(store, "R1004", "Zebra crossing blocked")
    assert follow(store, stranger, "smalltown").foreign
    first = SqliteSearch(tmp_path / "first.db", "smalltown")
    index_city(store, first, "smalltown", None)
    change(store, "R1004", "Lid broken")
    follow(store, first, "smalltown")
    change(store, "R1004", "Zebra crossing blocked")
    follow(store, first, "smalltown")
    index_city(store, stranger, "smalltown", None)  # takes over: the outbox has one reader
    change(store, "R1004", "Giraffe crossing blocked")
    follow(store, stranger, "smalltown")
    change(store, "R1004", "Penguin crossing blocked")
    follow(store, stranger, "smalltown")
    change(store, "R1003", "Tiger seen")
    assert follow(store, first, "smalltown").foreign
    assert index_city(store, first, "smalltown", None).changed
    assert ids(first, "penguin") == {"requests/R1004"}
    assert ids(first, "tiger") == {"requests/R1003"}
    for each in (first, stranger):
        each.close()


@pytest.mark.parametrize("turns", [1, 2])
@pytest.mark.parametrize("another", [False, True])
def test_records_that_were_restored_from_a_backup_are_indexed_anew(
    store: Store, tmp_path: Path, turns: int, another: bool
) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    index_city(store, search, "smalltown", None)
    backup = sqlite3.connect(tmp_path / "backup.db")
    with sqlite3.connect(str(store.url.database)) as records:
        records.backup(backup)
    for turn in range(turns):
        change(store, "R1004", f"Zebra {turn} crossing blocked")
        assert follow(store, search, "smalltown").changed
    backup.backup(records)
    if another:  # the turn is made again, with another change
        other = SqliteSearch(tmp_path / "other.db", "smalltown")
        for turn in range(turns):
            change(store, "R1003", f"Giraffe {turn} seen")
            index_city(store, other, "smalltown", None)
        other.close()
    assert not in_step(store, search, "smalltown")
    index_city(store, search, "smalltown", None)
    assert ids(search, "zebra") == set()
    assert ids(search, "giraffe") == ({"requests/R1003"} if another else set())
    search.close()
    backup.close()
    records.close()


def test_one_process_has_the_turn_and_the_other_tells_what_waits(city_store: Store, search: SqliteSearch) -> None:
    change(city_store, "R1004", "Zebra crossing blocked")
    with my_turn(city_store, "smalltown", 0) as first:
        assert first
        with my_turn(city_store, "smalltown", 0) as second, my_turn(city_store, "../são/paulo", 0) as elsewhere:
            assert (second, elsewhere) == (False, True)
        assert follow(city_store, search, "smalltown", wait_s=0).left == 1
        with pytest.raises(NotNow, match="Another process is indexing smalltown"):
            reindex(city_store, search, "smalltown", None, Rebuild(wait_s=0))
    assert follow(city_store, search, "smalltown").left == 0


def test_a_reindex_makes_wrong_documents_right_and_tells_how_far_it_is(
    city_store: Store, search: SqliteSearch, file: Path
) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE search_documents SET title = 'Wrong', digest = x'00' WHERE kind = 'requests'")
    connection.close()
    told: list[tuple[str, int, int]] = []
    report = reindex(
        city_store, search, "smalltown", None, Rebuild(("requests",), lambda *progress: told.append(progress))
    )
    assert report.changed == {"requests": 12}
    assert told == [("requests", 0, 12), ("requests", 12, 12)]
    assert "Wrong" not in {row[2] for row in content(file)[0]}  # type: ignore[index]


def test_a_server_follows_by_itself_and_goes_on_after_a_fault(store: Store, tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "search.db", "smalltown")
    index_city(store, search, "smalltown", None)
    looks = 0
    seen = threading.Event()

    def look() -> Followed:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise NotNow("the disk is full")
        found = follow(store, search, "smalltown")
        if found.changed:
            seen.set()
        return found

    follower = Follower(look, every_s=0.01)
    follower.start()
    change(store, "R1004", "Zebra crossing blocked")
    assert seen.wait(10)
    follower.close()
    assert ids(search, "zebra") == {"requests/R1004"}
    with store.read() as session:
        assert waiting(session, "smalltown").changes == 0
    search.close()
