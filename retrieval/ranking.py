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
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.spatial import haversine_m
from retrieval.fusion import fuse
from retrieval.scope import Scope
from retrieval.store import Circle, Document, Hit, SearchRequest
from retrieval.tables import words_table
from retrieval.vectors import Nearness, Vectors
from retrieval.words import all_words, any_word

__all__ = ["Asked", "Extent", "Ranked", "coverage", "extent", "rank"]

DEPTH = 200  # documents by words, and texts by meaning, that go into the fusion
FEW = 10_000  # documents: scoring so many takes 5 ms
LIMITS_FIRST, MEANING_FIRST, WORDS_ALONE = "limits first", "meaning first", "words alone"

Floats = npt.NDArray[np.float32]
NOTHING = Nearness(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True)
class Asked:
    """A request made ready: its words (at least one), its condition, and its vector when meaning takes part.

    `complete` says that every text of the file has a vector.
    """

    request: SearchRequest
    city: int
    scope: Scope
    words: tuple[str, ...]
    vector: Floats | None
    vectors: Vectors
    complete: bool

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


class _Candidate(NamedTuple):
    """A document in one of the lists; `at` is in seconds, 0 without a time."""

    id: str
    at: float
    text: int


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
    plan = WORDS_ALONE if asked.vector is None else LIMITS_FIRST if documents <= FEW else MEANING_FIRST
    inside = _inside(connection, asked.scope) if documents <= FEW else None
    by_words = {} if plan != WORDS_ALONE and asked.request.alpha == 1 else _by_words(connection, asked, inside)
    nearness = NOTHING if asked.vector is None else asked.vectors.compared(asked.vector, _texts(inside))
    by_meaning = _by_meaning(connection, asked, nearness)
    pool = _pool(connection, by_words.keys() | by_meaning.keys())
    cosines = dict(zip(pool, nearness.of([each.text for each in pool.values()]), strict=True))
    unread = {row for row, cosine in cosines.items() if cosine is None}
    scores = fuse(by_words, by_meaning, asked.request.alpha, unread)
    floor = None if plan == WORDS_ALONE else asked.request.floor
    if floor is not None:
        kept = unread | _holding_all(connection, asked, scores)
        scores = {row: score for row, score in scores.items() if row in kept or (cosines[row] or -1) >= floor}
    best = sorted(scores, key=lambda row: (-scores[row], -pool[row].at, pool[row].id))[: asked.request.k]
    table = _rows(connection, best)
    hits = tuple(
        Hit(
            document=_document(table[row]),
            score=scores[row],
            bm25=by_words.get(row),
            dense=cosines[row],
            distance_m=_distance(asked.request, table[row]),
            plan=plan,
        )
        for row in best
    )
    near = None if plan == WORDS_ALONE else nearness.at_least(floor or 0)
    return Ranked(hits, documents if asked.request.floor is None else _matching(connection, asked, near), plan)


# ---------------------------------------------------------------- the two lists


def _inside(connection: sqlite3.Connection, scope: Scope) -> list[tuple[int, int]]:
    """(row, text) of all documents within the limits."""
    sql = f"SELECT d.row, d.meaning FROM search_documents d WHERE {scope.condition}"  # noqa: S608
    return connection.execute(sql, scope.values).fetchall()


def _texts(inside: list[tuple[int, int]] | None) -> npt.NDArray[np.int64] | None:
    """The texts of those documents, each once, ascending; None for all texts."""
    return None if inside is None else np.unique(np.array([text for _, text in inside], dtype=np.int64))


