"""python -m evals spatial --bins N: the planner over place and meaning, from one in ten thousand to everything."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from evals.progress import say
from evals.search.by_share import CITY, FOREVER_S, Bench, alone, asked_of, bucket, floored, summed, took_by_share
from evals.search.world import BLOCK, Question, World
from retrieval.planner import Plan, Planner
from retrieval.sqlite_store import SqliteSearch

__all__ = ["Asked", "figures"]

JsonObject = dict[str, JsonValue]


@dataclass(frozen=True)
class Asked:
    """How many documents, how many counted questions in each bucket, the seed, and whether an index may help."""

    bins: int
    questions: int
    seed: int
    approximate: bool = True


def figures(asked: Asked) -> tuple[JsonObject, JsonObject, int]:
    """Figures by bucket, those of each plan alone, and the number of questions.

    `recall10` is that of search by meaning against a brute-force comparison made here, `hybrid_recall10` that of both
    lists against the exact plan; `p50_ms`, `p95_ms` are whole hybrid searches, the question's embedding aside, and
    `floor_p50_ms`, `floor_p95_ms` the same searches where every hit is counted. All of these are of a search that runs
    already; `first_questions` are what a new one takes.
    """
    world = World(asked.bins, asked.seed)
    questions = asked_of(world, asked.questions)
    with _indexed(world, asked.approximate) as (search, file):
        firsts = [each[0] for each in questions.values()]
        started: JsonObject = {
            "as it starts": _first(file, world, firsts, warm=False),
            "read ahead": _first(file, world, firsts, warm=True),
        }
        took, taught = took_by_share(Bench(search, _planner), world, questions)
    buckets: JsonObject = {name: bucket(each) for name, each in took.items()}
    every = [question for each in took.values() for question in each]
    return {**summed(buckets, taught), "first_questions": started}, alone(every), len(every)


def _planner(only: Plan | None) -> Planner:
    return Planner() if only is None else Planner(only=only, sample_every=0)


@contextmanager
def _indexed(world: World, approximate: bool = True) -> Iterator[tuple[SqliteSearch, Path]]:
    with tempfile.TemporaryDirectory(prefix="roundsman-") as folder:
        file = Path(folder) / "search.db"
        search = SqliteSearch(file, CITY, world, approximate=approximate)
        for first in range(0, world.bins, BLOCK):
            search.upsert(world.documents(first, min(world.bins, first + BLOCK)))
        say(f"{world.bins} documents indexed")
        search.embed_pending(FOREVER_S)
        say("vectors made")
        search.prepare()
        say("in memory, and its index made if it has one")
        yield search, file
        search.close()


def _first(file: Path, world: World, questions: Sequence[Question], *, warm: bool) -> JsonObject:
    """CPU of the first questions, one of each bucket, that a new search is asked; `warm`: after it has read ahead.

    `read_ahead_cpu_s` is what that takes, in the background of a server.
    """
    search = SqliteSearch(file, CITY, world, approximate=False)
    began = time.process_time()
    if warm:
        search.warm()
    ahead = time.process_time() - began
    took = []
    for question in questions:
        busy = time.thread_time()
        search.search(floored(question))
        took.append(1_000 * (time.thread_time() - busy))
    search.close()
    return {
        "first_cpu_ms": round(took[0], 2),
        "later_cpu_p50_ms": round(float(np.median(took[1:])), 2),
        "later_cpu_worst_ms": round(max(took[1:]), 2),
        "read_ahead_cpu_s": round(ahead, 2),
    }
