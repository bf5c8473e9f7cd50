"""BM25 in PostgreSQL: documents that hold words of a question, and how well.

    holding = read_holding(connection, city, limits, words)

S. Robertson and H. Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009; with k1 1.2, b 0.75 and the
least weight of a word as in SQLite's FTS5, so that both back ends give the same scores. PostgreSQL's own `ts_rank`
knows nothing of how rare a word is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from retrieval.postgis_limits import Limits
from retrieval.postgis_tables import CityRow, Connection

__all__ = ["Holding", "read_holding"]

Numbers = npt.NDArray[np.int64]
ROUNDING = 9  # decimals: sums in another order are the same score
ASKED = """
WITH asked AS (
    SELECT lexeme AS term, cardinality(positions) AS times FROM unnest(to_tsvector('search_words', %(words)s))),
weights AS (
    SELECT term, times * greatest(ln((%(documents)s - held + 0.5) / (held + 0.5)), 1e-6)::float8 AS weight FROM asked,
    LATERAL (SELECT count(*) AS held FROM search_postings p WHERE p.city = %(city)s AND p.term = asked.term) h
    WHERE held > 0)
"""
SCORED = """
SELECT p.row, sum(weight * p.count * 2.2 / (p.count + 1.2 * (0.25 + 0.75 * p.length / %(mean_length)s))) AS score,
    count(*) = (SELECT count(*) FROM asked) AS whole
FROM weights JOIN search_postings p ON p.city = %(city)s AND p.term = weights.term
"""


@dataclass(frozen=True)
class Holding:
    """Documents within the limits that hold words of the question: rows, BM25 (higher is better), whether all words.

    Three arrays of shape (n,), in no order.
    """

    rows: Numbers
    scores: npt.NDArray[np.float64]
    whole: npt.NDArray[np.bool_]


def read_holding(
    connection: Connection, city: CityRow, limits: Limits, words: Sequence[str], among: Numbers | None
) -> Holding:
    """Of the documents `among`, when given, else of those within the limits. At least one word."""
    values = {"words": " ".join(words), "documents": city.documents, "mean_length": city.mean_length}
    if among is not None:
        where, values["among"] = "WHERE p.row = ANY(%(among)s::bigint[])", among.tolist()
    elif _simple(limits):
        where = "WHERE " + " AND ".join(_of_postings(condition) for condition in limits.conditions)
    else:
        where = f"JOIN search_documents d USING (row) WHERE {limits.sql}"
    sql = f"{ASKED} SELECT array_agg(row), array_agg(score), array_agg(whole) FROM ({SCORED} {where} GROUP BY p.row) s"  # noqa: S608
    found = connection.execute(sql, limits.values | values).fetchone()
    rows, scores, whole = found if found and found[0] is not None else ([], [], [])
    return Holding(
        np.array(rows, dtype=np.int64),
        np.array(scores, dtype=np.float64).round(ROUNDING),
        np.array(whole, dtype=np.bool_),
    )


SIMPLE = {
    "d.city = %(city)s": "true",
    "d.kind = ANY(%(kinds)s)": "p.kind = ANY(%(kinds)s)",
    "d.known_until IS NULL": "p.current",
}  # what the postings themselves can tell


def _simple(limits: Limits) -> bool:
    return set(limits.conditions) <= SIMPLE.keys()


def _of_postings(condition: str) -> str:
    return SIMPLE[condition]
