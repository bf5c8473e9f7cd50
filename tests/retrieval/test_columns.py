"""Columns in memory follow the file: what is read bit by bit is what is read at once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval import columns
from retrieval.columns import ColumnCache, Columns
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, SearchRequest
from retrieval.tables import Connections

SITES = ["north", "south", "east", None]
CHANGES = st.lists(st.tuples(st.integers(0, 40), st.booleans(), st.integers(0, 3), st.integers(0, 5)), max_size=6)


def document(number: int, site: int, text: int) -> Document:
    """One of forty, in one of many states."""
    fields = {"site_id": SITES[site] or "", "area": f"area {text}"} if SITES[site] else {}
    return Document(f"d{number}", "bins" if text % 2 else "requests", "t", f"text {text}", "r", fields=fields)


def told(each: Columns) -> list[tuple[Any, ...]]:
    """The documents as the columns tell them, codes by their names."""
    names = [{code: name for name, code in codes.items()} for codes in (each.site_codes, each.area_codes)]
    sites, areas = ([names[n].get(code) for code in codes.tolist()] for n, codes in enumerate((each.sites, each.areas)))
    places = np.nan_to_num(each.points).tolist()
    columns_ = (each.rows, each.texts, each.kinds)
    return list(zip(*(c.tolist() for c in columns_), each.ids, sites, areas, places, strict=True))


def current(cache: ColumnCache, path: Path) -> Columns:
    with Connections(path).read() as connection:
        return cache.current(connection, 1)


@given(rounds=st.lists(CHANGES, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_columns_that_follow_are_the_columns_read_anew(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[list[tuple[int, bool, int, int]]]
) -> None:
    path = tmp_path_factory.mktemp("columns") / "search.db"
    search, following = SqliteSearch(path, "smalltown"), ColumnCache()
    search.upsert([document(n, n % 4, n % 6) for n in range(20, 40)])
    current(following, path)
    for changes in rounds:
        for number, removed, site, text in changes:
            if removed:
                search.delete([f"d{number}"])
            else:
                search.upsert([document(number, site, text)])
        followed, anew = current(following, path), current(ColumnCache(), path)
        assert told(followed) == told(anew)
        mask = np.ones(len(anew.rows), dtype=np.bool_)
        texts = np.unique(anew.texts)
        assert list(followed.newest_of_texts(texts, mask, 9)) == list(anew.newest_of_texts(texts, mask, 9))
    search.close()


def test_a_small_change_reads_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search, following = SqliteSearch(tmp_path / "s.db", "smalltown"), ColumnCache()
    search.upsert([document(n, 0, n) for n in range(30)])
    assert len(current(following, tmp_path / "s.db").rows) == 30
    read = columns._read
    sizes: list[int] = []

    def counted(*asked: Any, **more: Any) -> Columns:
        found = read(*asked, **more)
        sizes.append(len(found.rows))
        return found

    monkeypatch.setattr(columns, "_read", counted)
    search.upsert([document(3, 1, 1), document(90, 2, 2)])
    assert len(current(following, tmp_path / "s.db").rows) == 31
    assert sizes == [2]
    search.delete([f"d{n}" for n in range(20)])
    assert len(current(following, tmp_path / "s.db").rows) == 11
    search.close()


def test_a_city_that_lost_everything_is_empty(tmp_path: Path) -> None:
    search, following = SqliteSearch(tmp_path / "s.db", "smalltown"), ColumnCache()
    search.upsert([document(1, 1, 1)])
    assert current(following, tmp_path / "s.db").ids
    search.delete(["d1"])
    assert len(current(following, tmp_path / "s.db").rows) == 0
    search.upsert([document(2, 1, 1)])
    assert list(current(following, tmp_path / "s.db").ids) == ["d2"]
    search.close()


def test_a_city_that_was_emptied_twice_is_empty_twice(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "s.db", "smalltown")
    for _ in range(2):
        search.upsert([document(1, 1, 1)])
        search.delete(["d1"])
        assert search.search(SearchRequest("text")).searched == 0
    search.close()


@pytest.mark.parametrize("changed", [39, 25])
def test_a_search_that_began_before_a_write_finds_what_there_was_then(tmp_path: Path, changed: int) -> None:
    search = SqliteSearch(tmp_path / "s.db", "smalltown")
    search.upsert([Document(f"d{n}", "requests", "t", "glass" if n == changed else "paper", "r") for n in range(40)])
    newer = Document(f"d{changed}", "requests", "t", "glass again", "r")
    asked = SearchRequest("glass", alpha=0)
    kept = search._columns
    assert len(search.search(asked).hits) == 1

    class Overtaken(ColumnCache):
        """Columns that another search, of a later moment, brings up to date first."""

        def current(self, connection: sqlite3.Connection, city: int) -> Columns:
            search._columns = kept
            search.upsert([newer])
            assert [hit.document.text for hit in search.search(asked).hits] == ["glass again"]
            return kept.current(connection, city)

    search._columns = Overtaken()
    before = search.search(asked)
    assert [(hit.document.id, hit.document.text) for hit in before.hits] == [(f"d{changed}", "glass")]
    assert before.searched == 40
    assert [hit.document.text for hit in search.search(asked).hits] == ["glass again"]
    search.close()


def test_rows_of_another_moment_are_refused_not_taken_for_others(tmp_path: Path) -> None:
    search = SqliteSearch(tmp_path / "s.db", "smalltown")
    search.upsert([document(n, 0, n) for n in range(5)])
    there = current(ColumnCache(), tmp_path / "s.db")
    assert there.places_of(there.rows[1:3]).tolist() == [1, 2]
    for row in (0, 99):
        with pytest.raises(LookupError, match="another moment"):
            there.places_of(np.array([row]))
    search.close()
