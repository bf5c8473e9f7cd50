"""Distance on the earth, said once for both databases.

    select(Bin).where(Bin.city == "berkeley", within_metres(Bin, 37.8702, -122.2595, 500))
    select(Bin.bin_id, distance_metres(Bin, 37.8702, -122.2595).label("distance_m"))

Distances are great circles on a sphere of the earth's mean radius, on both databases, so that both give the same rows:
PostGIS's geography functions with `use_spheroid = false`, SQLite a bounding box on plain columns and the haversine
formula (R. W. Sinnott, Virtues of the Haversine, Sky and Telescope 68, 1984). Against the WGS 84 ellipsoid the error
is at most 0.6 %, 3 m in 500 m, less than a bin's position is known.
"""

from __future__ import annotations

from math import asin, cos, degrees, isfinite, pi, radians, sin, sqrt
from typing import Any, Self

from sqlalchemy import Boolean, Float, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm.util import AliasedClass
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.sql.operators import OperatorType

from domain.columns import Located, MaybeLocated
from domain.errors import OutOfRange

__all__ = ["EARTH_RADIUS_M", "DistanceMetres", "WithinMetres", "distance_metres", "haversine_m", "within_metres"]

EARTH_RADIUS_M = 6_371_008.771415059  # (2a + b) / 3 of WGS 84: the sphere that PostGIS uses
SLACK_DEG = 1e-7  # about 1 cm: the box must not lose a point on the circle to rounding

Somewhere = type[Located] | type[MaybeLocated] | AliasedClass[Any]


def haversine_m(lat: float | None, lon: float | None, other_lat: float, other_lon: float) -> float | None:
    """Metres between two points in degrees; None when the first is not known."""
    if lat is None or lon is None:
        return None
    north, east = radians(other_lat - lat), radians(other_lon - lon)
    chord = sin(north / 2) ** 2 + cos(radians(lat)) * cos(radians(other_lat)) * sin(east / 2) ** 2
    return 2 * EARTH_RADIUS_M * asin(sqrt(min(1.0, chord)))


class WithinMetres(FunctionElement[bool]):
    """True when a row lies within a radius of a point, the edge included; NULL when the row has no place."""

    type = Boolean()
    inherit_cache = True

    def self_group(self, against: OperatorType | None = None) -> Self:
        """Stands in a WHERE as it is; SQLAlchemy's `= 1` for SQLite would hide the ranges from its index."""
        return self


class DistanceMetres(FunctionElement[float]):
    """Metres from a row to a point; NULL when the row has no place."""

    type = Float()
    inherit_cache = True


def within_metres(entity: Somewhere, lat: float, lon: float, radius_m: float) -> WithinMetres:
    """The condition that a record (`Bin`, an alias of it, ...) lies within `radius_m` metres of (lat, lon) in degrees.

    Add a condition on `city`, so that SQLite can use its index. A radius of 0 finds what stands exactly there. Raises
    OutOfRange for a point off the earth or a negative radius.
    """
    _check_point(lat, lon)
    if not isfinite(radius_m) or radius_m < 0:
        raise OutOfRange(f"A radius of {radius_m:g} m cannot be searched. How many metres around the place?")
    centre = (literal(float(lat)), literal(float(lon)), literal(float(radius_m)))
    box = (literal(edge) for edge in bounding_box(lat, lon, radius_m))
    return WithinMetres(entity.lat, entity.lon, entity.point, *centre, *box)


def distance_metres(entity: Somewhere, lat: float, lon: float) -> DistanceMetres:
    """The metres from a record to (lat, lon) in degrees, as a column. Raises OutOfRange for a point off the earth."""
    _check_point(lat, lon)
    return DistanceMetres(entity.lat, entity.lon, entity.point, literal(float(lat)), literal(float(lon)))


def bounding_box(lat: float, lon: float, radius_m: float) -> tuple[float, float, float, float, float, float]:
    """(south, north, west, east, west2, east2) in degrees, holding the circle.

    The second span of longitudes is what lies beyond the antimeridian, and is empty (1 to -1) when nothing does. A
    circle that reaches a pole spans all longitudes. Formula: J. P. Matuschek, Finding Points Within a Distance, 2010.
    """
    reach = radius_m / EARTH_RADIUS_M
    south, north = lat - degrees(reach) - SLACK_DEG, lat + degrees(reach) + SLACK_DEG
    if south <= -90 or north >= 90 or reach >= pi / 2:
        return max(south, -90.0), min(north, 90.0), -180.0, 180.0, 1.0, -1.0
    half = degrees(asin(min(1.0, sin(reach) / cos(radians(lat))))) + SLACK_DEG / cos(radians(lat))
    west, east = lon - half, lon + half
    if west < -180:
        return south, north, -180.0, east, west + 360, 180.0
    if east > 180:
        return south, north, west, 180.0, -180.0, east - 360
    return south, north, west, east, 1.0, -1.0


def _check_point(lat: float, lon: float) -> None:
    if not (isfinite(lat) and isfinite(lon) and -90 <= lat <= 90 and -180 <= lon <= 180):
        raise OutOfRange(f"Latitude {lat:g}, longitude {lon:g} is not on the earth. Which place did you mean?")


# ---------------------------------------------------------------- one construct, two databases

CENTRE = "ST_SetSRID(ST_MakePoint({lon}, {lat}), 4326)::geography"


@compiles(WithinMetres, "postgresql")
def _within_postgis(element: WithinMetres, compiler: SQLCompiler, **kw: Any) -> str:
    _, _, point, lat, lon, radius, *_ = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"ST_DWithin({point}, {CENTRE.format(lat=lat, lon=lon)}, {radius}, false)"


@compiles(WithinMetres, "sqlite")
def _within_sqlite(element: WithinMetres, compiler: SQLCompiler, **kw: Any) -> str:
    lat, lon, _, clat, clon, radius, south, north, *spans = (compiler.process(c, **kw) for c in element.clauses)
    west, east, west2, east2 = spans
    return (
        f"({lat} BETWEEN {south} AND {north} AND ({lon} BETWEEN {west} AND {east} OR {lon} BETWEEN {west2} AND {east2})"
        f" AND haversine_m({lat}, {lon}, {clat}, {clon}) <= {radius})"
    )


@compiles(DistanceMetres, "postgresql")
def _distance_postgis(element: DistanceMetres, compiler: SQLCompiler, **kw: Any) -> str:
    _, _, point, lat, lon = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"ST_Distance({point}, {CENTRE.format(lat=lat, lon=lon)}, false)"


@compiles(DistanceMetres, "sqlite")
def _distance_sqlite(element: DistanceMetres, compiler: SQLCompiler, **kw: Any) -> str:
    lat, lon, _, clat, clon = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"haversine_m({lat}, {lon}, {clat}, {clon})"
