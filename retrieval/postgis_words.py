"""BM25 in PostgreSQL: documents that hold words of a question, and how well.

    weights = words.weights(connection, city, ("rats", "corner"))
    holding = read_holding(connection, city, limits, weights, Wanted(among=rows))

S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; with k1 1.2, b 0.75 and the
least weight of a word as in SQLite's FTS5, so that both back ends give the same scores. PostgreSQL's own `ts_rank`
knows nothing of how rare a word is.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt

from retrieval.postgis_limits import Limits
from retrieval.postgis_tables import CityRow, Connection, numbers_text

__all__ = ["Holding", "Wanted", "Weights", "WordCounts", "read_holding"]

Numbers = npt.NDArray[np.int64]
ROUNDING = 9  # decimals: sums in another order are the same score
LEAST_WEIGHT = 1e-6  # of a word that half of the documents hold
PROBE, SCAN = 2.0, 0.3  # microseconds for a look-up by word and row, and for one entry of a word read in order
KEPT_WORDS, KEPT_QUESTIONS = 20_000, 512
LIMITS_IN_POSTINGS = {
    "d.city = %(city)s": "true",
    "d.kind = ANY(%(kinds)s)": "p.kind = ANY(%(kinds)s)",
    "d.known_until IS NULL": "p.current",
}  # what the postings themselves can tell

STEMS = "SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('search_words', %s))"
HELD = "SELECT term, count(*) FROM search_postings WHERE city = %s AND term = ANY(%s) GROUP BY term"
SCORED = """
SELECT p.row, sum(w.weight * p.count * 2.2 / (p.count + 1.2 * (0.25 + 0.75 * p.length / %(mean_length)s))) AS score,
    count(*) = %(asked)s AS whole
FROM unnest(%(terms)s::text[], %(weights)s::float8[]) w (term, weight)
"""
JOINED = " JOIN search_postings p ON p.city = %(city)s AND p.term = w.term"


@dataclass(frozen=True)
class Weights:
    """The words of a question as the index has them, with their weights; `held`: how many documents hold each.

    `asked` counts the words that no document holds as well.
    """

    weights: Mapping[str, float]
    held: Mapping[str, int]
    asked: int


@dataclass(frozen=True)
class Wanted:
    """Whose scores: of the documents `among`, shape (n,), or of those within the limits; of all or of the `best`."""

    among: Numbers | None = None
    best: int | None = None


@dataclass(frozen=True)
class Holding:
    """Documents within the limits that hold words of the question: rows, BM25 (higher is better), whether all words.

    Three arrays of shape (n,), in no order.
    """

    rows: Numbers
    scores: npt.NDArray[np.float64]
    whole: npt.NDArray[np.bool_]

    def scored(self) -> dict[int, float]:
        """The scores by row."""
        return dict(zip(self.rows.tolist(), self.scores.tolist(), strict=True))


class WordCounts:
    """How many documents hold a word, remembered for one edition of each city's documents. Safe for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[int, tuple[int, dict[str, int]]] = {}
        self._stems: dict[str, dict[str, int]] = {}

    def weights(self, connection: Connection, city: CityRow, words: Sequence[str]) -> Weights:
        """The stems of words and what they weigh in a city."""
        stems = self._stems_of(connection, " ".join(words))
        with self._lock:
            edition, counts = self._counts.get(city.number, (-1, {}))
            if edition != city.edition or len(counts) > KEPT_WORDS:
                counts = {}
                self._counts[city.number] = city.edition, counts
            known = {stem: counts[stem] for stem in stems if stem in counts}
        if len(known) < len(stems):
            read: dict[str, int] = dict(
                connection.execute(HELD, (city.number, list(stems.keys() - known.keys()))).fetchall()
            )
            known |= {stem: read.get(stem, 0) for stem in stems if stem not in known}
            with self._lock:
                counts |= known
        held = {stem: count for stem, count in known.items() if count}
        weights = {stem: stems[stem] * _weight(city.documents, count) for stem, count in held.items()}
        return Weights(weights, held, len(stems))

    def _stems_of(self, connection: Connection, words: str) -> dict[str, int]:
        """Each stem with how often it is asked for; that never changes."""
        with self._lock:
            known = self._stems.get(words)
        if known is None:
            known = dict(connection.execute(STEMS, (words,)).fetchall())
            with self._lock:
                if len(self._stems) >= KEPT_QUESTIONS:
                    self._stems.clear()
                self._stems[words] = known
        return known


def _weight(documents: int, held: int) -> float:
    return max(log((documents - held + 0.5) / (held + 0.5)), LEAST_WEIGHT)


def read_holding(connection: Connection, city: CityRow, limits: Limits, weights: Weights, wanted: Wanted) -> Holding:
    """Ask the inverted index."""
    if not weights.weights:
        return Holding(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.bool_))
    values = {
        "terms": list(weights.weights), "weights": list(weights.weights.values()), "asked": weights.asked,
        "mean_length": city.mean_length, "best": wanted.best, "city": city.number,
    }  # fmt: skip
    sql = f"{SCORED} {_source(limits, weights, wanted, values)} GROUP BY p.row"
    if wanted.best is not None:
        sql += " ORDER BY score DESC LIMIT %(best)s"
    every = f"SELECT array_agg(row), array_agg(score), array_agg(whole) FROM ({sql}) s"  # noqa: S608  # SQL of ours
    found = connection.cursor(binary=True).execute(every, limits.values | values).fetchone()
    rows, scores, whole = found if found and found[0] is not None else ([], [], [])
    return Holding(
        np.array(rows, dtype=np.int64),
        np.array(scores, dtype=np.float64).round(ROUNDING),
        np.array(whole, dtype=np.bool_),
    )


def _source(limits: Limits, weights: Weights, wanted: Wanted, values: dict[str, object]) -> str:
    """The join with the postings that reads the least."""
    if wanted.among is not None:
        values["among"] = numbers_text(wanted.among.tolist())
        looks = len(wanted.among) * len(weights.weights)
        if looks * PROBE < sum(weights.held.values()) * SCAN:
            return f"CROSS JOIN unnest(%(among)s::bigint[]) a (row) {JOINED} AND p.row = a.row"
        return f"{JOINED} WHERE p.row = ANY(%(among)s::bigint[])"
    if set(limits.conditions) <= LIMITS_IN_POSTINGS.keys():
        return f"{JOINED} WHERE " + " AND ".join(LIMITS_IN_POSTINGS[each] for each in limits.conditions)
    return f"{JOINED} JOIN search_documents d ON d.row = p.row WHERE {limits.sql}"
