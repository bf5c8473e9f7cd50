"""python -m evals retrieval --data FOLDER: judged questions through the embedded search, as it runs for people."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from domain.ports import Embedder
from evals.progress import say
from evals.search.beir import Collection, Passage, read_beir
from evals.search.kept import KeptEmbedder
from evals.search.quality import ndcg, paired_bootstrap, recall
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import DEFAULT_VECTOR, Document, SearchRequest, Vector
from retrieval.writing import meaning_of

__all__ = ["Asked", "figures"]

JsonObject = dict[str, JsonValue]
WEIGHTS = tuple(tenth / 10 for tenth in range(11))
DEPTH = 100
LISTED = 200  # of each single list, what the fusion sees of it
FOREVER_S = 86_400.0
FED_BACK, FEEDBACK = 2, 0.4  # answers, and what they weigh against the question
RRF_K = 60  # Cormack et al. 2009


@dataclass(frozen=True)
class Asked:
    """What to measure: a folder's split; `cache` keeps vectors; `sweep` tries weights of meaning, and feedback."""

    folder: Path
    split: str
    cache: Path
    sweep: bool = False


@dataclass(frozen=True)
class _Ran:
    """The rankings of one way to search, by question, and milliseconds of each search (wall, and this thread's CPU).

    `scores`: by question, the documents' own scores, BM25 of a list by words and else cosines.
    """

    ranked: Mapping[str, Sequence[str]]
    wall_ms: Sequence[float]
    cpu_ms: Sequence[float]
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)


def figures(asked: Asked, embedder: Embedder) -> tuple[JsonObject, JsonObject, int]:
    """Figures, baselines and the number of judged questions. Raises BadData for a folder that cannot be read."""
    collection = read_beir(asked.folder, asked.split)
    kept = KeptEmbedder(embedder, asked.cache)
    try:
        with _indexed(collection, kept) as search:
            vectors, embed_ms = _questions(collection, kept)
            ways: dict[str, Callable[[str], SearchRequest]] = {
                "bm25": partial(SearchRequest, k=LISTED, alpha=0.0),
                "dense": partial(SearchRequest, k=LISTED, alpha=1.0),
                "hybrid": partial(SearchRequest, k=DEPTH),
            }
            ran = {name: _run(search, collection, vectors, make) for name, make in ways.items()}
            found = _figures(collection, ran)
            found["embedding_p50_ms"] = round(float(np.percentile(embed_ms, 50)), 2) if embed_ms else None
            if asked.sweep:
                found["ndcg10_by_alpha"] = _swept(search, collection, vectors)
                moved = _fed_back(collection, vectors, kept, ran["hybrid"])
                fed = _run(search, collection, moved, ways["hybrid"])
                found["feedback_minus_hybrid"] = _gain(_ndcgs(collection, fed), _ndcgs(collection, ran["hybrid"]))
    finally:
        kept.close()
    return found, _baselines(collection, ran), len(collection.grades)


@contextmanager
def _indexed(collection: Collection, embedder: KeptEmbedder) -> Iterator[SqliteSearch]:
    """The collection in a search file of its own, which is thrown away."""
    with tempfile.TemporaryDirectory(prefix="roundsman-") as folder:
        search = SqliteSearch(Path(folder) / "search.db", "measured", embedder)
        search.upsert([_document(passage) for passage in collection.passages])
        say(f"{len(collection.passages)} documents indexed")
        search.embed_pending(FOREVER_S)
        say(f"vectors: {embedder.made} made, the others were kept")
        yield search
        search.close()


def _questions(collection: Collection, embedder: KeptEmbedder) -> tuple[dict[str, Vector], list[float]]:
    """The vectors of the questions, and what those took that had to be made: embedding counts apart from searching."""
    vectors, took = {}, []
    for id_, said in collection.questions.items():
        before, began = embedder.made, time.perf_counter()
        vectors[id_] = embedder.embed([" ".join(said.split())])[0]
        if embedder.made > before:
            took.append(1_000 * (time.perf_counter() - began))
    return vectors, took


def _run(
    search: SqliteSearch,
    collection: Collection,
    vectors: Mapping[str, Vector],
    make: Callable[[str], SearchRequest],
) -> _Ran:
    ranked: dict[str, list[str]] = {}
    scores: dict[str, dict[str, float]] = {}
    wall, cpu = [], []
    for id_, said in collection.questions.items():
        request = replace(make(said), vectors={DEFAULT_VECTOR: vectors[id_]})
        began, busy = time.perf_counter(), time.thread_time()
        found = search.search(request)
        wall.append(1_000 * (time.perf_counter() - began))
        cpu.append(1_000 * (time.thread_time() - busy))
        hits = [hit for hit in found.hits if hit.document.id != id_]
        ranked[id_] = [hit.document.id for hit in hits]
        scores[id_] = {hit.document.id: (hit.bm25 if request.alpha == 0 else hit.dense) or 0.0 for hit in hits}
    return _Ran(ranked, wall, cpu, scores)


