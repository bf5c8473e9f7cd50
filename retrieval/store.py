"""The one interface of search, over words, meaning, place and time; back ends implement `RetrievalStore`.

A store holds the documents of one city. Degrees are WGS 84, `_m` metres, times aware.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, OutOfRange
from retrieval.regions import Area, Circle, Polygon, Region, is_on_earth

__all__ = [
    "DEFAULT_ALPHA", "DEFAULT_VECTOR", "KINDS", "MOST_HITS", "STANDING", "Area", "Circle", "Document", "Found", "Hit",
    "PlanTrace", "Polygon", "Region", "RetrievalStore", "SearchHealth", "SearchRequest", "Vector", "holds_value",
]  # fmt: skip

KINDS = ("bins", "requests", "rounds", "customers", "patterns", "predictions", "handbook")
STANDING = frozenset({"predictions"})
"""Kinds whose documents are known from when they first said what they say: nothing but a later `known_from` is no
change."""
MOST_HITS = 1_000
DEFAULT_ALPHA = 0.6  # the best of the tenths on SciFact's train questions
DEFAULT_VECTOR = "custom"  # the name of the vectors that the house's own embedding model makes

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Document:
    """Something that can be found. `id` is its own within the city, `url_ref` what a person opens to read it whole.

    Words are looked for in `title`, `text` and the values of `fields`; the meaning is that of title and text, so what
    differs from row to row (addresses, ids) belongs into `fields`. Of these `site_id` and `area` also place a document.
    `at` is when it happened. A version of a record is known `known_from` (inclusive) to `known_until` (exclusive);
    None has no limit, so that nobody finds a note before it was written. Raises BadData, naming the document, for
    another kind than `KINDS`, one coordinate without the other, a place off the earth and a time without a zone.
    """

    id: str
    kind: str
    title: str
    text: str
    url_ref: str
    lat: float | None = None
    lon: float | None = None
    at: datetime | None = None
    fields: Mapping[str, str] = field(default_factory=dict)
    known_from: datetime | None = None
    known_until: datetime | None = None

    def __post_init__(self) -> None:
        """Refuse what no store could find again, before it stands in the way of everything else there."""
        if self.kind not in KINDS:
            raise BadData(f"Document “{self.id}” is of the kind “{self.kind}”. Kinds: {', '.join(KINDS)}.")
        if (self.lat is None) != (self.lon is None):
            raise BadData(f"Document “{self.id}” has one coordinate. Give latitude and longitude, or neither.")
        if self.lat is not None and self.lon is not None and not is_on_earth(self.lat, self.lon):
            raise BadData(f"Document “{self.id}” is at {self.lat:g}, {self.lon:g}, which is not on the earth.")
        for name in ("at", "known_from", "known_until"):
            if _is_naive(getattr(self, name)):
                raise BadData(f"Document “{self.id}”: its time `{name}` has no zone. Give it one, UTC for example.")


@dataclass(frozen=True)
class SearchRequest:
    """What to look for. All that is given must hold; None and empty are no limit.

    `alpha` is the weight of meaning against words. `since` inclusive, `until` exclusive: documents without a time are
    outside such a window. `as_of` is the moment of asking: what happened or was known only later is not there.
    `filters` name fields of documents and what each must hold, one of several when it is a tuple (`holds_value`).
    `vectors` is the question's meaning by the name of a model's vectors, shape (dimensions,), not all 0; empty lets the
    store embed the text. One search compares vectors of one name: those of two models are not on one scale.
    `tenant` is the city to search, the store's own when None.
    With a `floor` a hit must hold all the words, or be at least so near in meaning (cosine, -1..1), or hold any of the
    words where its meaning is not known; without one the nearest are hits, however far. Raises OutOfRange for values
    that cannot be searched.
    """

    text: str
    k: int = 10
    alpha: float = DEFAULT_ALPHA
    kinds: tuple[str, ...] = ()
    near: Region | None = None
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    floor: float | None = None
    deadline_s: float = 3.0
    vectors: Mapping[str, Vector] = field(default_factory=dict, compare=False)
    filters: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    tenant: str | None = None

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        if not 1 <= self.k <= MOST_HITS:
            raise OutOfRange(f"A search gives 1 to {MOST_HITS} hits, not {self.k}. How many do you want?")
        if not 0 <= self.alpha <= 1:
            raise OutOfRange(f"The weight of meaning is a share from 0 to 1, not {self.alpha:g}.")
        if self.floor is not None and not isfinite(self.floor):
            raise OutOfRange(f"A floor is a cosine from -1 to 1, not {self.floor:g}.")
        if not isfinite(self.deadline_s):
            raise OutOfRange(f"A search ends after a number of seconds, not {self.deadline_s:g}.")
        for name in ("since", "until", "as_of"):
            if _is_naive(getattr(self, name)):
                raise OutOfRange(f"The time `{name}` of a search has no zone, so it could be several moments.")
        unknown = sorted(set(self.kinds) - set(KINDS))
        if unknown:
            raise OutOfRange(f"I keep no documents of the kind “{unknown[0]}”. Kinds: {', '.join(KINDS)}.")
        if len(self.vectors) > 1:
            raise OutOfRange(f"One search compares one kind of vectors, not {', '.join(sorted(self.vectors))}.")
        for name, vector in self.vectors.items():
            if np.ndim(vector) != 1 or not np.isfinite(vector).all() or not np.any(vector):
                raise OutOfRange(f"The vector “{name}” is not a list of finite numbers that are not all 0.")


@dataclass(frozen=True)
class Hit:
    """A document found. `score` 0..1 within this search; `bm25` higher is better, `dense` the cosine of the meanings.

    None where a list does not hold the document. `plan` says in which order the parts of the search ran; which that
    is goes by what each was seen to cost, so it is no part of the answer.
    """

    document: Document
    score: float
    bm25: float | None
    dense: float | None
    distance_m: float | None
    plan: str = field(compare=False)


@dataclass(frozen=True)
class PlanTrace:
    """Why a search ran as it did, for whoever checks the planner.

    `estimated`: documents that were expected within the limits, `actual`: those that there were. `cost_ms` is what
    choosing a plan and comparing meanings took, `alternatives` what each plan was expected to take, the chosen one
    included; the approximate one is not among them where it could not be the cheapest.
    `recall_sample`: the share of the exact ten best that were found, where this search was one that is checked.
    """

    plan: str
    estimated: int
    actual: int
    cost_ms: float
    recall_sample: float | None = None
    alternatives: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """The hits, best first, and what a person must know about them.

    `searched`: documents that the limits left to search, `kinds` the same by kind; `newest_at`: the newest of them.
    `matching`: those of them that are hits, shown or not; without a floor that is all of them.
    `degraded`: what was missing, in sentences. `plan` and `trace` differ from run to run: they are no part of
    the answer.
    """

    hits: tuple[Hit, ...]
    matching: int
    searched: int
    newest_at: datetime | None
    plan: str = field(compare=False)
    kinds: Mapping[str, int] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    trace: PlanTrace | None = field(default=None, compare=False)


@dataclass(frozen=True)
class SearchHealth:
    """Documents by kind; distinct texts, and how many have a vector; the model of the vectors; faults; where it is."""

    documents: Mapping[str, int]
    texts: int
    embedded: int
    model: str | None
    faults: tuple[str, ...] = ()
    back_end: str = "SQLite"


def _is_naive(moment: datetime | None) -> bool:
    return moment is not None and moment.utcoffset() is None


def holds_value(field_value: str, wanted: str | tuple[str, ...]) -> bool:
    """Whether a field is one of the values, or names one among several between ", "."""
    values = {wanted} if isinstance(wanted, str) else {*wanted}
    return field_value in values or not values.isdisjoint(field_value.split(", "))


class RetrievalStore(Protocol):
    """A city's documents, kept and found. Every method raises StoreUnavailable when the store cannot be used."""

    def upsert(self, documents: Sequence[Document]) -> int:
        """Add documents, or replace those of the same id; gives back how many were new or changed."""
        ...

    def delete(self, ids: Sequence[str]) -> int:
        """Remove documents by id; gives back how many there were."""
        ...

    def replace(self, kind: str, documents: Sequence[Document], digest: str) -> int:
        """Make `documents` all there is of a kind, and remember their digest; gives back how many changed."""
        ...

    def digest(self, kind: str) -> str | None:
        """The digest that was last remembered for a kind."""
        ...

    def remember(self, kind: str, digest: str) -> None:
        """Keep the digest of what a kind's documents are made from."""
        ...

    def note_purge(self) -> None:
        """Note, beside the documents, that what removed ones left behind must be overwritten, until that is done."""
        ...

    def embed_pending(self, budget_s: float) -> int:
        """Give vectors to texts that have none, for about so long; gives back how many are left."""
        ...

    def search(self, request: SearchRequest) -> Found:
        """The best documents by words and meaning. Falls back to words alone, and says so. Raises DeadlineExceeded."""
        ...

    def estimate(self, request: SearchRequest) -> int:
        """How many documents the limits of a request leave to search, its text aside."""
        ...

    def health(self) -> SearchHealth:
        """What the store holds and what is wrong with it."""
        ...
