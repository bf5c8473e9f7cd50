"""The vectors of a search file: written once, and held in memory for exact scoring."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.ports import Embedder
from retrieval.quantised import MOST_DIMENSIONS, Codes, empty_codes, quantise

__all__ = [
    "MOST_GONE", "VectorCache", "Vectors", "drop_copies", "fault_between", "forget_vectors", "kept_model",
    "model_fault", "named", "told", "write_vectors",
]  # fmt: skip

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
TELLING_DECIMALS = 6
AT_ONCE = 20_000  # vectors read from the file
CODED_FROM = 20_000  # texts: comparing so many by their true numbers takes two milliseconds
MODEL, FORGOTTEN = "vectors_by", "vectors_forgotten"
MOST_GONE = 0.2  # share of texts in memory, or in an index, that are no longer in the file
Edition = tuple[str | None, str | None]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors by text number: `numbers` of shape (n,), ascending, `matrix` of shape (n, dimensions) beside them.

    `codes` are the same in one byte a number, where there are enough to be worth it. `edition` names the model, and how
    often all was made anew.
    """

    numbers: Numbers
    matrix: Floats
    codes: Codes | None = None
    edition: str = ""

    def rows_of(self, texts: Numbers) -> Numbers:
        """The row of each text, -1 for one without a vector."""
        if not len(self.numbers):
            return np.full(len(texts), -1, dtype=np.int64)
        rows = np.searchsorted(self.numbers, texts)
        rows[self.numbers.take(rows, mode="clip") != texts] = -1
        return rows


def told(cosines: Floats) -> npt.NDArray[np.float64]:
    """Cosines rounded to what float32 can tell, so that equals stay equals on every machine."""
    return cosines.astype(np.float64).round(TELLING_DECIMALS)


class VectorCache:
    """The vectors in memory, brought up to date by what was added since the last look. Safe for many threads.

    What was removed from the file stays until it is a fifth of all, or until `drop_copies`: it is never looked up.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._lock = threading.Lock()
        self._reset((None, None))

    def _reset(self, edition: Edition) -> None:
        self._edition, self._last = edition, 0
        self._numbers = np.zeros(0, dtype=np.int64)
        self._matrix = np.zeros((0, self._dimensions), dtype=np.float32)
        self._codes: Codes | None = None
        self._vectors = Vectors(self._numbers, self._matrix)

    def current(self, connection: sqlite3.Connection) -> Vectors:
        """What the file holds now."""
        with self._lock:
            edition = (_note(connection, MODEL), _note(connection, FORGOTTEN))
            if edition != self._edition:
                self._reset(edition)
            newer = (self._last,)
            if connection.execute("SELECT 1 FROM search_vectors WHERE turn > ? LIMIT 1", newer).fetchone():
                (count,) = connection.execute("SELECT count(*) FROM search_vectors WHERE turn > ?", newer).fetchone()
                (kept,) = connection.execute("SELECT count(*) FROM search_vectors").fetchone()
                if len(self._vectors.numbers) + count > (1 + MOST_GONE) * kept:
                    self._reset(edition)
                    newer, count = (0,), kept
                sql = "SELECT turn, text, vector FROM search_vectors WHERE turn > ? ORDER BY turn"
                self._take_in(connection.execute(sql, newer), count)
            return self._vectors

    def _take_in(self, rows: sqlite3.Cursor, count: int) -> None:
        """Append rows; those who hold the vectors of before keep what they have, for nothing of it is written again."""
        n = before = len(self._vectors.numbers)
        self._make_room(n + count)
        while some := rows.fetchmany(AT_ONCE):
            end = n + len(some)
            self._numbers[n:end] = [row[1] for row in some]
            self._matrix[n:end] = np.frombuffer(b"".join(row[2] for row in some), dtype="<f4").reshape(len(some), -1)
            n, self._last = end, some[-1][0]
        if (np.diff(self._numbers[max(0, before - 1) : n]) < 0).any():
            order = np.argsort(self._numbers[:n], kind="stable")
            self._numbers, self._matrix, self._codes = self._numbers[:n][order], self._matrix[:n][order], None
        numbers, matrix = self._numbers[:n], self._matrix[:n]
        self._vectors = Vectors(numbers, matrix, self._quantised(matrix, before), str(self._edition))

    def _make_room(self, wanted: int) -> None:
        """Grow by half or more, so that many small additions copy little."""
        if wanted <= len(self._numbers):
            return
        size, held = max(wanted, len(self._numbers) * 3 // 2), len(self._vectors.numbers)
        numbers, matrix = np.zeros(size, dtype=np.int64), np.empty((size, self._dimensions), dtype=np.float32)
        numbers[:held], matrix[:held] = self._numbers[:held], self._matrix[:held]
        self._numbers, self._matrix, self._codes = numbers, matrix, None

    def _quantised(self, matrix: Floats, before: int) -> Codes | None:
        """The codes of the vectors, made for those that have none yet."""
        if len(matrix) < CODED_FROM or matrix.shape[1] > MOST_DIMENSIONS:
            return None
        if self._codes is None:
            self._codes, before = empty_codes(len(self._numbers), self._dimensions), 0
        return quantise(matrix, self._codes, before).first(len(matrix))


def kept_model(connection: sqlite3.Connection) -> str | None:
    """The model whose vectors the file holds, with their width; None when it holds none."""
    return _note(connection, MODEL)


def model_fault(connection: sqlite3.Connection, embedder: Embedder) -> str | None:
    """Why the file's vectors cannot be compared with the embedder's, and what to do; None when they can."""
    return fault_between(kept_model(connection), embedder)


def fault_between(kept: str | None, embedder: Embedder) -> str | None:
    """Why vectors of the model that is `kept` cannot be compared with the embedder's, and what to do; None if so."""
    if kept is None or kept == named(embedder):
        return None
    return (
        f"the search index holds meanings by {kept} and this program reads meanings by {named(embedder)}; "
        "rebuild them with this one: roundsman reindex"
    )


