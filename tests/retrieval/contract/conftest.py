"""The back ends that keep the contract: embedded; PostGIS (real) with the stand-in for Weaviate, or with a real one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from back_ends import REAL, Opens, double_address, embedded, empty_database, production, real_address
from embedders import ConceptEmbedder

from domain.ports import Embedder
from retrieval.keeping import KeptStore

BACK_ENDS = [
    "embedded",
    pytest.param("postgis", marks=pytest.mark.postgis),
    pytest.param(
        "weaviate", marks=[pytest.mark.postgis, pytest.mark.skipif(not REAL, reason="no ROUNDSMAN_WEAVIATE_URL")]
    ),
]


@pytest.fixture(params=BACK_ENDS)
def open_search(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opens]:
    """Opens searches on one back end."""
    with ExitStack() as stack:
        if request.param == "embedded":
            make = embedded(tmp_path)
        else:
            url = stack.enter_context(empty_database(request.getfixturevalue("postgres_url")))
            real = request.param == "weaviate"
            address = real_address() if real else double_address(request.getfixturevalue("double"))
            make = production(url, address)

        def opens(city: str = "smalltown", embedder: Embedder | None = None) -> KeptStore:
            made = make(city, embedder)
            stack.callback(made.close)
            return made

        yield opens


@pytest.fixture
def search(open_search: Opens) -> KeptStore:
    """A search with an embedding model, still empty."""
    return open_search(embedder=ConceptEmbedder())
