"""Calls with a deadline on a loop of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from domain.errors import DeadlineExceeded, StoreUnavailable
from retrieval.breaker import Breaker
from retrieval.call_loop import CallLoop


async def nothing() -> None:
    """A last call that does nothing."""


@pytest.fixture
def calls() -> Iterator[CallLoop]:
    """A loop whose circuit opens after two failures."""
    made = CallLoop("the server", Breaker(failures=2, rest_s=60))
    yield made
    made.close(nothing)


async def answer(after_s: float = 0.0) -> int:
    """A call that takes some time."""
    await asyncio.sleep(after_s)
    return 7


async def refuse() -> int:
    """A call that the server refuses."""
    raise StoreUnavailable("no.")


async def stumble() -> int:
    """A call with a bug of ours."""
    raise KeyError("bug")


def test_a_call_gives_what_the_server_said(calls: CallLoop) -> None:
    assert calls.call(answer, 5) == 7


def test_a_call_ends_at_its_deadline_and_says_so(calls: CallLoop) -> None:
    began = time.monotonic()
    with pytest.raises(DeadlineExceeded, match=r"the server did not answer within 0\.1 s"):
        calls.call(lambda: answer(30), 0.1)
    assert time.monotonic() - began < 2


def test_even_a_loop_that_is_held_up_keeps_nobody_waiting(calls: CallLoop) -> None:
    async def block() -> int:
        time.sleep(1.5)
        return 1

    began = time.monotonic()
    with pytest.raises(DeadlineExceeded):
        calls.call(block, 0.1)
    assert time.monotonic() - began < 1.2


def test_what_was_late_is_ended_and_goes_on_nowhere(calls: CallLoop) -> None:
    ended = threading.Event()

    async def wait() -> int:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            ended.set()
            raise
        return 1

    with pytest.raises(DeadlineExceeded):
        calls.call(wait, 0.05)
    assert ended.wait(2)


def test_two_failures_in_a_row_keep_further_calls_away(calls: CallLoop) -> None:
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match=r"no\."):
            calls.call(refuse, 5)
    with pytest.raises(StoreUnavailable, match="left alone"):
        calls.call(answer, 5)


def test_a_bug_of_ours_is_no_failure_of_the_server(calls: CallLoop) -> None:
    for _ in range(3):
        with pytest.raises(KeyError):
            calls.call(stumble, 5)
    assert calls.call(answer, 5) == 7


def test_closing_ends_what_is_being_asked_and_refuses_the_rest() -> None:
    calls = CallLoop("the server", Breaker())
    said: list[BaseException] = []

    def ask() -> None:
        try:
            calls.call(lambda: answer(30), 30)
        except StoreUnavailable as error:
            said.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.2)
    calls.close(nothing)
    asking.join(5)
    assert "has been closed" in str(said[0])
    with pytest.raises(StoreUnavailable, match="has been closed"):
        calls.call(answer, 5)
