"""One search on PostGIS and Weaviate: two lists, by words and by meaning, fused and cut as in the embedded back end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import NotNow
from domain.spatial import haversine_m
from retrieval.fusion import fuse
from retrieval.planner import Nearest, Planner
from retrieval.postgis_limits import Limits
from retrieval.postgis_source import Candidates, VectorSearch
from retrieval.postgis_tables import CityRow, Connection, numbers_text
from retrieval.postgis_vectors import compared
from retrieval.postgis_words import Holding, Wanted, Weights, read_holding
from retrieval.store import Circle, Document, Hit, PlanTrace, SearchRequest

__all__ = ["ALONE", "WORDS_ALONE", "Asked", "Meanings", "Ranked", "compare_meanings", "rank"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]

DEPTH = 200  # documents by words, and texts by meaning, that go into the fusion
OWN_COPY = (
    "the vector index cannot be used just now ({why}); meanings were compared with the database's own copy of them"
)
ALONE = "meaning search is off, documents were found by words alone: {why}"
WORDS_ALONE = "words alone"
MOST_WAITING = 2_000  # documents that are compared here until Weaviate has them
SHORT = 10_000  # candidates of which all scores by words are read at once: asking twice takes longer
NOTHING = Nearest(np.zeros(0, dtype=np.int64), np.zeros(0))


@dataclass(frozen=True)
class Asked:
    """A request made ready: its words (at least one), its limits, and what these leave where that is little.

    `behind`: Weaviate does not hold all of it yet.
    """

    request: SearchRequest
    city: CityRow
    limits: Limits
    candidates: Candidates | None
    words: Weights
    behind: bool = False

    @property
    def depth(self) -> int:
        """How long the two lists are."""
        return max(DEPTH, self.request.k)


@dataclass(frozen=True)
class Meanings:
    """Texts nearest in meaning, best first; the question's vector; why there are none; how they were looked for.

    `reaching`: those that reach the floor, where one was asked for. `compared`: documents that Weaviate does not hold
    yet, of those compared here.
    """

    nearest: Nearest = NOTHING
    reaching: Numbers = field(default_factory=lambda: NOTHING.numbers)
    vector: Floats | None = None
    trace: PlanTrace | None = None
    degraded: tuple[str, ...] = ()
    compared: int = 0


@dataclass(frozen=True)
class Ranked:
    """The hits, best first, and how many documents would have been."""

    hits: tuple[Hit, ...]
    matching: int | None


def compare_meanings(
    connection: Connection, asked: Asked, source: VectorSearch, planner: Planner, vector: Floats
) -> Meanings:
    """By Weaviate; where it fails and there are few documents, by the database's copy of their vectors."""
    floor = asked.request.floor
    try:
        nearest, trace = planner.run(source, asked.depth)
        reaching = nearest
        unsent = _unsent(connection, asked) if asked.behind else NOTHING.numbers
        waiting = compared(connection, np.unique(unsent), vector)
        if floor is not None and len(nearest.numbers) >= asked.depth and nearest.cosines[-1] >= floor:
            reaching = source.at_least(floor)
    except NotNow as error:
        why = str(error).rstrip(".")
        if asked.candidates is None:
            return Meanings(degraded=(ALONE.format(why=why),))
        nearest = reaching = compared(connection, np.unique(asked.candidates.texts), vector)
        trace = PlanTrace("own copy", len(asked.candidates.rows), len(asked.candidates.rows), 0.0)
        return Meanings(nearest, _reaching(nearest, floor), vector, trace, (OWN_COPY.format(why=why),))
    reached = np.union1d(_reaching(reaching, floor), _reaching(waiting, floor))
    both = _together(nearest, waiting).first(asked.depth)
    return Meanings(both, reached, vector, trace, compared=int(np.isin(unsent, waiting.numbers).sum()))


def _unsent(connection: Connection, asked: Asked) -> Numbers:
    """The texts of the newest documents that Weaviate does not hold yet, once for each document."""
    sql = (
        "SELECT d.meaning FROM search_documents d"  # noqa: S608  # conditions of ours
        f" WHERE NOT d.sent AND {asked.limits.checks} ORDER BY d.row DESC LIMIT {MOST_WAITING}"
    )
    found = connection.execute(sql, asked.limits.values).fetchall()
    return np.array(found, dtype=np.int64).reshape(-1)


