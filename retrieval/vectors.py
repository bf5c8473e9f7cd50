"""The vectors of a search file: written once, and held in memory for exact scoring."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.ports import Embedder

__all__ = ["Nearness", "VectorCache", "Vectors", "forget_vectors", "kept_model", "model_fault", "write_vectors"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
TELLING_DECIMALS = 6
SORTED_FIRST = 2_000  # texts: more than a search looks at, unless its limits leave out most
MODEL, FORGOTTEN = "vectors_by", "vectors_forgotten"


@dataclass(frozen=True)
class Vectors:
    """Unit vectors by text number: `numbers` of shape (n,), ascending within `matrix` of shape (n, dimensions)."""

    numbers: Numbers
    matrix: Floats

    def compared(self, query: Floats, among: Numbers | None = None) -> Nearness:
        """The cosines with `query` of all texts, or of those `among` (ascending) that have a vector."""
        numbers, matrix = self.numbers, self.matrix
        if among is not None:
            places = np.searchsorted(numbers, among)
            held = places[(places < len(numbers)) & (numbers.take(places, mode="clip") == among)]
            numbers, matrix = numbers[held], matrix[held]
        return Nearness(numbers, (matrix @ query).astype(np.float64).round(TELLING_DECIMALS))


@dataclass(frozen=True)
class Nearness:
    """Cosines of texts with a question, in order of the texts' numbers; two arrays of shape (n,).

    They are rounded to what float32 can tell, so that equals stay equals on every machine.
    """

    numbers: Numbers
    cosines: npt.NDArray[np.float64]

    def of(self, texts: Numbers) -> list[float | None]:
        """The cosine of each text; None for one that was not compared."""
        if not len(self.numbers):
            return [None] * len(texts)
        places = np.searchsorted(self.numbers, texts).clip(max=len(self.numbers) - 1)
        found = zip((self.numbers[places] == texts).tolist(), self.cosines[places].tolist(), strict=True)
        return [cosine if there else None for there, cosine in found]

    def nearest_first(self) -> Iterator[tuple[int, float]]:
        """Texts and their cosines; those of one cosine by number. Sorts the rest only when somebody comes so far."""
        first = np.arange(len(self.cosines))
        if len(first) > SORTED_FIRST:
            first = np.argpartition(-self.cosines, SORTED_FIRST)[:SORTED_FIRST]
        yield from self._sorted(first)
        yield from self._sorted(np.setdiff1d(np.arange(len(self.cosines)), first))

    def at_least(self, floor: float) -> list[int]:
        """The texts that reach a cosine."""
        found: list[int] = self.numbers[self.cosines >= floor].tolist()
        return found

    def _sorted(self, places: npt.NDArray[np.intp]) -> Iterator[tuple[int, float]]:
        order = places[np.lexsort((self.numbers[places], -self.cosines[places]))]
        yield from zip(self.numbers[order].tolist(), self.cosines[order].tolist(), strict=True)


class VectorCache:
    """The vectors in memory, brought up to date by what was added since the last look. Safe for many threads."""

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._reset((None, None))

    def _reset(self, edition: tuple[str | None, str | None]) -> None:
        self._edition, self._last = edition, 0
        self._vectors = Vectors(np.zeros(0, dtype=np.int64), np.zeros((0, self._dimensions), dtype=np.float32))

    def current(self, connection: sqlite3.Connection) -> Vectors:
        """What the file holds now."""
        with self._lock:
            edition = (_note(connection, MODEL), _note(connection, FORGOTTEN))
            if edition != self._edition:
                self._reset(edition)
            rows = connection.execute(
                "SELECT turn, text, vector FROM search_vectors WHERE turn > ? ORDER BY turn", (self._last,)
            ).fetchall()
            if rows:
                self._add(rows)
            return self._vectors

    def _add(self, rows: Sequence[tuple[int, int, bytes]]) -> None:
        numbers = np.concatenate([self._vectors.numbers, np.array([row[1] for row in rows], dtype=np.int64)])
        new = np.frombuffer(b"".join(row[2] for row in rows), dtype="<f4").reshape(len(rows), -1)
        matrix = np.concatenate([self._vectors.matrix, new])
        order = np.argsort(numbers, kind="stable")
        self._vectors = Vectors(numbers[order], np.ascontiguousarray(matrix[order], dtype=np.float32))
        self._last = rows[-1][0]


def kept_model(connection: sqlite3.Connection) -> str | None:
    """The model whose vectors the file holds, with their width; None when it holds none."""
    return _note(connection, MODEL)


def model_fault(connection: sqlite3.Connection, embedder: Embedder) -> str | None:
    """Why the file's vectors cannot be compared with the embedder's, and what to do; None when they can."""
    kept = kept_model(connection)
    if kept is None or kept == _named(embedder):
        return None
    return (
        f"the search index holds meanings by {kept} and this program reads meanings by {_named(embedder)}; "
        "load the city again to rebuild them: roundsman load CITY_FOLDER"
    )


def write_vectors(connection: sqlite3.Connection, embedder: Embedder, numbers: Sequence[int], vectors: Floats) -> None:
    """Keep the vectors of texts. Raises BadData when the file holds another model's, or the width is wrong."""
    fault = model_fault(connection, embedder)
    if fault:
        raise BadData(f"Vectors refused: {fault}.")
    if vectors.shape != (len(numbers), embedder.dimensions):
        raise BadData(
            f"{embedder.name} gave vectors of shape {vectors.shape}, not {len(numbers), embedder.dimensions}."
        )
    connection.execute("INSERT OR IGNORE INTO search_notes VALUES (?, ?)", (MODEL, _named(embedder)))
    rows = [(number, vector.astype("<f4").tobytes()) for number, vector in zip(numbers, vectors, strict=True)]
    connection.executemany(
        "INSERT INTO search_vectors (text, vector) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM search_texts"
        " WHERE number = ?1) ON CONFLICT (text) DO NOTHING",
        rows,
    )


def forget_vectors(connection: sqlite3.Connection) -> None:
    """Remove all vectors and the name of their model; whoever holds them in memory sees it by a count."""
    times = int(_note(connection, FORGOTTEN) or 0) + 1
    connection.execute("DELETE FROM search_vectors")
    connection.execute("DELETE FROM search_notes WHERE name = ?", (MODEL,))
    connection.execute("INSERT OR REPLACE INTO search_notes VALUES (?, ?)", (FORGOTTEN, str(times)))


def _note(connection: sqlite3.Connection, name: str) -> str | None:
    found = connection.execute("SELECT value FROM search_notes WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else None


def _named(embedder: Embedder) -> str:
    return f"{embedder.name} ({embedder.dimensions} numbers)"
