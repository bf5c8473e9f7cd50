"""What was learned of the plans' costs, kept in the search file from one process to the next."""

from __future__ import annotations

import logging
import sqlite3
import threading

from domain.errors import NotNow
from retrieval.costs import LearnedCosts
from retrieval.tables import Connections

__all__ = ["KeptCosts"]

log = logging.getLogger(__name__)
NAME, WORTH_KEEPING = "costs of plans", 50  # searches


class KeptCosts:
    """The costs of one file's plans. Safe for many threads."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._lock = threading.Lock()
        self._recalled = False

    def recall(self, connection: sqlite3.Connection, costs: LearnedCosts) -> None:
        """Take over, once, what an earlier process learned."""
        with self._lock:
            if self._recalled:
                return
            self._recalled = True
        found = connection.execute("SELECT value FROM search_notes WHERE name = ?", (NAME,)).fetchone()
        if found:
            costs.adopt_text(found[0])

    def keep(self, costs: LearnedCosts) -> None:
        """Keep what was learned, if it is worth a write; nothing is lost but some learning where that cannot be."""
        if costs.observed < WORTH_KEEPING:
            return
        try:
            with self._connections.write() as connection:
                connection.execute("INSERT OR REPLACE INTO search_notes VALUES (?, ?)", (NAME, costs.to_text()))
        except NotNow as error:
            log.warning("what was learned of the costs of searches is not kept: %s", error)