def _together(one: Nearest, other: Nearest) -> Nearest:
    """Two lists as one, best first, each text once."""
    numbers, cosines = np.concatenate([one.numbers, other.numbers]), np.concatenate([one.cosines, other.cosines])
    _, first = np.unique(numbers, return_index=True)
    order = first[np.lexsort((numbers[first], -cosines[first]))]
    return Nearest(numbers[order], cosines[order])


def _reaching(nearest: Nearest, floor: float | None) -> Numbers:
    return nearest.numbers if floor is None else nearest.numbers[nearest.cosines >= floor]


def rank(connection: Connection, asked: Asked, meanings: Meanings) -> Ranked:
    """Search: the lists by words and by meaning become one."""
    request = asked.request
    among = None if asked.candidates is None else asked.candidates.rows
    every = request.floor is not None or (among is not None and len(among) <= SHORT)
    wanted = Wanted(among, None if every else 2 * asked.depth)
    holding = read_holding(connection, asked.city, asked.limits, asked.words, wanted)
    by_meaning = _of_texts(connection, asked, meanings.nearest)
    facts = _facts(connection, asked, [*_most_wordy(asked, holding), *by_meaning])
    by_words: dict[int, float] = {}
    listed = {*by_meaning}
    if meanings.vector is None or request.alpha < 1:
        listed |= {*_best_words(asked, holding, facts)}
        by_words = _words_of(connection, asked, holding, listed, every)
    told = facts.cosines(connection, meanings)
    cosines = {row: told[row] for row in listed}
    known = {row: cosine for row, cosine in cosines.items() if cosine is not None}
    scores = fuse(by_words, known, request.alpha, cosines.keys() - known.keys())
    matching = None
    if request.floor is not None:
        matching = _matching(connection, asked, holding, meanings)
        scores = {row: score for row, score in scores.items() if row in matching}
    best = _first(connection, scores, facts, request.k)
    plan = WORDS_ALONE if meanings.trace is None else meanings.trace.plan
    hits = tuple(
        Hit(document, scores[row], by_words.get(row), cosines[row], _distance(request, document), plan)
        for row, document in zip(best, _documents(connection, best), strict=True)
    )
    return Ranked(hits, None if matching is None else len(matching))


# ---------------------------------------------------------------- by words


def _most_wordy(asked: Asked, holding: Holding) -> list[int]:
    """Rows that may be among the best by words: twice as many as are wanted, for equals are told apart later."""
    order = np.lexsort((holding.rows, -holding.scores))[: 2 * asked.depth]
    return holding.rows[order].tolist()  # type: ignore[no-any-return]


def _best_words(asked: Asked, holding: Holding, facts: _Facts) -> list[int]:
    """The documents that hold the words best; of equals the newest."""
    scores = holding.scored()
    wordy = _most_wordy(asked, holding)
    return sorted(wordy, key=lambda row: (-scores[row], -facts.at[row], row))[: asked.depth]


def _words_of(
    connection: Connection, asked: Asked, holding: Holding, listed: Set[int], every: bool
) -> dict[int, float]:
    """The scores of those listed that hold any word; asks for those of which the best by words say nothing."""
    scores = holding.scored()
    found = {row: scores[row] for row in listed & scores.keys()}
    others = np.array(sorted(listed - scores.keys()), dtype=np.int64)
    if every or not len(others):
        return found
    return found | read_holding(connection, asked.city, asked.limits, asked.words, Wanted(others)).scored()


# ---------------------------------------------------------------- by meaning


def _of_texts(connection: Connection, asked: Asked, nearest: Nearest) -> list[int]:
    """Documents of the texts within the limits, the newest k of each: those of one wording may be thousands."""
    if not len(nearest.numbers):
        return []
    if asked.candidates is not None:
        places = np.flatnonzero(np.isin(asked.candidates.texts, nearest.numbers))
        _, alike = np.unique(asked.candidates.texts[places], return_counts=True)
        if not len(places) or alike.max() <= asked.request.k:
            return asked.candidates.rows[places].tolist()  # type: ignore[no-any-return]
    sql = (
        "SELECT row FROM (SELECT d.row, row_number() OVER"  # noqa: S608  # conditions of ours
        ' (PARTITION BY d.meaning ORDER BY coalesce(d.at, 0) DESC, d.id COLLATE "C") AS nth FROM search_documents d'
        f" WHERE d.meaning = ANY(%(texts)s::bigint[]) AND {asked.limits.checks}) n WHERE nth <= %(most)s"
    )
    values = asked.limits.values | {"texts": numbers_text(nearest.numbers.tolist()), "most": asked.request.k}
    return [row for (row,) in connection.execute(sql, values)]


