"""A thread beside a server works in portions, goes on after what was in the way, and ends."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator

import pytest

import retrieval.background
from domain.errors import BadData, StoreUnavailable
from retrieval.background import Background


def steps(*given: bool | Exception) -> Callable[[], bool]:
    """A portion of work that gives or raises these, one after the other."""
    left: Iterator[bool | Exception] = iter(given)

    def work() -> bool:
        step = next(left)
        if isinstance(step, Exception):
            raise step
        return step

    return work


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.background, "AGAIN_S", 0.01)


def ended(background: Background) -> bool:
    """Whether it ends by itself within ten seconds."""
    background.begin()
    return background.wait(10)


def test_it_works_until_nothing_is_left_and_then_asks_until_the_end_is_done() -> None:
    work, end = steps(False, False, True, True), steps(False, True)
    assert ended(Background(work, end, "behind"))
    with pytest.raises(StopIteration):
        work()
    with pytest.raises(StopIteration):
        end()


def test_what_is_in_the_way_is_said_once_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    away = StoreUnavailable("away")
    with caplog.at_level(logging.WARNING):
        assert ended(Background(steps(away, away, True), steps(True, True, True), "behind"))
    assert [record.getMessage() for record in caplog.records] == ["behind: away"]


def test_what_is_in_the_way_of_the_work_is_not_in_the_way_of_the_end(caplog: pytest.LogCaptureFixture) -> None:
    away, busy = StoreUnavailable("away"), StoreUnavailable("busy")
    work, end = steps(away, away, away, True), steps(False, busy, True, True)
    with caplog.at_level(logging.WARNING):
        assert ended(Background(work, end, "behind"))
    assert [record.getMessage() for record in caplog.records] == ["behind: away", "behind: busy"]
    with pytest.raises(StopIteration):
        end()


def test_the_end_does_not_wait_for_all_of_the_work() -> None:
    tried = threading.Event()
    background = Background(lambda: False, lambda: tried.set() or True, "behind", end_every_s=0)  # type: ignore[func-returns-value]
    background.begin()
    assert tried.wait(10)
    assert not background.wait(0)  # there is work left
    background.close()


def test_after_data_that_cannot_be_used_only_the_end_is_left(caplog: pytest.LogCaptureFixture) -> None:
    work, end = steps(BadData("another model"), True), steps(True)
    background = Background(work, end, "behind")
    with caplog.at_level(logging.WARNING):
        assert ended(background)
    assert work()
    assert [record.getMessage() for record in caplog.records] == ["behind: another model"]


def test_closing_ends_the_waiting_and_nothing_begins_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retrieval.background, "AGAIN_S", 3_600)
    asked = threading.Event()
    background = Background(lambda: True, lambda: asked.set() or False, "behind")  # type: ignore[func-returns-value]
    background.begin()
    assert asked.wait(10)
    background.close()
    background.begin()
    assert not [each for each in threading.enumerate() if each.name == "embedding"]
