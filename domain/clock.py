"""The clock is an argument (law 8): nothing else in Roundsman asks what time it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def wall_clock() -> datetime:
    """The real time, aware, in UTC."""
    return datetime.now(UTC)


def fixed_clock(at: datetime) -> Clock:
    """A clock that stands still at `at` (aware)."""
    return lambda: at


def clock_from(start: datetime) -> Clock:
    """A clock that shows `start` (aware) now and runs on at real pace: the demo clock of a server."""
    began = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - began)
