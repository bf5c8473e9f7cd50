"""The chart of a fill forecast: what was found so far, the fan of what is to come, the threshold, planned visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import JsonValue

from domain.operation import BinInfo
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats, Times, local_moment
from engines.forecast.horizons import HOURS, Horizons, levels_at
from engines.forecast.member import SHARES_OUT

MOST_BINS = 3
SHORTEST_H, BEYOND = 48.0, 1.15  # the fan goes a little beyond the time asked about
PAST_READINGS, PAST_EMPTYINGS = np.timedelta64(7, "D"), np.timedelta64(28, "D")
MOST_POINTS = 120
BANDS = ((0.05, 0.95, 0.12), (0.1, 0.9, 0.2), (0.25, 0.75, 0.35))
"""Lower share, upper share, and how strongly the band between them is drawn."""
BLUE, RED, GREEN, GREY = "31, 119, 180", "#d62728", "#2ca02c", "#7f7f7f"
Figure = dict[str, JsonValue]


@dataclass(frozen=True)
class Sought:
    """What was asked: the moment on the city's clock, hours ahead of it, the threshold."""

    now: datetime
    ahead_h: float
    threshold_pct: float


@dataclass(frozen=True, eq=False)
class Drawn:
    """What is drawn: the bins with their horizons and histories, what was asked, the level said for each bin.

    `visits`: bin id -> local moments of the planned visits after now.
    """

    bins: Sequence[BinInfo]
    horizons: Horizons
    histories: Mapping[str, BinHistory]
    sought: Sought
    said: Sequence[float | None]
    visits: Mapping[str, Sequence[datetime]]


def fan_chart(drawn: Drawn) -> Figure | None:
    """A Plotly figure of the first bins that can be forecast, one at a time by a menu; None when there is none."""
    able = [row for row in range(len(drawn.bins)) if drawn.horizons.stories[row].abstained is None][:MOST_BINS]
    if not able:
        return None
    groups = [_traces(drawn, row) for row in able]
    for group in groups[1:]:
        for trace in group:
            trace["visible"] = False
    layout: Figure = {
        "title": {"text": drawn.bins[able[0]].label},
        "yaxis": {"range": [0, 105], "title": {"text": "level, %"}},
        "xaxis": {"type": "date"},
        "legend": {"orientation": "h"},
        "shapes": [_threshold(drawn), _moment(drawn)],
    }
    if len(groups) > 1:
        layout["updatemenus"] = [_menu([drawn.bins[row].label for row in able], [len(group) for group in groups])]
    data: list[JsonValue] = [trace for group in groups for trace in group]
    return {"data": data, "layout": layout}


def _traces(drawn: Drawn, row: int) -> list[Figure]:
    info = drawn.bins[row]
    return [
        *_past(drawn.histories[info.bin_id], local_moment(drawn.sought.now)),
        *_fan(drawn, row),
        *_said(drawn, row),
        *_visits(drawn.visits.get(info.bin_id, ())),
    ]


def _past(history: BinHistory, now: np.datetime64) -> list[Figure]:
    """Readings of the last week and levels found at the emptyings of the last four."""
    found: list[Figure] = []
    read = (history.read_at <= now) & (history.read_at > now - PAST_READINGS)
    if read.any():
        times, levels = _thinned(history.read_at[read], history.readings[read])
        found.append(_line("readings", times, levels, {"mode": "lines", "line": {"color": GREY}}))
    emptied = (history.emptied_at <= now) & (history.emptied_at > now - PAST_EMPTYINGS)
    if emptied.any():
        style: Figure = {"mode": "markers", "marker": {"symbol": "triangle-down", "size": 9, "color": GREEN}}
        times, levels = history.emptied_at[emptied][-MOST_POINTS:], history.levels[emptied][-MOST_POINTS:]
        found.append(_line("level found when emptied", times, levels, style))
    return found


