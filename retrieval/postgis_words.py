"""BM25 in PostgreSQL: documents that hold words of a question, and how well.

    weights = words.weights(connection, city, ("rats", "corner"))
    holding = read_holding(connection, city, limits, weights, Wanted(among=rows))

S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; with k1 1.2, b 0.75 and the
least weight of a word as in SQLite's FTS5, so that both back ends give the same scores. PostgreSQL's own `ts_rank`
knows nothing of how rare a word is. Words that many documents hold are added up here from lists that are kept
(`postgis_postings`), the others in PostgreSQL.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import log

import numpy as np
import numpy.typing as npt

from retrieval.postgis_limits import Limits
from retrieval.postgis_postings import LONGEST, WordList, WordLists
from retrieval.postgis_tables import CityRow, Connection, numbers_text

__all__ = ["Holding", "Wanted", "Weights", "WordCounts", "read_holding"]

Numbers = npt.NDArray[np.int64]
ROUNDING = 9  # decimals: sums in another order are the same score
LEAST_WEIGHT = 1e-6  # of a word that half of the documents hold
PROBE, READ = (
    3.0,
    0.6,
)  # microseconds for a look-up by word and row, and for one entry of a list read for the first time
LOOKED_AT = 10_000  # of the best by words: where fewer than are wanted are within the limits, PostgreSQL is asked
SPARSE = 8  # times as many row numbers as entries: then sums are kept for rows alone, else for all numbers
KEPT_WORDS, KEPT_QUESTIONS = 20_000, 512
LIMITS_IN_POSTINGS = {
    "d.city = %(city)s": "true",
    "d.kind = ANY(%(kinds)s)": "p.kind = ANY(%(kinds)s)",
    "d.known_until IS NULL": "p.current",
}  # what the postings themselves can tell

STEMS = "SELECT lexeme, cardinality(positions) FROM unnest(to_tsvector('search_words', %s))"
HELD = "SELECT term, held FROM search_terms WHERE city = %s AND term = ANY(%s)"
SCORED = """
SELECT p.row, sum(w.weight * p.count * 2.2 / (p.count + 1.2 * (0.25 + 0.75 * p.length / %(mean_length)s))) AS score,
    count(*) AS words
FROM unnest(%(terms)s::text[], %(weights)s::float8[]) w (term, weight)
"""
LOOKED_UP = """
CROSS JOIN unnest(%(among)s::bigint[]) a (row) CROSS JOIN LATERAL (SELECT row, count, length FROM search_postings
    WHERE city = %(city)s AND term = w.term AND row = a.row OFFSET 0) p
