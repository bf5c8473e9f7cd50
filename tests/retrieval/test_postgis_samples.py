"""How good approximate searches on PostGIS and Weaviate are is found out beside them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url
from weaviate_double import Double

from evals.search.world import World
from retrieval.planner import Nearest, Plan
from retrieval.postgis_limits import limits_of
from retrieval.postgis_ranking import Meanings
from retrieval.postgis_store import PostgisSearch, server_planner
from retrieval.postgis_vectors import compared
from retrieval.store import DEFAULT_VECTOR, PlanTrace, SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

pytestmark = [pytest.mark.postgis, pytest.mark.slow]
WORLD = World(600, seed=3)
ASKED = WORLD.questions(1.0, 1)[0]
REQUEST = SearchRequest(ASKED.text, near=ASKED.circle, vectors={DEFAULT_VECTOR: ASKED.vector}, deadline_s=30)


@pytest.fixture
def search(postgres_url: str, double: Double) -> Iterator[PostgisSearch]:
    """Six hundred documents of different wordings, searched by the approximate plan, each search a sample."""
    name = f"samples_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    url = make_url(postgres_url.replace("/postgres?", f"/{name}?"))
    side = WeaviateSide(WeaviateAddress(double.url, double.grpc_port))
    with closing(PostgisSearch(url, "made-up", side, WORLD, vector_s=30)) as made:
        made.upsert(WORLD.documents(0, 600))
        while made.embed_pending(30):
            pass
        made.samples.every = 1
        made.planner = server_planner(Plan.MEANING_FIRST)
        yield made


def sampled(search: PostgisSearch) -> float | None:
    """The recall of the first sample; None when there is none in a quarter of a minute."""
    ends = time.monotonic() + 15
    while not search.tally.counted().samples and time.monotonic() < ends:
        time.sleep(0.02)
    told = search.tally.counted()
    return told.recall if told.samples == 1 else None


def test_an_approximate_search_is_compared_with_the_exact_answer_after_it_was_given(search: PostgisSearch) -> None:
    found = search.search(REQUEST)
    assert found.plan == "meaning first"
    assert sampled(search) == 1  # the stand-in compares everything


def test_an_exact_search_is_no_sample(search: PostgisSearch) -> None:
    search.planner = server_planner()
    assert search.search(REQUEST).plan == "limits first"
    search.samples.close()
    assert search.tally.counted().samples == 0


def test_a_sample_tells_the_share_of_the_ten_best_that_were_found(search: PostgisSearch) -> None:
    with search._connections.read() as connection:
        every = connection.execute("SELECT DISTINCT meaning FROM search_documents").fetchall()
        best = compared(connection, np.array(every, dtype=np.int64).reshape(-1), ASKED.vector)
    found = Nearest(np.append(best.numbers[:4], best.numbers[100:106]), np.ones(10))
    trace = PlanTrace(Plan.MEANING_FIRST, 600, 600, 1.0)
    search.samples.offer(limits_of(REQUEST, 1), Meanings(found, vector=ASKED.vector, trace=trace))
    assert sampled(search) == pytest.approx(0.4)
