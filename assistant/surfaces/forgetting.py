"""The copies of a person's words outside the ledger: conversations and stored answers. They go when the person does."""

from __future__ import annotations

from sqlalchemy import delete, select, update

from domain.ledger_entry import ERASED
from domain.repositories.outbox import ask_purge
from domain.store import Store
from domain.work_records import IdempotencyKey, Thread, Turn

__all__ = ["forget_copies"]


def forget_copies(store: Store, subject: str) -> int:
    """Deletes the turns of the person's conversations and the answers kept for them; how many turns.

    SQLite writes zeros over what is freed. The threads stay, without turns or owner, because plans refer to them; that
    their owner is gone tells the search to show of these plans only what was computed, not what was said. The same
    transaction notes that the index must overwrite what it then removes.
    """
    with store.write() as session:
        if store.is_sqlite:
            session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
        theirs = select(Thread.id).where(Thread.owner == subject)
        gone = len(list(session.scalars(select(Turn.number).where(Turn.thread.in_(theirs)))))
        cities = session.scalars(select(Thread.city).where(Thread.owner == subject).distinct()).all()
        session.execute(delete(Turn).where(Turn.thread.in_(theirs)))
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.actor == subject))
        session.execute(update(Thread).where(Thread.owner == subject).values(owner=ERASED))
        for city in cities:
            ask_purge(session, city)
    return gone
