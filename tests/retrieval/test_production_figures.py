"""The measurement of search on PostGIS and Weaviate, on a few documents."""

from __future__ import annotations

import time
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import make_url
from weaviate_double import Double

from evals.search.production import SHARES, figures, outages
from evals.search.world import World
from retrieval.postgis_store import PostgisSearch
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide


@pytest.mark.postgis
@pytest.mark.slow
def test_the_figures_have_every_bucket_and_find_all_of_the_nearest(postgres_url: str, double: Double) -> None:
    name = f"figures_{time.monotonic_ns()}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    url = make_url(postgres_url.replace("/postgres?", f"/{name}?"))
    world = World(600, seed=3)
    side = WeaviateSide(WeaviateAddress(double.url, double.grpc_port))
    with closing(PostgisSearch(url, "made-up", side, world, vector_s=30)) as search:
        search.upsert(world.documents(0, 600))
        while search.embed_pending(30):
            pass
        found = figures(search, world, 2)
    without = outages(url, world, 1)
    assert list(found) == [f"{share:.2%}" for share in SHARES]
    for bucket in found.values():
        assert isinstance(bucket, dict)
        assert bucket["recall10"] == 1.0
        assert float(str(bucket["wall_p50_ms"])) >= float(str(bucket["vector_p50_ms"])) > 0
    assert {*without} == {"hangs", "gone"}
    for each in without.values():
        assert isinstance(each, dict)
        assert each["says_so"] == 1.0
        assert float(str(each["wall_worst_ms"])) < 2_000  # half a second on a machine without other work
