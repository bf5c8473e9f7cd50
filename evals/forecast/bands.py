"""How often the 80 % band holds what came, told day by day as a server tells it: each day's offsets know the outcomes
that had come by then, by the same function as in use (`Offsets.carried`). By hours ahead, they are those of a server:
moved by the windows that it learns from and remembers then (`engines/forecast/learning.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import JsonValue

from engines.forecast.conformal import DAY_H, Offsets
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory, Floats
from engines.forecast.learning import REMEMBERED_H, windows_to_learn
from engines.forecast.past_windows import Outcomes, Span, past_windows
from evals.forecast.score import inside80

AHEAD_H = {6.0: 6.0, 24.0: 6.0, 48.0: 12.0, 72.0: 12.0, 168.0: 24.0, 336.0: 24.0}
"""Lengths of the windows, each with the least hours between origins."""


def moved_by_outcomes(ensemble: Ensemble, scored: Outcomes) -> Floats:
    """Levels (n, 7) of windows of one length: before each day the offsets learn what has come by then."""
    told = ensemble.told([scored])
    day, known = np.floor(scored.windows.at / DAY_H), np.isfinite(told.levels).all(axis=1)
    offsets, levels, since = ensemble.offsets, told.levels.copy(), -np.inf
    for each in np.unique(day):
        offsets, since = offsets.carried(told, since, each * DAY_H), each * DAY_H
        now = np.flatnonzero((day == each) & known)
        levels[now] = offsets.applied(told.levels[now], [told.keys[row] for row in now]) if len(now) else levels[now]
    return levels


def coverage_by_ahead(ensemble: Ensemble, histories: Sequence[BinHistory], since: float) -> dict[str, JsonValue]:
    """Share of windows that end within their band, and its mean width in points, by hours ahead: without a collection
    in the window, which is what "if nobody comes" is asked for, and with one, told as planned."""
    found: dict[str, JsonValue] = {}
    served = _Served(ensemble, histories, since)
    for ahead_h, every_h in AHEAD_H.items():
        scored = past_windows(histories, ahead_h, Span(since, every_h=every_h))
        if not len(scored):
            continue
        levels = served.levels(scored)
        inside, wide = inside80(levels, scored.found), levels[:, 5] - levels[:, 1]
        found[f"{ahead_h:.0f} h"] = {
            name: {
                "coverage80": round(float(inside[rows].mean()), 4),
                "width": round(float(np.nanmean(wide[rows])), 2),
                "windows": int(rows.sum()),
            }
            for name, rows in (("no_collection", ~scored.emptied), ("collection", scored.emptied))
            if rows.any()
        }
    return found


class _Served:
    """The offsets that a server has on each day, of what it learns from since a model was trained."""

    def __init__(self, ensemble: Ensemble, histories: Sequence[BinHistory], since: float) -> None:
        parts = windows_to_learn(histories, np.inf, since, since)
        remembered = [np.full(len(part), REMEMBERED_H[float(part.windows.ahead_h[0])]) for part in parts]
        self._remembered_h = np.concatenate([np.empty(0), *remembered])
        self._ensemble, self._told = ensemble, ensemble.told(parts) if parts else None
        self._by_day: dict[float, Offsets] = {}

    def levels(self, scored: Outcomes) -> Floats:
        """Levels (n, 7) of windows of one length, told on their days."""
        asked = self._ensemble.told([scored])
        levels, day = asked.levels.copy(), np.floor(scored.windows.at / DAY_H)
        known = np.isfinite(levels).all(axis=1)
        for each in np.unique(day[known]):
            rows = np.flatnonzero((day == each) & known)
            levels[rows] = self._on(each * DAY_H).applied(asked.levels[rows], [asked.keys[row] for row in rows])
        return levels

    def _on(self, midnight: float) -> Offsets:
        offsets = self._ensemble.offsets
        if self._told is not None and midnight not in self._by_day:
            self._by_day[midnight] = offsets.carried(self._told, midnight - self._remembered_h, midnight)
        return self._by_day.get(midnight, offsets)