"""  # one by one: PostgreSQL takes every word for a rare one, and would read the whole of it
JOINED = " JOIN search_postings p ON p.city = %(city)s AND p.term = w.term"


@dataclass(frozen=True)
class Weights:
    """The words of a question as the index has them, with their weights; `held`: how many documents hold each.

    `asked` counts the words that no document holds as well; `lists` are those that are kept.
    """

    weights: Mapping[str, float]
    held: Mapping[str, int]
    asked: int
    lists: WordLists = field(default_factory=WordLists)

    def only(self, terms: Sequence[str]) -> Weights:
        """Some of the words."""
        return replace(self, weights={term: self.weights[term] for term in terms})


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
        self.lists = WordLists()
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
        return Weights(weights, held, len(stems), self.lists)

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
    """Ask the inverted index, or the lists of it that are kept. `wanted.among` ascends."""
    if not weights.weights:
        return _none()
    if wanted.among is not None:
        return _among(connection, city, weights, wanted.among)
    if wanted.best is not None and max(weights.held.values()) <= LONGEST:
        lists = weights.lists.of(connection, city, weights.held)
        best = _best(connection, limits, _added_up(lists, weights, city), wanted.best)
        if best is not None:
            return best
    return _asked(connection, city, limits, weights, wanted)[0]


# ---------------------------------------------------------------- from lists


def _among(connection: Connection, city: CityRow, weights: Weights, among: Numbers) -> Holding:
    """Words whose lists are kept or soon pay for being read are added up here, the others looked up one by one."""
    listed = {
        term: held
        for term, held in weights.held.items()
        if held <= LONGEST and (weights.lists.kept(city, term) or len(among) * PROBE > held * READ)
    }
    scores, words = np.zeros(len(among)), np.zeros(len(among), dtype=np.int64)
    for term, each in weights.lists.of(connection, city, listed).items() if listed else ():
        here, there = _common(among, each.rows)
        scores[here] += _scored(each, there, weights.weights[term], city)
        words[here] += 1
    others = [term for term in weights.weights if term not in listed]
    if others and len(among):
        asked, counts = _asked(connection, city, Limits(), weights.only(others), Wanted(among))
        here = np.searchsorted(among, asked.rows)
        scores[here] += asked.scores
        words[here] += counts
    held = np.flatnonzero(words)
    return Holding(among[held], scores[held].round(ROUNDING), words[held] == weights.asked)


def _added_up(lists: Mapping[str, WordList], weights: Weights, city: CityRow) -> Holding:
    """The scores of all documents that hold any word."""
    rows = np.concatenate([each.rows for each in lists.values()])
    if not len(rows):
        return _none()
    first, last = int(rows.min()), int(rows.max())
    sparse = last - first > SPARSE * len(rows)
    all_rows = np.unique(rows) if sparse else np.arange(first, last + 1)
    scores, words = np.zeros(len(all_rows)), np.zeros(len(all_rows), dtype=np.int64)
    for term, each in lists.items():
        here = np.searchsorted(all_rows, each.rows) if sparse else each.rows - first
        scores[here] += _scored(each, slice(None), weights.weights[term], city)
        words[here] += 1
    held = np.flatnonzero(words)
    return Holding(all_rows[held], scores[held].round(ROUNDING), words[held] == weights.asked)


def _best(connection: Connection, limits: Limits, holding: Holding, best: int) -> Holding | None:
    """The best within the limits, looked at from the top; None when too few of the first are."""
    likely = np.arange(len(holding.rows))
    if len(likely) > LOOKED_AT:
        likely = np.argpartition(-holding.scores, LOOKED_AT)[:LOOKED_AT]
    order = likely[np.lexsort((holding.rows[likely], -holding.scores[likely]))]
    sql = (
        "SELECT array_agg(d.row) FROM search_documents d"  # noqa: S608  # conditions of ours
        f" WHERE d.row = ANY(%(rows)s::bigint[]) AND {limits.checks}"
    )
    kept, start, some = order[:0], 0, 3 * best
    while start < len(order) and len(kept) < best:
        part = order[start : start + some]
        values = limits.values | {"rows": numbers_text(holding.rows[part].tolist())}
        found = connection.cursor(binary=True).execute(sql, values).fetchone()
        within = np.array(found[0] if found and found[0] else [], dtype=np.int64)
        kept = np.concatenate([kept, part[np.isin(holding.rows[part], within)]])
        start, some = start + some, 2 * some
    if len(kept) < best and len(likely) < len(holding.rows):
        return None
    kept = kept[:best]
    return Holding(holding.rows[kept], holding.scores[kept], holding.whole[kept])


def _scored(each: WordList, places: Numbers | slice, weight: float, city: CityRow) -> npt.NDArray[np.float64]:
    counts = each.counts[places].astype(np.float64)
    scores: npt.NDArray[np.float64] = (
        weight * counts * 2.2 / (counts + 1.2 * (0.25 + 0.75 * each.lengths[places] / city.mean_length))
    )
    return scores


def _common(one: Numbers, other: Numbers) -> tuple[Numbers, Numbers]:
    """Where in each of two ascending lists what both hold stands."""
    if len(one) > len(other):
        there, here = _common(other, one)
        return here, there
    places = np.searchsorted(other, one)
    here = np.flatnonzero(other.take(places, mode="clip") == one) if len(other) else places[:0]
    return here, places[here]


# ---------------------------------------------------------------- from PostgreSQL


def _none() -> Holding:
    return Holding(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=np.bool_))


def _asked(
    connection: Connection, city: CityRow, limits: Limits, weights: Weights, wanted: Wanted
) -> tuple[Holding, Numbers]:
    """What PostgreSQL adds up, and how many of the words each document holds."""
    values = {
        "terms": list(weights.weights), "weights": list(weights.weights.values()), "mean_length": city.mean_length,
        "best": wanted.best, "city": city.number,
    }  # fmt: skip
    if wanted.among is not None:
        values["among"] = numbers_text(wanted.among.tolist())
    sql = f"{SCORED} {LOOKED_UP if wanted.among is not None else _joined(limits)} GROUP BY p.row"
    if wanted.best is not None:
        sql += " ORDER BY score DESC LIMIT %(best)s"
    every = f"SELECT array_agg(row), array_agg(score), array_agg(words) FROM ({sql}) s"  # noqa: S608  # SQL of ours
    found = connection.cursor(binary=True).execute(every, limits.values | values).fetchone()
    rows, scores, counted = found if found and found[0] is not None else ([], [], [])
    words = np.array(counted, dtype=np.int64)
    told = np.array(rows, dtype=np.int64), np.array(scores, dtype=np.float64).round(ROUNDING)
    return Holding(*told, words == weights.asked), words


def _joined(limits: Limits) -> str:
    """The join with the postings, and with the documents where the postings cannot tell the limits."""
    if set(limits.conditions) <= LIMITS_IN_POSTINGS.keys():
        return f"{JOINED} WHERE " + " AND ".join(LIMITS_IN_POSTINGS[each] for each in limits.conditions)
    return f"{JOINED} JOIN search_documents d ON d.row = p.row WHERE {limits.sql}"
