"""The ledger's tables: records, the head they end in, and the keys that make their text readable.

Moments are kept as the very text that is sealed ("2026-11-22T20:12:00.000000Z"), so that no byte of a record is outside
its seal. The database itself refuses to change or delete a record (the triggers of migration 0003).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from domain.columns import Base, UtcTime

__all__ = ["LedgerHead", "LedgerRow", "SubjectKey"]


class LedgerRow(Base):
    """One sealed record. Every column but `hash` is under the seal; `domain.chain.Row` has the same order.

    `body` is canonical JSON (RFC 8785); `asked_ciphertext` what was asked and everything that repeats the asker's
    words, under the key `key_id` ("" and empty when a record has no such text); `refers_to` the record it answers.
    """

    __tablename__ = "ledger"
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[str]
    kind: Mapped[str]
    decision_id: Mapped[str] = mapped_column(index=True)
    thread: Mapped[str] = mapped_column(index=True)
    refers_to: Mapped[int | None] = mapped_column(index=True)
    idem_key: Mapped[str] = mapped_column(unique=True)
    key_id: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    asked_ciphertext: Mapped[bytes] = mapped_column(LargeBinary)
    prev_hash: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[bytes] = mapped_column(LargeBinary)


class LedgerHead(Base):
    """The one row (`id` 1) that says where the ledger ends; who holds its lock is the one writer.

    `peaks` are the Merkle roots of the complete subtrees, 32 bytes each, left to right: all a new root needs.
    """

    __tablename__ = "ledger_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[bytes] = mapped_column(LargeBinary)
    peaks: Mapped[bytes] = mapped_column(LargeBinary)


class SubjectKey(Base):
    """A person's key, AES-256. Erasing somebody empties `subject` and `key` and leaves the rest as the trace of it."""

    __tablename__ = "subject_keys"
    key_id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str | None] = mapped_column(unique=True)
    key: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    destroyed_at: Mapped[datetime | None] = mapped_column(UtcTime)
