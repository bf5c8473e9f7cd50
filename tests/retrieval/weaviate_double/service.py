"""The gRPC half: search, batches, deletion, tenants, health."""

from __future__ import annotations

import struct
import time
import uuid as uuid_lib
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

import grpc
import numpy as np
from google.protobuf.json_format import MessageToDict
from weaviate.proto.v1 import (
    base_pb2,
    batch_delete_pb2,
    batch_pb2,
    health_weaviate_pb2,
    properties_pb2,
    search_get_pb2,
    tenants_pb2,
    weaviate_pb2_grpc,
)

from weaviate_double.filtering import left_by
from weaviate_double.kept import Collection, Kept, Refused, Stored, Tenant
from weaviate_double.limits import QUERY_MAXIMUM_RESULTS, Faults
from weaviate_double.searching import Ranked, search

THREADS = 32
LEVELS = {1: "ONE", 2: "QUORUM", 3: "ALL"}
STATUS = {"HOT": 1, "COLD": 2, "ACTIVE": 1, "INACTIVE": 2}
HANG_STEP_S = 0.01


class Service(weaviate_pb2_grpc.WeaviateServicer):
    """Answers one call after the other, as the faults of the moment allow."""

    def __init__(self, kept: Kept, faults: Faults) -> None:
        self.kept, self.faults = kept, faults

    def Search(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Objects, best first."""
        self._suffer(context, request.consistency_level)
        began = time.perf_counter()
        try:
            with self.kept.lock:
                collection, tenant, found = search(self.kept, request)
                results = [_result(collection, tenant, each, request) for each in found]
        except Refused as error:
            _end(context, str(error))
        return search_get_pb2.SearchReply(took=time.perf_counter() - began, results=results)

    def BatchObjects(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Each object is stored or refused on its own."""
        self._suffer(context, 0)
        level = LEVELS.get(request.consistency_level, "QUORUM")
        errors = []
        with self.kept.lock:
            for index, each in enumerate(request.objects):
                try:
                    if not self.faults.reaches(level):
                        raise Refused(
                            f'broadcast: cannot achieve consistency level "{level}": cannot reach enough replicas'
                        )
                    if self.faults.refuse_writes:
                        raise Refused("store is read-only: disk usage is above the threshold")
                    collection = self.kept.collection(each.collection)
                    collection.store(collection.tenant(each.tenant), _stored(each))
                except Refused as error:
                    errors.append(batch_pb2.BatchObjectsReply.BatchError(index=index, error=str(error)))
        return batch_pb2.BatchObjectsReply(took=0.0, errors=errors)

    def BatchDelete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """At most QUERY_MAXIMUM_RESULTS objects a call."""
        self._suffer(context, request.consistency_level)
        try:
            with self.kept.lock:
                collection = self.kept.collection(request.collection)
                tenant = collection.tenant(request.tenant)
                matched = sorted(left_by(collection, tenant, request.filters))[:QUERY_MAXIMUM_RESULTS]
                for uuid in [] if request.dry_run else matched:
                    del tenant.objects[uuid]
                tenant.changed()
        except Refused as error:
            _end(context, str(error))
        return batch_delete_pb2.BatchDeleteReply(matches=len(matched), successful=len(matched))

    def TenantsGet(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The tenants of a collection."""
        self._suffer(context, 0)
        try:
            with self.kept.lock:
                tenants = self.kept.collection(request.collection).tenants
                wanted = set(request.names.values) or set(tenants)
                told = [
                    tenants_pb2.Tenant(name=name, activity_status=STATUS[tenant.status])
                    for name, tenant in tenants.items()
                    if name in wanted
                ]
        except Refused as error:
            _end(context, str(error))
        return tenants_pb2.TenantsGetReply(tenants=told)

    def _suffer(self, context: grpc.ServicerContext, level: int) -> None:
        """What the faults of the moment do to a call."""
        if self.faults.unavailable:
            context.abort(grpc.StatusCode.UNAVAILABLE, "connection error: desc = transport is closing")
        while self.faults.hang and context.is_active():
            time.sleep(HANG_STEP_S)
        time.sleep(self.faults.slow_s)
        if level and not self.faults.reaches(LEVELS[level]):
            _end(context, f'cannot achieve consistency level "{LEVELS[level]}": cannot reach enough replicas')


def serve(kept: Kept, faults: Faults, message_bytes: int) -> tuple[grpc.Server, int]:
    """A running gRPC server on loopback, and its port."""
    options = [("grpc.max_receive_message_length", message_bytes), ("grpc.max_send_message_length", message_bytes)]
    server = grpc.server(ThreadPoolExecutor(THREADS), options=options)
    weaviate_pb2_grpc.add_WeaviateServicer_to_server(Service(kept, faults), server)
    check = grpc.unary_unary_rpc_method_handler(
        lambda _request, _context: health_weaviate_pb2.WeaviateHealthCheckResponse(status=1),
        request_deserializer=health_weaviate_pb2.WeaviateHealthCheckRequest.FromString,
        response_serializer=health_weaviate_pb2.WeaviateHealthCheckResponse.SerializeToString,
    )
    health = grpc.method_handlers_generic_handler("grpc.health.v1.Health", {"Check": check})
    server.add_generic_rpc_handlers((health,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def _end(context: grpc.ServicerContext, message: str) -> NoReturn:
    """Weaviate ends a failed call with UNKNOWN and its sentence."""
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError


# ---------------------------------------------------------------- objects as messages


def _stored(each: Any) -> Stored:
    told = each.properties
    properties: dict[str, Any] = MessageToDict(told.non_ref_properties)
    for lists in (told.text_array_properties, told.int_array_properties, told.boolean_array_properties):
        properties |= {one.prop_name: list(one.values) for one in lists}
    for one in told.number_array_properties:
        packed = struct.unpack(f"<{len(one.values_bytes) // 8}d", one.values_bytes)
        properties[one.prop_name] = list(one.values) or list(packed)
    for one in told.object_properties:
        properties[one.prop_name] = MessageToDict(one.value.non_ref_properties)
    vectors = {one.name: np.frombuffer(one.vector_bytes, "<f4") for one in each.vectors}
    if each.vector_bytes:
        vectors["default"] = np.frombuffer(each.vector_bytes, "<f4")
    return Stored(each.uuid, properties, vectors)


def _result(collection: Collection, tenant: Tenant, ranked: Ranked, request: Any) -> Any:
    stored = tenant.objects[ranked.uuid]
    wanted = request.metadata
    meta = search_get_pb2.MetadataResult(
        id=ranked.uuid,
        id_as_bytes=uuid_lib.UUID(ranked.uuid).bytes,
        distance=ranked.distance or 0.0,
        distance_present=ranked.distance is not None and wanted.distance,
        score=ranked.score or 0.0,
        score_present=ranked.score is not None and wanted.score,
        explain_score=ranked.explained,
        explain_score_present=wanted.explain_score,
    )
    names = collection.vector_names if wanted.vector else list(wanted.vectors)
    meta.vectors.extend(
        base_pb2.Vectors(name=name, vector_bytes=stored.vectors[name].tobytes(), type=1)
        for name in names
        if name in stored.vectors
    )
    asked = request.properties
    whole = not request.HasField("properties") or asked.return_all_nonref_properties
    shown = stored.properties if whole else {n: stored.properties.get(n) for n in asked.non_ref_properties}
    fields = {name: _told(value) for name, value in shown.items() if value is not None}
    result = search_get_pb2.PropertiesResult(
        non_ref_props=properties_pb2.Properties(fields=fields), target_collection=collection.name
    )
    return search_get_pb2.SearchResult(metadata=meta, properties=result)


def _told(value: Any) -> Any:
    if isinstance(value, bool):
        return properties_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return properties_pb2.Value(number_value=value)
    if isinstance(value, str):
        return properties_pb2.Value(text_value=value)
    if isinstance(value, list):
        texts = properties_pb2.TextValues(values=[str(each) for each in value])
        return properties_pb2.Value(list_value=properties_pb2.ListValue(text_values=texts))
    place = properties_pb2.GeoCoordinate(latitude=value["latitude"], longitude=value["longitude"])
    return properties_pb2.Value(geo_value=place)
