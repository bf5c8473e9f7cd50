"""The limits of a search as a condition of SQL, on the sphere that PostGIS uses.

A circle is a span of longitudes in some stripes of latitude, read from a covering index, and the haversine formula: for
ten thousand documents less than a fifth of what `ST_DWithin` over geography takes, which must fetch each row. Polygons
are PostGIS's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import floor, pi, sin
from typing import Any

from domain.spatial import EARTH_RADIUS_M, bounding_box
from retrieval.grid import cover
from retrieval.postgis_tables import STRIPE
from retrieval.regions import Area, Circle, Polygon
from retrieval.store import SearchRequest
from retrieval.vector_collections import Placed
from retrieval.words import plain

__all__ = ["Limits", "limits_of", "narrowing"]

ROUNDING = 2.5e-16  # of half a chord, squared, as in the embedded back end: a document at the very edge is inside
MOST_STRIPES = 100  # a circle of more leaves most of any city


@dataclass
class Limits:
    """Conditions on `search_documents d`, all of which must hold, and the values of their parameters.

    `reach` follows from them, and says where an index must be read to find all documents for which they hold.
    """

    conditions: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    reach: str = ""

    def add(self, condition: str, **values: Any) -> None:
        """One more condition."""
        self.conditions.append(condition)
        self.values |= values

    @property
    def sql(self) -> str:
        """All of them, to find documents by them."""
        return self.reach + self.checks

    @property
    def checks(self) -> str:
        """All of them, for documents that are found otherwise: told more, PostgreSQL would look in another index."""
        return " AND ".join(self.conditions)


def limits_of(request: SearchRequest, city: int) -> Limits:
    """What a request's limits leave, within a city."""
    limits = Limits()
    limits.add("d.city = %(city)s", city=city)
    if request.kinds:
        limits.add("d.kind = ANY(%(kinds)s)", kinds=list(request.kinds))
    if request.since is not None:
        limits.add("d.at >= %(since)s", since=request.since.timestamp())
    if request.until is not None:
        limits.add("d.at < %(until)s", until=request.until.timestamp())
    if request.as_of is None:
        limits.add("d.known_until IS NULL")
    else:
        limits.add(
            "(d.at > %(as_of)s OR d.known_from > %(as_of)s OR d.known_until <= %(as_of)s) IS NOT TRUE",
            as_of=request.as_of.timestamp(),
        )
    if request.near is not None:
        REGIONS[type(request.near)](limits, request.near)
    for number, (name, wanted) in enumerate(request.filters.items()):
        _add_filter(limits, number, name, wanted)
    return limits


def narrowing(request: SearchRequest) -> Placed:
    """As much of the limits as the vector side can tell; it may leave more than the limits do."""
    region = request.near
    cells = cover(region) if isinstance(region, Circle | Polygon) else ()
    since, until, as_of = (None if moment is None else moment.timestamp() for moment in
                           (request.since, request.until, request.as_of))  # fmt: skip
    return Placed(cells=cells, since=since, until=until, as_of=as_of, current=request.as_of is None)


def _add_circle(limits: Limits, circle: Circle) -> None:
    condition, values = _inside_circle(circle)
    limits.add(condition, **values)
    if "south" not in values:
        return
    stripes = range(floor(values["south"] * 100), floor(values["north"] * 100) + 1)
    if len(stripes) <= MOST_STRIPES:
        limits.reach = f"{STRIPE.format(lat='d.lat')} = ANY(%(stripes)s::int[]) AND "
        limits.values["stripes"] = list(stripes)


def _inside_circle(circle: Circle) -> tuple[str, dict[str, float]]:
    """The condition and its values; half a chord of the unit sphere, squared, is what the haversine formula gives."""
    if circle.radius_m >= pi * EARTH_RADIUS_M:
        return "d.lat IS NOT NULL", {}
    names = ("south", "north", "west", "east", "west2", "east2")
    values = dict(zip(names, bounding_box(circle.lat, circle.lon, circle.radius_m), strict=True))
    half_chord = sin(circle.radius_m / EARTH_RADIUS_M / 2)
    values |= {"near_lat": float(circle.lat), "near_lon": float(circle.lon), "reach": half_chord**2 + ROUNDING}
    beyond = " OR d.lon BETWEEN %(west2)s AND %(east2)s" if values["west2"] <= values["east2"] else ""
    return (
        "d.lat BETWEEN %(south)s AND %(north)s"
        f" AND (d.lon BETWEEN %(west)s AND %(east)s{beyond})"
        " AND power(sin(radians(d.lat - %(near_lat)s) / 2), 2) + cos(radians(d.lat)) * cos(radians(%(near_lat)s))"
        " * power(sin(radians(d.lon - %(near_lon)s) / 2), 2) <= %(reach)s"
    ), values


def _add_polygon(limits: Limits, polygon: Polygon) -> None:
    """Edges are straight in degrees, so it is flat geometry; beyond the antimeridian the points are moved as well."""
    ring = polygon.unrolled()
    shifts = [shift for shift in (-360, 0, 360) if _meets(ring, shift)]
    corners = ", ".join(f"{lon!r} {lat!r}" for lat, lon in (*ring, ring[0]))
    shape = "ST_MakeValid(ST_GeomFromText(%(ring)s, 4326), 'method=linework')"
    tests = [f"ST_Covers({shape}, ST_Translate(d.spot, {shift}, 0))" if shift else f"ST_Covers({shape}, d.spot)"
             for shift in shifts]  # fmt: skip
    limits.add(f"({' OR '.join(tests)})", ring=f"POLYGON(({corners}))")


def _meets(ring: tuple[tuple[float, float], ...], shift: int) -> bool:
    """Whether points of the earth, moved by so many degrees, can lie in a ring."""
    west, east = min(lon for _, lon in ring), max(lon for _, lon in ring)
    return west <= 180 + shift and east >= -180 + shift


def _add_area(limits: Limits, area: Area) -> None:
    """By the records where they speak, by the circle where they are silent."""
    limits.values |= {"area": plain(area.name), "sites": [plain(site) for site in sorted(area.site_ids)]}
    held = "d.site_id = ANY(%(sites)s) OR d.area = %(area)s"
    if area.circle is None:
        limits.add(f"({held})")
        return
    unsaid = " AND d.site_id IS NULL" if area.site_ids else ""
    named = "EXISTS (SELECT 1 FROM search_documents o WHERE o.city = %(city)s AND o.area = %(area)s)"
    inside, values = _inside_circle(area.circle)
    limits.add(f"({held} OR ({inside}{unsaid} AND (d.area IS NULL OR NOT {named})))", **values)


def _add_filter(limits: Limits, number: int, name: str, wanted: str | tuple[str, ...]) -> None:
    """The whole field is one of the values, or one of several between ", " is (`holds_value`)."""
    values = [plain(wanted)] if isinstance(wanted, str) else [plain(each) for each in wanted]
    value = f"d.fields ->> %(field{number})s"
    limits.add(
        f"({value} = ANY(%(wanted{number})s) OR string_to_array({value}, ', ') && %(wanted{number})s::text[])",
        **{f"field{number}": plain(name), f"wanted{number}": values},
    )


REGIONS: dict[type[Any], Callable[[Limits, Any], None]] = {
    Circle: _add_circle,
    Polygon: _add_polygon,
    Area: _add_area,
}
