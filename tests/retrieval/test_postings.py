"""Words in memory: read ahead within a bound, and the same as the index would say."""

from __future__ import annotations

import gc
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import pytest
from embedders import ConceptEmbedder

import retrieval.postings
from retrieval.columns import ColumnCache
from retrieval.postings import Postings
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, SearchRequest


@pytest.fixture
def search(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SqliteSearch]:
    """Forty documents: all are overflowing, half smell, one hums; ten of a kind are frequent."""
    monkeypatch.setattr(retrieval.postings, "FREQUENT", 10)
    made = SqliteSearch(tmp_path / "search.db", "smalltown")
    texts = [f"overflowing{' and smelly' * (n % 2)}{' humming' * (n == 7)}" for n in range(40)]
    made.upsert([Document(f"r/{n}", "requests", f"Request {n}", text, "r") for n, text in enumerate(texts)])
    yield made
    made.close()


def count(search: SqliteSearch, text: str) -> int:
    """How many documents hold any of the words."""
    return search.search(SearchRequest(text, floor=1)).matching


def forget_words(file: Path) -> None:
    """Empty the full-text index behind the search's back."""
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM search_words_1")
    connection.close()


def test_words_that_many_documents_hold_are_in_memory_before_anybody_asks(search: SqliteSearch, tmp_path: Path) -> None:
    search.warm()
    forget_words(tmp_path / "search.db")
    assert (count(search, "overflows"), count(search, "smelly"), count(search, "hums")) == (40, 20, 0)
    cold = SqliteSearch(tmp_path / "search.db", "smalltown")
    assert count(cold, "overflows") == 0
    cold.close()


def test_no_more_is_read_ahead_than_there_is_room_for(search: SqliteSearch) -> None:
    with search._connections.read() as connection:
        columns = ColumnCache().current(connection, 1)
        room = [
            Postings().read_ahead(connection, 1, columns, threading.Event(), most) for most in (39, 40, 79, 80, 100)
        ]
    assert room == [0, 1, 1, 2, 3]  # overflow and request in all forty, smelly in twenty


def test_reading_ahead_ends_when_the_search_is_closed(search: SqliteSearch) -> None:
    closed = threading.Event()
    closed.set()
    with search._connections.read() as connection:
        assert Postings().read_ahead(connection, 1, ColumnCache().current(connection, 1), closed) == 0


def test_a_search_where_nothing_was_indexed_is_warmed_without_a_fault(tmp_path: Path) -> None:
    empty = SqliteSearch(tmp_path / "empty.db", "smalltown")
    empty.warm()
    empty.close()


def test_a_search_without_a_model_is_warmed_though_the_file_holds_vectors(tmp_path: Path) -> None:
    with_model = SqliteSearch(tmp_path / "both.db", "smalltown", ConceptEmbedder())
    with_model.upsert([Document("r/1", "requests", "rats", "", "r")])
    assert with_model.embed_pending(5) == 0
    without = SqliteSearch(tmp_path / "both.db", "smalltown")
    without.warm()
    assert count(without, "rats") == 1
    for each in (with_model, without):
        each.close()


def test_words_of_documents_that_have_changed_are_let_go(search: SqliteSearch) -> None:
    search.warm()
    with search._connections.read() as connection:
        old = weakref.ref(search._columns.current(connection, 1))
    search.upsert([Document("r/new", "requests", "Request", "a heron", "r")])
    assert count(search, "heron") == 1
    gc.collect()
    assert old() is None
    assert count(search, "smelly") == 20


def test_a_reader_of_an_older_moment_neither_empties_nor_fills_what_is_kept(
    search: SqliteSearch, tmp_path: Path
) -> None:
    with search._connections.read() as before:
        old = ColumnCache().current(before, 1)
        postings = Postings()
        search.upsert([Document("r/new", "requests", "Request", "smelly heron", "r")])
        with search._connections.read() as after:
            new = ColumnCache().current(after, 1)
            assert len(postings.holding(after, 1, new, ("smelli",), new.everything).places) == 21
        assert len(postings.holding(before, 1, old, ("smelli",), old.everything).places) == 20
    forget_words(tmp_path / "search.db")
    with search._connections.read() as later:
        assert len(postings.holding(later, 1, new, ("smelli",), new.everything).places) == 21


def test_machine_code_adds_words_up_as_numpy_does(search: SqliteSearch, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("overflow", "smelli", "hum")
    with search._connections.read() as connection:
        columns, postings = ColumnCache().current(connection, 1), Postings()
        for within in (columns.everything, columns.everything[::3], columns.everything[5:6]):
            told = []
            for least in (10**9, 0):
                monkeypatch.setattr(retrieval.postings, "COMPILED_FROM", least)
                held = postings.holding(connection, 1, columns, words, within)
                told.append([each.tolist() for each in (held.places, held.scores, held.words)])
            assert told[0] == told[1]
            assert told[0][0] == within.tolist()
