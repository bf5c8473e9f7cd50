"""Overwrites what removed documents left in a SQLite file, as often as it takes until nothing was in the way."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable

from domain.errors import StoreUnavailable
from retrieval import writing
from retrieval.tables import Connections, words_table

__all__ = ["SqlitePurge"]


class SqlitePurge:
    """The purge of one file, noted in it until all of it is done. `remove_copies` says whether none is left beside it.

    A note that the file refused is made at the next try of this process.
    """

    def __init__(self, connections: Connections, remove_copies: Callable[[], bool]) -> None:
        self._connections, self._remove_copies = connections, remove_copies
        self._refused = threading.Event()

    def note(self) -> None:
        """Note that the file must be purged. Raises StoreUnavailable, and then tries again in `done`."""
        try:
            with self._connections.write() as connection:
                writing.note_purge(connection)
        except StoreUnavailable:
            self._refused.set()
            raise

    def now(self) -> bool:
        """Note it and do it; False when somebody is in the way, a writer or a reader: `done` makes up for it."""
        try:
            self.note()
            return self.done()
        except StoreUnavailable:
            return False

    def done(self) -> bool:
        """Whether nothing waits to be purged, once that was tried. Raises StoreUnavailable; the note then stands.

        Texts without a document are removed, the words of removed documents written over, the file's log cut off.
        """
        if self._refused.is_set():
            self._refused.clear()  # before, so that a refusal meanwhile is not forgotten
            self.note()
        with self._connections.read() as connection:
            noted = writing.noted_purge(connection)
        if noted is None:
            return True
        with self._connections.write() as connection:
            writing.sweep_texts(connection)
            _join_words(connection)
        if not (self._remove_copies() and self._connections.empty_log()):
            return False
        with self._connections.write() as connection:
            writing.forget_purge(connection, noted)
        return True


def _join_words(connection: sqlite3.Connection) -> None:
    """Write the full-text index of every city as one part: older parts keep removed words (FTS5, `optimize`)."""
    for (city,) in connection.execute("SELECT number FROM search_cities").fetchall():
        table = words_table(city)
        connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608  # a number
