"""An approximate index beside the search file, for a hundred thousand texts and more: a cache, no truth.

It is a graph of small worlds (Malkov and Yashunin, IEEE TPAMI 42, 2020) by the optional package usearch. Whatever is
odd about its file, another model's vectors, bytes other than those that were written, half a write, it is made again
from the vectors in SQLite; until it knows every vector, searches compare exactly and only their time differs.
"""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from domain.files import file_digest
from retrieval.vectors import MOST_GONE, Vectors

if TYPE_CHECKING:
    from usearch.index import Index

__all__ = ["Sidecar"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
log = logging.getLogger(__name__)
FROM = 100_000  # texts; fewer are compared exactly in the same time
# Of the graph: links of a text, and texts held in sight. With 16 links one in 25 of a million texts was out of reach.
NEIGHBOURS, WHILE_ADDING, WHILE_SEARCHING = 32, 128, 128
LEAST_IN_SIGHT, WIDER = 512, 2
AT_ONCE = 1_000  # texts added before looking whether to stop


@dataclass(frozen=True)
class _Label:
    """What must be true of an index file before it is read."""

    edition: str
    dimensions: int
    neighbours: int
    sha256: str


class Sidecar:
    """The index of one search file. Making this opens nothing; safe for many threads."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._making = threading.Lock()
        self._files = threading.Lock()
        self._removals = 0
        self._ready: tuple[Vectors, _Found] | None = None
        self._index: Index | None = None
        self._edition: str | None = None

    def knowing(self, vectors: Vectors) -> _Found | None:
        """The index, when it knows all of these vectors; None for few of them, without usearch, or while it is made."""
        with self._lock:
            return self._ready[1] if self._ready is not None and self._ready[0] is vectors else None

    @staticmethod
    def wanted(vectors: Vectors) -> bool:
        """Whether there are enough vectors, and usearch is installed."""
        return len(vectors.numbers) >= FROM and find_spec("usearch") is not None

    def make(self, vectors: Vectors, stop: threading.Event | None = None, *, wait: bool = True) -> None:
        """Read the file or begin anew, remove what is gone, add what is missing, write the file, and be ready.

        Without `wait` it is left to another thread that is at it already; it is left as it is when `stop` is set.
        """
        if not self._making.acquire(blocking=wait):
            return
        try:
            removals = self._removals
            if self._index is None or self._edition != vectors.edition:
                self._index, self._edition = self._read(vectors), vectors.edition
            gone = _gone(self._index, vectors)
            if len(gone) > MOST_GONE * len(vectors.numbers):
                self._index = _empty(vectors)
            elif len(gone):
                self._index.remove(gone)
            before = len(self._index)
            if not _add(self._index, vectors, stop):
                return
            if len(gone) or len(self._index) != before:
                self._write(vectors, removals)
            with self._lock:
                self._ready = vectors, _Found(self._index)
        finally:
            self._making.release()

    def remove(self) -> bool:
        """Delete the file, its label, and what is in memory: an erased text's vector must not stay in a copy.

        What is being made just now is not written any more. False when the file cannot be deleted.
        """
        with self._lock:
            self._ready = None
        if self._making.acquire(blocking=False):
            self._index = None
            self._making.release()
        try:
            with self._files:
                self._removals += 1
                for path in (self._label_path, self._new_path, self._path):
                    path.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the approximate index of before cannot be deleted: %s", error)
            return False
        return True

    @property
    def _new_path(self) -> Path:
        return self._path.with_name(self._path.name + ".new")

    @property
    def _label_path(self) -> Path:
        return self._path.with_name(self._path.name + ".json")

    def _label_of(self, vectors: Vectors) -> _Label:
        """The label that fits the file as it is, if it is the index of these vectors."""
        return _Label(vectors.edition, vectors.matrix.shape[1], NEIGHBOURS, file_digest(self._path))

    def _read(self, vectors: Vectors) -> Index:
        """The index of the file, when its label fits; else an empty one."""
        try:
            label = _Label(**json.loads(self._label_path.read_text(encoding="utf-8")))
            fitting = label == self._label_of(vectors)
        except (OSError, ValueError, TypeError):
            fitting = False
        index = _empty(vectors)
        if fitting:
            index.load(self._path)
        elif self._path.exists():
            log.warning("%s is not the index of these vectors; it is made again", self._path)
        return index

    def _write(self, vectors: Vectors, removals: int) -> None:
        """The file first, then its label: whoever is cut off between the two begins anew."""
        assert self._index is not None
        try:
            with self._files:
                if self._removals != removals:
                    return
                self._index.save(self._new_path)
                self._new_path.replace(self._path)
                self._label_path.write_text(json.dumps(asdict(self._label_of(vectors))), encoding="utf-8")
        except (OSError, RuntimeError) as error:  # usearch raises RuntimeError when the disk is full
            log.warning("the approximate index cannot be kept, it will be made again next time: %s", error)


class _Found:
    """An index that is ready."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def nearest(self, query: Floats, count: int) -> Numbers:
        """The numbers of about `count` texts near a question."""
        in_sight = max(LEAST_IN_SIGHT, WIDER * count)  # as many as are asked for: the nearest of them are surer
        found: Numbers = np.asarray(self._index.search(query, in_sight, threads=1).keys).astype(np.int64)
        return found[:count]


def _empty(vectors: Vectors) -> Index:
    from usearch.index import Index

    return Index(
        ndim=vectors.matrix.shape[1], metric="ip", dtype="f16", connectivity=NEIGHBOURS,
        expansion_add=WHILE_ADDING, expansion_search=WHILE_SEARCHING,
    )  # fmt: skip


def _gone(index: Index, vectors: Vectors) -> npt.NDArray[np.uint64]:
    """The texts of the index that are not among the vectors."""
    held = np.asarray(index.keys, dtype=np.uint64) if len(index) else np.zeros(0, dtype=np.uint64)
    return held[~np.isin(held, vectors.numbers.astype(np.uint64))]


def _add(index: Index, vectors: Vectors, stop: threading.Event | None) -> bool:
    """Add the texts that the index does not know; False when it was stopped."""
    keys = vectors.numbers.astype(np.uint64)
    missing = np.flatnonzero(~np.asarray(index.contains(keys))) if len(index) else np.arange(len(keys))
    for start in range(0, len(missing), AT_ONCE):
        if stop is not None and stop.is_set():
            return False
        rows = missing[start : start + AT_ONCE]
        index.add(keys[rows], vectors.matrix[rows], threads=1)
    return True
