"""Search: near vectors, by words (BM25) and hybrid, over the objects of one tenant."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
from weaviate.proto.v1 import base_search_pb2, search_get_pb2

from weaviate_double.filtering import left_by
from weaviate_double.kept import Collection, Floats, Kept, Refused, Tenant
from weaviate_double.limits import DEFAULT_ALPHA, DEFAULT_LIMIT, HYBRID_DEPTH, QUERY_MAXIMUM_RESULTS

Request = search_get_pb2.SearchRequest
Hybrid = base_search_pb2.Hybrid
K1, B = 1.2, 0.75  # Weaviate's defaults of the inverted index
RRF = 60


@dataclass(frozen=True)
class Ranked:
    """An object of the answer, best first."""

    uuid: str
    distance: float | None = None
    score: float | None = None
    explained: str = ""


def search(kept: Kept, request: Request) -> tuple[Collection, Tenant, list[Ranked]]:
    """Answer a request."""
    collection = kept.collection(request.collection)
    tenant = collection.tenant(request.tenant)
    limit = request.limit or DEFAULT_LIMIT
    if request.offset + limit > QUERY_MAXIMUM_RESULTS:
        raise Refused("invalid pagination params: query maximum results exceeded")
    among = left_by(collection, tenant, request.filters) if request.HasField("filters") else None
    if request.HasField("near_vector"):
        found = _near(collection, tenant, request.near_vector, among, request.offset + limit)
    elif request.HasField("hybrid_search"):
        found = _hybrid(collection, tenant, request.hybrid_search, among, request.offset + limit)
    elif request.HasField("bm25_search"):
        asked = request.bm25_search
        found = _by_words(collection, tenant, (asked.query, list(asked.properties)), among, request.offset + limit)
    else:
        ids = sorted(tenant.objects if among is None else among)
        found = [Ranked(uuid) for uuid in ids if uuid > request.after][: request.offset + limit]
    return collection, tenant, found[request.offset :]


# ---------------------------------------------------------------- by meaning


def _near(
    collection: Collection, tenant: Tenant, asked: base_search_pb2.NearVector, among: set[str] | None, limit: int
) -> list[Ranked]:
    target = collection.target(list(asked.targets.target_vectors) or list(asked.target_vectors))
    most = asked.distance if asked.HasField("distance") else None
    if asked.HasField("certainty"):
        most = 2 - 2 * asked.certainty
    return _nearest(collection, tenant, target, (_vector(asked), most), among)[:limit]


def _vector(asked: base_search_pb2.NearVector) -> Floats:
    packed = [each.vector_bytes for each in asked.vectors]
    for each in asked.vector_for_targets:
        packed += [one.vector_bytes for one in each.vectors] or [each.vector_bytes]
    return _floats((packed or [asked.vector_bytes])[0], asked.vector)


def _floats(packed: bytes, plain: object) -> Floats:
    return np.frombuffer(packed, "<f4") if packed else np.array(list(plain), np.float32)  # type: ignore[call-overload]


def _nearest(
    collection: Collection, tenant: Tenant, target: str, asked: tuple[Floats, float | None], among: set[str] | None
) -> list[Ranked]:
    """All objects with a vector of that name, nearest first: an object without one is in no vector search."""
    vector, most = asked
    ids, matrix = tenant.matrix(target)
    if not ids:
        return []
    if matrix.shape[1] != len(vector):
        raise Refused(
            f"explorer: get class: vector search: object vector search at index {collection.name.lower()}: "
            f"vector lengths don't match: {matrix.shape[1]} vs {len(vector)}"
        )
    places = np.array([n for n, uuid in enumerate(ids) if among is None or uuid in among], dtype=np.int64)
    length = float(np.linalg.norm(vector)) or 1.0
    distances = 1 - matrix[places] @ (vector / length)
    order = np.argsort(distances, kind="stable")
    ranked = [Ranked(ids[places[n]], distance=float(distances[n])) for n in order]
    return ranked if most is None else [each for each in ranked if (each.distance or 0) <= most + 1e-6]


# ---------------------------------------------------------------- by words


def _by_words(
    collection: Collection, tenant: Tenant, asked: tuple[str, list[str]], among: set[str] | None, limit: int
) -> list[Ranked]:
    """BM25 over the searchable text, its words cut as Weaviate's `word` tokenization does: no stemming."""
    query, properties = asked
    texts = {each.uuid: _tokens(collection, each.properties, properties) for each in tenant.objects.values()}
    mean = sum(len(words) for words in texts.values()) / (len(texts) or 1) or 1.0
    scores: dict[str, float] = {}
    for term in set(_words(query)):
        holding = {uuid: count for uuid, words in texts.items() if (count := Counter(words)[term])}
        weight = math.log(1 + (len(texts) - len(holding) + 0.5) / (len(holding) + 0.5))
        for uuid, count in holding.items():
            if among is None or uuid in among:
                longer = 1 - B + B * len(texts[uuid]) / mean
                scores[uuid] = scores.get(uuid, 0.0) + weight * count * (K1 + 1) / (count + K1 * longer)
    best = sorted(scores, key=lambda uuid: (-scores[uuid], uuid))[:limit]
    return [Ranked(uuid, score=scores[uuid]) for uuid in best]


