"""A server's index keeps itself: it follows, looks for patterns once, and lets go of everything at its end."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from embedders import ConceptEmbedder
from sqlalchemy import select, update

import retrieval.keeping
import retrieval.postings
import retrieval.tables
from domain.errors import NotNow
from domain.records import Request, Site
from domain.repositories.outbox import ask_purge
from domain.store import Store
from retrieval.keeping import IndexKeeper
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, RetrievalStore, SearchRequest
from retrieval.writing import noted_purge

FINDING = Document("patterns/1", "patterns", "Waste fills faster on Thursdays", "Twice as fast.", "patterns:1")


def find_one(store: Store, search: RetrievalStore, city: str) -> int:
    """A finding, whatever the records say."""
    return search.replace("patterns", [FINDING], "found")


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SqliteSearch]:
    """A search file of its own; the keeper closes it."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    yield made
    made.close()


def until(true: object) -> bool:
    """Whether it becomes true within ten seconds."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        if true():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def held(file: Path) -> bytes:
    """All that the file and its log hold."""
    log = file.with_name(file.name + "-wal")
    return file.read_bytes() + (log.read_bytes() if log.exists() else b"")


def found(search: SqliteSearch, text: str) -> list[str]:
    return [hit.document.title for hit in search.search(SearchRequest(text, floor=1, alpha=0)).hits]


def test_a_server_follows_and_looks_for_patterns(store: Store, search: SqliteSearch, small_city_folder: Path) -> None:
    keeper = IndexKeeper(store, search, "smalltown", small_city_folder, find_one)
    keeper.start(following=True, patterns_after_s=0.05)
    assert until(lambda: found(search, "faster Thursdays") == [FINDING.title])
    with store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="City Hall"))
    assert until(lambda: "City Hall" in found(search, "City Hall"))
    keeper.close()
    assert not {"following", "patterns", "embedding"} & {thread.name for thread in threading.enumerate()}


def test_a_server_that_ends_early_does_not_look_for_patterns(store: Store, search: SqliteSearch) -> None:
    keeper = IndexKeeper(store, search, "smalltown", None, find_one)
    keeper.start(following=True, patterns_after_s=60)
    began = time.monotonic()
    keeper.close()
    assert time.monotonic() - began < 5
    assert search.health().documents.get("patterns") is None


def test_a_fault_in_looking_for_patterns_is_told_and_following_goes_on(
    store: Store, search: SqliteSearch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(store: Store, search: RetrievalStore, city: str) -> int:
        raise NotNow("the disk is full")

    keeper = IndexKeeper(store, search, "smalltown", None, fail)
    with caplog.at_level(logging.WARNING):
        keeper.start(following=True, patterns_after_s=0)
        assert until(lambda: "the disk is full" in caplog.text)
    with store.write() as session:
        session.execute(update(Site).where(Site.site_id == "town-hall").values(name="City Hall"))
    assert until(lambda: "City Hall" in found(search, "City Hall"))
    keeper.close()


def test_a_server_reads_frequent_words_before_the_first_question(
    store: Store, search: SqliteSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval.postings, "FREQUENT", 1)
    keeper = IndexKeeper(store, search, "smalltown", None)
    keeper.start(following=True)
    assert until(lambda: "warming" not in {thread.name for thread in threading.enumerate()})
    expected = found(search, "Town Hall")
    with sqlite3.connect(tmp_path / "search.db") as connection:
        connection.execute("DELETE FROM search_words_1")
    connection.close()
    assert found(search, "town hall") == expected != []
    keeper.close()


def test_a_purge_that_had_to_wait_is_made_up_for_while_a_server_runs(
    store: Store, search: SqliteSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval.keeping, "REPEAT_S", 0.05)
    keeper = IndexKeeper(store, search, "smalltown", None)
    keeper.start(following=True)
    assert search._background.wait(10)
    terminal = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    terminal.upsert([Document("requests/9", "requests", "zzyzx", "", "r")])
    assert terminal.embed_pending(5) == 0
    with terminal._connections.read() as reading:
        reading.execute("SELECT count(*) FROM search_documents")
        terminal.delete(["requests/9"])
        assert not terminal.purge()
    terminal.close()
    log = tmp_path / "search.db-wal"
    assert until(lambda: not log.exists() or b"zzyzx" not in log.read_bytes())
    assert b"zzyzx" not in (tmp_path / "search.db").read_bytes()
    keeper.close()


def test_an_erasure_whose_purge_met_a_writer_is_made_up_for_by_another_process(
    city_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retrieval.keeping, "REPEAT_S", 0.05)
    monkeypatch.setattr(retrieval.tables, "LOCK_S", 0.2)
    file = tmp_path / "search.db"
    terminal = IndexKeeper(city_store, SqliteSearch(file, "smalltown"), "smalltown", None)
    with city_store.write() as session:
        chosen = session.scalars(select(Request.request_id).where(Request.city == "smalltown")).first()
        session.execute(update(Request).where(Request.request_id == chosen).values(title="zzyzx"))
    terminal.start(following=False)
    assert b"zzyzx" in held(file)
    with city_store.write() as session:
        session.execute(update(Request).where(Request.request_id == chosen).values(title="erased"))
        ask_purge(session, "smalltown")
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with pytest.raises(NotNow):
            terminal.forget()
    terminal.close()
    server = IndexKeeper(city_store, SqliteSearch(file, "smalltown"), "smalltown", None)
    server.start(following=True)
    assert until(lambda: b"zzyzx" not in held(file))
    server.close()


def test_a_purge_is_noted_also_when_following_has_to_wait(
    store: Store, search: SqliteSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wait(*given: object, **more: object) -> None:
        raise NotNow("somebody writes")

    keeper = IndexKeeper(store, search, "smalltown", None)
    search.upsert([FINDING])
    monkeypatch.setattr(retrieval.keeping, "follow", wait)
    with search._connections.read() as reading:
        reading.execute("SELECT count(*) FROM search_documents")
        with pytest.raises(NotNow, match="somebody writes"):
            keeper.forget()
    with search._connections.read() as connection:
        assert noted_purge(connection) is not None


def test_a_reindex_finds_the_patterns_again_when_it_is_asked_to(store: Store, search: SqliteSearch) -> None:
    keeper = IndexKeeper(store, search, "smalltown", None, find_one)
    keeper.start(following=False)
    assert keeper.reindex(["bins"]).changed == {"bins": 0}
    assert keeper.reindex(["patterns"]).changed == {"patterns": 1}
    assert keeper.reindex().changed["patterns"] == 0
    assert search.health().texts == search.health().embedded


def test_a_page_that_cannot_be_read_is_told_at_the_start(
    store: Store, search: SqliteSearch, small_city_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (small_city_folder / "permits").mkdir()
    (small_city_folder / "permits" / "cut.pdf").write_bytes(b"%PDF-1.7")
    with caplog.at_level(logging.WARNING):
        IndexKeeper(store, search, "smalltown", small_city_folder).start(following=False)
    assert "permits/cut.pdf cannot be read" in caplog.text
