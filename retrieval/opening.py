"""Which back end a search runs on: PostGIS and Weaviate where both are configured, else one SQLite file."""

from __future__ import annotations

from domain.errors import BadData
from domain.ports import Embedder
from domain.settings import Settings
from domain.store import Store
from retrieval.keeping import KeptStore
from retrieval.sqlite_store import SqliteSearch, search_file

__all__ = ["open_search"]


def open_search(store: Store, settings: Settings, city: str, embedder: Embedder | None) -> KeptStore:
    """The search of a city, beside its records. Opens nothing yet. Raises BadData for settings that do not fit."""
    if settings.weaviate_url is None:
        return SqliteSearch(search_file(store, settings.home), city, embedder)
    if store.is_sqlite:
        raise BadData(
            "ROUNDSMAN_WEAVIATE_URL needs the records in PostgreSQL with PostGIS: set ROUNDSMAN_DATABASE_URL as well, "
            "or leave both out for the search in one file."
        )
    from retrieval.postgis_store import PostgisSearch
    from retrieval.weaviate_side import WeaviateAddress, WeaviateSide

    key = settings.weaviate_key.get_secret_value() if settings.weaviate_key else None
    address = WeaviateAddress(settings.weaviate_url, settings.weaviate_grpc_port, key, settings.weaviate_replicas)
    return PostgisSearch(store.url, city, WeaviateSide(address), embedder, settings.weaviate_wait_s)
