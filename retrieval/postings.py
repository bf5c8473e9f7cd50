"""Which documents hold a word, and how well: asked of the full-text index once, and kept while nothing changes.

BM25 adds up over the words of a question (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009), so
FTS5's score of a question is the sum of its scores for each word alone. The words that many documents hold are few and
come again and again; asking FTS5 for one takes a microsecond for each document, adding up what is kept nanoseconds.
A server reads these ahead (`read_ahead`), so that not even the first question waits for them.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retrieval.columns import COMPILED_FROM, Columns
from retrieval.stems import stem_of
from retrieval.tables import words_table
from retrieval.words import any_word

__all__ = ["Holding", "Postings", "Word"]

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64]
KEPT = 40_000_000  # entries of all words together, 8 bytes each: 320 MB at most
READ_AHEAD = 20_000_000  # entries of the words that are read before they are asked for: 160 MB at most
FREQUENT = 50  # documents that hold a word from which it is read ahead: of fewer, asking itself is what takes time
DENSE = 16  # where the limits leave more than one document in so many, sums are kept for all
DENSE_COMPILED = 100  # the same where machine code adds them up
CLOSE = 8  # a list so many times longer than the other is searched, not gone through


@dataclass(frozen=True)
class Word:
    """The documents that hold a word, by place in the columns, ascending, and the BM25 of each for this word alone."""

    places: npt.NDArray[np.int32]
    scores: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Holding:
    """Documents that hold words: places, ascending; BM25, higher is better; and how many of the words each holds."""

    places: Numbers
    scores: Floats
    words: npt.NDArray[np.uint8]

    def best(self, depth: int, at: Floats) -> dict[int, float]:
        """The documents that hold the words best; of equals the newest (`at`, by place), then the lower place."""
        kept = np.arange(len(self.places))
        if len(kept) > depth:
            worst = np.partition(self.scores, len(kept) - depth)[len(kept) - depth]
            kept = np.flatnonzero(self.scores >= worst)
        places, scores = self.places[kept], self.scores[kept]
        order = np.lexsort((places, -np.nan_to_num(at[places]), -scores))[:depth]
        return dict(zip(places[order].tolist(), scores[order].tolist(), strict=True))

    def of(self, places: Numbers) -> dict[int, float]:
        """The scores of those of the places that hold any word."""
        here, there = _common(self.places, places)
        return dict(zip(places[there].tolist(), self.scores[here].tolist(), strict=True))


class Postings:
    """The words of cities by their terms, each kept until that city's documents change or others need the room.

    Safe for many threads.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._room = kept
        self._lock = threading.Lock()
        self._words: OrderedDict[tuple[int, str], Word] = OrderedDict()
        self._editions: dict[int, int] = {}
        self._entries = 0

    def holding(
        self, connection: sqlite3.Connection, city: int, columns: Columns, words: Sequence[str], within: Numbers
    ) -> Holding:
        """The documents of `within` (places, ascending) that hold any of the words."""
        lists = [self._word(connection, city, columns, word) for word in words]
        compiled = len(columns.rows) >= COMPILED_FROM
        dense = (DENSE_COMPILED if compiled else DENSE) * len(within) > len(columns.rows)
        size = len(columns.rows) if dense else len(within)
        scores, counts = np.zeros(size), np.zeros(size, dtype=np.uint8)
        if dense and compiled:
            from retrieval.kernels import add_word, holding_any  # numba, where a city is large enough to want it

            for each in lists:
                add_word(each.places, each.scores, scores, counts)
            return Holding(*holding_any(within, scores, counts))
        for each in lists:
            here, there = (each.places, slice(None)) if dense else _common(within, each.places)
            scores[here] += each.scores[there]
            counts[here] += 1
        if dense and len(within) < size:
            scores, counts = scores[within], counts[within]
        some = np.flatnonzero(counts)
        return Holding(within[some], scores[some], counts[some])

    def read_ahead(
        self, connection: sqlite3.Connection, city: int, columns: Columns, stop: threading.Event, most: int = READ_AHEAD
    ) -> int:
        """Read the words that most documents hold, up to so many entries together; how many words. Until `stop`."""
        vocabulary, read = f"temp.search_vocabulary_{city:d}", 0
        connection.execute(f"CREATE VIRTUAL TABLE {vocabulary} USING fts5vocab(main, {words_table(city)}, row)")
        sql = f"SELECT term, doc FROM {vocabulary} WHERE doc >= ? ORDER BY doc DESC, term"  # noqa: S608  # a number
        frequent = connection.execute(sql, (FREQUENT,)).fetchall()
        connection.execute(f"DROP TABLE {vocabulary}")
        for term, count in frequent:
            most -= count
            if most < 0 or stop.is_set():
                break
            if stem_of(term) == term:  # else the index would look for another term
                self._word(connection, city, columns, term)
                read += 1
        return read

    def _word(self, connection: sqlite3.Connection, city: int, columns: Columns, word: str) -> Word:
        key = city, stem_of(word) or f'"{word}"'  # no term holds a quotation mark
        with self._lock:
            newest = self._editions.get(city, -1)
            if newest < columns.edition:
                self._forget(city)
                newest = self._editions[city] = columns.edition
            kept = self._words.get(key)
            if kept is not None and newest == columns.edition:
                self._words.move_to_end(key)
                return kept
        found = _asked(connection, city, columns, word)
        with self._lock:
            if self._editions[city] == columns.edition:
                self._keep(key, found)
        return found

    def _forget(self, city: int) -> None:
        """Let go of a city's words: its documents have changed. The caller holds the lock, here and below."""
        for key in [key for key in self._words if key[0] == city]:
            self._entries -= len(self._words.pop(key).places)

    def _keep(self, key: tuple[int, str], word: Word) -> None:
        """Keep a word, and let go of those that were not asked for the longest."""
        old = self._words.pop(key, None)
        self._entries += len(word.places) - (len(old.places) if old else 0)
        self._words[key] = word
        while self._entries > self._room and len(self._words) > 1:
            _, gone = self._words.popitem(last=False)
            self._entries -= len(gone.places)


def _asked(connection: sqlite3.Connection, city: int, columns: Columns, word: str) -> Word:
    table = words_table(city)
    sql = f"SELECT rowid, -rank FROM {table} WHERE {table} MATCH ?"  # noqa: S608  # a number
    rows = np.fromiter(connection.execute(sql, (any_word((word,)),)), dtype=[("row", np.int64), ("score", np.float64)])
    order = np.argsort(rows["row"], kind="stable")
    places = columns.places_of(rows["row"][order])
    return Word(places.astype(np.int32), rows["score"][order].astype(np.float32))


def _common(within: Numbers, places: npt.NDArray[np.integer[Any]]) -> tuple[Numbers, Numbers]:
    """Where in each of two ascending lists what both hold stands."""
    if len(places) > CLOSE * len(within):
        there = np.searchsorted(places, within.astype(places.dtype))  # else the long list would be copied
        here = np.flatnonzero(places.take(there, mode="clip") == within) if len(places) else there[:0]
        return here, there[here]
    here = np.searchsorted(within, places)
    there = np.flatnonzero(within.take(here, mode="clip") == places) if len(within) else here[:0]
    return here[there], there
