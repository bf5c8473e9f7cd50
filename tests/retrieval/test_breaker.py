"""The circuit breaker: closed, open, half open."""

from __future__ import annotations

import threading

from retrieval.breaker import Breaker


class Watch:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def broken(watch: Watch) -> Breaker:
    """A breaker that two failures have opened."""
    breaker = Breaker(failures=2, rest_s=5.0, clock=watch)
    breaker.failed()
    breaker.failed()
    return breaker


def test_one_failure_keeps_nobody_away_and_two_in_a_row_do() -> None:
    breaker = Breaker(failures=2, clock=Watch())
    breaker.failed()
    assert breaker.admits()
    breaker.succeeded()
    breaker.failed()
    assert breaker.admits()
    breaker.failed()
    assert not breaker.admits()
    assert breaker.is_open


def test_after_its_rest_one_call_is_let_through_and_a_success_closes_it() -> None:
    watch = Watch()
    breaker = broken(watch)
    watch.now = 4.9
    assert not breaker.admits()
    watch.now = 5.0
    assert [breaker.admits() for _ in range(3)] == [True, False, False]
    breaker.succeeded()
    assert all(breaker.admits() for _ in range(3))


def test_a_failed_try_begins_the_rest_anew() -> None:
    watch = Watch()
    breaker = broken(watch)
    watch.now = 6.0
    assert breaker.admits()
    breaker.failed()
    watch.now = 10.9
    assert not breaker.admits()
    watch.now = 11.0
    assert breaker.admits()


def test_a_caller_that_never_says_how_it_ended_keeps_the_others_away_for_one_rest_only() -> None:
    watch = Watch()
    breaker = broken(watch)
    watch.now = 5.0
    assert breaker.admits()
    watch.now = 10.0
    assert breaker.admits()


def test_of_many_threads_one_tries() -> None:
    watch = Watch()
    breaker = broken(watch)
    watch.now = 5.0
    together = threading.Barrier(8)
    admitted: list[bool] = []

    def ask() -> None:
        together.wait()
        admitted.append(breaker.admits())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(admitted) == [False] * 7 + [True]
