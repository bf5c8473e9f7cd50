"""Bins and rounds as a Plotly figure: plain points and lines of longitude and latitude, no tiles and no network.

The vertical axis is stretched by 1 / cos(latitude), so that a metre is the same length in both directions.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

Json = dict[str, Any]
METRES_PER_DEGREE = 111_320.0
"""Along a meridian; WGS 84, mean."""
GREY = "#6b7280"
CLEAR = "rgba(0,0,0,0)"
TRUCKS = ("#2563eb", "#d97706", "#7c3aed", "#0d9488", "#db2777", "#4d7c0f", "#b91c1c", "#0369a1")
FILL_SCALE = [[0, "#16a34a"], [0.5, "#facc15"], [0.8, "#f97316"], [1, "#b91c1c"]]
KIND_NAMES = {"bin": "Bins", "served": "Served", "left": "Not on the round", "depot": "Depot", "dump": "Dump",
              "hit": "Found"}  # fmt: skip
SYMBOLS = {"depot": "square", "dump": "diamond", "left": "circle-open"}
LOWEST_PX, HIGHEST_PX, WIDTH_PX = 320, 440, 800
MODEBAR = {"bgcolor": CLEAR, "color": GREY, "remove": ["zoom2d", "pan2d", "select2d", "lasso2d", "autoScale2d"]}
HOVER_CHARACTERS = 60
SCALE_BARS_M = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)


@dataclass(frozen=True)
class Box:
    """The places' extent in degrees."""

    west: float
    south: float
    east: float
    north: float

    @property
    def stretch(self) -> float:
        """How much longer a degree of latitude is than one of longitude."""
        return 1 / max(0.05, math.cos(math.radians((self.south + self.north) / 2)))


def map_figure(collection: Json | None) -> Json | None:
    """A Plotly figure of a FeatureCollection of points and lines; None when it holds none that can be drawn."""
    features = [f for f in (collection or {}).get("features", []) if isinstance(f, dict)]
    points = [f for f in features if _shape(f) == "Point"]
    lines = [f for f in features if _shape(f) == "LineString"]
    if not points and not lines:
        return None
    box = _box([*(_at(p) for p in points), *(place for line in lines for place in _along(line))])
    has_depot = any(_told(point).get("kind") == "depot" for point in points)
    starts = [] if has_depot else _starts(lines)
    traces = [_round(line, n) for n, line in enumerate(lines)] + starts + _points(points)
    return {"data": traces, "layout": _layout(box)}


def _shape(feature: Json) -> str | None:
    geometry = feature.get("geometry")
    good = isinstance(geometry, dict) and isinstance(geometry.get("coordinates"), list) and geometry["coordinates"]
    return str(geometry["type"]) if good and isinstance(geometry, dict) else None


def _at(point: Json) -> tuple[float, float]:
    lon, lat = point["geometry"]["coordinates"][:2]
    return float(lon), float(lat)


def _along(line: Json) -> list[tuple[float, float]]:
    return [(float(lon), float(lat)) for lon, lat, *_ in line["geometry"]["coordinates"]]


def _box(places: Sequence[tuple[float, float]]) -> Box:
    lons, lats = [place[0] for place in places], [place[1] for place in places]
    return Box(min(lons), min(lats), max(lons), max(lats))


# ---------------------------------------------------------------- traces


def _round(line: Json, number: int) -> Json:
    truck = str(_told(line).get("truck", "round"))
    places = _along(line)
    return {
        "type": "scatter", "mode": "lines", "name": truck, "x": [p[0] for p in places], "y": [p[1] for p in places],
        "line": {"color": TRUCKS[number % len(TRUCKS)], "width": 2.5}, "hoverinfo": "name", "opacity": 0.85,
    }  # fmt: skip


def _starts(lines: Sequence[Json]) -> list[Json]:
    """A square where rounds begin and end."""
    starts = sorted({_along(line)[0] for line in lines})
    if not starts:
        return []
    return [{
        "type": "scatter", "mode": "markers", "name": "Depot", "x": [p[0] for p in starts], "y": [p[1] for p in starts],
        "marker": {"symbol": "square", "size": 13, "color": "#111827", "line": {"color": "#ffffff", "width": 1.5}},
        "hovertemplate": "Depot<extra></extra>",
    }]  # fmt: skip


def _points(points: Sequence[Json]) -> list[Json]:
    by_kind: dict[str, list[Json]] = {}
    for point in points:
        by_kind.setdefault(str(_told(point).get("kind", "bin")), []).append(point)
    in_order = sorted(by_kind.items(), key=lambda pair: pair[0] != "left")  # what stays lies below what is served
    return [_kind(kind, found, scale=n == len(in_order) - 1) for n, (kind, found) in enumerate(in_order)]


