"""How the back ends of the contract are opened."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psycopg
from sqlalchemy import make_url
from weaviate_double import Double

from domain.ports import Embedder
from retrieval.keeping import KeptStore
from retrieval.postgis_store import PostgisSearch
from retrieval.sqlite_store import SqliteSearch
from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

REAL = os.environ.get("ROUNDSMAN_WEAVIATE_URL")
PATIENT_S = 5.0  # for the vector side: these tests are about what is found, on machines with other work


class Opens(Protocol):
    """Opens a search of a city; all of one test are on the same database."""

    def __call__(self, city: str = "smalltown", embedder: Embedder | None = None) -> KeptStore:
        """A search that is closed after the test."""
        ...


def real_address() -> WeaviateAddress:
    """The Weaviate that the environment names."""
    port = int(os.environ.get("ROUNDSMAN_WEAVIATE_GRPC_PORT", "50051"))
    replicas = int(os.environ.get("ROUNDSMAN_WEAVIATE_REPLICAS", "3"))
    return WeaviateAddress(str(REAL), port, os.environ.get("ROUNDSMAN_WEAVIATE_KEY"), replicas)


def double_address(double: Double) -> WeaviateAddress:
    """The stand-in's."""
    return WeaviateAddress(double.url, double.grpc_port)


def embedded(folder: Path) -> Callable[[str, Embedder | None], KeptStore]:
    """Makes searches in one SQLite file."""
    return lambda city, embedder: SqliteSearch(folder / "search.db", city, embedder)


def production(url: str, address: WeaviateAddress) -> Callable[[str, Embedder | None], KeptStore]:
    """Makes searches on one PostGIS database and one Weaviate."""
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
