"""Vectors that were made once are kept in a file: embedding a collection takes minutes, comparing it milliseconds."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.ports import Embedder
from evals.progress import say

__all__ = ["KeptEmbedder"]

Floats = npt.NDArray[np.float32]
SAID_EVERY = 512  # texts


class KeptEmbedder:
    """An embedder that looks into `folder` first; one file for each model, a row for each text's SHA-256.

    A run that was cut off goes on where it was. Not for many threads.
    """

    def __init__(self, embedder: Embedder, folder: Path) -> None:
        self.name, self.dimensions = embedder.name, embedder.dimensions
        self.made = 0
        self._embedder = embedder
        folder.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(folder / f"vectors-{embedder.name}-{embedder.dimensions}.db", isolation_level=None)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape (len(texts), dimensions)."""
        keys = [hashlib.sha256(text.encode("utf-8", "replace")).digest() for text in texts]
        kept = {key: vector for key in keys if (vector := self._kept(key)) is not None}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in kept}
        if missing:
            made = self._embedder.embed([*missing.values()]).astype("<f4")
            kept |= dict(zip(missing, made, strict=True))
            self._file.execute("BEGIN")
            rows = [(key, kept[key].tobytes()) for key in missing]
            self._file.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
            self._file.execute("COMMIT")
            self._count(len(missing))
        return np.array([kept[key] for key in keys], dtype=np.float32).reshape(len(keys), self.dimensions)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _kept(self, key: bytes) -> Floats | None:
        found = self._file.execute("SELECT vector FROM vectors WHERE text = ?", (key,)).fetchone()
        return np.frombuffer(found[0], dtype="<f4") if found else None

    def _count(self, made: int) -> None:
        before, self.made = self.made, self.made + made
        if before // SAID_EVERY != self.made // SAID_EVERY:
            say(f"{self.made} texts embedded with {self.name}")