def _kind(kind: str, points: Sequence[Json], scale: bool) -> Json:
    fills = [_told(point).get("fill_pct") for point in points]
    known = [fill for fill in fills if isinstance(fill, int | float)]
    marker: Json = {"size": 7 if kind == "left" else 10, "symbol": SYMBOLS.get(kind, "circle")}
    marker["line"] = {"color": "#ffffff" if kind != "left" else GREY, "width": 1}
    if known:
        marker |= {"color": [fill if isinstance(fill, int | float) else None for fill in fills],
                   "cmin": 0, "cmax": 100, "colorscale": FILL_SCALE, "showscale": scale}  # fmt: skip
        marker["colorbar"] = {"title": {"text": "fill %"}, "thickness": 10, "len": 0.6, "outlinewidth": 0}
    else:
        marker["color"] = GREY
    places = [_at(point) for point in points]
    if kind == "hit":
        return _hits(points, places)
    return {
        "type": "scatter", "mode": "markers", "name": KIND_NAMES.get(kind, kind), "marker": marker,
        "x": [p[0] for p in places], "y": [p[1] for p in places],
        "text": [_hover(point) for point in points], "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _hits(points: Sequence[Json], places: Sequence[tuple[float, float]]) -> Json:
    """What a search found, numbered as in its table; the passage shows under the pointer. The best lies on top."""
    worst_first = list(zip(points, places, strict=True))[::-1]
    return {
        "type": "scatter", "mode": "markers+text", "name": KIND_NAMES["hit"],
        "x": [place[0] for _, place in worst_first], "y": [place[1] for _, place in worst_first],
        "text": [str(_told(point).get("number", "")) for point, _ in worst_first],
        "textfont": {"color": "#ffffff", "size": 11},
        "marker": {"size": 20, "color": TRUCKS[0], "line": {"color": "#ffffff", "width": 1.5}},
        "hovertext": [_found(point) for point, _ in worst_first], "hovertemplate": "%{hovertext}<extra></extra>",
    }  # fmt: skip


def _found(point: Json) -> str:
    """Title, passage, and date and distance where they are known; `<` would be a tag to Plotly."""
    told = _told(point)
    distance = told.get("distance_m")
    beside = [told.get("date"), f"{distance} m away" if distance is not None else None, told.get("ref")]
    lines = [told.get("title"), *textwrap.wrap(str(told.get("passage") or ""), HOVER_CHARACTERS)]
    return "<br>".join(
        str(line).replace("<", "‹") for line in (*lines, " · ".join(str(b) for b in beside if b)) if line
    )


def _hover(point: Json) -> str:
    """Name, level and stream; `<` would be a tag to Plotly."""
    told = _told(point)
    parts = [told.get("label") or told.get("title"), told.get("stream")]
    if told.get("fill_pct") is not None:
        parts.append(f"{told['fill_pct']} % full")
    return "<br>".join(str(part).replace("<", "‹")[:80] for part in parts if part)


def _told(feature: Json) -> dict[str, JsonValue]:
    told = feature.get("properties")
    return told if isinstance(told, dict) else {}


# ---------------------------------------------------------------- layout


def _layout(box: Box) -> Json:
    wide, high = max(box.east - box.west, 1e-4), max(box.north - box.south, 1e-4)
    height = min(HIGHEST_PX, max(LOWEST_PX, WIDTH_PX * high * box.stretch / wide))
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "ticks": "", "showline": False}
    bar, label = _scale_bar(box, wide, high)
    return {
        "height": round(height), "margin": {"l": 8, "r": 8, "t": 8, "b": 8}, "hovermode": "closest", "dragmode": "pan",
        "paper_bgcolor": CLEAR, "plot_bgcolor": "rgba(148,163,184,0.10)", "font": {"color": GREY},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "xaxis": axis,
        "yaxis": {**axis, "scaleanchor": "x", "scaleratio": box.stretch},
        "modebar": MODEBAR, "shapes": [bar], "annotations": [label],
    }  # fmt: skip


def _scale_bar(box: Box, wide: float, high: float) -> tuple[Json, Json]:
    """A bar of a round number of metres, a fifth of the width or less, at the lower left."""
    metres_wide = wide * METRES_PER_DEGREE / box.stretch
    metres = max((m for m in SCALE_BARS_M if m <= metres_wide / 4), default=SCALE_BARS_M[0])
    degrees = metres * box.stretch / METRES_PER_DEGREE
    low = box.south - high * 0.06
    text = f"{metres // 1000} km" if metres >= 1000 else f"{metres} m"
    bar = {"type": "line", "x0": box.west, "x1": box.west + degrees, "y0": low, "y1": low,
           "line": {"color": GREY, "width": 3}}  # fmt: skip
    label = {"x": box.west + degrees / 2, "y": low, "text": text, "showarrow": False, "yshift": 9,
             "font": {"size": 11, "color": GREY}}  # fmt: skip
    return bar, label
