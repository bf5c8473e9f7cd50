"""The stand-in for Weaviate answers the real client as Weaviate documents it, limits and faults included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from uuid import NAMESPACE_URL, UUID, uuid5

import grpc
import httpx
import pytest
import weaviate
from weaviate.classes.config import Configure, ConsistencyLevel, DataType, Property, Tokenization
from weaviate.classes.data import DataObject, GeoCoordinate
from weaviate.classes.init import AdditionalConfig, Timeout
from weaviate.classes.query import Filter, HybridFusion, MetadataQuery
from weaviate.classes.tenants import Tenant
from weaviate.collections import Collection
from weaviate.exceptions import (
    UnexpectedStatusCodeError,
    WeaviateBatchError,
    WeaviateInsertManyAllFailedError,
    WeaviateQueryError,
)
from weaviate_double import Double

ACROSS = [1.0, 0.0, 0.0]


def number(n: int) -> UUID:
    """The id of the n-th object."""
    return uuid5(NAMESPACE_URL, str(n))


def opened(double: Double) -> weaviate.WeaviateClient:
    """The real client, with a query timeout of two seconds."""
    timeouts = AdditionalConfig(timeout=Timeout(init=5, query=2, insert=10), trust_env=False)
    return weaviate.connect_to_local(
        port=double.port, grpc_port=double.grpc_port, skip_init_checks=True, additional_config=timeouts
    )


@pytest.fixture
def client(double: Double) -> Iterator[weaviate.WeaviateClient]:
    """A client of the shared stand-in."""
    with opened(double) as made:
        yield made


def make_notes(client: weaviate.WeaviateClient) -> Collection:
    """A collection of many tenants and two named vectors, and its tenant berkeley."""
    notes = client.collections.create(
        "notes",
        multi_tenancy_config=Configure.multi_tenancy(enabled=True),
        replication_config=Configure.replication(factor=3),
        properties=[
            Property(name="text", data_type=DataType.TEXT),
            Property(name="cells", data_type=DataType.TEXT_ARRAY, tokenization=Tokenization.FIELD),
            Property(name="at", data_type=DataType.NUMBER, index_range_filters=True),
            Property(name="place", data_type=DataType.GEO_COORDINATES),
        ],
        vector_config=[Configure.Vectors.self_provided(name=name) for name in ("custom", "openai")],
    )
    notes.tenants.create([Tenant(name="berkeley")])
    return notes.with_tenant("berkeley")


@pytest.fixture
def notes(client: weaviate.WeaviateClient) -> Collection:
    """Fifty objects on an arc from (0, 1, 0) towards (1, 0, 0)."""
    made = make_notes(client)
    objects = [
        DataObject(
            {"text": f"rats {n}", "cells": ["a", f"b{n % 3}"], "at": float(n)},
            number(n),
            {"custom": [n / 10, 1.0, 0.0]},
        )
        for n in range(50)
    ]
    assert not made.data.insert_many(objects).has_errors
    return made


def test_it_is_ready_and_names_its_version_and_largest_message(client: weaviate.WeaviateClient) -> None:
    assert client.is_ready()
    assert client.get_meta()["grpcMaxMessageSize"] == 104_858_000


def test_the_nearest_come_first_with_their_distances(notes: Collection) -> None:
    found = notes.query.near_vector(
        ACROSS, target_vector="custom", limit=2, return_metadata=MetadataQuery(distance=True)
    ).objects
    assert [each.uuid for each in found] == [number(49), number(48)]
    assert found[0].metadata.distance == pytest.approx(1 - 4.9 / (4.9**2 + 1) ** 0.5, abs=1e-6)
    assert found[0].properties["text"] == "rats 49"


def test_filters_leave_what_they_say(notes: Collection) -> None:
    cells = Filter.by_property("cells").contains_any(["b1"]) & Filter.by_property("at").less_than(20.0)
    found = notes.query.near_vector(ACROSS, target_vector="custom", limit=50, filters=cells).objects
    assert [each.uuid for each in found] == [number(n) for n in (19, 16, 13, 10, 7, 4, 1)]
    ids = Filter.by_id().contains_any([number(3), number(5)])
    assert {o.uuid for o in notes.query.fetch_objects(filters=ids).objects} == {number(3), number(5)}


def test_hybrid_weighs_as_it_is_told_and_zero_is_words_alone(notes: Collection) -> None:
    def best(alpha: float) -> UUID:
        hits = notes.query.hybrid(
            "7", alpha=alpha, vector=ACROSS, target_vector="custom", limit=1, fusion_type=HybridFusion.RELATIVE_SCORE
        )  # fmt: skip
        return hits.objects[0].uuid

    assert best(0.0) == number(7)
    assert best(1.0) == number(49)


def test_a_search_without_a_target_vector_is_refused_where_there_are_two(notes: Collection) -> None:
    with pytest.raises(WeaviateQueryError, match="has multiple vectors, but no target vectors were provided"):
        notes.query.near_vector(ACROSS)
    with pytest.raises(WeaviateQueryError, match="no target vectors were provided"):
        notes.query.hybrid("rats", alpha=0.5, vector=ACROSS)


def test_objects_without_the_target_vector_are_in_no_vector_search(notes: Collection) -> None:
    assert notes.query.near_vector([1.0], target_vector="openai").objects == []


def test_a_vector_of_another_width_is_refused(notes: Collection) -> None:
    with pytest.raises(WeaviateQueryError, match="vector lengths don't match: 3 vs 2"):
        notes.query.near_vector([1.0, 0.0], target_vector="custom")
    mixed = [DataObject({}, number(n), {"custom": [1.0] * width}) for n, width in ((90, 3), (91, 4))]
    failed = notes.data.insert_many(mixed).errors
    assert list(failed) == [1]
    assert "vector with length 4. Existing nodes have vectors with length 3" in failed[1].message


def test_a_tenant_must_be_named_and_be_there(client: weaviate.WeaviateClient, notes: Collection) -> None:
    for tenant, why in ((None, "request was without tenant"), ("oslo", "tenant not found")):
        with pytest.raises(WeaviateQueryError, match=why):
            client.collections.get("notes").with_tenant(tenant).query.near_vector(ACROSS, target_vector="custom")


def test_the_geo_filter_silently_gives_only_the_nearest_800(client: weaviate.WeaviateClient) -> None:
    notes = make_notes(client)
    places = [GeoCoordinate(latitude=37.87 + n / 1e6, longitude=-122.26) for n in range(1_000)]
    notes.data.insert_many([DataObject({"place": place}, number(n)) for n, place in enumerate(places)])
    around = Filter.by_property("place").within_geo_range(places[0], distance=5_000)
    found = notes.query.fetch_objects(filters=around, limit=2_000).objects
    assert {each.uuid for each in found} == {number(n) for n in range(800)}


def test_more_than_ten_thousand_results_are_refused(notes: Collection) -> None:
    with pytest.raises(WeaviateQueryError, match="query maximum results exceeded"):
        notes.query.near_vector(ACROSS, target_vector="custom", limit=10_001)


def test_long_lists_of_ids_are_slow(notes: Collection) -> None:
    def seconds(count: int) -> float:
        began = time.monotonic()
        notes.query.fetch_objects(filters=Filter.by_id().contains_any([number(n) for n in range(count)]), limit=1)
        return time.monotonic() - began

    assert seconds(24_000) - seconds(2_000) > 24_000 * 41e-6 * 0.8


def test_a_message_beyond_the_server_s_limit_is_refused() -> None:
    with Double.started(message_bytes=20_000) as small, opened(small) as client:
        notes = make_notes(client)
        with pytest.raises(WeaviateBatchError, match="larger than max"):
            notes.data.insert_many([DataObject({"text": "x" * 30_000})])


def test_more_replicas_than_nodes_are_refused(client: weaviate.WeaviateClient) -> None:
    with pytest.raises(UnexpectedStatusCodeError, match="3 available, 4 requested"):
        client.collections.create("many", replication_config=Configure.replication(factor=4))


def test_one_lost_node_is_survived_by_a_quorum_and_two_are_not(double: Double, notes: Collection) -> None:
    def ask(level: ConsistencyLevel) -> int:
        found = notes.with_consistency_level(level).query.near_vector(ACROSS, target_vector="custom", limit=1)
        return len(found.objects)

    double.set(lost_nodes=1)
    assert ask(ConsistencyLevel.QUORUM) == 1
    with pytest.raises(WeaviateQueryError, match='cannot achieve consistency level "ALL"'):
        ask(ConsistencyLevel.ALL)
    double.set(lost_nodes=2)
    assert ask(ConsistencyLevel.ONE) == 1
    with pytest.raises(WeaviateQueryError, match='cannot achieve consistency level "QUORUM"'):
        ask(ConsistencyLevel.QUORUM)


def test_a_hanging_server_is_left_by_the_client_s_own_timeout_alone(double: Double, notes: Collection) -> None:
    double.set(hang=True)
    began = time.monotonic()
    with pytest.raises(WeaviateQueryError, match="Deadline Exceeded"):
        notes.query.near_vector(ACROSS, target_vector="custom")
    assert time.monotonic() - began > 1.9


def test_an_unavailable_server_ends_calls_with_the_code_that_clients_take_as_try_again(double: Double) -> None:
    double.set(unavailable=True)
    channel = grpc.insecure_channel(f"127.0.0.1:{double.grpc_port}")
    with channel, pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/weaviate.v1.Weaviate/Search")(b"")
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE


def test_a_server_that_is_not_ready_and_one_whose_disk_is_full_say_so(double: Double, notes: Collection) -> None:
    double.set(not_ready=True, refuse_writes=True)
    assert httpx.get(f"{double.url}/v1/.well-known/ready").status_code == 503
    with pytest.raises(WeaviateInsertManyAllFailedError, match="disk usage"):
        notes.data.insert_many([DataObject({}, number(7))])
