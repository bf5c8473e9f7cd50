"""Whether the annealer's compiled loops are at hand, so that no question waits for a compiler.

They are compiled when Roundsman is set up (`python -m engines.routing.kernels`) and lie on disk from then on; loading
them takes about a second. Where they are not there yet, a thread compiles them and others do the searching meanwhile.
Whether they come from disk is told by Numba's own events: a compilation that begins is the answer no.
"""

from __future__ import annotations

import atexit
import sys
import threading
from typing import Any

NUMBA_EVENT = "numba:compile"
LEAVING_S = 30.0  # how long the end of the process waits for the function that is being compiled


class Kernels:
    """Loads or compiles once per process, in a thread of its own. `fault` says why it never can, if so."""

    def __init__(self) -> None:
        self._lock, self._thread = threading.Lock(), None  # type: tuple[threading.Lock, threading.Thread | None]
        self._told, self._leaving = threading.Event(), threading.Event()
        self._loaded = False
        self.fault = ""

    def begin(self) -> None:
        """Load them, or compile them, in the background; nothing at the second call."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._prepare, name="route kernels", daemon=True)
                self._thread.start()
                atexit.register(self._leave)

    def at_hand(self) -> bool:
        """Whether they can be used now. Waits while they are loaded, but never for a compiler."""
        self.begin()
        self._told.wait()
        return self._loaded

    def wait(self) -> bool:
        """Whether they can be used, compiled first where need be: seconds, or a minute on a machine's first run."""
        self.begin()
        if self._thread is not None:
            self._thread.join()
        return self._loaded

    def _prepare(self) -> None:
        try:
            from numba.core import event

            from engines.routing.rehearsal import rehearse

            with event.install_listener(NUMBA_EVENT, _listener(self._told, self._leaving)):
                rehearse()
            self._loaded = True
        except ImportError as missing:
            self.fault = str(missing)
        finally:
            if not self._loaded and not self.fault:  # the thread's end prints the error with its traceback
                self.fault = repr(sys.exception())
            self._told.set()

    def _leave(self) -> None:
        """A compiler that still runs while the process is taken down would crash it: it ends at its next function."""
        self._leaving.set()
        if self._thread is not None:
            self._thread.join(LEAVING_S)


def _listener(told: threading.Event, leaving: threading.Event) -> Any:
    """What hears of each function of ours that is compiled."""
    from numba.core import event

    class Compiling(event.Listener):
        def on_start(self, event: Any) -> None:
            if event.data["dispatcher"].py_func.__module__.startswith("engines.routing"):
                told.set()
                if leaving.is_set():
                    raise SystemExit

        def on_end(self, event: Any) -> None:
            """Nothing is to be done."""

    return Compiling()


KERNELS = Kernels()

if __name__ == "__main__":
    from engines.routing.kernels import KERNELS as shared  # this file is `__main__` here, not the module

    if not shared.wait():
        raise SystemExit(f"the route engine's fast search cannot run here: {shared.fault}")