def _by_words(connection: sqlite3.Connection, asked: Asked, inside: list[tuple[int, int]] | None) -> dict[int, float]:
    """BM25 (higher is better) by row of the best documents that hold any of the words.

    CROSS JOIN and + keep SQLite from asking the full-text index again for every document within the limits.
    """
    limits = asked.scope.check if inside is None else f"+{asked.table}.rowid IN (SELECT value FROM json_each(:rows))"
    sql = (
        f"SELECT d.row, -{asked.table}.rank AS score FROM {asked.table} CROSS JOIN search_documents d"  # noqa: S608
        f" ON d.row = {asked.table}.rowid WHERE {asked.table} MATCH :any AND {limits}"
        " ORDER BY score DESC, d.at DESC, d.id LIMIT :depth"
    )
    values = {**asked.scope.values, "any": any_word(asked.words), "depth": max(DEPTH, asked.request.k)}
    values["rows"] = json.dumps([row for row, _ in inside or ()])
    return dict(connection.execute(sql, values).fetchall())


def _by_meaning(connection: sqlite3.Connection, asked: Asked, nearness: Nearness) -> dict[int, float]:
    """Cosines by row of documents of the nearest texts, the newest k of each text.

    One question for each text: those of one wording may be thousands, of which the index gives the newest at once.
    """
    sql = (
        "SELECT d.row FROM search_documents d INDEXED BY search_documents_meaning"  # noqa: S608
        f" WHERE d.meaning = :text AND {asked.scope.check} ORDER BY d.at DESC, d.id LIMIT :k"
    )
    values = {**asked.scope.values, "k": asked.request.k}
    found: dict[int, float] = {}
    texts = 0
    for text, cosine in nearness.nearest_first():
        rows = connection.execute(sql, {**values, "text": text}).fetchall()
        found.update((row, cosine) for (row,) in rows)
        texts += bool(rows)
        if texts >= max(DEPTH, asked.request.k):
            break
    return found


# ---------------------------------------------------------------- what counts as found


def _holding_all(connection: sqlite3.Connection, asked: Asked, rows: Mapping[int, float]) -> set[int]:
    """Those of the rows that hold every word. The + keeps the full-text index from being asked once for each row."""
    sql = (
        f"SELECT rowid FROM {asked.table} WHERE {asked.table} MATCH ?"  # noqa: S608
        " AND +rowid IN (SELECT value FROM json_each(?))"
    )
    return {row for (row,) in connection.execute(sql, (all_words(asked.words), json.dumps(list(rows))))}


def _matching(connection: sqlite3.Connection, asked: Asked, near: list[int] | None) -> int:
    """All documents within the limits that count as found: `near` are the texts that reach the floor, if any could."""
    held = f"d.row IN (SELECT rowid FROM {asked.table} WHERE {asked.table} MATCH :words)"  # noqa: S608
    values: dict[str, Any] = {**asked.scope.values, "words": any_word(asked.words)}
    condition = held
    if near is not None:
        values.update(words=all_words(asked.words), any=any_word(asked.words), near=json.dumps(near))
        alike = "+d.meaning IN (SELECT value FROM json_each(:near))"
        unread = "NOT EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = d.meaning)"
        alone = "" if asked.complete else f" OR ({held.replace(':words', ':any')} AND {unread})"
        condition = f"({alike} OR {held}{alone})"
    sql = f"SELECT count(*) FROM search_documents d WHERE {asked.scope.condition} AND {condition}"  # noqa: S608
    return int(connection.execute(sql, values).fetchone()[0])


# ---------------------------------------------------------------- documents


def _pool(connection: sqlite3.Connection, rows: Set[int]) -> dict[int, _Candidate]:
    """What ordering needs of the documents in either list, by row."""
    sql = "SELECT row, id, ifnull(at, 0), meaning FROM search_documents WHERE row IN (SELECT value FROM json_each(?))"
    return {row: _Candidate(*rest) for row, *rest in connection.execute(sql, (json.dumps(list(rows)),))}


def _rows(connection: sqlite3.Connection, rows: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The documents to show, by row."""
    cursor = connection.execute(
        "SELECT row, id, kind, title, text, url_ref, lat, lon, at, known_from, known_until, fields"
        " FROM search_documents WHERE row IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
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
