"""What the search index must still follow: a transactional outbox, filled by the database itself.

Triggers (migration 0006) write an entry in the very transaction that changes a record, whoever writes it: the loader's
bulk statements, a repository, a person at the database's own prompt.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from domain.columns import Base, UtcTime

__all__ = ["ERASURES", "EVERY", "IndexPosition", "OutboxEntry"]

EVERY = "*"
"""In place of an entity: everything of the kind may have changed."""
ERASURES = "erasures"
"""The kind of an entry that asks for what was removed to be overwritten too, written with the erasure itself."""


class OutboxEntry(Base):
    """Something that the index shows has changed or gone: `entity` is a site's, request's or plan's id, by `kind`.

    `changed_at` is the database's clock, for the age of the oldest entry alone.
    """

    __tablename__ = "index_outbox"
    __table_args__ = (Index("ix_index_outbox_city_seq", "city", "seq"), {"sqlite_autoincrement": True})
    seq: Mapped[int] = mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True)
    city: Mapped[str]
    kind: Mapped[str]
    entity: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(UtcTime)


class IndexPosition(Base):
    """How far a city's index has followed: `turn` grows with every removal of entries, `epoch` is drawn anew then.

    The index keeps the same pair. When the two differ, one of them was restored or exchanged, and the index is built
    again from the records.
    """

    __tablename__ = "index_positions"
    city: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[str]
    turn: Mapped[int]
