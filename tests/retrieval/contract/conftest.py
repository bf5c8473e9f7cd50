"""The back ends that keep the contract: embedded; PostGIS (real) with the stand-in for Weaviate, or with a real one."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
import pytest
from embedders import ConceptEmbedder
from sqlalchemy import make_url
from weaviate_double import Double

from domain.ports import Embedder
from retrieval.keeping import KeptStore
from retrieval.postgis_store import PostgisSearch
from retrieval.sqlite_store import SqliteSearch
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

REAL = os.environ.get("ROUNDSMAN_WEAVIATE_URL")
BACK_ENDS = [
    "embedded",
    pytest.param("postgis", marks=pytest.mark.postgis),
    pytest.param(
        "weaviate", marks=[pytest.mark.postgis, pytest.mark.skipif(not REAL, reason="no ROUNDSMAN_WEAVIATE_URL")]
    ),
]
PATIENT_S = 5.0  # for the vector side: these tests are about what is found, on machines with other work


class Opens(Protocol):
    """Opens a search of a city; all of one test are on the same database."""

    def __call__(self, city: str = "smalltown", embedder: Embedder | None = None) -> KeptStore:
        """A search that is closed after the test."""
        ...


def weaviate_address(back_end: str, request: pytest.FixtureRequest) -> WeaviateAddress:
    """Where the vector side of a back end is."""
    if back_end == "weaviate":
        port = int(os.environ.get("ROUNDSMAN_WEAVIATE_GRPC_PORT", "50051"))
        replicas = int(os.environ.get("ROUNDSMAN_WEAVIATE_REPLICAS", "3"))
        return WeaviateAddress(str(REAL), port, os.environ.get("ROUNDSMAN_WEAVIATE_KEY"), replicas)
    double: Double = request.getfixturevalue("double")
    return WeaviateAddress(double.url, double.grpc_port)


@pytest.fixture(params=BACK_ENDS)
def open_search(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opens]:
    """Opens searches on one back end."""
    with ExitStack() as stack:
        if request.param == "embedded":
            make = _embedded(tmp_path)
        else:
            url = stack.enter_context(empty_database(request.getfixturevalue("postgres_url")))
            make = _production(url, weaviate_address(request.param, request))

        def opens(city: str = "smalltown", embedder: Embedder | None = None) -> KeptStore:
            made = make(city, embedder)
            stack.callback(made.close)
            return made

        yield opens


@pytest.fixture
def search(open_search: Opens) -> KeptStore:
    """A search with an embedding model, still empty."""
    return open_search(embedder=ConceptEmbedder())


def _embedded(folder: Path) -> Callable[[str, Embedder | None], KeptStore]:
    return lambda city, embedder: SqliteSearch(folder / "search.db", city, embedder)


def _production(url: str, address: WeaviateAddress) -> Callable[[str, Embedder | None], KeptStore]:
    return lambda city, embedder: PostgisSearch(make_url(url), city, WeaviateSide(address), embedder, PATIENT_S)


@contextmanager
def empty_database(server_url: str) -> Iterator[str]:
    """The URL of a database with PostGIS and nothing else, dropped afterwards."""
    name = f"search_{time.monotonic_ns()}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE with_postgis")
    yield server_url.replace("/postgres?", f"/{name}?")
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
