"""Where a search looks: circles, polygons and the areas of the records. Degrees are WGS 84, `_m` metres."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from domain.errors import OutOfRange

__all__ = ["MOST_CORNERS", "Area", "Circle", "Polygon", "Region", "is_on_earth"]

MOST_CORNERS = 10_000


@dataclass(frozen=True)
class Circle:
    """What lies within `radius_m` (great circle, edge included) of a point. Raises OutOfRange off the earth."""

    lat: float
    lon: float
    radius_m: float

    def __post_init__(self) -> None:
        """Refuse what is no circle on the earth."""
        _check_point(self.lat, self.lon)
        if not isfinite(self.radius_m) or self.radius_m <= 0:
            raise OutOfRange(f"A radius of {self.radius_m:g} m holds nothing. How many metres around the place?")


@dataclass(frozen=True)
class Polygon:
    """What lies inside a ring of (lat, lon) corners, the last joined to the first; points on an edge may be either.

    Edges are straight in degrees, as GeoJSON's are (RFC 7946, 3.1.1), and each goes the shorter way around the earth,
    so that a ring may cross the antimeridian; none may hold a pole. Where edges cross, inside is by the even-odd rule.
    Raises OutOfRange for corners off the earth, or fewer than three.
    """

    ring: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        """Refuse what is no ring on the earth."""
        for lat, lon in self.ring:
            _check_point(lat, lon)
        if not 3 <= len(set(self.ring)) <= len(self.ring) <= MOST_CORNERS:
            raise OutOfRange(f"A polygon has 3 to {MOST_CORNERS} corners, not {len(set(self.ring))}. Which area?")

    def unrolled(self) -> tuple[tuple[float, float], ...]:
        """The corners with longitudes that never jump at the antimeridian, so that some may lie beyond 180."""
        lat, lon = self.ring[0]
        found = [(lat, lon)]
        for lat, east in self.ring[1:]:
            lon += (east - lon + 180) % 360 - 180
            found.append((lat, lon))
        return tuple(found)


@dataclass(frozen=True)
class Area:
    """What the records put into an area: documents of its sites, or that name it as theirs.

    `circle` decides for documents of which the records say nothing; without one these are outside.
    """

    name: str
    site_ids: frozenset[str] = frozenset()
    circle: Circle | None = None


Region = Circle | Polygon | Area


def is_on_earth(lat: float, lon: float) -> bool:
    """Whether two numbers are a latitude (-90..90) and a longitude (-180..180) in degrees; NaN and infinity are not."""
    return isfinite(lat) and isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180


def _check_point(lat: float, lon: float) -> None:
    if is_on_earth(lat, lon):
        return
    swapped = isfinite(lat) and isfinite(lon) and abs(lon) <= 90 and abs(lat) <= 180
    hint = " It would be with the two exchanged." if swapped else ""
    raise OutOfRange(f"Latitude {lat:g}, longitude {lon:g} is not on the earth.{hint} Which place?")