@dataclass(frozen=True)
class _Facts:
    """What the fusion must know of documents: their texts and times (0 without), by row."""

    texts: Mapping[int, int]
    at: Mapping[int, float]

    def cosines(self, connection: Connection, meanings: Meanings) -> dict[int, float | None]:
        """The cosine of each document; of what is in no list by meaning from the database's copy. None: no vector."""
        if meanings.vector is None:
            return dict.fromkeys(self.texts)
        known = dict(zip(meanings.nearest.numbers.tolist(), meanings.nearest.cosines.tolist(), strict=True))
        others = np.array(sorted(set(self.texts.values()) - known.keys()), dtype=np.int64)
        more = compared(connection, others, meanings.vector)
        known |= dict(zip(more.numbers.tolist(), more.cosines.tolist(), strict=True))
        return {row: known.get(text) for row, text in self.texts.items()}


def _facts(connection: Connection, asked: Asked, rows: Sequence[int]) -> _Facts:
    """From the candidates, where these were read."""
    told: list[tuple[int, int, float]]
    if asked.candidates is not None:
        known = asked.candidates
        places = np.searchsorted(known.rows, np.array(sorted({*rows}), dtype=np.int64))
        columns = known.rows[places], known.texts[places], np.nan_to_num(known.at[places])
        told = list(zip(*(column.tolist() for column in columns), strict=True))
    else:
        sql = "SELECT row, meaning, coalesce(at, 0) FROM search_documents WHERE row = ANY(%s::bigint[])"
        told = connection.execute(sql, (numbers_text({*rows}),)).fetchall()
    return _Facts({row: text for row, text, _ in told}, {row: at for row, _, at in told})


def _first(connection: Connection, scores: Mapping[int, float], facts: _Facts, count: int) -> list[int]:
    """The best, of equals the newest, then by id, which is asked for only where it decides."""
    places = {row: (-score, -facts.at[row]) for row, score in scores.items()}
    order = sorted(places, key=places.__getitem__)
    among = [row for row in order if places[row] <= places[order[count - 1]]] if len(order) > count > 0 else order
    if len({places[row] for row in among}) < len(among):
        sql = "SELECT row, id FROM search_documents WHERE row = ANY(%s::bigint[])"
        ids: dict[int, str] = dict(connection.execute(sql, (numbers_text(among),)).fetchall())
        among.sort(key=lambda row: (places[row], ids[row]))
    return among[:count]


# ---------------------------------------------------------------- what is a hit


def _matching(connection: Connection, asked: Asked, holding: Holding, meanings: Meanings) -> set[int]:
    """All documents that hold all the words, reach the floor, or hold any word where their meaning is not known."""
    matching: set[int] = set(holding.rows[holding.whole].tolist())
    if len(meanings.reaching):
        sql = (
            "SELECT coalesce(array_agg(d.row), '{}') FROM search_documents d"  # noqa: S608  # conditions of ours
            f" WHERE d.meaning = ANY(%(texts)s::bigint[]) AND {asked.limits.checks}"
        )
        values = asked.limits.values | {"texts": numbers_text(meanings.reaching.tolist())}
        matching.update(*(connection.cursor(binary=True).execute(sql, values).fetchone() or ()))
    if meanings.vector is None:
        return matching | set(holding.rows.tolist())
    unread = (
        "SELECT d.row FROM search_documents d WHERE d.city = %s AND NOT d.sent AND d.row = ANY(%s::bigint[])"
        " AND NOT EXISTS (SELECT 1 FROM search_vectors v WHERE v.text = d.meaning)"
    )
    found = connection.execute(unread, (asked.city.number, numbers_text(holding.rows.tolist())))
    return matching | {row for (row,) in found}


# ---------------------------------------------------------------- documents


def _documents(connection: Connection, rows: Sequence[int]) -> list[Document]:
    """The documents of the rows, in that order."""
    cursor = connection.execute(
        "SELECT row, id, kind, title, text, url_ref, lat, lon, at, known_from, known_until, fields"
        " FROM search_documents WHERE row = ANY(%s::bigint[])",
        (numbers_text(rows),),
    )
    names = [column.name for column in cursor.description or ()]
    found = {values[0]: _document(dict(zip(names, values, strict=True))) for values in cursor}
    return [found[row] for row in rows]


def _document(row: Mapping[str, Any]) -> Document:
    same = {name: row[name] for name in ("id", "kind", "title", "text", "url_ref", "lat", "lon", "fields")}
    return Document(
        **same,
        at=_moment(row["at"]),
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
