"""Which documents hold a word, read from PostgreSQL's inverted index once and kept: the words that many hold recur.

A document that changes gets a new row, and writers go one after the other, so that rows only ever grow: what was read
is brought up to date by what stands above it. Rows that are gone stay in a list until it is read anew; whoever asks
looks at documents that are within the limits, which these are not.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.postgis_tables import CityRow, Connection

__all__ = ["WordList", "WordLists"]

Numbers = npt.NDArray[np.int64]
KEPT = 8_000_000  # entries of all words together: 112 MB at most
READ_AHEAD = 4_000_000  # entries of the words that are read before they are asked for: 56 MB at most
FREQUENT = 1_000  # documents that hold a word from which it is read ahead: reading fewer takes a millisecond
LONGEST = 2_000_000  # entries of a list that is worth keeping
GONE = 0.25  # of a list may be of documents that are no more, before it is read anew
ENTRY = np.dtype([("row", ">i8"), ("count", ">i4"), ("length", ">i4")])  # as PostgreSQL sends numbers
LISTS = """
SELECT w.term, string_agg(int8send(p.row) || int4send(p.count) || int4send(p.length), ''::bytea)
FROM unnest(%s::text[], %s::bigint[]) w (term, above) CROSS JOIN LATERAL (SELECT row, count, length
    FROM search_postings WHERE city = %s AND term = w.term AND row > w.above ORDER BY row) p
GROUP BY w.term
"""
FREQUENT_TERMS = "SELECT term, held FROM search_terms WHERE city = %s AND held >= %s ORDER BY held DESC, term LIMIT %s"


@dataclass(frozen=True)
class WordList:
    """The documents that hold a word: rows, ascending; how often each holds it; how many words each has.

    Three arrays of shape (n,). `edition`: of the city's documents, when it was read.
    """

    rows: Numbers
    counts: npt.NDArray[np.int16]
    lengths: npt.NDArray[np.int32]
    edition: int

    @property
    def last(self) -> int:
        """The highest row."""
        return int(self.rows[-1]) if len(self.rows) else 0


NOTHING = WordList(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int16), np.zeros(0, dtype=np.int32), -1)


class WordLists:
    """Lists by city and word; those not asked for the longest give way. Safe for many threads."""

    def __init__(self, kept: int = KEPT) -> None:
        self._room = kept
        self._lock = threading.Lock()
        self._lists: OrderedDict[tuple[int, str], WordList] = OrderedDict()
        self._entries = 0

    def kept(self, city: CityRow, term: str) -> bool:
        """Whether a word's list is there, though perhaps not up to date."""
        return (city.number, term) in self._lists

    def of(self, connection: Connection, city: CityRow, held: Mapping[str, int]) -> dict[str, WordList]:
        """The lists of words, up to date; `held` says how many documents hold each."""
        with self._lock:
            there = {term: self._lists.get((city.number, term), NOTHING) for term in held}
        worn = [term for term, each in there.items() if len(each.rows) * (1 - GONE) > held[term] + FREQUENT]
        there |= dict.fromkeys(worn, NOTHING)
        old = {term: each for term, each in there.items() if each.edition != city.edition}
        if old:
            there |= _brought_up(connection, city, old)
        with self._lock:
            for term, each in there.items():
                self._keep((city.number, term), each)
        return there

    def read_ahead(self, connection: Connection, city: CityRow, most: int = READ_AHEAD) -> int:
        """Read the words that most documents hold, up to so many entries together; gives back how many words."""
        found = connection.execute(FREQUENT_TERMS, (city.number, FREQUENT, most // FREQUENT)).fetchall()
        read = 0
        for term, held in found:
            most -= held
            if most < 0:
                break
            if held <= LONGEST:
                self.of(connection, city, {term: held})
                read += 1
        return read

    def _keep(self, key: tuple[int, str], each: WordList) -> None:
        """The caller holds the lock."""
        old = self._lists.pop(key, NOTHING)
        self._entries += len(each.rows) - len(old.rows)
        self._lists[key] = each
        while self._entries > self._room and len(self._lists) > 1:
            _, gone = self._lists.popitem(last=False)
            self._entries -= len(gone.rows)


def _brought_up(connection: Connection, city: CityRow, old: Mapping[str, WordList]) -> dict[str, WordList]:
    """What stands above the last row of each list, added to it."""
    values = (list(old), [each.last for each in old.values()], city.number)
    read: dict[str, bytes] = dict(connection.cursor(binary=True).execute(LISTS, values).fetchall())
    return {term: _longer(each, read.get(term, b""), city.edition) for term, each in old.items()}


def _longer(old: WordList, read: bytes, edition: int) -> WordList:
    more = np.frombuffer(read, dtype=ENTRY)
    more = more[np.argsort(more["row"], kind="stable")]
    return WordList(
        np.concatenate([old.rows, more["row"].astype(np.int64)]),
        np.concatenate([old.counts, more["count"].astype(np.int16)]),
        np.concatenate([old.lengths, more["length"].astype(np.int32)]),
        edition,
    )