def _tokens(collection: Collection, properties: dict[str, object], wanted: list[str]) -> list[str]:
    names = [name.partition("^")[0] for name in wanted] or list(properties)
    said = [properties.get(name) for name in names if collection.property_type(name) in {"text", "text[]"}]
    return [word for text in said for word in _words(" ".join(text) if isinstance(text, list) else str(text or ""))]


def _words(text: str) -> list[str]:
    return [word for word in re.split(r"[^\w]+|_", text.lower()) if word]


# ---------------------------------------------------------------- both


def _hybrid(collection: Collection, tenant: Tenant, asked: Hybrid, among: set[str] | None, limit: int) -> list[Ranked]:
    alpha = _alpha(asked)
    depth = max(limit, HYBRID_DEPTH)
    words = _by_words(collection, tenant, (asked.query, list(asked.properties)), among, depth) if alpha < 1 else []
    near: list[Ranked] = []
    if alpha > 0:
        target = collection.target(list(asked.targets.target_vectors) or list(asked.target_vectors))
        vector = (
            _vector(asked.near_vector) if asked.HasField("near_vector") else _floats(asked.vector_bytes, asked.vector)
        )
        if not len(vector):
            raise Refused("could not vectorize input: no vectorizer is configured for the target vector")
        most = asked.vector_distance if asked.HasField("vector_distance") else None
        near = _nearest(collection, tenant, target, (vector, most), among)[:depth]
    ranked = asked.fusion_type == Hybrid.FUSION_TYPE_RANKED
    shares = (_by_rank, _by_rank) if ranked else (_relative, _relative)
    by_words = shares[0]([(each.uuid, each.score or 0) for each in words])
    by_meaning = shares[1]([(each.uuid, -(each.distance or 0)) for each in near])
    fused = {
        uuid: alpha * by_meaning.get(uuid, 0) + (1 - alpha) * by_words.get(uuid, 0)
        for uuid in by_words.keys() | by_meaning.keys()
    }
    told = {
        uuid: f"Hybrid (Result Set vector) {by_meaning.get(uuid)}, (Result Set keyword) {by_words.get(uuid)}"
        for uuid in fused
    }
    best = sorted(fused, key=lambda uuid: (-fused[uuid], uuid))[:limit]
    return [Ranked(uuid, score=fused[uuid], explained=told[uuid]) for uuid in best]


def _alpha(asked: Hybrid) -> float:
    """What the client sent; clients that send nothing get the server's default."""
    if asked.use_alpha_param:
        return asked.alpha_param if asked.HasField("alpha_param") else DEFAULT_ALPHA
    return asked.alpha


def _relative(scores: list[tuple[str, float]]) -> dict[str, float]:
    if not scores:
        return {}
    least, most = min(score for _, score in scores), max(score for _, score in scores)
    return {uuid: (score - least) / (most - least) if most > least else 1.0 for uuid, score in scores}


def _by_rank(scores: list[tuple[str, float]]) -> dict[str, float]:
    return {uuid: 1 / (RRF + place) for place, (uuid, _) in enumerate(scores)}
