"""Brings a city's documents up to date with its records and its handbook.

    report = index_city(store, search, "boston", Path("cities/boston"))

An index that was built from these records only takes in what has changed since (`retrieval.following`); one that was
not, or is asked to, is built from all of them. Pages are read again when one of them has changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from domain.errors import BadData, NotNow
from domain.records import City
from domain.repositories.outbox import entries, next_position, position_of, settle
from domain.store import Store
from retrieval.following import FORM, POSITION, in_step, take_in, written_position
from retrieval.library import Library, read_library
from retrieval.record_documents import RECORD_KINDS, documents_of
from retrieval.store import Document, RetrievalStore
from retrieval.turns import my_turn

__all__ = ["INDEXED_KINDS", "IndexReport", "Progress", "Rebuild", "index_city", "reindex"]

EMBED_S = 10.0  # a handbook and a hundred sites take two to four seconds of one core
TURN_S = 60.0  # for another process that builds the index: this one then finds it built
AT_ONCE = 1_000  # documents written between two tellings of progress
INDEXED_KINDS = (*RECORD_KINDS, "handbook")

Progress = Callable[[str, int, int], None]
"""Told of a kind, how many of its documents are written, and how many there are."""


@dataclass(frozen=True)
class Rebuild:
    """Which kinds to make again, who is told how far it is, and how long to wait for another process."""

    kinds: Collection[str] = INDEXED_KINDS
    progress: Progress | None = None
    wait_s: float = TURN_S


@dataclass(frozen=True)
class IndexReport:
    """What an indexing did.

    `changed`: documents by kind, without the kinds that were up to date. `without_meaning`: texts that have no vector
    yet. `faults`: why they will not get one, and what to do. `unread`: pages that could not be read, and why.
    """

    city: str
    changed: Mapping[str, int]
    without_meaning: int
    seconds: float
    faults: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


def index_city(
    store: Store, search: RetrievalStore, city: str, folder: Path | None, *, embed_s: float = EMBED_S
) -> IndexReport:
    """Bring a city's documents up to date; the same records twice change nothing.

    `folder` holds the pages (`retrieval.library`); one that cannot be read is told and left out. Texts get vectors for
    about `embed_s` seconds, the pages' first; what has none is found by words alone. Raises BadData for a city that is
    not loaded, StoreUnavailable.
    """
    began = time.monotonic()
    _known(store, city)
    changed: dict[str, int] = {}
    library = read_library(folder)
    unread = library.faults
    if search.digest("handbook") != _digest(library):
        passages, unread = library.documents()
        changed["handbook"] = search.replace("handbook", passages, _digest(library))
    with my_turn(store, city, TURN_S) as mine:
        if mine and not in_step(store, search, city):
            changed |= _rebuild(store, search, city, RECORD_KINDS, None)
        elif mine:
            changed |= _catch_up(store, search, city)
    left, faults = _embed(search, embed_s)
    written = {kind: count for kind, count in changed.items() if count}
    return IndexReport(city, written, left, _since(began), faults, unread)


def reindex(
    store: Store,
    search: RetrievalStore,
    city: str,
    folder: Path | None,
    how: Rebuild | None = None,
) -> IndexReport:
    """Make documents again from all records and pages, whatever the index says of itself.

    Vectors of texts that stay are kept. Killed midway, the index holds old and new documents, each whole, and the next
    indexing finishes. Raises as `index_city`, and NotNow while another process has the index in hand.
    """
    began = time.monotonic()
    _known(store, city)
    how = how or Rebuild()
    changed: dict[str, int] = {}
    unread: tuple[str, ...] = ()
    if "handbook" in how.kinds:
        library = read_library(folder)
        passages, unread = library.documents()
        changed["handbook"] = _replace(search, "handbook", passages, _digest(library), how.progress)
    records = [kind for kind in RECORD_KINDS if kind in how.kinds]
    with my_turn(store, city, how.wait_s) as mine:
        if not mine:
            raise NotNow(f"Another process is indexing {city}; run this again when it has ended.")
        whole = len(records) == len(RECORD_KINDS)
        if records and not whole and not in_step(store, search, city):
            records = list(RECORD_KINDS)  # the others are not this database's either
        changed |= _rebuild(store, search, city, records, how.progress) if records else {}
    left, faults = _embed(search, 0)
    return IndexReport(city, changed, left, _since(began), faults, unread)


def _digest(library: Library) -> str:
    return f"{FORM}:{library.digest}"


def _known(store: Store, city: str) -> None:
    with store.read() as session:
        if session.get(City, city) is None:
            raise BadData(f"no city {city!r} is loaded; run roundsman load FOLDER")


def _since(began: float) -> float:
    return time.monotonic() - began


# ---------------------------------------------------------------- records


def _catch_up(store: Store, search: RetrievalStore, city: str) -> dict[str, int]:
    """Take in everything that waits."""
    changed: dict[str, int] = {}
    left = 1
    while left:
        written, _, left = take_in(store, search, city)
        for kind, count in written.items():
            changed[kind] = changed.get(kind, 0) + count
    return changed


def _rebuild(
    store: Store, search: RetrievalStore, city: str, kinds: Sequence[str], progress: Progress | None
) -> dict[str, int]:
    """Make the documents of these kinds from one moment of the records. What waited for them is then taken in."""
    with store.read() as session:
        waited = [entry for entry in entries(session, city) if entry.kind in kinds]
        before = position_of(session, city)
        changed = {kind: _replace(search, kind, _made(session, city, kind), FORM, progress) for kind in kinds}
    position = next_position(before)
    search.remember(POSITION, written_position(position, before, waited))
    with store.write() as session:
        settle(session, city, [entry.seq for entry in waited], position)
    return changed


def _made(session: Session, city: str, kind: str) -> list[Document]:
    return list(documents_of(session, city, kind))


def _replace(
    search: RetrievalStore, kind: str, documents: Sequence[Document], digest: str, progress: Progress | None
) -> int:
    """Write in portions where somebody watches; the last step removes what is no longer there."""
    written = 0
    if progress is not None:
        for start in range(0, len(documents), AT_ONCE):
            progress(kind, start, len(documents))
            written += search.upsert(documents[start : start + AT_ONCE])
        progress(kind, len(documents), len(documents))
    return written + search.replace(kind, documents, digest)


def _embed(search: RetrievalStore, budget_s: float) -> tuple[int, tuple[str, ...]]:
    """Texts left without a vector, and why: a search without vectors is still a search."""
    try:
        return search.embed_pending(budget_s), ()
    except (NotNow, BadData) as error:
        health = search.health()
        return health.texts - health.embedded, (str(error),)
