"""Weaviate's collections: what each kind of document is called there, how it is made, what narrows a search in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from weaviate import WeaviateAsyncClient

__all__ = ["COLLECTIONS", "EXACT_BELOW", "HOUSE", "OPENAI", "VECTOR_NAMES", "Placed", "define", "narrowed"]

COLLECTIONS = {
    "rounds": "Routes", "bins": "Bins", "customers": "Customers", "patterns": "Operational_patterns",
    "predictions": "Predictions", "requests": "Requests", "handbook": "Handbook",
}  # fmt: skip
HOUSE, OPENAI = "custom", "openai"
VECTOR_NAMES = (HOUSE, OPENAI)  # of a model in the house, and of OpenAI's service; an object has one of the two
EXACT_BELOW = 40_000  # objects that a filter leaves: up to so many are compared one by one, without the graph
NEVER, ALWAYS = -1e15, 1e15  # seconds since 1970, in place of a time that there is not


@dataclass(frozen=True)
class Placed:
    """What a search is narrowed by: cells of the grid, and times in seconds since 1970.

    Of an object: the cells it lies in (all the coarser ones too), when it happened, from when to when it was known.
    Of a search: cells of which one must fit, and the moments `since`, `until` and `as_of`. It may let through too much,
    never too little: PostgreSQL decides.
    """

    cells: tuple[str, ...] = ()
    at: float | None = None
    known_from: float | None = None
    known_until: float | None = None
    since: float | None = None
    until: float | None = None
    as_of: float | None = None
    current: bool = False

    def properties(self) -> dict[str, Any]:
        """As an object's properties."""
        return {
            "cells": list(self.cells),
            "at": NEVER if self.at is None else self.at,
            "known_from": NEVER if self.known_from is None else self.known_from,
            "known_until": ALWAYS if self.known_until is None else self.known_until,
        }


async def define(client: WeaviateAsyncClient, kind: str, replicas: int) -> None:
    """Make the collection of a kind: one tenant a city, named vectors that we bring, so many replicas."""
    from weaviate.classes.config import Configure, DataType, Property, Tokenization, VectorDistances
    from weaviate.exceptions import UnexpectedStatusCodeError

    index = Configure.VectorIndex.hnsw(distance_metric=VectorDistances.COSINE, flat_search_cutoff=EXACT_BELOW)
    cells = Property(
        name="cells", data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD, index_searchable=False
    )
    times = [
        Property(name=name, data_type=DataType.NUMBER, index_filterable=True, index_range_filters=True)
        for name in ("at", "known_from", "known_until")
    ]
    try:
        await client.collections.create(
            COLLECTIONS[kind],
            properties=[cells, *times],
            vector_config=[
                Configure.Vectors.self_provided(name=name, vector_index_config=index) for name in VECTOR_NAMES
            ],
            multi_tenancy_config=Configure.multi_tenancy(enabled=True),
            replication_config=Configure.replication(factor=replicas),
        )
    except UnexpectedStatusCodeError:
        if not await client.collections.exists(COLLECTIONS[kind]):  # another process may have been quicker
            raise


def narrowed(ids: Sequence[UUID] | None, placed: Placed | None) -> Any:
    """The client's filter for these, or None for everything."""
    from weaviate.classes.query import Filter

    parts = []
    if ids is not None:
        parts.append(Filter.by_id().contains_any(list(ids)))
    if placed is not None:
        if placed.cells:
            parts.append(Filter.by_property("cells").contains_any(list(placed.cells)))
        if placed.since is not None:
            parts.append(Filter.by_property("at").greater_or_equal(placed.since))
        if placed.until is not None:
            parts.append(Filter.by_property("at").less_than(placed.until))
        if placed.as_of is not None:
            parts.append(Filter.by_property("at").less_or_equal(placed.as_of))
            parts.append(Filter.by_property("known_from").less_or_equal(placed.as_of))
            parts.append(Filter.by_property("known_until").greater_than(placed.as_of))
        elif placed.current:
            parts.append(Filter.by_property("known_until").equal(ALWAYS))
    return Filter.all_of(parts) if parts else None
