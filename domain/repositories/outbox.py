"""The outbox of the search index: what waits, for how long, and the removal of what the index has taken in."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from domain.index_records import ERASURES, EVERY, IndexPosition, OutboxEntry

__all__ = [
    "Entry",
    "Position",
    "Waiting",
    "ask_purge",
    "entries",
    "next_position",
    "position_of",
    "settle",
    "waiting",
    "waits_still",
]


@dataclass(frozen=True)
class Entry:
    """One change: of which kind and entity, under which number, and when."""

    seq: int
    kind: str
    entity: str
    changed_at: datetime

    @property
    def mark(self) -> str:
        """What tells this entry from another that was given the same number after a restore."""
        return f"{self.seq}@{self.changed_at.timestamp():.6f}"


@dataclass(frozen=True)
class Position:
    """How far an index has followed a database: see `domain.index_records.IndexPosition`. `turn` grows from 1."""

    epoch: str
    turn: int


@dataclass(frozen=True)
class Waiting:
    """Changes that the index does not show yet, and when the oldest of them was made; None when there are none."""

    changes: int
    oldest_at: datetime | None

    def age_s(self, now: datetime) -> float:
        """How long the oldest change has waited, in seconds; 0 when none waits."""
        return max(0.0, (now - self.oldest_at).total_seconds()) if self.oldest_at else 0.0


def waiting(session: Session, city: str) -> Waiting:
    """What of a city waits for its index."""
    counted = select(func.count(OutboxEntry.seq), func.min(OutboxEntry.changed_at)).where(OutboxEntry.city == city)
    changes, oldest_at = session.execute(counted).one()
    return Waiting(changes, oldest_at)


def entries(session: Session, city: str, most: int | None = None) -> list[Entry]:
    """A city's oldest entries, in order; all of them without `most`."""
    columns = (OutboxEntry.seq, OutboxEntry.kind, OutboxEntry.entity, OutboxEntry.changed_at)
    found = select(*columns).where(OutboxEntry.city == city)
    return [Entry(*row) for row in session.execute(found.order_by(OutboxEntry.seq).limit(most))]


def waits_still(session: Session, city: str, mark: str) -> bool:
    """Whether the entry of a mark has not been settled."""
    seq = mark.partition("@")[0]
    columns = (OutboxEntry.seq, OutboxEntry.kind, OutboxEntry.entity, OutboxEntry.changed_at)
    found = select(*columns).where(OutboxEntry.city == city, OutboxEntry.seq == int(seq))
    return any(Entry(*row).mark == mark for row in session.execute(found))


def position_of(session: Session, city: str) -> Position | None:
    """The city's position; None when nothing was ever settled."""
    kept = session.get(IndexPosition, city)
    return Position(kept.epoch, kept.turn) if kept else None


def next_position(position: Position | None) -> Position:
    """The position after one more removal. Each has an epoch of its own: the same turn made twice is two positions."""
    return Position(secrets.token_hex(8), position.turn + 1 if position else 1)


def settle(session: Session, city: str, seqs: Iterable[int], position: Position) -> None:
    """Remove exactly these entries, which the index shows now, and keep its new position. Needs a write session."""
    for first, last in _runs(sorted(seqs)):
        between = OutboxEntry.seq.between(first, last)
        session.execute(delete(OutboxEntry).where(OutboxEntry.city == city, between))
    session.merge(IndexPosition(city=city, epoch=position.epoch, turn=position.turn))


def ask_purge(session: Session, city: str) -> None:
    """Have the city's index overwrite what this transaction's changes remove from it. Write it after these.

    Needs a write session.
    """
    sqlite = session.get_bind().dialect.name == "sqlite"
    now = func.strftime("%Y-%m-%d %H:%M:%f000", "now") if sqlite else func.clock_timestamp()
    session.execute(insert(OutboxEntry).values(city=city, kind=ERASURES, entity=EVERY, changed_at=now))


def _runs(seqs: list[int]) -> Iterator[tuple[int, int]]:
    """Unbroken runs of numbers, first and last: nothing that was not read lies within one."""
    start = 0
    for end in range(1, len(seqs) + 1):
        if end == len(seqs) or seqs[end] != seqs[end - 1] + 1:
            yield seqs[start], seqs[end - 1]
            start = end
