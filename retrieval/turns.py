"""One writer of an index at a time, over all processes; whoever is killed gives up the turn by dying.

SQLite: an advisory lock on a file beside the database (flock). PostgreSQL: a session's advisory lock.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text

from domain.errors import StoreUnavailable
from domain.store import Store

__all__ = ["my_turn"]

FOLLOWER_KEY = 7_207_003  # any constant: the first key of a pair of PostgreSQL's advisory locks, the second is the city
LOOK_AGAIN_S = 0.02


@contextmanager
def my_turn(store: Store, city: str, wait_s: float) -> Iterator[bool]:
    """Whether nobody else writes the city's index now, after waiting up to `wait_s`; kept until the block ends.

    Raises StoreUnavailable when the lock cannot be reached.
    """
    taken = _file_turn(store, city, wait_s) if store.is_sqlite else _server_turn(store, city, wait_s)
    with taken as mine:
        yield mine


@contextmanager
def _file_turn(store: Store, city: str, wait_s: float) -> Iterator[bool]:
    named = hashlib.sha256(city.encode()).hexdigest()[:16]  # a city's name may be no file name
    file = Path(f"{store.url.database}.index-{named}.lock")
    try:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreUnavailable(f"{file} cannot be opened: {error.strerror}.") from error
    try:
        yield _wait(lambda: _locked(descriptor), wait_s)
    finally:
        os.close(descriptor)  # lets go of the lock


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def _server_turn(store: Store, city: str, wait_s: float) -> Iterator[bool]:
    keys = {"key": FOLLOWER_KEY, "city": city}
    with store.connect() as connection:
        lock = text("SELECT pg_try_advisory_lock(:key, hashtext(:city))")
        mine = _wait(lambda: bool(connection.execute(lock, keys).scalar_one()), wait_s)
        try:
            yield mine
        finally:
            if mine:
                connection.execute(text("SELECT pg_advisory_unlock(:key, hashtext(:city))"), keys)


def _wait(take: Callable[[], bool], wait_s: float) -> bool:
    ends = time.monotonic() + wait_s
    while not (taken := take()) and time.monotonic() < ends:
        time.sleep(LOOK_AGAIN_S)
    return taken
