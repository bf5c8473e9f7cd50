"""One search in a SQLite file: two lists, by words and by meaning, fused and cut.

The planner has two orders, both exact. When the limits leave few documents, these are found first and the meanings of
their texts scored; else all texts are scored first and the documents of the nearest are taken until enough of them are
within the limits. Approximate indexes gain nothing below 100,000 texts, where scoring them all takes 11 ms.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.spatial import haversine_m
from retrieval.fusion import fuse
from retrieval.scope import Scope
from retrieval.store import Circle, Document, Hit, SearchRequest
from retrieval.tables import words_table
from retrieval.vectors import Vectors
from retrieval.words import all_words, any_word

__all__ = ["Asked", "Extent", "Ranked", "coverage", "extent", "rank"]

DEPTH = 200  # documents by words, and texts by meaning, that go into the fusion
FEW = 10_000  # documents: scoring so many takes 5 ms
LIMITS_FIRST, MEANING_FIRST, WORDS_ALONE = "limits first", "meaning first", "words alone"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Asked:
    """A request made ready: its words (at least one), its condition, and its vector when meaning takes part."""

    request: SearchRequest
    city: int
    scope: Scope
    words: tuple[str, ...]
    vector: Floats | None
    vectors: Vectors

    @property
    def table(self) -> str:
        """The city's full-text table."""
        return words_table(self.city)


@dataclass(frozen=True)
class Extent:
    """How many documents a condition leaves, and the time of the newest."""

    documents: int
    newest_at: datetime | None


@dataclass(frozen=True)
class Ranked:
    """The hits, best first, and how many documents would have been."""

    hits: tuple[Hit, ...]
    matching: int
    plan: str


@dataclass(frozen=True)
class _Meanings:
    """Cosines by document, for the fusion, and by text, for all texts that were scored."""

    of_rows: dict[int, float]
    of_texts: dict[int, float]


def extent(connection: sqlite3.Connection, scope: Scope) -> Extent:
    """Count what a condition leaves."""
    sql = f"SELECT count(*), max(d.at) FROM search_documents d WHERE {scope.condition}"  # noqa: S608  # our own text
    count, newest = connection.execute(sql, scope.values).fetchone()
    return Extent(count, _moment(newest))


def coverage(connection: sqlite3.Connection, scope: Scope) -> int:
    """Of the documents that a condition leaves, those whose text has a vector."""
    joined = "search_documents d JOIN search_vectors v ON v.text = d.meaning"
    sql = f"SELECT count(*) FROM {joined} WHERE {scope.condition}"  # noqa: S608
    return int(connection.execute(sql, scope.values).fetchone()[0])


def rank(connection: sqlite3.Connection, asked: Asked, documents: int) -> Ranked:
    """Search; `documents` is how many the limits leave."""
    by_words = {} if asked.vector is not None and asked.request.alpha == 1 else _by_words(connection, asked)
    plan = WORDS_ALONE if asked.vector is None else LIMITS_FIRST if documents <= FEW else MEANING_FIRST
    meanings = _by_meaning(connection, asked, plan) if asked.vector is not None else _Meanings({}, {})
    table = _rows(connection, by_words.keys() | meanings.of_rows.keys())
    unread = {row for row in table if not _has_vector(asked, table[row]["meaning"])}
    scores = fuse(by_words, meanings.of_rows, asked.request.alpha, unread)
    near = _near_enough(asked, meanings)
    if near is not None:
        whole = _holding_all(connection, asked, scores)
        scores = {
            row: score
            for row, score in scores.items()
            if row in whole or row in unread or table[row]["meaning"] in near
        }
    best = sorted(scores, key=lambda row: (-scores[row], -(table[row]["at"] or 0.0), table[row]["id"]))
    hits = tuple(
        Hit(
            document=_document(table[row]),
            score=scores[row],
            bm25=by_words.get(row),
            dense=meanings.of_texts.get(table[row]["meaning"]),
            distance_m=_distance(asked.request, table[row]),
            plan=plan,
        )
        for row in best[: asked.request.k]
    )
    return Ranked(hits, _matching(connection, asked, near), plan)


# ---------------------------------------------------------------- the two lists


def _by_words(connection: sqlite3.Connection, asked: Asked) -> dict[int, float]:
    """BM25 (higher is better) by row of the best documents that hold any of the words.

    CROSS JOIN keeps SQLite from asking the full-text index again for every document within the limits.
    """
    sql = (
        f"SELECT d.row, -{asked.table}.rank AS score FROM {asked.table} CROSS JOIN search_documents d"  # noqa: S608
        f" ON d.row = {asked.table}.rowid WHERE {asked.table} MATCH :any AND {asked.scope.condition}"
        " ORDER BY score DESC, d.at DESC, d.id LIMIT :depth"
    )
    values = {**asked.scope.values, "any": any_word(asked.words), "depth": max(DEPTH, asked.request.k)}
    return dict(connection.execute(sql, values).fetchall())


