"""A city's search as a LlamaIndex retriever, for programs that are built on LlamaIndex.

retriever = SearchRetriever(search, SearchRequest("", kinds=("handbook",), k=5))
nodes = retriever.retrieve("who pays for a rejected load?")
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode

from retrieval.store import DEFAULT_VECTOR, Document, Hit, RetrievalStore, SearchRequest

__all__ = ["SearchRetriever"]


class SearchRetriever(BaseRetriever):  # type: ignore[misc]  # the library is not typed for us
    """Finds by words, meaning, place and time; `limits` are kept for every question, its text aside.

    A question that comes with an embedding is compared by that one. Raises as `RetrievalStore.search`.
    """

    def __init__(self, search: RetrievalStore, limits: SearchRequest | None = None) -> None:
        self._search, self._limits = search, limits or SearchRequest("")
        super().__init__()

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        asked = replace(self._limits, text=query_bundle.query_str)
        if query_bundle.embedding is not None:
            vector = np.asarray(query_bundle.embedding, dtype=np.float32)
            asked = replace(asked, vectors={DEFAULT_VECTOR: vector})
        found = self._search.search(asked)
        return [NodeWithScore(node=_node(hit, found.degraded), score=hit.score) for hit in found.hits]


def _node(hit: Hit, degraded: tuple[str, ...]) -> TextNode:
    """The passage with what a citation needs; only the title and the passage are shown to a language model."""
    told = _metadata(hit.document)
    scores = {"bm25": hit.bm25, "dense": hit.dense, "distance_m": hit.distance_m, "degraded": "; ".join(degraded)}
    told |= {name: value for name, value in scores.items() if value not in {None, ""}}
    hidden = [name for name in told if name != "title"]
    return TextNode(
        id_=hit.document.id,
        text=hit.document.text or hit.document.title,
        metadata=told,
        excluded_llm_metadata_keys=hidden,
        excluded_embed_metadata_keys=hidden,
    )


def _metadata(document: Document) -> dict[str, str | float | None]:
    known: dict[str, str | float | None] = {
        "title": document.title,
        "url_ref": document.url_ref,
        "kind": document.kind,
        "lat": document.lat,
        "lon": document.lon,
        "at": document.at.isoformat() if document.at else None,
        **document.fields,
    }
    return {name: value for name, value in known.items() if value is not None}
