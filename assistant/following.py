"""A tool's long search, followed: told to whoever looks on, and ended when they say so or nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace

from pydantic import JsonValue

from tools.context import Ctx, Progress, Watching

TOLD_EVERY_S = 0.25
OnProgress = Callable[[dict[str, JsonValue]], None]


def never() -> bool:
    """For questions that nobody ends early."""
    return False


@contextmanager
def followed(ctx: Ctx, told: OnProgress, ended: Callable[[], bool] = never) -> Iterator[Ctx]:
    """The surroundings of one call whose search tells its progress, at most four times a second, from its own thread.

    It ends with the best so far when `ended` says so, and also when the block is left: a search that outlives the
    wait for it would only burn the processor, and a proposal of it would be one that nobody was told of.
    """
    left = threading.Event()
    latest = time.monotonic()

    def progress(now: Progress) -> None:
        nonlocal latest
        if time.monotonic() - latest >= TOLD_EVERY_S and not left.is_set():
            latest = time.monotonic()
            told(asdict(now))

    watching = Watching(progress, lambda: left.is_set() or ended(), left.is_set)
    try:
        yield replace(ctx, tuning=replace(ctx.tuning, watching=watching))
    finally:
        left.set()
