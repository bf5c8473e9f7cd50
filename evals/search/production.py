"""python -m evals.search.production --database URL --weaviate URL: what a search on PostGIS and Weaviate takes.

    PYTHONPATH=tests/retrieval .venv/bin/python -m weaviate_double      # says its two ports, if there is no Weaviate
    .venv/bin/python -m evals.search.production --bins 100000 --database postgresql://postgres@/empty?host=/tmp/pg \
        --weaviate http://127.0.0.1:PORT --grpc-port PORT

The database must be one to throw away, with PostGIS. `vector_ms` is the planner's part, nearly all of it Weaviate's;
`without_vector_ms` everything else. Of the stand-in only the latter means anything. `outages`: the same questions where
Weaviate takes connections and never answers, and where nobody listens.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue
from sqlalchemy import URL, make_url

from domain.spatial import EARTH_RADIUS_M
from evals.progress import say
from evals.search.world import BLOCK, Question, World
from retrieval.postgis_store import PostgisSearch
from retrieval.store import DEFAULT_VECTOR, SearchRequest
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

__all__ = ["figures", "main", "outages"]

SHARES = (0.0001, 0.001, 0.01, 0.03, 0.1, 0.3, 1.0)
K = 10
WARMING = 4
PATIENT_S = 30.0
CITY = "made-up"


@dataclass(frozen=True)
class _Took:
    """One question: milliseconds as a whole and for the vector side, this process's CPU, share of the ten best."""

    wall_ms: float
    vector_ms: float
    cpu_ms: float
    recall: float


def figures(search: PostgisSearch, world: World, questions: int) -> dict[str, JsonValue]:
    """Milliseconds and recall against a brute-force comparison, by the share of the documents within the circle."""
    found: dict[str, JsonValue] = {}
    truth = _Truth(world)
    for share in SHARES:
        took = [_asked(search, truth, question) for question in world.questions(share, questions + WARMING)][WARMING:]
        found[f"{share:.2%}"] = {
            "recall10": round(float(np.mean([each.recall for each in took])), 4),
            **_percentiles("wall", [each.wall_ms for each in took]),
            **_percentiles("vector", [each.vector_ms for each in took]),
            **_percentiles("without_vector", [each.wall_ms - each.vector_ms for each in took]),
            **_percentiles("cpu", [each.cpu_ms for each in took]),
        }
        say(f"{share:.2%}: {found[f'{share:.2%}']}")
    return found


def outages(database: URL, world: World, questions: int) -> dict[str, JsonValue]:
    """Milliseconds of each answer without Weaviate, the first ones included, and the share of them that say so."""
    found: dict[str, JsonValue] = {}
    for name, listening in (("hangs", True), ("gone", False)):
        with (
            _no_weaviate(listening) as address,
            closing(PostgisSearch(database, CITY, WeaviateSide(address), world)) as search,
        ):
            search.warm()
            took, said = [], []
            for question in [each for share in SHARES for each in world.questions(share, questions)]:
                request = SearchRequest(
                    question.text, K, near=question.circle, vectors={DEFAULT_VECTOR: question.vector}
                )
                wall = time.perf_counter()
                answer = search.search(request)
                took.append(1_000 * (time.perf_counter() - wall))
                said.append(bool(answer.degraded))
        found[name] = {
            **_percentiles("wall", took),
            "wall_worst_ms": round(max(took), 1),
            "says_so": float(np.mean(said)),
        }
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


def _asked(search: PostgisSearch, truth: _Truth, question: Question) -> _Took:
    vectors = {DEFAULT_VECTOR: question.vector}
    request = SearchRequest(question.text, k=K, near=question.circle, vectors=vectors, deadline_s=PATIENT_S)
    wall, cpu = time.perf_counter(), time.process_time()
    found = search.search(request)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    by_meaning = search.search(
        SearchRequest(question.text, K, 1.0, near=question.circle, vectors=vectors, deadline_s=PATIENT_S)
    )
    best = truth.nearest(question)
    got = {int(hit.document.id.rpartition("/")[2]) for hit in by_meaning.hits}
    vector_ms = found.trace.cost_ms if found.trace else 0.0
    return _Took(1_000 * wall, vector_ms, 1_000 * cpu, len(got & best) / max(1, len(best)))


class _Truth:
    """Every document's vector, shape (documents, 384) and 1.5 kB each, made once."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._vectors = np.concatenate(
            [world.vectors(first, min(first + BLOCK, world.bins)) for first in range(0, world.bins, BLOCK)]
        )

    def nearest(self, question: Question) -> set[int]:
        """The ten nearest within the circle, compared one by one."""
        lat, lon = np.radians(self._world.lat), np.radians(self._world.lon)
        near_lat, near_lon = np.radians(question.circle.lat), np.radians(question.circle.lon)
        chord = np.sin((lat - near_lat) / 2) ** 2 + np.cos(lat) * np.cos(near_lat) * np.sin((lon - near_lon) / 2) ** 2
        inside = np.flatnonzero(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(chord)) <= question.circle.radius_m)
        cosines = self._vectors[inside] @ question.vector
        return {*inside[np.argsort(-cosines, kind="stable")[:K]].tolist()}


def _percentiles(name: str, values: list[float]) -> dict[str, JsonValue]:
    return {f"{name}_p{q}_ms": round(float(np.percentile(values, q)), 2) for q in (50, 95)}


def main() -> None:
    """Fill the database and Weaviate, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--database", required=True)
    parser.add_argument("--weaviate", required=True)
    parser.add_argument("--grpc-port", type=int, default=50051)
    parser.add_argument("--key")
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--bins", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    world = World(options.bins, options.seed)
    side = WeaviateSide(WeaviateAddress(options.weaviate, options.grpc_port, options.key, options.replicas))
    with closing(PostgisSearch(make_url(options.database), CITY, side, world, vector_s=PATIENT_S)) as search:
        for first in range(0, options.bins, BLOCK):
            search.upsert(world.documents(first, min(options.bins, first + BLOCK)))
            say(f"{min(options.bins, first + BLOCK)} documents in PostgreSQL")
        while left := search.embed_pending(PATIENT_S):
            say(f"{left} left for Weaviate")
        search.warm()
        found = figures(search, world, options.questions)
    found["outages"] = outages(make_url(options.database), world, max(1, options.questions // 10))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
