"""Reads the ledger: rows as they stand (changed ones too), records as a person sees them, and the export."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, aliased

from domain.chain import Row, root, split_peaks
from domain.ledger_check import Head
from domain.ledger_entry import LedgerEntry, join
from domain.ledger_records import LedgerHead, LedgerRow
from domain.privacy import read_words
from domain.store_faults import outside_fault

__all__ = ["LedgerRecord", "count", "export_rows", "open_intents", "read_head", "read_rows", "records", "scan"]

HEAD = LedgerHead.metadata.tables[LedgerHead.__tablename__]
TABLE = LedgerRow.metadata.tables[LedgerRow.__tablename__]
THE_HEAD = select(HEAD.c.seq, HEAD.c.hash, HEAD.c.peaks).where(HEAD.c.id == 1)
BATCH = 500
TEXT, BYTES = (str,), (bytes,)
SHAPES = frozenset((int, *TEXT * 4, refers_to, *TEXT * 2, *BYTES * 4) for refers_to in (int, NoneType))


@dataclass(frozen=True)
class LedgerRecord:
    """A record as it may be shown. `erased` when the words were: then `entry` has neither names nor texts."""

    seq: int
    hash: str
    idem_key: str
    key_id: str
    entry: LedgerEntry
    erased: bool


def scan(session: Session, start: int | None = None) -> Iterator[Row]:
    """All rows by seq, or those from `start` on. A row that no longer reads as one comes with everything empty."""
    after = None if start is None else start - 1
    while batch := read_rows(session, None if after is None else TABLE.c.seq > after, BATCH):
        yield from batch
        after = batch[-1].seq


def read_rows(session: Session, where: ColumnElement[bool] | None = None, limit: int | None = None) -> list[Row]:
    """The rows that fit, by seq."""
    query = select(TABLE).order_by(TABLE.c.seq).limit(limit)
    if where is not None:
        query = query.where(where)
    try:
        return [_row(tuple(found)) for found in session.execute(query)]
    except (DBAPIError, TypeError, ValueError) as error:  # bytes in a column that are no text, for one
        if isinstance(error, DBAPIError) and (outside_fault(error.orig, writes=False) or not _is_sqlite(session)):
            raise
    return [_alone(session, seq) for seq in session.scalars(query.with_only_columns(TABLE.c.seq))]


def read_head(session: Session, lock: bool = False) -> Head | None:
    """Where the ledger says it ends; `lock` makes this the one writer until the transaction ends (PostgreSQL)."""
    try:
        found = session.execute(THE_HEAD.with_for_update() if lock else THE_HEAD).one_or_none()
        return Head(*found) if found else None
    except TypeError:  # SQLite takes text where bytes belong
        return Head(0, b"", b"")


def count(session: Session) -> int:
    """How many records there are."""
    return session.execute(select(func.count()).select_from(TABLE)).scalar_one()


def records(session: Session, rows: list[Row]) -> list[LedgerRecord]:
    """Rows as a person may see them. Raises BadData when words do not open though nobody erased them."""
    return [_record(session, row) for row in rows]


def open_intents(session: Session) -> list[Row]:
    """Effects that were begun and have no outcome: what a crash leaves behind."""
    outcome = aliased(LedgerRow)
    closed = select(outcome.seq).where(outcome.kind == "outcome", outcome.refers_to == TABLE.c.seq).exists()
    return read_rows(session, (TABLE.c.kind == "intent") & ~closed)


def export_rows(session: Session, path: Path) -> int:
    """Writes JSON lines: every record, its words encrypted, and last the head. How many records it wrote."""
    written = 0
    with path.open("w", encoding="ascii") as file:
        for row in scan(session):
            file.write(json.dumps(_as_json(row)) + "\n")
            written += 1
        if head := read_head(session):
            said = {"seq": head.seq, "hash": head.hash.hex(), "root": root(split_peaks(head.peaks)).hex()}
            file.write(json.dumps({"head": said}) + "\n")
    return written


def _as_json(row: Row) -> dict[str, object]:
    """Text that is no UTF-8 keeps its bytes as lone surrogates (PEP 383)."""
    return {
        **row._asdict(),
        "body": row.body.decode("utf-8", "surrogateescape"),
        "asked_ciphertext": b64encode(row.asked_ciphertext).decode(),
        "prev_hash": row.prev_hash.hex(),
        "hash": row.hash.hex(),
    }


def _record(session: Session, row: Row) -> LedgerRecord:
    columns = {name: getattr(row, name) for name in ("at", "kind", "decision_id", "thread", "refers_to")}
    words = read_words(session, row.key_id, row.asked_ciphertext)
    entry = join(columns, row.body, words)
    return LedgerRecord(row.seq, row.hash.hex(), row.idem_key, row.key_id, entry, words is None)


def _row(values: tuple[object, ...]) -> Row:
    row = Row._make(values)
    return row if tuple(map(type, values)) in SHAPES else _empty(row.seq)


def _alone(session: Session, seq: int) -> Row:
    try:
        return _row(tuple(session.execute(select(TABLE).where(TABLE.c.seq == seq)).one()))
    except (DBAPIError, TypeError, ValueError):
        return _empty(seq)


def _empty(seq: int) -> Row:
    return Row(seq, "", "", "", "", None, "", "", b"", b"", b"", b"")


def _is_sqlite(session: Session) -> bool:
    return session.get_bind().dialect.name == "sqlite"
