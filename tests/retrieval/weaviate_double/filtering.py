"""Filters: which objects of a tenant a `Filters` message leaves."""

from __future__ import annotations

import time
from fnmatch import fnmatchcase
from math import asin, cos, radians, sin, sqrt
from typing import Any

from weaviate.proto.v1 import base_pb2

from weaviate_double.kept import Collection, Refused, Tenant
from weaviate_double.limits import GEO_CAP, LONG_ID_LIST, SECONDS_PER_LISTED_ID

Op = base_pb2.Filters
EARTH_M = 6_371_000.0
COMPARED = {
    Op.OPERATOR_EQUAL: lambda a, b: a == b,
    Op.OPERATOR_NOT_EQUAL: lambda a, b: a != b,
    Op.OPERATOR_GREATER_THAN: lambda a, b: a > b,
    Op.OPERATOR_GREATER_THAN_EQUAL: lambda a, b: a >= b,
    Op.OPERATOR_LESS_THAN: lambda a, b: a < b,
    Op.OPERATOR_LESS_THAN_EQUAL: lambda a, b: a <= b,
    Op.OPERATOR_LIKE: lambda a, b: fnmatchcase(str(a).lower(), str(b).lower()),
}


def left_by(collection: Collection, tenant: Tenant, asked: base_pb2.Filters) -> set[str]:
    """The ids of the objects that a filter leaves."""
    everything = set(tenant.objects)
    if asked.operator in {Op.OPERATOR_AND, Op.OPERATOR_OR, Op.OPERATOR_NOT}:
        parts = [left_by(collection, tenant, part) for part in asked.filters]
        if asked.operator == Op.OPERATOR_AND:
            return set.intersection(*parts)
        return set.union(*parts) if asked.operator == Op.OPERATOR_OR else everything - parts[0]
    name = asked.target.property or (asked.on[0] if asked.on else "")
    value = _value(asked)
    _pay_for_a_long_list(value)
    if name in {"_id", "id"}:
        return _by_id(everything, asked.operator, value)
    if collection.property_type(name) is None:
        raise Refused(f"no such prop with name '{name}' found in class '{collection.name}' in the schema")
    if asked.operator == Op.OPERATOR_WITHIN_GEO_RANGE:
        return _nearest_in_range(tenant, name, asked.value_geo)
    return _by_value(tenant, name, asked.operator, value)


def _value(asked: base_pb2.Filters) -> Any:
    kind = asked.WhichOneof("test_value")
    found = getattr(asked, kind) if kind else None
    return list(found.values) if hasattr(found, "values") else found


def _pay_for_a_long_list(value: Any) -> None:
    """Long lists are slow, as they were before weaviate/weaviate#12395."""
    if isinstance(value, list) and len(value) > LONG_ID_LIST:
        time.sleep(len(value) * SECONDS_PER_LISTED_ID)


def _by_id(everything: set[str], operator: int, value: Any) -> set[str]:
    wanted = set(value) if isinstance(value, list) else {value}
    if operator in {Op.OPERATOR_EQUAL, Op.OPERATOR_CONTAINS_ANY}:
        return everything & wanted
    if operator in {Op.OPERATOR_NOT_EQUAL, Op.OPERATOR_CONTAINS_NONE}:
        return everything - wanted
    raise Refused("ids can only be compared for equality")


def _by_value(tenant: Tenant, name: str, operator: int, value: Any) -> set[str]:
    by_value = tenant.inverted(name)
    if operator == Op.OPERATOR_IS_NULL:
        said = set().union(*by_value.values()) if by_value else set()
        return set(tenant.objects) - said if value else said
    if operator == Op.OPERATOR_CONTAINS_ANY:
        return set().union(*(by_value.get(each, set()) for each in value))
    if operator == Op.OPERATOR_CONTAINS_NONE:
        return set(tenant.objects) - set().union(*(by_value.get(each, set()) for each in value))
    if operator == Op.OPERATOR_CONTAINS_ALL:
        return set.intersection(*(by_value.get(each, set()) for each in value))
    holds = COMPARED[operator]
    return set().union(*(ids for each, ids in by_value.items() if holds(each, value)))


def _nearest_in_range(tenant: Tenant, name: str, around: base_pb2.GeoCoordinatesFilter) -> set[str]:
    """Within the range, but only the nearest 800 of them: no error, no warning."""
    inside = []
    for each in tenant.objects.values():
        place = each.properties.get(name)
        if isinstance(place, dict):
            metres = _metres(place["latitude"], place["longitude"], around.latitude, around.longitude)
            if metres <= around.distance:
                inside.append((metres, each.uuid))
    return {uuid for _, uuid in sorted(inside)[:GEO_CAP]}


def _metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    north, east = radians(other_lat - lat), radians(other_lon - lon)
    chord = sin(north / 2) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(east / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(min(1.0, chord)))
