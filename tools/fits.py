"""What takes long to make is made once, outside every lock: who asks for the same meanwhile waits for that one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Made = TypeVar("Made")


class Fits(Generic[Key, Made]):
    """The `most` newest by their keys. What could not be made is tried again by the next that asks."""

    def __init__(self, most: int) -> None:
        self._most, self._turn = most, threading.Lock()
        self._held: dict[Key, Future[Made]] = {}

    def get(self, key: Key, make: Callable[[], Made]) -> Made:
        """What was made for the key, else what `make` gives. Raises what that raised."""
        with self._turn:
            held = self._held.get(key)
            mine = held is None
            future: Future[Made] = Future() if held is None else held
            if mine:
                while len(self._held) >= self._most:
                    self._held.pop(next(iter(self._held)))
                self._held[key] = future
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:
                with self._turn:
                    self._held.pop(key, None)
                future.set_exception(error)
                raise
        return future.result()
