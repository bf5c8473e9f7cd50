"""A program built on LlamaIndex finds what the search finds, with what a citation needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from embedders import ConceptEmbedder
from llama_index.core.schema import MetadataMode, QueryBundle

from retrieval.llama_index_retriever import SearchRetriever
from retrieval.sqlite_store import SqliteSearch
from retrieval.store import Circle, Document, SearchRequest

DOCUMENTS = [
    Document("handbook/rats.md#who", "handbook", "Rats: Who", "Call the vermin team.", "handbook/rats.md#who"),
    Document("sites/a", "bins", "Market Square", "Bins for rats.", "records:sites/a", 37.87, -122.26),
    Document("sites/b", "bins", "Harbour", "Bins for rats.", "records:sites/b", 37.80, -122.40, fields={"zones": "B"}),
]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[SqliteSearch]:
    """Three documents with their vectors."""
    made = SqliteSearch(tmp_path / "search.db", "smalltown", ConceptEmbedder())
    made.upsert(DOCUMENTS)
    made.embed_pending(5)
    yield made
    made.close()


def test_nodes_are_the_hits_in_their_order_with_their_addresses(search: SqliteSearch) -> None:
    nodes = SearchRetriever(search).retrieve("vermin")
    hits = search.search(SearchRequest("vermin")).hits
    assert [(n.node.node_id, n.score) for n in nodes] == [(h.document.id, h.score) for h in hits]
    assert nodes[0].node.get_content(metadata_mode=MetadataMode.LLM) == "title: Rats: Who\n\nCall the vermin team."
    assert nodes[0].node.metadata["url_ref"] == "handbook/rats.md#who"


def test_the_limits_hold_for_every_question(search: SqliteSearch) -> None:
    near = SearchRetriever(search, SearchRequest("", near=Circle(37.80, -122.40, 500)))
    (only,) = near.retrieve("rats")
    assert (only.node.metadata["title"], only.node.metadata["zones"]) == ("Harbour", "B")
    assert only.node.metadata["distance_m"] == pytest.approx(0, abs=1)
    assert SearchRetriever(search, SearchRequest("", kinds=("requests",))).retrieve("rats") == []


def test_a_question_with_an_embedding_is_compared_by_it(search: SqliteSearch) -> None:
    vector = ConceptEmbedder().embed(["vermin team"])[0].tolist()
    nodes = SearchRetriever(search, SearchRequest("", alpha=1)).retrieve(QueryBundle("zzz", embedding=vector))
    assert nodes[0].node.node_id == "handbook/rats.md#who"


def test_a_search_without_meaning_says_so_in_its_nodes(tmp_path: Path) -> None:
    blind = SqliteSearch(tmp_path / "blind.db", "smalltown")
    blind.upsert(DOCUMENTS)
    nodes = SearchRetriever(blind).retrieve("vermin")
    assert "by words alone" in nodes[0].node.metadata["degraded"]
    blind.close()