def _figures(collection: Collection, ran: Mapping[str, _Ran]) -> JsonObject:
    scored = {name: _ndcgs(collection, each) for name, each in ran.items()}
    hybrid = ran["hybrid"]
    single = max(("bm25", "dense"), key=lambda name: sum(scored[name]))
    plain = _ndcgs(collection, _min_max(collection, ran))
    return {
        **{f"ndcg10_{name}": round(float(np.mean(values)), 4) for name, values in scored.items()},
        "recall100_hybrid": round(_mean_recall(collection, hybrid), 4),
        "hybrid_p50_ms": round(float(np.percentile(hybrid.wall_ms, 50)), 2),
        "hybrid_p95_ms": round(float(np.percentile(hybrid.wall_ms, 95)), 2),
        "hybrid_cpu_p95_ms": round(float(np.percentile(hybrid.cpu_ms, 95)), 2),
        "hybrid_minus_best_single": {"single": single, **_gain(scored["hybrid"], scored[single])},
        "hybrid_minus_min_max": _gain(scored["hybrid"], plain),
    }


def _gain(ours: Sequence[float], theirs: Sequence[float]) -> JsonObject:
    """What is gained over the same questions, with its interval."""
    gain, low, high = paired_bootstrap(ours, theirs)
    return {"mean": round(gain, 4), "ci95": [round(low, 4), round(high, 4)]}


def _baselines(collection: Collection, ran: Mapping[str, _Ran]) -> JsonObject:
    """The single rankers, and two plain fusions of their lists: by reciprocal ranks, and by min-max scores."""
    rrf = {id_: _rrf([ran["bm25"].ranked[id_], ran["dense"].ranked[id_]]) for id_ in collection.grades}
    others = {
        "bm25": ran["bm25"],
        "dense": ran["dense"],
        "rrf": _Ran(rrf, (), ()),
        "min_max": _min_max(collection, ran),
    }
    return {
        name: {"ndcg10_hybrid": _mean_ndcg(collection, each), "recall100_hybrid": _mean_recall(collection, each)}
        for name, each in others.items()
    }


def _min_max(collection: Collection, ran: Mapping[str, _Ran]) -> _Ran:
    """Both lists stretched from their worst to their best and weighed the same, what a list lacks counting 0 there."""
    ranked = {}
    for id_ in collection.grades:
        fused: dict[str, float] = {}
        for name in ("bm25", "dense"):
            scores = ran[name].scores[id_]
            least, most = min(scores.values(), default=0.0), max(scores.values(), default=0.0)
            for document, score in scores.items():
                fused[document] = fused.get(document, 0.0) + (score - least) / ((most - least) or 1.0)
        ranked[id_] = _by_score(fused)
    return _Ran(ranked, (), ())


def _swept(search: SqliteSearch, collection: Collection, vectors: Mapping[str, Vector]) -> JsonObject:
    """nDCG@10 by the weight of meaning: to choose it on a split that is not reported."""
    found: JsonObject = {}
    for alpha in WEIGHTS:
        weighed = partial(SearchRequest, k=10, alpha=alpha)
        found[f"{alpha:g}"] = _mean_ndcg(collection, _run(search, collection, vectors, weighed))
    return found


def _fed_back(
    collection: Collection, vectors: Mapping[str, Vector], embedder: KeptEmbedder, ran: _Ran
) -> dict[str, Vector]:
    """The questions moved towards the meaning of their first answers: pseudo-relevance feedback (Rocchio 1971)."""
    texts = {passage.id: meaning_of(_document(passage)) for passage in collection.passages}
    moved = {}
    for id_, vector in vectors.items():
        first = embedder.embed([texts[answer] for answer in ran.ranked[id_][:FED_BACK]])
        raw = vector + FEEDBACK * first.mean(axis=0) if len(first) else vector
        moved[id_] = raw
    return moved


def _document(passage: Passage) -> Document:
    return Document(passage.id, "handbook", passage.title, passage.text, passage.id)


def _rrf(lists: Sequence[Sequence[str]]) -> list[str]:
    scores: dict[str, float] = {}
    for ranked in lists:
        for rank, id_ in enumerate(ranked, 1):
            scores[id_] = scores.get(id_, 0.0) + 1 / (RRF_K + rank)
    return _by_score(scores)


def _by_score(scores: Mapping[str, float]) -> list[str]:
    return sorted(scores, key=lambda id_: (-scores[id_], id_))


def _ndcgs(collection: Collection, ran: _Ran) -> list[float]:
    return [ndcg(ran.ranked[id_], grades) for id_, grades in collection.grades.items()]


def _mean_ndcg(collection: Collection, ran: _Ran) -> float:
    return round(float(np.mean(_ndcgs(collection, ran))), 4)


def _mean_recall(collection: Collection, ran: _Ran) -> float:
    found = [recall(ran.ranked[id_], grades, DEPTH) for id_, grades in collection.grades.items()]
    return round(float(np.mean(found)), 4)
