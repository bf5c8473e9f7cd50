"""Vectors in memory are those of the file, each text once, compared exactly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from embedders import ConceptEmbedder

from domain.errors import BadData
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Document
from retrieval.tables import Connections
from retrieval.vectors import SORTED_FIRST, Nearness, VectorCache, write_vectors

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


def test_the_nearest_come_first_and_every_text_once_however_many_there_are() -> None:
    chance = np.random.default_rng(5)
    for size in (0, 1, SORTED_FIRST, SORTED_FIRST + 1, 3 * SORTED_FIRST):
        cosines = chance.integers(-1_000, 1_000, size) / 1_000  # many equals
        nearness = Nearness(np.arange(size) * 2, cosines)
        found = list(nearness.nearest_first())
        assert sorted(number for number, _ in found) == nearness.numbers.tolist()
        assert [cosine for _, cosine in found] == sorted(cosines.tolist(), reverse=True)
    assert nearness.of(np.array([0, 1, 4])) == [cosines[0], None, cosines[2]]
