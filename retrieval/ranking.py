"""One search in a SQLite file: two lists, by words and by meaning, fused and cut.

The planner has two orders, both exact. When the limits leave few documents, the meanings of only their texts are
compared; else all texts are compared, and the documents of the nearest are taken until enough of them are within the
limits. Approximate indexes gain nothing below 100,000 texts, where comparing them all takes 11 ms.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.spatial import haversine_m
from retrieval.columns import Columns, Mask
from retrieval.fusion import fuse
from retrieval.store import Circle, Document, Hit, SearchRequest
from retrieval.tables import words_table
from retrieval.vectors import Nearness, Vectors
from retrieval.words import all_words, any_word

__all__ = ["Asked", "Ranked", "rank"]

DEPTH = 200  # documents by words, and texts by meaning, that go into the fusion
FEW = 10_000  # documents: looking at their texts alone is then quicker than at all texts
LIMITS_FIRST, MEANING_FIRST, WORDS_ALONE = "limits first", "meaning first", "words alone"
NOTHING = Nearness(np.zeros(0, dtype=np.int64), np.zeros(0))

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """A request made ready: its words (at least one), what its limits leave, its vector when meaning takes part."""

    request: SearchRequest
    city: int
    columns: Columns
    mask: Mask
    words: tuple[str, ...]
    vector: Floats | None
    vectors: Vectors

    @property
    def depth(self) -> int:
        """How long the two lists are."""
        return max(DEPTH, self.request.k)


@dataclass(frozen=True)
class Ranked:
    """The hits, best first, and how many documents would have been."""

    hits: tuple[Hit, ...]
    matching: int
    plan: str


def rank(connection: sqlite3.Connection, asked: Asked) -> Ranked:
    """Search. Places below are places in the columns."""
    few = int(asked.mask.sum()) <= FEW
    plan = WORDS_ALONE if asked.vector is None else LIMITS_FIRST if few else MEANING_FIRST
    holding = _holding(connection, asked, any_word(asked.words))
    by_words = {} if plan != WORDS_ALONE and asked.request.alpha == 1 else _best_words(asked, holding)
    nearness = _compared(asked, plan)
    by_meaning = _best_meanings(asked, nearness)
    places = sorted(by_words.keys() | by_meaning.keys())
    cosines = dict(zip(places, nearness.of(asked.columns.texts[places]), strict=True))
    unread = {place for place, cosine in cosines.items() if cosine is None}
    scores = fuse(by_words, by_meaning, asked.request.alpha, unread)
    matching = asked.mask
    if asked.request.floor is not None:
        matching = _matching(connection, asked, holding, nearness)
        scores = {place: score for place, score in scores.items() if matching[place]}
    at, ids = np.nan_to_num(asked.columns.at), asked.columns.ids
    best = sorted(scores, key=lambda place: (-scores[place], -at[place], ids[place]))[: asked.request.k]
    documents = _documents(connection, asked.columns.rows[best].tolist())
    hits = tuple(
        Hit(
            document=document,
            score=scores[place],
            bm25=by_words.get(place),
            dense=cosines[place],
            distance_m=_distance(asked.request, document),
            plan=plan,
        )
        for place, document in zip(best, documents, strict=True)
    )
    return Ranked(hits, int(matching.sum()), plan)


# ---------------------------------------------------------------- by words


@dataclass(frozen=True)
class _Holding:
    """Documents within the limits that hold words of the question, and how well (BM25, higher is better)."""

    places: Numbers
    scores: npt.NDArray[np.float64]


def _holding(connection: sqlite3.Connection, asked: Asked, question: str, *, how_well: bool = True) -> _Holding:
    """Ask the full-text index; without `how_well`, which costs a microsecond for each document, the scores are 0.

    Of few documents it is told the rows; the + keeps it from being asked once for each of them.
    """
    table = words_table(asked.city)
    sql = f"SELECT rowid, {'-rank' if how_well else '0'} FROM {table} WHERE {table} MATCH ?"  # noqa: S608  # a number
    values = [question]
    if asked.mask.sum() <= FEW:
        sql += " AND +rowid IN (SELECT value FROM json_each(?))"
        values.append(json.dumps(asked.columns.rows[asked.mask].tolist()))
    found = np.array(connection.execute(sql, values).fetchall(), dtype=np.float64).reshape(-1, 2)
    places = asked.columns.places_of(found[:, 0].astype(np.int64))
    inside = asked.mask[places]
    return _Holding(places[inside], found[inside, 1])


def _best_words(asked: Asked, holding: _Holding) -> dict[int, float]:
    """The documents that hold the words best; of equals the newest."""
    at = np.nan_to_num(asked.columns.at[holding.places])
    order = np.lexsort((holding.places, -at, -holding.scores))[: asked.depth]
    return dict(zip(holding.places[order].tolist(), holding.scores[order].tolist(), strict=True))


# ---------------------------------------------------------------- by meaning


def _compared(asked: Asked, plan: str) -> Nearness:
    """The cosines of all texts, or of those within the limits; of none when meaning takes no part."""
    if asked.vector is None:
        return NOTHING
    if plan == MEANING_FIRST:
        return asked.vectors.compared(asked.vector)
    return asked.vectors.compared(asked.vector, np.unique(asked.columns.texts[asked.mask]))


def _best_meanings(asked: Asked, nearness: Nearness) -> dict[int, float]:
    """Documents of the nearest texts, the newest k of each: those of one wording may be thousands."""
    found: dict[int, float] = {}
    texts = 0
    for text, cosine in nearness.nearest_first():
        places = asked.columns.newest_of_text(text, asked.mask, asked.request.k).tolist()
        found.update(dict.fromkeys(places, cosine))
        texts += bool(places)
        if texts >= asked.depth:
            break
    return found


# ---------------------------------------------------------------- what is a hit


def _matching(connection: sqlite3.Connection, asked: Asked, holding: _Holding, nearness: Nearness) -> Mask:
    """All documents that hold all the words, reach the floor, or hold any word where their meaning is not known."""
    matching = np.zeros_like(asked.mask)
    matching[_holding(connection, asked, all_words(asked.words), how_well=False).places] = True
    if asked.request.floor is not None:
        matching |= np.isin(asked.columns.texts, nearness.at_least(asked.request.floor))
    read = np.isin(asked.columns.texts[holding.places], nearness.numbers)
    matching[holding.places[~read]] = True
    return matching & asked.mask


# ---------------------------------------------------------------- documents


def _documents(connection: sqlite3.Connection, rows: Sequence[int]) -> list[Document]:
    """The documents of the rows, in that order."""
    cursor = connection.execute(
        "SELECT row, id, kind, title, text, url_ref, lat, lon, at, known_from, known_until, fields"
        " FROM search_documents WHERE row IN (SELECT value FROM json_each(?))",
        (json.dumps(rows),),
    )
    names = [column[0] for column in cursor.description]
    found = {values[0]: _document(dict(zip(names, values, strict=True))) for values in cursor}
    return [found[row] for row in rows]


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


def _distance(request: SearchRequest, document: Document) -> float | None:
    """Metres to the middle of a circle; an area has none."""
    if not isinstance(request.near, Circle) or document.lon is None:
        return None
    return haversine_m(document.lat, document.lon, request.near.lat, request.near.lon)
