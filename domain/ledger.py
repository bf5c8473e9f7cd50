"""The ledger: every decision, approval and effect, sealed into a chain that shows any change afterwards.

One record at a time, each in a transaction of its own that is on the disk before `append` returns: SQLite runs with
`synchronous=FULL` (see `domain.store`), PostgreSQL with `synchronous_commit=on`, whatever the server's default is.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from domain import ledger_reading as reading
from domain.chain import GENESIS, Row, grow, leaf, message, root, seal, split_peaks
from domain.checkpoints import Checkpoints
from domain.clock import Clock
from domain.errors import BadData, LedgerUnavailable, NotNow, UnknownName
from domain.ledger_check import Head, Verdict, examine, examine_tail
from domain.ledger_entry import (
    ERASED,
    Approval,
    EntryKind,
    LedgerCall,
    LedgerEntry,
    Outcome,
    Versions,
    body_of,
    canonical_time,
    words_of,
)
from domain.ledger_keys import Keys, load_keys
from domain.ledger_reading import HEAD, TABLE, LedgerRecord
from domain.privacy import destroy_key, encrypt, key_of, overwrite_freed, read_words
from domain.store import Store, next_id

__all__ = [
    "Approval", "Erasure", "Keys", "Ledger", "LedgerCall", "LedgerEntry", "LedgerRecord", "LedgerRef", "Outcome",
    "Verdict", "Versions", "load_keys",
]  # fmt: skip

AT_ONCE: frozenset[EntryKind] = frozenset({"approval", "intent", "outcome", "erasure"})  # never left without checkpoint
ADD_RECORD, MOVE_HEAD = insert(TABLE), update(HEAD).where(HEAD.c.id == 1)
MAX_SEQ = 2**31  # the databases' whole numbers end there
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LedgerRef:
    """Where a record stands. `fresh` is False when it was there already, from an earlier try with the same key."""

    seq: int
    decision_id: str
    hash: str
    fresh: bool = True


@dataclass(frozen=True)
class Erasure:
    """An erasure's record. `purged` says that the database also overwrote its old copies of the key."""

    ref: LedgerRef
    key_id: str
    purged: bool