def _fan(drawn: Drawn, row: int) -> list[Figure]:
    """Bands around the median, each as a lower edge and an upper one that is filled down to it."""
    ahead = _hours_shown(drawn.sought.ahead_h)
    now = float(hours(np.array([local_moment(drawn.sought.now)]))[0])
    levels = levels_at(drawn.horizons.where([row]), (now - drawn.horizons.at[row] + ahead)[None, :])[0]
    times = local_moment(drawn.sought.now) + np.rint(ahead * 3600).astype("timedelta64[s]")
    found: list[Figure] = []
    for low, high, strength in BANDS:
        name = f"{round(100 * (high - low))} of 100 cases"
        edge: Figure = {"mode": "lines", "line": {"width": 0}, "hoverinfo": "skip"}
        filled: Figure = {"fill": "tonexty", "fillcolor": f"rgba({BLUE}, {strength})"}
        found.append(_line(f"{name}, lower edge", times, _at(levels, low), {**edge, "showlegend": False}))
        found.append(_line(name, times, _at(levels, high), {**edge, **filled}))
    style: Figure = {"mode": "lines", "line": {"color": f"rgb({BLUE})"}}
    return [*found, _line("expected, if nobody comes", times, _at(levels, 0.5), style)]


def _said(drawn: Drawn, row: int) -> list[Figure]:
    """The one level that the answer says, at the time asked about."""
    level = drawn.said[row]
    if level is None:
        return []
    at = local_moment(drawn.sought.now) + np.timedelta64(round(drawn.sought.ahead_h * 3600), "s")
    style: Figure = {"mode": "markers", "marker": {"symbol": "circle", "size": 9, "color": f"rgb({BLUE})"}}
    return [_line("level said", np.array([at]), np.array([level]), style)]


def _at(levels: Floats, share: float) -> Floats:
    return np.asarray(levels[:, SHARES_OUT.index(share)])


def _hours_shown(ahead_h: float) -> Floats:
    """From now to a little beyond the time asked about, at most MOST_POINTS of the hours that are kept."""
    until = min(max(SHORTEST_H, BEYOND * ahead_h), float(HOURS[-1]) - 48.0)
    kept = np.concatenate([[0.0], HOURS[(HOURS >= 1) & (until > HOURS)], [until]])
    every = int(np.ceil(len(kept) / MOST_POINTS))
    return np.unique(np.concatenate([kept[::every], [ahead_h, until]]))


def _visits(visits: Sequence[datetime]) -> list[Figure]:
    style: Figure = {"mode": "lines", "line": {"dash": "dash", "color": GREEN}}
    return [_line("planned visit", np.array([local_moment(at)] * 2), np.array([0.0, 100.0]), style) for at in visits]


def _line(name: str, times: Times, levels: Floats, style: Figure) -> Figure:
    x: list[JsonValue] = [str(at) for at in times.astype("datetime64[m]")]
    y: list[JsonValue] = [None if np.isnan(level) else round(float(level), 1) for level in levels]
    return {"type": "scatter", "name": name, "x": x, "y": y, **style}


def _thinned(times: Times, levels: Floats) -> tuple[Times, Floats]:
    every = int(np.ceil(len(times) / MOST_POINTS))
    return times[::-1][::every][::-1], levels[::-1][::every][::-1]


def _threshold(drawn: Drawn) -> Figure:
    level = drawn.sought.threshold_pct
    line: Figure = {"color": RED, "dash": "dot"}
    return {"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": level, "y1": level, "line": line}


def _moment(drawn: Drawn) -> Figure:
    """The time asked about."""
    at = local_moment(drawn.sought.now) + np.timedelta64(round(drawn.sought.ahead_h * 3600), "s")
    x = str(at.astype("datetime64[m]"))
    return {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": x, "x1": x, "line": {"color": GREY, "dash": "dot"}}


def _menu(labels: Sequence[str], sizes: Sequence[int]) -> Figure:
    """A list of the bins; choosing one shows its lines and title alone."""
    buttons: list[JsonValue] = []
    for chosen, label in enumerate(labels):
        shown: list[JsonValue] = [group == chosen for group, size in enumerate(sizes) for _ in range(size)]
        buttons.append({"label": label, "method": "update", "args": [{"visible": shown}, {"title": {"text": label}}]})
    return {"buttons": buttons, "x": 1, "xanchor": "right", "y": 1.15, "yanchor": "top"}
