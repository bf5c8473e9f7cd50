"""Vectors in memory are those of the file, each text once, compared exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder

from domain.errors import BadData
from retrieval import vectors
from retrieval.quantised import quantise
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document
from retrieval.tables import Connections
from retrieval.vectors import VectorCache, write_vectors

DIMENSIONS = ConceptEmbedder.dimensions


@pytest.fixture
def file(tmp_path: Path) -> Connections:
    """A file with ten texts and their vectors."""
    search = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    search.upsert([Document(str(n), "requests", f"text {n}", "", "r") for n in range(10)])
    search.embed_pending(10)
    search.close()
    return Connections(tmp_path / "search.db")


def numbers(cache: VectorCache, file: Connections) -> list[int]:
    with file.read() as connection:
        return cache.current(connection).numbers.tolist()


def test_new_vectors_are_added_to_those_in_memory(file: Connections) -> None:
    cache = VectorCache(DIMENSIONS)
    assert len(numbers(cache, file)) == 10
    search = SqliteSearch(file.path, "smalltown", ConceptEmbedder())
    search.upsert([Document("more", "requests", "one more", "", "r")])
    search.embed_pending(10)
    assert numbers(cache, file) == sorted(numbers(VectorCache(DIMENSIONS), file))
    assert len(numbers(cache, file)) == 11


def test_vectors_that_were_forgotten_and_made_again_are_not_there_twice(file: Connections) -> None:
    cache = VectorCache(DIMENSIONS)
    before = numbers(cache, file)
    for name in ("newer", "concepts"):
        search = SqliteSearch(file.path, "smalltown", ConceptEmbedder(name))
        assert search.adopt_model()
        search.embed_pending(10)
        search.close()
    assert numbers(cache, file) == before


def test_vectors_of_another_shape_are_refused(file: Connections) -> None:
    with pytest.raises(BadData, match="gave vectors of shape"), file.write() as connection:
        write_vectors(connection, ConceptEmbedder(), [1, 2], np.zeros((2, 3), dtype=np.float32))


def test_vectors_stand_beside_their_texts_whatever_the_order_they_were_made_in(file: Connections) -> None:
    with file.write() as connection:
        connection.execute("UPDATE search_vectors SET turn = 100 - turn")
    cache = VectorCache(DIMENSIONS)
    with file.read() as connection:
        found = cache.current(connection)
        said = dict(connection.execute("SELECT number, text FROM search_texts"))
    made = ConceptEmbedder().embed([said[number] for number in found.numbers.tolist()])
    assert (np.diff(found.numbers) > 0).all()
    assert (found.matrix == made).all()


def test_what_somebody_holds_stays_as_it_was_when_vectors_are_added(file: Connections) -> None:
    cache = VectorCache(DIMENSIONS)
    with file.read() as connection:
        before = cache.current(connection)
    kept = before.matrix.copy()
    search = SqliteSearch(file.path, "smalltown", ConceptEmbedder())
    for turn in range(3):
        search.upsert([Document(f"more {turn}", "requests", f"one more {turn}", "", "r")])
        search.embed_pending(10)
        assert len(numbers(cache, file)) == 11 + turn
    assert (before.matrix == kept).all()
    search.close()


def test_the_rows_of_texts_are_told_and_of_a_text_without_a_vector_that_there_is_none(file: Connections) -> None:
    with file.read() as connection:
        found = VectorCache(DIMENSIONS).current(connection)
    texts = np.array([found.numbers[-1], 999_999, found.numbers[0], 0])
    assert found.rows_of(texts).tolist() == [9, -1, 0, -1]
    empty = VectorCache(DIMENSIONS)._vectors
    assert empty.rows_of(texts).tolist() == [-1] * 4


def test_codes_made_bit_by_bit_are_those_of_the_whole(file: Connections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CODED_FROM", 11)
    cache = VectorCache(DIMENSIONS)
    search = SqliteSearch(file.path, "smalltown", ConceptEmbedder())
    for turn in range(4):
        with file.read() as connection:
            found = cache.current(connection)
        assert (found.codes is None) == (len(found.numbers) < 11)
        if found.codes:
            assert (found.codes.numbers == quantise(found.matrix).numbers).all()
        search.upsert([Document(f"more {turn}", "requests", f"one more {turn}", "", "r")])
        search.embed_pending(10)
    search.close()


def test_vectors_of_texts_that_are_gone_leave_the_memory_before_they_are_many(file: Connections) -> None:
    cache, search = VectorCache(DIMENSIONS), SqliteSearch(file.path, "smalltown", ConceptEmbedder())
    numbers(cache, file)
    for turn in range(40):
        search.upsert([Document("0", "requests", f"turn {turn}", "", "r")])
        search.embed_pending(10)
        assert len(numbers(cache, file)) <= 12
    there = numbers(VectorCache(DIMENSIONS), file)
    assert len(there) == 10
    assert {*there} <= {*numbers(cache, file)}
    search.close()
