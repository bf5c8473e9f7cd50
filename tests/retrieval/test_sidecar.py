"""The approximate index beside the file: read again, made again when anything is odd, never trusted blindly."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedders import ConceptEmbedder

from retrieval import sidecar
from retrieval.planner import Plan, Planner
from retrieval.sidecar import Sidecar
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document, SearchRequest
from retrieval.vectors import Vectors

pytest.importorskip("usearch", reason="the approximate index is an extra: pip install roundsman[large]")


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sidecar, "FROM", 50)


def some(count: int, edition: str = "one", seed: int = 0) -> Vectors:
    """Unit vectors of even text numbers."""
    raw = np.random.default_rng(seed).normal(size=(count, 32)).astype(np.float32)
    return Vectors(np.arange(count) * 2, raw / np.linalg.norm(raw, axis=1, keepdims=True), None, edition)


def nearest(made: Sidecar, vectors: Vectors, row: int) -> list[int]:
    """The three texts nearest to the text of a row."""
    index = made.knowing(vectors)
    assert index is not None
    return index.nearest(vectors.matrix[row], 3).tolist()


def test_it_finds_nearly_what_comparing_all_finds(tmp_path: Path) -> None:
    vectors, made = some(2_000), Sidecar(tmp_path / "i")
    made.make(vectors)
    index, hits = made.knowing(vectors), 0
    assert index is not None
    queries = some(50, seed=9).matrix
    for query in queries:
        truth = vectors.numbers[np.argsort(-(vectors.matrix @ query))[:10]]
        hits += len({*truth.tolist()} & {*index.nearest(query, 10).tolist()})
    assert hits / 500 > 0.95


def test_it_knows_nothing_before_it_is_made_and_nothing_of_vectors_that_came_later(tmp_path: Path) -> None:
    made, few, more = Sidecar(tmp_path / "i"), some(60), some(80)
    assert made.knowing(few) is None
    made.make(few)
    assert made.knowing(more) is None
    made.make(more)
    assert nearest(made, more, 79)[0] == 158


def test_another_process_reads_the_file_and_adds_only_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Sidecar(tmp_path / "i").make(some(100))
    added: list[int] = []
    add = sidecar._add
    monkeypatch.setattr(sidecar, "_add", lambda index, *rest: added.append(len(index)) or add(index, *rest))
    again = Sidecar(tmp_path / "i")
    again.make(some(120))
    assert added == [100]
    assert nearest(again, again._ready[0], 119)[0] == 238  # type: ignore[index]


@pytest.mark.parametrize("fault", ["bytes", "cut", "label", "no label", "model", "links"])
def test_a_file_about_which_anything_is_odd_is_made_again(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "i"
    Sidecar(path).make(some(100, seed=1))
    label = tmp_path / "i.json"
    if fault == "bytes":
        path.write_bytes(path.read_bytes()[:-9] + b"tampered!")
    elif fault == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif fault == "label":
        label.write_text(json.dumps({"edition": "one"}), encoding="utf-8")
    elif fault == "links":
        label.write_text(json.dumps(json.loads(label.read_text("utf-8")) | {"neighbours": 16}), encoding="utf-8")
    elif fault == "no label":
        label.unlink()
    vectors = some(100, "two" if fault == "model" else "one", seed=2)  # others than those in the file
    again = Sidecar(path)
    again.make(vectors)
    assert [nearest(again, vectors, row)[0] for row in range(100)] == vectors.numbers.tolist()
    third = Sidecar(path)
    third.make(vectors)
    assert nearest(third, vectors, 5)[0] == 10


def test_making_it_can_be_stopped_and_goes_on_later(tmp_path: Path) -> None:
    stop, made, vectors = threading.Event(), Sidecar(tmp_path / "i"), some(90)
    stop.set()
    made.make(vectors, stop)
    assert made.knowing(vectors) is None
    made.make(vectors)
    assert nearest(made, vectors, 3)[0] == 6


def test_an_index_of_mostly_forgotten_texts_is_made_again(tmp_path: Path) -> None:
    made = Sidecar(tmp_path / "i")
    made.make(some(200))
    left = some(60)
    made.make(left)
    assert {*nearest(made, left, 3)} <= {*left.numbers.tolist()}


def test_a_text_that_is_gone_is_taken_out_of_the_index_and_of_its_file(tmp_path: Path) -> None:
    made, vectors = Sidecar(tmp_path / "i"), some(200)
    made.make(vectors)
    without = np.arange(200) != 77
    left = Vectors(vectors.numbers[without], vectors.matrix[without], None, "one")
    made.make(left)
    again = Sidecar(tmp_path / "i")
    again.make(left)
    for each in (made, again):
        index = each.knowing(left)
        assert index is not None
        assert len(index._index) == 199
        assert 154 not in index.nearest(vectors.matrix[77], 50).tolist()


@pytest.fixture
def search(tmp_path: Path) -> SqliteSearch:
    """A hundred and twenty documents of different words."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    made.upsert([Document(f"r/{n}", "requests", f"word{n} at gate{n % 9}", "", "r") for n in range(120)])
    assert made.embed_pending(60) == 0
    return made


