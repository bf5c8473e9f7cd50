"""Work for a thread beside a server: portion after portion, with pauses that leave room for questions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from domain.errors import BadData, NotNow

__all__ = ["Background"]

log = logging.getLogger(__name__)
PAUSE_SHARE = 0.5  # of the time that a portion took
AGAIN_S = 10.0  # between tries while something is in the way
END_EVERY_S = 10.0  # between tries of the end while there is work: what it does must not wait hours for that


class Background:
    """A thread that ends by itself when all is done, or at `close`. Making one starts nothing.

    `work` does a portion and says whether nothing is left; `end` is then asked until it says that it is done, and every
    `end_every_s` before. After NotNow of either both are tried again in a while, after BadData there is no more to do
    than the end; each fault is logged once, as `fault` says.
    """

    def __init__(
        self, work: Callable[[], bool], end: Callable[[], bool], fault: str, end_every_s: float = END_EVERY_S
    ) -> None:
        self._work, self._end, self._fault = work, end, fault
        self._told: set[str] = set()
        self._end_every_s, self._next_end = end_every_s, 0.0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Start, unless it is at work already or closed."""
        with self._lock:
            if self._closing.is_set() or (self._thread and self._thread.is_alive()):
                return
            self._thread = threading.Thread(target=self._run, name="embedding", daemon=True)
            self._thread.start()

    def wait(self, patience_s: float) -> bool:
        """Whether it has ended, or does so within so long."""
        if self._thread is not None:
            self._thread.join(patience_s)
        return self._thread is None or not self._thread.is_alive()

    def end_soon(self) -> None:
        """Begin no other portion, without waiting for the one that is in hand."""
        with self._lock:
            self._closing.set()

    def close(self) -> None:
        """End after the portion that is in hand."""
        self.end_soon()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        pause_s: float | None = 0.0
        self._next_end = time.monotonic() + self._end_every_s
        while pause_s is not None and not self._closing.wait(pause_s):
            try:
                pause_s = self._portion()
            except NotNow as error:
                self._tell(error)
                pause_s = AGAIN_S

    def _portion(self) -> float | None:
        """Seconds to wait before the next, None when all is done. What stops the work does not stop the end."""
        began = time.monotonic()
        try:
            left = not self._work()
            if left and began < self._next_end:
                return PAUSE_SHARE * (time.monotonic() - began)
            self._told = set()
        except BadData as error:
            self._tell(error)
            left = False
        except NotNow as error:
            self._tell(error)
            self._end()
            return AGAIN_S
        done = self._end()
        self._next_end = time.monotonic() + self._end_every_s
        if left:
            return PAUSE_SHARE * (time.monotonic() - began)
        return None if done else AGAIN_S

    def _tell(self, error: Exception) -> None:
        if str(error) not in self._told and not self._closing.is_set():
            log.warning("%s: %s", self._fault, error)
        self._told.add(str(error))
