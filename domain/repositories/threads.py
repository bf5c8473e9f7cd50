"""Conversations: threads and their turns."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from domain.errors import UnknownName
from domain.store import next_id
from domain.work_records import Thread, Turn


def open_thread(session: Session, city: str, owner: str, at: datetime) -> Thread:
    """A new conversation under the next id."""
    row = Thread(id=next_id(session, "", "C"), city=city, owner=owner, created_at=at)
    session.add(row)
    session.flush()
    return row


def named_thread(session: Session, thread_id: str, city: str, owner: str, at: datetime) -> Thread:
    """The conversation of that id, made when it is new. Raises UnknownName when it belongs to another city."""
    row = session.get(Thread, thread_id)
    if row is None:
        row = Thread(id=thread_id, city=city, owner=owner, created_at=at)
        session.add(row)
        session.flush()
    if row.city != city:
        raise UnknownName(f"conversation about {city}", thread_id)
    return row


def turns_of(session: Session, thread_id: str) -> list[Turn]:
    """All turns, oldest first."""
    return list(session.scalars(select(Turn).where(Turn.thread == thread_id).order_by(Turn.number)))


def add_turn(session: Session, turn: Turn) -> None:
    """Append a turn under the next number of its thread."""
    last = session.scalar(select(func.max(Turn.number)).where(Turn.thread == turn.thread))
    turn.number = (last or 0) + 1
    session.add(turn)