def test_a_search_uses_it_once_it_is_ready_and_finds_the_same(search: SqliteSearch, tmp_path: Path) -> None:
    asked = SearchRequest("word7 at gate7", k=5)
    exact = search.search(asked)
    assert exact.plan in {Plan.LIMITS_FIRST, Plan.ALL_MEANINGS}
    search.prepare()
    assert (tmp_path / "search.db.usearch").is_file()
    search.planner = Planner(only=Plan.MEANING_FIRST)
    near = search.search(asked)
    assert near.plan == Plan.MEANING_FIRST
    assert near.hits[0].document.id == exact.hits[0].document.id == "r/7"
    assert near.hits[0].score == exact.hits[0].score
    search.close()


def test_where_every_hit_is_counted_it_takes_no_part(search: SqliteSearch) -> None:
    search.prepare()
    search.planner = Planner(only=Plan.MEANING_FIRST)
    assert search.search(SearchRequest("word7", floor=0.3)).plan != Plan.MEANING_FIRST
    search.close()


def test_what_was_added_since_is_found_at_once_and_the_index_follows(search: SqliteSearch) -> None:
    search.prepare()
    search.upsert([Document("r/new", "requests", "hippopotamus", "", "r")])
    search.embed_pending(10)
    search.planner = Planner(only=Plan.MEANING_FIRST)
    asked = SearchRequest("hippopotamus", k=1, alpha=1)
    found = search.search(asked)
    assert (found.hits[0].document.id, found.plan != Plan.MEANING_FIRST) == ("r/new", True)
    assert search._making is not None
    search._making.join()
    found = search.search(asked)
    assert (found.hits[0].document.id, found.plan) == ("r/new", Plan.MEANING_FIRST)
    search.close()


def test_a_search_that_counts_every_hit_does_not_make_an_index(search: SqliteSearch, tmp_path: Path) -> None:
    assert search.search(SearchRequest("word7", floor=0.3)).hits
    assert search._making is None
    assert search.search(SearchRequest("word7")).hits
    assert search._making is not None
    search._making.join()
    assert (tmp_path / "search.db.usearch").is_file()
    search.close()


def test_what_is_purged_is_in_no_index_file_and_in_no_vectors_in_memory(search: SqliteSearch, tmp_path: Path) -> None:
    other = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    for each in (search, other):
        each.prepare()
    search.delete(["r/7"])
    assert search.purge()
    assert not list(tmp_path.glob("search.db.usearch*"))
    for each in (search, other):
        assert each.search(SearchRequest("word7 at gate7", floor=0.9)).degraded == ()
        assert len(each._vectors._vectors.numbers) == 119
        each.prepare()
        index = each._sidecar.knowing(each._vectors._vectors)
        assert index is not None
        assert len(index._index) == 119
    for each in (search, other):
        each.close()


def test_an_index_that_was_being_made_while_a_text_was_purged_leaves_no_file(
    search: SqliteSearch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = sidecar._add
    other = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    for purging in (search, other):  # in this process, and in another
        purged = purging

        def meanwhile(*given: Any, purged: SqliteSearch = purged) -> bool:
            added = add(*given)
            purged.delete(["r/7"])
            assert purged.purge()
            return added

        monkeypatch.setattr(sidecar, "_add", meanwhile)
        search.prepare()
        assert not list(tmp_path.glob("search.db.usearch*"))
    for each in (search, other):
        each.close()
