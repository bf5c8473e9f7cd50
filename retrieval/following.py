"""Records change, the index follows: takes in what the outbox holds, any number of times with the same end.

    followed = follow(store, search, "boston")

The order makes a kill at any point harmless: the index is written first, then the entries are removed. What was written
twice is the same, and a document is written whole or not at all.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.errors import BadData, NotNow
from domain.index_records import ERASURES, EVERY
from domain.repositories.outbox import (
    Entry,
    Position,
    entries,
    next_position,
    position_of,
    settle,
    waiting,
    waits_still,
)
from domain.store import Store
from retrieval.record_documents import RECORD_KINDS, documents_of, ids_of
from retrieval.store import Document, RetrievalStore
from retrieval.turns import my_turn

__all__ = ["FORM", "Followed", "Follower", "follow", "in_step", "take_in", "written_position"]

FORM = "2"  # raise it when documents are written otherwise, so that they are made again
POSITION = "records"  # the digest under which an index keeps its position
SPLIT, KEPT = " ", 4  # form, position, the position before, the last entry taken in
AT_ONCE = 500  # entries taken in together
BUDGET_S = 1.0
WAIT_S = 0.2  # for another process that follows just now
EMBED_S = 0.3
LOOK_EVERY_S = 1.0
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Followed:
    """What a look at the outbox did: documents written and removed, by kind, and changes still waiting.

    `foreign`: the index does not belong to this database's records, or its building was cut off; build it again.
    `building`: another process is at that just now.
    """

    changed: Mapping[str, int] = field(default_factory=dict)
    removed: int = 0
    left: int = 0
    foreign: bool = False
    building: bool = False


def follow(
    store: Store, search: RetrievalStore, city: str, *, budget_s: float = BUDGET_S, wait_s: float = WAIT_S
) -> Followed:
    """Take in the changes that wait, oldest first, for about so long. Raises NotNow when a store cannot be used.

    Does nothing but count while another process has the turn. Where nothing waits, whether the index is whole is looked
    at all the same.
    """
    ends = time.monotonic() + budget_s
    with store.read() as session:
        left = waiting(session, city).changes
    if not left and in_step(store, search, city):
        return Followed()
    changed: dict[str, int] = defaultdict(int)
    removed = 0
    with my_turn(store, city, wait_s) as mine:
        if not in_step(store, search, city):  # of what another has in hand it may be untrue for a moment
            return Followed(left=left, foreign=mine, building=not mine)
        while mine and left:
            written, gone, left = take_in(store, search, city)
            removed += gone
            for kind, count in written.items():
                changed[kind] += count
            if not left or time.monotonic() > ends:
                break
    if changed:
        _embed(search)
    return Followed(dict(changed), removed, left)


def in_step(store: Store, search: RetrievalStore, city: str) -> bool:
    """Whether the index was built from this database and has missed nothing that was removed from its outbox.

    It may be one turn ahead, where something ended between its writes and the database's: the last change that it took
    in then waits still. After a restore it does not.
    """
    kept = (search.digest(POSITION) or "").split(SPLIT)
    with store.read() as session:
        position = position_of(session, city)
        if position is None or len(kept) != KEPT or kept[0] != FORM:
            return False
        _, is_at, was_at, last = kept
        ahead = was_at == _told(position) and last != "" and waits_still(session, city, last)
        return is_at == _told(position) or ahead


def written_position(position: Position, before: Position | None, taken_in: Sequence[Entry]) -> str:
    """A position as an index keeps it, with the one before and the last entry that it took in."""
    last = max(taken_in, key=lambda entry: entry.seq).mark if taken_in else ""
    return SPLIT.join([FORM, _told(position), _told(before) if before else "", last])


def _told(position: Position) -> str:
    return f"{position.epoch}:{position.turn}"


def take_in(store: Store, search: RetrievalStore, city: str) -> tuple[dict[str, int], int, int]:
    """Bring the oldest changes into the index: documents written by kind, removed, and changes left. Needs the turn.

    Where a person was erased, that the index must be purged is noted in it before the entry that asks for it goes.
    """
    with store.read() as session:
        found = entries(session, city, AT_ONCE)
        before = position_of(session, city)
        changes = _changes(found)
        made = {kind: list(documents_of(session, city, kind, names)) for kind, names in changes.items()}
    written = {kind: _write(search, kind, documents, changes[kind]) for kind, documents in made.items()}
    gone = search.delete(_gone(changes, made)) if found else 0
    if any(entry.kind == ERASURES for entry in found):
        search.note_purge()
    position = next_position(before)
    search.remember(POSITION, written_position(position, before, found))
    with store.write() as session:
        settle(session, city, [entry.seq for entry in found], position)
        left = waiting(session, city).changes
    return {kind: count for kind, count in written.items() if count}, gone, left


def _changes(found: Sequence[Entry]) -> dict[str, list[str] | None]:
    """Entities by kind, each once; None where everything of the kind may have changed: forecasts name their sites."""
    named: dict[str, dict[str, None]] = defaultdict(dict)
    for entry in found:
        if entry.kind in RECORD_KINDS:
            named[entry.kind][entry.entity] = None
    if "bins" in named:
        named["predictions"] = {EVERY: None}
    return {kind: None if EVERY in entities else list(entities) for kind, entities in named.items()}


def _write(search: RetrievalStore, kind: str, documents: Sequence[Document], names: Sequence[str] | None) -> int:
    return search.replace(kind, documents, FORM) if names is None else search.upsert(documents)


def _gone(changes: Mapping[str, Sequence[str] | None], made: Mapping[str, Sequence[Document]]) -> list[str]:
    """Ids that the changed entities could have and have no longer."""
    there = {document.id for documents in made.values() for document in documents}
    could = [id_ for kind, names in changes.items() for name in names or () for id_ in ids_of(kind, name)]
    return [id_ for id_ in could if id_ not in there]


def _embed(search: RetrievalStore) -> None:
    try:
        search.embed_pending(EMBED_S)
    except (NotNow, BadData) as error:  # a text without a vector is found by its words
        log.debug("texts without a vector: %s", error)


class Follower:
    """Follows in a thread of its own, for a server. Ends at `close`."""

    def __init__(self, look: Callable[[], object], every_s: float = LOOK_EVERY_S) -> None:
        self._look, self._every_s = look, every_s
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="following", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def _run(self) -> None:
        told = ""
        while not self._closing.wait(self._every_s):
            try:
                self._look()
                told = ""
            except (NotNow, BadData) as error:
                if str(error) != told:  # once, not every second
                    log.warning("the search index cannot follow the records: %s", error)
                told = str(error)

    def close(self) -> None:
        """End after the change that is being taken in."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()