def _by_meaning(connection: sqlite3.Connection, asked: Asked, plan: str) -> _Meanings:
    """Cosines of the texts nearest in meaning, and of their documents, at most k of one text."""
    among = _texts_within(connection, asked.scope) if plan == LIMITS_FIRST else None
    assert asked.vector is not None
    numbers, cosines = asked.vectors.nearest(asked.vector, among)
    of_texts = dict(zip(numbers.tolist(), cosines.tolist(), strict=True))
    of_rows: dict[int, float] = {}
    start, step, texts = 0, max(DEPTH, asked.request.k), 0
    while start < len(numbers) and texts < max(DEPTH, asked.request.k):
        rows = _documents_of(connection, asked, numbers[start : start + step].tolist())
        texts += len({text for _, text in rows})
        of_rows.update((row, of_texts[text]) for row, text in rows)
        start, step = start + step, step * 2
    return _Meanings(of_rows, of_texts)


def _texts_within(connection: sqlite3.Connection, scope: Scope) -> npt.NDArray[np.int64]:
    sql = f"SELECT DISTINCT d.meaning FROM search_documents d WHERE {scope.condition}"  # noqa: S608
    return np.array([row[0] for row in connection.execute(sql, scope.values)], dtype=np.int64)


def _documents_of(connection: sqlite3.Connection, asked: Asked, texts: Sequence[int]) -> list[tuple[int, int]]:
    """(row, text) of the documents within the limits that have one of the texts: the newest k of each text."""
    turn = "row_number() OVER (PARTITION BY d.meaning ORDER BY d.at DESC, d.id)"
    sql = (
        f"SELECT row, meaning FROM (SELECT d.row, d.meaning, {turn} AS turn FROM search_documents d"  # noqa: S608
        f" WHERE d.meaning IN (SELECT value FROM json_each(:texts)) AND {asked.scope.condition}) WHERE turn <= :k"
    )
    values = {**asked.scope.values, "texts": json.dumps(texts), "k": asked.request.k}
    return connection.execute(sql, values).fetchall()


# ---------------------------------------------------------------- what counts as found


def _near_enough(asked: Asked, meanings: _Meanings) -> set[int] | None:
    """The texts that reach the floor; None when there is no floor, or no meaning to hold against it."""
    floor = asked.request.floor
    if floor is None or asked.vector is None:
        return None
    return {text for text, cosine in meanings.of_texts.items() if cosine >= floor}


def _has_vector(asked: Asked, text: int) -> bool:
    place = int(np.searchsorted(asked.vectors.numbers, text))
    return place < len(asked.vectors.numbers) and int(asked.vectors.numbers[place]) == text


def _holding_all(connection: sqlite3.Connection, asked: Asked, rows: Mapping[int, float]) -> set[int]:
    """Those of the rows that hold every word. The + keeps the full-text index from being asked once for each row."""
    sql = (
        f"SELECT rowid FROM {asked.table} WHERE {asked.table} MATCH ?"  # noqa: S608
        " AND +rowid IN (SELECT value FROM json_each(?))"
    )
    return {row for (row,) in connection.execute(sql, (all_words(asked.words), json.dumps(list(rows))))}


def _matching(connection: sqlite3.Connection, asked: Asked, near: set[int] | None) -> int:
    """All documents within the limits that count as found."""
    held = f"d.row IN (SELECT rowid FROM {asked.table} WHERE {asked.table} MATCH :words)"  # noqa: S608
    values: dict[str, Any] = {**asked.scope.values, "words": any_word(asked.words)}
    condition = held
    if near is not None:
        values.update(words=all_words(asked.words), any=any_word(asked.words), near=json.dumps(sorted(near)))
        alike = "d.meaning IN (SELECT value FROM json_each(:near))"
        unread = "NOT EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = d.meaning)"
        condition = f"({held} OR {alike} OR ({held.replace(':words', ':any')} AND {unread}))"
    sql = f"SELECT count(*) FROM search_documents d WHERE {asked.scope.condition} AND {condition}"  # noqa: S608
    return int(connection.execute(sql, values).fetchone()[0])


# ---------------------------------------------------------------- documents


def _rows(connection: sqlite3.Connection, rows: Set[int]) -> dict[int, dict[str, Any]]:
    cursor = connection.execute(
        "SELECT row, id, kind, title, text, url_ref, lat, lon, at, known_from, known_until, fields, meaning"
        " FROM search_documents WHERE row IN (SELECT value FROM json_each(?))",
        (json.dumps(list(rows)),),
    )
    names = [column[0] for column in cursor.description]
    return {values[0]: dict(zip(names, values, strict=True)) for values in cursor}


def _document(row: Mapping[str, Any]) -> Document:
    same = {name: row[name] for name in ("id", "kind", "title", "text", "url_ref", "lat", "lon")}
    return Document(
        **same,
        at=_moment(row["at"]),
        fields=json.loads(row["fields"]),
        known_from=_moment(row["known_from"]),
        known_until=_moment(row["known_until"]),
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _distance(request: SearchRequest, row: Mapping[str, Any]) -> float | None:
    """Metres to the middle of a circle; an area has none."""
    if not isinstance(request.near, Circle):
        return None
    return haversine_m(row["lat"], row["lon"], request.near.lat, request.near.lon)
