"""A circuit breaker: a part that failed several times in a row is left alone for a while, then tried by one caller.

M. T. Nygard, Release It!, 2nd ed. 2018, chapter 5.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Breaker"]

FAILURES = 2  # in a row: one may be a pause of the network
REST_S = 5.0


class Breaker:
    """Closed lets every call pass; open none; half open, after `rest_s`, one call whose end decides.

    Whoever is admitted says how the call ended. `clock` gives seconds that only grow. Safe for many threads.
    """

    def __init__(
        self, failures: int = FAILURES, rest_s: float = REST_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._rest_s, self._clock = failures, rest_s, clock
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._next_try = 0.0

    def admits(self) -> bool:
        """Whether a call may be made now; when half open, true for one caller until its call has ended."""
        with self._lock:
            if self._in_a_row < self._most:
                return True
            if self._clock() < self._next_try:
                return False
            self._next_try = self._clock() + self._rest_s
            return True

    def succeeded(self) -> None:
        """A call ended well: closed."""
        with self._lock:
            self._in_a_row = 0

    def failed(self) -> None:
        """A call failed or took too long."""
        with self._lock:
            self._in_a_row += 1
            self._next_try = self._clock() + self._rest_s

    @property
    def is_open(self) -> bool:
        """Whether calls are being kept away, or only tried one by one."""
        with self._lock:
            return self._in_a_row >= self._most