def named(embedder: Embedder) -> str:
    """A model with the width of its vectors, as a store remembers whose vectors it keeps."""
    return f"{embedder.name} ({embedder.dimensions} numbers)"


def write_vectors(connection: sqlite3.Connection, embedder: Embedder, numbers: Sequence[int], vectors: Floats) -> None:
    """Keep the vectors of texts. Raises BadData when the file holds another model's, or the width is wrong."""
    fault = model_fault(connection, embedder)
    if fault:
        raise BadData(f"Vectors refused: {fault}.")
    if vectors.shape != (len(numbers), embedder.dimensions):
        raise BadData(
            f"{embedder.name} gave vectors of shape {vectors.shape}, not {len(numbers), embedder.dimensions}."
        )
    connection.execute("INSERT OR IGNORE INTO search_notes VALUES (?, ?)", (MODEL, named(embedder)))
    rows = [(number, vector.astype("<f4").tobytes()) for number, vector in zip(numbers, vectors, strict=True)]
    connection.executemany(
        "INSERT INTO search_vectors (text, vector) SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM search_texts"
        " WHERE number = ?1) ON CONFLICT (text) DO NOTHING",
        rows,
    )


def forget_vectors(connection: sqlite3.Connection) -> None:
    """Remove all vectors and the name of their model."""
    connection.execute("DELETE FROM search_vectors")
    connection.execute("DELETE FROM search_notes WHERE name = ?", (MODEL,))
    drop_copies(connection)


def drop_copies(connection: sqlite3.Connection) -> None:
    """Make whoever holds vectors in memory, or an index of them, begin anew from the file: they see it by a count."""
    times = int(_note(connection, FORGOTTEN) or 0) + 1
    connection.execute("INSERT OR REPLACE INTO search_notes VALUES (?, ?)", (FORGOTTEN, str(times)))


def _note(connection: sqlite3.Connection, name: str) -> str | None:
    found = connection.execute("SELECT value FROM search_notes WHERE name = ?", (name,)).fetchone()
    return str(found[0]) if found else None
