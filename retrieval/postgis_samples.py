"""How good the approximate searches on PostGIS and Weaviate are: now and then one is compared with the exact answer.

In a thread beside, from PostgreSQL's copy of the vectors, so that no answer waits for it.
"""

from __future__ import annotations

import logging
import threading
import time

import numpy as np
import numpy.typing as npt

from domain.errors import NotNow
from retrieval.planner import CHECKED, Nearest, Plan
from retrieval.postgis_limits import Limits
from retrieval.postgis_ranking import Meanings
from retrieval.postgis_source import read_candidates
from retrieval.postgis_tables import Connection, PostgisConnections
from retrieval.postgis_vectors import compared
from retrieval.tally import Tally

__all__ = ["RecallSamples"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
log = logging.getLogger(__name__)
EVERY = 256  # approximate searches
MOST = 100_000  # documents within the limits: 150 MB of vectors of 384 numbers are then read
PORTION = 2_000  # texts compared at once; then others have their turn for as long
WITHIN_S = 30.0  # a sample that takes longer is none


class RecallSamples:
    """Compares one approximate search in `every` (0: none), one at a time. Making one starts nothing."""

    def __init__(self, connections: PostgisConnections, tally: Tally, every: int = EVERY) -> None:
        self.every = every
        self._connections, self._tally = connections, tally
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._searches = 0

    def offer(self, limits: Limits, meanings: Meanings) -> None:
        """A search that has been answered; a sample is begun if it is one's turn."""
        if meanings.vector is None or meanings.trace is None or meanings.trace.plan != Plan.MEANING_FIRST:
            return
        with self._lock:
            self._searches += 1
            busy = self._closing.is_set() or (self._thread is not None and self._thread.is_alive())
            if busy or not self.every or self._searches % self.every:
                return
            compare = limits, meanings.vector, meanings.nearest.numbers[:CHECKED]
            self._thread = threading.Thread(target=self._compared, args=compare, name="recall sample", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread; what it had in hand is no sample."""
        with self._lock:
            self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def _compared(self, limits: Limits, query: Floats, found: Numbers) -> None:
        try:
            with self._connections.read(WITHIN_S) as connection:
                best = self._best(connection, limits, query)
        except NotNow as error:
            log.info("a sample of the recall could not be taken: %s", error)
            return
        if best is not None and len(best):
            self._tally.add_sample(float(np.isin(best, found).mean()))

    def _best(self, connection: Connection, limits: Limits, query: Floats) -> Numbers | None:
        """The texts within the limits that are nearest, all of them compared; None when these are too many."""
        candidates = read_candidates(connection, limits, MOST)
        if candidates is None:
            return None
        texts, best = np.unique(candidates.texts), Nearest(np.zeros(0, dtype=np.int64), np.zeros(0))
        for start in range(0, len(texts), PORTION):
            began = time.monotonic()
            some = compared(connection, texts[start : start + PORTION], query)
            numbers, cosines = np.append(best.numbers, some.numbers), np.append(best.cosines, some.cosines)
            order = np.lexsort((numbers, -cosines))[:CHECKED]
            best = Nearest(numbers[order], cosines[order])
            if self._closing.wait(time.monotonic() - began):
                return None
        return best.numbers
