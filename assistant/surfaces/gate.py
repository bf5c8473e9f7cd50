"""Lets so many questions in at once and refuses the rest at once: a short no is worth more than a long wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from assistant.surfaces.problems import RETRY_AFTER_S, Problem


class Gate:
    """Counts who is inside. Belongs to one event loop."""

    def __init__(self, most: int) -> None:
        self._most, self._inside = most, 0

    def look(self) -> None:
        """Raises Problem 503 when no place is free."""
        if self._inside >= self._most:
            detail = f"{self._most} questions are being answered already. Ask again in a few seconds."
            raise Problem(503, detail, {"type": "urn:roundsman:busy"}, Retry_After=str(RETRY_AFTER_S))

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Holds a place. Raises Problem 503 when none is free."""
        self.look()
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
