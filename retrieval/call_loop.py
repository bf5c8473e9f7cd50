"""Calls to a server that may hang, from any thread, each ended at its deadline; a circuit breaker spares the server.

    loop = CallLoop("the vector index", Breaker())
    found = loop.call(lambda: client.search(...), deadline_s=0.3)

The calls are coroutines on one event loop in a thread, because only there can they be ended: a library's own pauses
between tries included, where a synchronous call could not be woken.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotInTime
from contextlib import suppress
from typing import Any, TypeVar

from domain.errors import DeadlineExceeded, NotNow, StoreUnavailable
from retrieval.breaker import Breaker

__all__ = ["CallLoop"]

T = TypeVar("T")
ENDING_S = 2.0  # for a connection to be closed in good order


class CallLoop:
    """The loop, started by the first call. `part` is what the server is called in sentences. Safe for many threads."""

    def __init__(self, part: str, breaker: Breaker) -> None:
        self.breaker = breaker
        self._part = part
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._open: set[Future[Any]] = set()
        self._ended = False

    def call(self, make: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        """Run a call, ended when its time is up, and tell the breaker how it went.

        Raises StoreUnavailable while the circuit is open and after `close`, DeadlineExceeded, and what the call raises;
        of that only NotNow counts against the server.
        """
        if not self.breaker.admits():
            raise StoreUnavailable(f"{self._part} failed just now and is left alone for a few seconds.")
        future = self.begin(self._timed(make, deadline_s))
        try:
            result = future.result(deadline_s)
        except CancelledError:
            raise StoreUnavailable(f"the connection to {self._part} has been closed.") from None
        except NotInTime:  # the loop itself is held up
            future.cancel()
            self.breaker.failed()
            raise self._late(deadline_s) from None
        except NotNow:
            self.breaker.failed()
            raise
        self.breaker.succeeded()
        return result

    def begin(self, call: Coroutine[Any, Any, T]) -> Future[T]:
        """Start a call without waiting; `close` ends it. Raises StoreUnavailable after `close`."""
        try:
            future = asyncio.run_coroutine_threadsafe(call, self._running())
        except StoreUnavailable:
            call.close()
            raise
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def close(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End what is being asked, run a last call, end the thread; everything asked from now on is refused."""
        with self._lock:
            self._ended = True
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is None or thread is None:
            return
        for future in tuple(self._open):
            future.cancel()
        ending = asyncio.run_coroutine_threadsafe(last(), loop)
        with suppress(NotInTime, CancelledError):
            ending.result(ENDING_S)
        ending.cancel()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._ended:
                raise StoreUnavailable(f"the connection to {self._part} has been closed.")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name=self._part, daemon=True)
                self._thread.start()
            return self._loop

    async def _timed(self, make: Callable[[], Coroutine[Any, Any, T]], deadline_s: float) -> T:
        try:
            return await asyncio.wait_for(make(), deadline_s)
        except TimeoutError:
            raise self._late(deadline_s) from None

    def _late(self, deadline_s: float) -> DeadlineExceeded:
        return DeadlineExceeded(f"{self._part} did not answer within {deadline_s:.2g} s.")
