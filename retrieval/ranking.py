"""One search in a SQLite file: two lists, by words and by meaning, fused and cut."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.spatial import haversine_m
from retrieval.columns import COMPILED_FROM, Columns, Mask
from retrieval.fusion import fuse
from retrieval.limits import Left
from retrieval.meanings import TextSource
from retrieval.planner import Nearest, Planner
from retrieval.postings import Holding, Postings
from retrieval.store import Circle, Document, Hit, PlanTrace, SearchRequest
from retrieval.vectors import told

__all__ = ["Asked", "Ranked", "rank"]

DEPTH = 200  # documents by words, and texts by meaning, that go into the fusion
WORDS_ALONE = "words alone"
NOTHING = Nearest(np.zeros(0, dtype=np.int64), np.zeros(0))

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asked:
    """A request made ready: its words (at least one), what its limits leave, and its meaning when that takes part.

    `rows` is the row of each document's text among the vectors, by place in the columns, -1 where it has none.
    """

    request: SearchRequest
    city: int
    columns: Columns
    left: Left
    words: tuple[str, ...]
    meaning: TextSource | None
    rows: Numbers

    @property
    def depth(self) -> int:
        """How long the two lists are."""
        return max(DEPTH, self.request.k)


@dataclass(frozen=True)
class Ranked:
    """The hits, best first, how many documents would have been, and why meaning was looked for as it was."""

    hits: tuple[Hit, ...]
    matching: int
    trace: PlanTrace


def rank(connection: sqlite3.Connection, asked: Asked, planner: Planner, postings: Postings) -> Ranked:
    """Search. Places below are places in the columns."""
    places = asked.left.places
    holding = Holding(places[:0], np.zeros(0), np.zeros(0, dtype=np.uint8))
    if asked.meaning is None or asked.request.alpha < 1 or asked.request.floor is not None:
        holding = postings.holding(connection, asked.city, asked.columns, asked.words, places)
    by_words: dict[int, float] = {}
    if asked.meaning is None or asked.request.alpha < 1:
        by_words = holding.best(asked.depth, asked.columns.at)
    nearest, trace = _nearest(asked, planner)
    by_meaning = _best_meanings(asked, nearest)
    listed = sorted(by_words.keys() | by_meaning.keys())
    by_words = holding.of(np.array(listed, dtype=np.int64)) if by_words else by_words
    cosines = _cosines(asked, listed, by_meaning)
    known = {place: cosine for place, cosine in cosines.items() if cosine is not None}
    scores = fuse(by_words, known, asked.request.alpha, cosines.keys() - known.keys())
    matching = len(places)
    if asked.request.floor is not None:
        hits = _matching(asked, holding)
        matching, scores = int(hits.sum()), {place: score for place, score in scores.items() if hits[place]}
    hits_of = _hits(connection, asked, scores, by_words, cosines)
    return Ranked(tuple(replace(hit, plan=trace.plan) for hit in hits_of), matching, trace)


def _hits(
    connection: sqlite3.Connection,
    asked: Asked,
    scores: Mapping[int, float],
    by_words: Mapping[int, float],
    cosines: Mapping[int, float | None],
) -> list[Hit]:
    """The best documents, of equals the newest, then by id."""
    k = asked.request.k
    worst = sorted(scores.values(), reverse=True)[:k][-1] if scores else 0.0
    listed = [place for place, score in scores.items() if score >= worst]
    at = dict(zip(listed, np.nan_to_num(asked.columns.at[listed]).tolist(), strict=True))
    ids = asked.columns.ids
    best = sorted(listed, key=lambda place: (-scores[place], -at[place], ids[place]))[:k]
    documents = _documents(connection, asked.columns.rows[best].tolist())
    return [
        Hit(document, scores[place], by_words.get(place), cosines[place], _distance(asked.request, document), "")
        for place, document in zip(best, documents, strict=True)
    ]


# ---------------------------------------------------------------- by meaning


def _nearest(asked: Asked, planner: Planner) -> tuple[Nearest, PlanTrace]:
    """The nearest texts by the plan that is cheapest; none when meaning takes no part."""
    actual = len(asked.left.places)
    if asked.meaning is None:
        return NOTHING, PlanTrace(WORDS_ALONE, asked.left.estimated, actual, 0.0)
    nearest, trace = planner.run(asked.meaning, asked.depth)
    return nearest, replace(trace, actual=actual)


def _best_meanings(asked: Asked, nearest: Nearest) -> dict[int, float]:
    """Documents of the nearest texts, the newest k of each: those of one wording may be thousands."""
    if asked.meaning is None:
        return {}
    texts = asked.meaning.vectors.numbers[nearest.numbers]
    documents = asked.columns.newest_of_texts(texts, asked.left.mask, asked.request.k)
    return {
        place: cosine for places, cosine in zip(documents, nearest.cosines.tolist(), strict=True) for place in places
    }


def _cosines(asked: Asked, listed: Sequence[int], known: Mapping[int, float]) -> dict[int, float | None]:
    """The cosine of each listed document; None where its text has no vector, or meaning takes no part."""
    found: dict[int, float | None] = dict.fromkeys(listed)
    found.update(known)
    missing = np.array([place for place in listed if place not in known], dtype=np.int64)
    if asked.meaning is not None and len(missing):
        rows = asked.rows[missing]
        read, rows = missing[rows >= 0], rows[rows >= 0]
        cosines = told(asked.meaning.vectors.matrix[rows] @ asked.meaning.query)
        found.update(zip(read.tolist(), cosines.tolist(), strict=True))
    return found


# ---------------------------------------------------------------- what is a hit


def _matching(asked: Asked, holding: Holding) -> Mask:
    """All documents that hold all the words, reach the floor, or hold any word where their meaning is not known."""
    matching = np.zeros(len(asked.columns.rows), dtype=np.bool_)
    matching[holding.places[holding.words == len(asked.words)]] = True
    if asked.meaning is None:
        matching[holding.places] = True
        return matching
    matching[holding.places[asked.rows[holding.places] < 0]] = True
    if asked.request.floor is not None:
        near = np.zeros(asked.meaning.total + 1, dtype=np.bool_)  # the last is for texts without a vector
        near[asked.meaning.reaching(asked.request.floor)] = True
        places = asked.left.places
        if len(places) < COMPILED_FROM:
            matching[places[near[asked.rows[places]]]] = True
        else:
            from retrieval.kernels import mark_near  # numba, where a city is large enough to want it

            mark_near(asked.rows, places, near, matching)
    return matching


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