class Ledger:
    """Appends, verifies, shows and erases. Safe for many threads and many processes on one database.

    `checkpoints` is the folder of signed checkpoints: put it where whoever can change the database cannot write. One is
    written every `every` records, after every record about an effect, and at `close`.
    """

    def __init__(self, store: Store, keys: Keys, checkpoints: Path, clock: Clock, every: int = 64) -> None:
        self._store, self._keys, self._clock, self._every = store, keys, clock, every
        self._checkpoints = Checkpoints(checkpoints, keys)
        self._turn = threading.Lock()
        self._fits = False  # whether this process has seen that keys, head and checkpoints belong together

    def append(self, entry: LedgerEntry, idem_key: str) -> LedgerRef:
        """Seals one record; when it returns, the record is on the disk. Not to be called inside `Store.write`.

        The same `idem_key` again gives the first record back (its `at` counts) and raises BadData if it says something
        else. Raises LedgerUnavailable, and nothing is appended, when the store fails or contradicts the ledger's keys
        or checkpoints.
        """
        with self._writing() as session:
            ref, peaks = self._write(session, entry, idem_key)
        if ref.fresh and (entry.kind in AT_ONCE or ref.seq % self._every == 0):
            self._keep_checkpoint(ref.seq, peaks)
        return ref

    def erase(self, subject: str, by: str = "roundsman") -> Erasure:
        """Destroys the person's key: their words become unreadable everywhere, and the chain still holds.

        The erasure is itself a record, in the same transaction. Raises UnknownName, LedgerUnavailable.
        """
        with self._writing() as session:
            if self._store.is_sqlite:
                session.connection().exec_driver_sql("PRAGMA secure_delete=ON")
            key_id = destroy_key(session, subject, self._clock())
            entry = LedgerEntry(
                kind="erasure", at=self._clock(), thread="", role="", surface="", city="",
                actor=ERASED if by == subject else by, outcome=Outcome(status="done", refs=(key_id,)),
            )  # fmt: skip
            ref, peaks = self._write(session, entry, f"erase:{key_id}")
        self._keep_checkpoint(ref.seq, peaks)
        return Erasure(ref, key_id, overwrite_freed(self._store))

    def verify(self, full: bool = True) -> Verdict:
        """Whether the ledger is whole; not `full` looks only at what came after the newest checkpoint."""
        checkpoints = self._checkpoints.read(newest_only=not full)  # first, so that none is newer than what follows
        key = self._keys.hmac_key
        with self._store.read() as session:
            head = reading.read_head(session)
            if full:
                return examine(lambda: reading.scan(session), head, checkpoints, key)
            newest = checkpoints[0] if checkpoints else None
            start = newest.size if newest else None
            return examine_tail(lambda: reading.scan(session, start), head, newest, key, reading.count(session))

    def show(self, seq: int) -> LedgerRecord:
        """One record by its number. Raises UnknownName."""
        with self._store.read() as session:
            rows = reading.read_rows(session, TABLE.c.seq == seq) if 0 < seq < MAX_SEQ else []
            if not rows:
                raise UnknownName("record in the ledger", str(seq))
            return reading.records(session, rows)[0]

    def find(self, decision_id: str) -> list[LedgerRecord]:
        """All records of a decision, in order; empty when there is none."""
        with self._store.read() as session:
            return reading.records(session, reading.read_rows(session, TABLE.c.decision_id == decision_id))

    def last(self, thread: str) -> LedgerRecord | None:
        """The thread's newest decision."""
        with self._store.read() as session:
            of_thread = (TABLE.c.thread == thread) & (TABLE.c.kind == "decision")
            rows = reading.read_rows(session, of_thread)
            return reading.records(session, rows[-1:])[0] if rows else None

    def open_intents(self) -> list[LedgerRecord]:
        """Effects that were begun and have no outcome yet: recovery closes each with an `outcome` record."""
        with self._store.read() as session:
            return reading.records(session, reading.open_intents(session))

    def export(self, path: Path) -> int:
        """Writes all records to `path` as JSON lines, words still encrypted; how many. Raises BadData."""
        try:
            with self._store.read() as session:
                return reading.export_rows(session, path)
        except OSError as error:
            raise BadData(f"The export {path} cannot be written: {error.strerror}.") from error

    def close(self) -> None:
        """Signs a last checkpoint, so that nothing written until now can be cut off unseen."""
        with self._store.read() as session:
            head = reading.read_head(session)
        if head and head.seq:
            self._keep_checkpoint(head.seq, split_peaks(head.peaks))

    # ------------------------------------------------------------ one record

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        try:
            with self._turn, self._store.write() as session:
                if not self._store.is_sqlite:
                    session.execute(text("SET LOCAL synchronous_commit = on"))
                yield session
        except LedgerUnavailable:
            raise
        except (NotNow, DBAPIError, OSError) as error:
            why = str(error) if isinstance(error, NotNow) else "its database or its checkpoints cannot be used"
            raise LedgerUnavailable(f"The ledger cannot be written, so nothing was done. {why}") from error

    def _write(self, session: Session, entry: LedgerEntry, idem_key: str) -> tuple[LedgerRef, tuple[bytes, ...]]:
        head = self._locked_head(session)
        if earlier := reading.read_rows(session, TABLE.c.idem_key == idem_key):
            return _again(session, earlier[0], entry), split_peaks(head.peaks)
        self._fit_together(session, head)
        key_id, key = key_of(session, entry.actor, self._clock())
        row = Row(
            seq=head.seq + 1, at=canonical_time(entry.at), kind=entry.kind,
            decision_id=entry.decision_id or next_id(session, "", "D"), thread=entry.thread,
            refers_to=entry.refers_to, idem_key=idem_key, key_id=key_id, body=body_of(entry),
            asked_ciphertext=encrypt(key, words_of(entry), key_id), prev_hash=head.hash, hash=b"",
        )  # fmt: skip
        data = message(row)
        row = row._replace(hash=seal(self._keys.hmac_key, data))
        peaks = grow(split_peaks(head.peaks), head.seq, leaf(data))
        if self._checkpoints.contradicts(row.seq, root(peaks)):
            raise LedgerUnavailable(_contradiction(f"a checkpoint already says another record {row.seq}"))
        session.execute(ADD_RECORD, row._asdict())
        session.execute(MOVE_HEAD, Head(row.seq, row.hash, b"".join(peaks))._asdict())
        return LedgerRef(row.seq, row.decision_id, row.hash.hex()), peaks

    def _locked_head(self, session: Session) -> Head:
        head = reading.read_head(session, lock=True)
        if head is None:  # the first record of all; the records' own numbers refuse a second beginning
            head = Head(0, GENESIS, b"")
            session.execute(insert(HEAD).values(id=1, **head._asdict()))
        return head

    def _fit_together(self, session: Session, head: Head) -> None:
        """Once in a process: refuses to build on a ledger that its own keys or checkpoints contradict."""
        if self._fits:
            return
        if (known := self._checkpoints.newest_size()) > head.seq:
            raise LedgerUnavailable(_contradiction(f"a checkpoint knows {known} records, the database {head.seq}"))
        last = reading.read_rows(session, TABLE.c.seq == head.seq)
        if head.seq and not (last and last[0].hash == head.hash == seal(self._keys.hmac_key, message(last[0]))):
            raise LedgerUnavailable(_contradiction("its last record does not fit the key in keys/ledger"))
        self._fits = True

    def _keep_checkpoint(self, size: int, peaks: tuple[bytes, ...]) -> None:
        try:
            self._checkpoints.add(size, root(peaks))
        except OSError as error:  # the record stands; the next checkpoint covers it too
            log.warning("no checkpoint of the ledger at %d records: %s", size, error)


def _again(session: Session, earlier: Row, entry: LedgerEntry) -> LedgerRef:
    words = read_words(session, earlier.key_id, earlier.asked_ciphertext)
    same = (
        earlier.body == body_of(entry)
        and (earlier.kind, earlier.thread, earlier.refers_to) == (entry.kind, entry.thread, entry.refers_to)
        and entry.decision_id in {None, earlier.decision_id}
        and words in {None, words_of(entry)}
    )
    if not same:
        raise BadData(f"The idempotency key {earlier.idem_key} already stands for record {earlier.seq}, another one.")
    return LedgerRef(earlier.seq, earlier.decision_id, earlier.hash.hex(), fresh=False)


def _contradiction(what: str) -> str:
    return (
        f"The ledger takes no record, so nothing was done: {what}. Run `roundsman ledger verify`; restore the database "
        "or the keys from a backup, or move the checkpoints aside to begin a new ledger."
    )
