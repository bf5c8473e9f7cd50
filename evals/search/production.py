"""python -m evals production --database URL --weaviate URL: what a search on PostGIS and Weaviate takes.

    PYTHONPATH=tests/retrieval .venv/bin/python -m weaviate_double      # says its two ports, if there is no Weaviate
    .venv/bin/python -m evals production --bins 100000 --database postgresql://postgres@/empty?host=SOCKET_FOLDER \
        --weaviate http://127.0.0.1:PORT --grpc-port PORT

The database must be one to throw away, with PostGIS. Buckets and plans alone are those of the suite `spatial`.
`vector_ms` is the planner's part, nearly all of it Weaviate's; `without_vector_ms` everything else. Of the stand-in
only the latter means anything. `outages`: questions where Weaviate takes connections and never answers, and where
nobody listens.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue
from sqlalchemy import URL

from domain.errors import BadData
from evals.progress import say
from evals.search import by_share
from evals.search.by_share import Bench, Took, alone, asked_of, bucket, summed, times, took_by_share
from evals.search.world import BLOCK, World
from retrieval.postgis_store import PostgisSearch, server_planner
from retrieval.store import DEFAULT_VECTOR, SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

__all__ = ["Asked", "figures"]

JsonObject = dict[str, JsonValue]
PORTION_S = 30.0  # of sending, between two lines of progress
OUT = 10  # for each so many counted questions of a bucket, one of each share is asked without Weaviate


@dataclass(frozen=True)
class Asked:
    """Where the servers are, how many documents, how many counted questions in each bucket, and the seed."""

    database: URL
    weaviate: WeaviateAddress
    bins: int
    questions: int
    seed: int


def figures(asked: Asked) -> tuple[JsonObject, JsonObject, int]:
    """Figures by bucket, those of each plan alone, and the number of questions; `spatial.figures` explains them.

    `back_end` says which Weaviate answered, by its own words. CPU is this process's, PostgreSQL's aside. Raises BadData
    for a database with other documents.
    """
    world = World(asked.bins, asked.seed)
    questions = asked_of(world, asked.questions)
    with closing(
        PostgisSearch(asked.database, by_share.CITY, WeaviateSide(asked.weaviate), world, vector_s=by_share.FOREVER_S)
    ) as search:
        search.samples.every = 0  # nothing beside what is measured
        back_end = _filled(search, world)
        took, taught = took_by_share(Bench(search, server_planner, time.process_time), world, questions)
    buckets: JsonObject = {name: {**bucket(each), **_parts(each)} for name, each in took.items()}
    every = [question for each in took.values() for question in each]
    found = {
        "back_end": back_end,
        **summed(buckets, taught),
        "worst_without_vector_p95_ms": max(float(str(_parts(each)["without_vector_p95_ms"])) for each in took.values()),
        "outages": _outages(asked, world),
    }
    return found, alone(every, ""), len(every)


def _filled(search: PostgisSearch, world: World) -> str:
    """The world's documents in both servers, and what these are called."""
    for first in range(0, world.bins, BLOCK):
        search.upsert(world.documents(first, min(world.bins, first + BLOCK)))
        say(f"{min(world.bins, first + BLOCK)} documents in PostgreSQL")
    while left := search.embed_pending(PORTION_S):
        say(f"{left} left for Weaviate")
    search.warm()
    health = search.health()
    if sum(health.documents.values()) != world.bins:
        raise BadData("The database holds documents of another measurement: give --database an empty one.")
    return health.back_end


def _parts(took: Sequence[Took]) -> JsonObject:
    """What was waited for the vector side, and for everything else."""
    return {
        **times("vector_", [each.vector_ms for each in took]),
        **times("without_vector_", [each.wall_ms - each.vector_ms for each in took]),
    }


# ---------------------------------------------------------------- without Weaviate


def _outages(asked: Asked, world: World) -> JsonObject:
    """Milliseconds of each answer without Weaviate, the first ones included, and the share of them that say so."""
    found: JsonObject = {}
    for name, listening in (("hangs", True), ("gone", False)):
        with (
            _no_weaviate(listening) as address,
            closing(PostgisSearch(asked.database, by_share.CITY, WeaviateSide(address), world)) as search,
        ):
            search.warm()
            took, said = [], []
            for question in [
                each for share in by_share.SHARES for each in world.questions(share, 1 + asked.questions // OUT)
            ]:
                vectors = {DEFAULT_VECTOR: question.vector}
                wall = time.perf_counter()
                answer = search.search(SearchRequest(question.text, near=question.circle, vectors=vectors))
                took.append(1_000 * (time.perf_counter() - wall))
                said.append(bool(answer.degraded))
        found[name] = {**times("", took), "worst_ms": round(max(took), 1), "says_so": float(np.mean(said))}
        say(f"Weaviate {name}: {found[name]}")
    return found


@contextmanager
def _no_weaviate(listening: bool) -> Iterator[WeaviateAddress]:
    """Two ports where somebody takes connections and says nothing, or where nobody is."""
    with socket.create_server(("127.0.0.1", 0)) as http, socket.create_server(("127.0.0.1", 0)) as grpc:
        address = WeaviateAddress(f"http://127.0.0.1:{http.getsockname()[1]}", grpc.getsockname()[1])
        if not listening:
            http.close()
            grpc.close()
        yield address
