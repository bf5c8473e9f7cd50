"""What of a request is no matter of degree: kind, place, time and what was known, as one SQL condition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import cos, pi, radians, sin

from domain.spatial import EARTH_RADIUS_M
from retrieval.store import Area, Circle, SearchRequest

__all__ = ["Scope", "scope_of", "sphere_point"]

Value = str | float | int | None
ROUNDING = 1e-15  # of a squared chord, 0.2 mm: a document at the very edge, or at the middle, is inside
BOX = """SELECT row FROM search_places
    WHERE x1 >= :x - :chord AND x0 <= :x + :chord AND y1 >= :y - :chord AND y0 <= :y + :chord
      AND z1 >= :z - :chord AND z0 <= :z + :chord"""
AMONG_PLACES = f"d.row IN ({BOX}) AND "
CHORD = "(d.x - :x) * (d.x - :x) + (d.y - :y) * (d.y - :y) + (d.z - :z) * (d.z - :z) <= :squared_chord"


@dataclass(frozen=True)
class Scope:
    """A condition on `search_documents d`, and its values by name.

    `condition` finds documents by the index of places, `check` says the same of documents that are at hand already.
    """

    condition: str
    values: Mapping[str, Value]

    @property
    def check(self) -> str:
        """The condition without its search in the index of places."""
        return self.condition.replace(AMONG_PLACES, "")


def scope_of(request: SearchRequest, city: int, *, area_is_known: bool = False) -> Scope:
    """The condition of a request. `area_is_known` says that documents name the request's area as theirs."""
    parts = ["+d.city = :city" if isinstance(request.near, Circle) else "d.city = :city"]  # +: the place's index leads
    values: dict[str, Value] = {"city": city}
    if request.kinds:
        parts.append("d.kind IN (SELECT value FROM json_each(:kinds))")
        values["kinds"] = json.dumps(request.kinds)
    for name, sign in (("since", ">="), ("until", "<")):
        moment: datetime | None = getattr(request, name)
        if moment is not None:
            parts.append(f"d.at {sign} :{name}")
            values[name] = moment.timestamp()
    if request.as_of is None:
        parts.append("d.known_until IS NULL")
    else:
        parts.append("ifnull(d.at, :as_of) <= :as_of AND ifnull(d.known_from, :as_of) <= :as_of")
        parts.append("(d.known_until IS NULL OR d.known_until > :as_of)")
        values["as_of"] = request.as_of.timestamp()
    if isinstance(request.near, Circle):
        parts.append(_inside(request.near, values))
    elif isinstance(request.near, Area):
        parts.append(_held(request.near, values, area_is_known))
    return Scope(" AND ".join(parts), values)


def sphere_point(lat: float, lon: float) -> tuple[float, float, float]:
    """The point on a sphere of radius 1: x, y, z."""
    north, east = radians(lat), radians(lon)
    return cos(north) * cos(east), cos(north) * sin(east), sin(north)


def _inside(circle: Circle, values: dict[str, Value]) -> str:
    """Within the circle. A chord of the unit sphere is 2 sin(angle / 2), so the distance is the great circle's."""
    chord = 2 * sin(min(circle.radius_m / EARTH_RADIUS_M, pi) / 2)
    x, y, z = sphere_point(circle.lat, circle.lon)
    values.update(x=x, y=y, z=z, chord=chord + ROUNDING, squared_chord=chord * chord + ROUNDING)
    return f"({AMONG_PLACES}{CHORD})"


def _held(area: Area, values: dict[str, Value], area_is_known: bool) -> str:
    """By the records where they speak, by the circle where they are silent."""
    values.update(area=area.name, site_ids=json.dumps(sorted(area.site_ids)))
    said = "d.area = :area OR d.site_id IN (SELECT value FROM json_each(:site_ids))"
    if area.circle is None:
        return f"({said})"
    silent = [] if not area.site_ids else ["d.site_id IS NULL"]
    silent += ["d.area IS NULL"] if area_is_known else []
    return f"({said} OR ({' AND '.join([*silent, _inside(area.circle, values)])}))"
