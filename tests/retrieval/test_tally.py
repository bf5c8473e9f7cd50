"""What is added up over searches."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from domain.errors import StoreUnavailable
from domain.search_counts import Histogram
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Found, PlanTrace, SearchRequest
from retrieval.tally import Tally


def found(estimated: int, actual: int, recall: float | None = None) -> Found:
    """An answer by the approximate plan."""
    trace = PlanTrace("meaning first", estimated, actual, 1.0, recall)
    return Found((), 0, actual, None, "meaning first", trace=trace)


def test_a_histogram_counts_what_is_at_most_each_limit() -> None:
    counted = Histogram((1.0, 2.0)).adding(0.5).adding(1.0).adding(1.5).adding(9.0)
    assert counted.within == (2, 3)
    assert (counted.count, counted.total) == (4, 12.0)


def test_an_estimate_is_counted_against_what_there_was_and_an_empty_circle_as_one_document() -> None:
    tally = Tally("sqlite")
    for estimated, actual in ((20, 10), (5, 10), (3, 0)):
        tally.add(found(estimated, actual), 0.01)
    assert tally.counted().estimate_ratio.total == pytest.approx(2 + 0.5 + 3)


def test_samples_of_recall_come_with_an_answer_or_after_it() -> None:
    tally = Tally("sqlite")
    tally.add(found(1, 1, recall=0.9), 0.01)
    tally.add(found(1, 1), 0.01)
    tally.add_sample(0.5)
    told = tally.counted()
    assert (told.samples, told.recall) == (2, pytest.approx(1.4))


def test_a_search_that_a_fault_ends_is_counted_apart(tmp_path: Path) -> None:
    file = tmp_path / "search.db"
    file.write_bytes(b"this is no database" * 100)
    with closing(SqliteSearch(file, "smalltown")) as search:
        with pytest.raises(StoreUnavailable):
            search.search(SearchRequest("lid"))
        told = search.tally.counted()
    assert (told.unanswered, told.plans, told.seconds.count) == (1, {}, 0)


def test_threads_add_up_nothing_twice_and_lose_nothing() -> None:
    tally = Tally("sqlite")

    def many() -> None:
        for _ in range(2_000):
            tally.add(found(1, 1), 0.001)

    threads = [Thread(target=many) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    told = tally.counted()
    assert told.plans == {"meaning first": 8_000}
    assert told.seconds.count == told.seconds.within[0] == 8_000
