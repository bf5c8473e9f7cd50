"""The search tables of a SQLite file, made when missing, and the connections to it.

They may share the file of the records: every name begins with `search_`, and a write is short. The index can always be
made again from the records, so a power cut may cost its newest rows (`synchronous=NORMAL`), never the records'.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from domain.errors import DeadlineExceeded, NotNow, StoreUnavailable
from domain.store_faults import outside_fault

__all__ = ["Connections", "city_number", "words_table"]

LOCK_S = 5.0
STEPS_BETWEEN_LOOKS = 20_000  # of SQLite's virtual machine: about a millisecond
TOO_SLOW = "The search took longer than its time; ask for less at once."

TABLES = """
CREATE TABLE IF NOT EXISTS search_cities (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS search_notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS search_digests (
    city INTEGER NOT NULL, kind TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (city, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS search_texts (
    number INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS search_vectors (
    turn INTEGER PRIMARY KEY AUTOINCREMENT, text INTEGER NOT NULL UNIQUE, vector BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS search_documents (
    row INTEGER PRIMARY KEY AUTOINCREMENT, city INTEGER NOT NULL, id TEXT NOT NULL, kind TEXT NOT NULL,
    title TEXT NOT NULL, text TEXT NOT NULL, url_ref TEXT NOT NULL, lat REAL, lon REAL,
    at REAL, known_from REAL, known_until REAL, site_id TEXT, area TEXT, fields TEXT NOT NULL,
    meaning INTEGER NOT NULL, digest BLOB NOT NULL, UNIQUE (city, id));
CREATE INDEX IF NOT EXISTS search_documents_kind ON search_documents (city, kind);
CREATE INDEX IF NOT EXISTS search_documents_meaning ON search_documents (meaning);
"""
LAST_MADE = "search_documents_meaning"  # its presence says that all are there
# A text is kept, and embedded, once, however many documents share it.


def words_table(city: int) -> str:
    """The name of a city's full-text table: each has its own, so that one city's words do not weigh on another's."""
    return f"search_words_{city:d}"


class Connections:
    """Connections to one SQLite file, one for each caller at a time. Making this opens nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._lock = threading.Lock()
        self._ready = False

    @contextmanager
    def read(self, deadline_s: float | None = None) -> Iterator[sqlite3.Connection]:
        """One moment of the file. Raises DeadlineExceeded after `deadline_s`, StoreUnavailable."""
        with self._borrowed() as connection:
            if deadline_s is not None:
                ends = time.monotonic() + deadline_s
                connection.set_progress_handler(lambda: time.monotonic() > ends, STEPS_BETWEEN_LOOKS)
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                connection.set_progress_handler(None, 0)
                _end(connection)

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it, or nothing when the block raises. Raises StoreUnavailable."""
        with self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                _end(connection)

    def empty_log(self) -> bool:
        """Bring the write-ahead log into the file and cut it off; False when others are in the way. Outside a write."""
        with self._borrowed() as connection:
            return connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall() == [(0, 0, 0)]

    def close(self) -> None:
        """Close what nobody uses; what is in use is closed when it comes back."""
        with self._lock:
            idle, self._idle, self._ready = self._idle, [], False
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = self._taken()
            try:
                yield connection
            finally:
                self._give_back(connection)
        except sqlite3.Error as error:
            fault = _explained(error)
            if fault is None:
                raise
            raise fault from error

    def _taken(self) -> sqlite3.Connection:
        with self._lock:
            if not self._ready:
                _make_tables(self.path)
                self._ready = True
            return self._idle.pop() if self._idle else _opened(self.path)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lock:
            if self._ready:
                self._idle.append(connection)
                return
        connection.close()


def city_number(connection: sqlite3.Connection, city: str) -> int | None:
    """The number of a city that has been written to, or None."""
    found = connection.execute("SELECT number FROM search_cities WHERE name = ?", (city,)).fetchone()
    return found[0] if found else None


def _opened(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=LOCK_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA secure_delete=ON")  # what is removed is overwritten with zeros
    return connection


def _make_tables(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"The folder of {path} cannot be made: {error.strerror}.") from error
    connection = _opened(path)
    try:
        if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            connection.execute("PRAGMA journal_mode=WAL")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (LAST_MADE,)).fetchone():
            connection.executescript(f"BEGIN IMMEDIATE; {TABLES} COMMIT;")
    finally:
        connection.close()


def _end(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _explained(error: sqlite3.Error) -> NotNow | None:
    """The sentence for a fault of the world or of time; None for a bug of ours."""
    if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
        return DeadlineExceeded(TOO_SLOW)
    return outside_fault(error, writes=True)
