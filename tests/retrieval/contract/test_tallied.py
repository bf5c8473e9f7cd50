"""What searches did is added up, the same on every back end."""

from __future__ import annotations

import time
from collections import Counter

from back_ends import Opens
from embedders import ConceptEmbedder, NoEmbedder

from retrieval.keeping import KeptStore
from retrieval.store import Circle, Document, SearchRequest

HERE = Circle(37.87, -122.26, 500)
THERE = (38.5, -121.0)


def filled(search: KeptStore) -> KeptStore:
    """Four notes about lids, two of them near."""
    places = [(37.87, -122.26), (37.871, -122.26), THERE, THERE]
    search.upsert([Document(f"d{n}", "requests", f"Lid {n}", "broken", f"r{n}", *at) for n, at in enumerate(places)])
    assert search.embed_pending(30) == 0
    return search


def test_searches_are_counted_by_their_plans_with_their_seconds_and_how_good_the_estimates_were(
    search: KeptStore,
) -> None:
    filled(search)
    began = time.perf_counter()
    plans = [search.search(SearchRequest("lid", near=HERE)).plan for _ in range(2)]  # by what each was seen to cost
    search.search(SearchRequest("lid", near=Circle(0.5, 0.5, 100)))
    took = time.perf_counter() - began
    told = search.tally.counted()
    assert told.plans == Counter([*plans, "nothing"])
    assert told.seconds.count == 3
    assert 0 < told.seconds.total <= took
    assert told.estimate_ratio.count == 2  # where nothing was compared there is no trace
    assert 0.4 < told.estimate_ratio.total / 2 < 2.1  # 2 notes there, 2 to 4 in the cells around them
    assert (told.degraded, told.unanswered, told.samples) == (0, 0, 0)


def test_an_answer_by_less_than_everything_is_counted_as_one(open_search: Opens) -> None:
    filled(open_search(embedder=ConceptEmbedder()))
    blind = open_search(embedder=NoEmbedder())
    assert blind.search(SearchRequest("lid")).degraded
    told = blind.tally.counted()
    assert told.plans == {"words alone": 1}
    assert (told.degraded, told.unanswered) == (1, 0)
