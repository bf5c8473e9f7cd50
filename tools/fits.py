"""What takes long to make is made once, under a lock of its own: who asks for it meanwhile waits, others do not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Fits(Generic[Key, Made]):
    """The `most` newest by their keys. What could not be made is tried again by the next that asks."""

    def __init__(self, most: int) -> None:
        self._most, self._turn = most, threading.Lock()
        self._held: dict[Key, _Fit[Made]] = {}

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """What was made for the key, else what `make` gives. Raises what that raises."""
        with self._turn:
            if key not in self._held:
                while len(self._held) >= self._most:
                    self._held.pop(next(iter(self._held)))
                self._held[key] = _Fit()
            fit = self._held[key]
        return fit.get(make)


class _Fit(Generic[Made]):
    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._made: list[Made] = []

    def get(self, make: Callable[[], Made]) -> Made:
        with self._turn:
            if not self._made:
                self._made.append(make())
            return self._made[0]
