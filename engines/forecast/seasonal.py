"""The member `prophet`: how a cluster of bins fills by hour, day and season, fitted in training and kept as a table.

Prophet (Taylor and Letham, The American Statistician 2018) is never fitted or asked on request: `seasonal_training.py`
turns it into a curve of relative growth, one figure an hour, for each cluster (a site's bins of a stream where there
are enough, else the stream). A bin follows its cluster's curve at its own pace of the last weeks; the spread is what
such forecasts really missed by in the last weeks of training.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast, get_args

import numpy as np

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hourly import growth_line, left_behind, news
from engines.forecast.member import Windows, at_shares
from engines.forecast.outcomes import SHARES, Curve, Kind, Outcomes

SEASONAL_VERSION = 1
PACE_H = 56 * 24.0  # a bin's own pace is that of its last eight weeks
PRIOR_H = 72.0  # hours at the cluster's mean pace that a bin's own past is weighed against
OLDEST_H = 60 * 24.0  # as in predict.py


@dataclass(frozen=True, eq=False)
class SeasonCurve:
    """A cluster's growth relative to its mean, cumulated: `total[i]` relative hours up to hour `first + i`.

    `pace` is the cluster's mean in points an hour. Before and after the table growth is the mean's.
    """

    first: int
    total: Floats
    pace: float

    def between(self, begin: Floats, end: Floats) -> Floats:
        """Relative hours between two moments; with a mean curve, the hours between them."""
        return self._at(end) - self._at(begin)

    def _at(self, at: Floats) -> Floats:
        place = at - self.first
        last = len(self.total) - 1
        inside = np.interp(place, np.arange(last + 1.0), self.total)
        return np.asarray(inside + np.minimum(place, 0.0) + np.maximum(place - last, 0.0))

    @property
    def until(self) -> float:
        """The hour at which the table ends."""
        return float(self.first + len(self.total) - 1)


@dataclass(frozen=True, eq=False)
class Seasonal:
    """The curves by cluster as a member. `fitted_until`: hour since 1970 local up to which records were seen."""

    curves: dict[str, SeasonCurve]
    outcomes: Outcomes
    fitted_until: float
    name: str = "prophet"

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7) at SHARES_OUT; NaN for bins whose stream has no curve, or without news for 60 days, and
        for windows that reach beyond the table."""
        told = np.full((len(windows), len(windows.ahead_h), len(SHARES)), np.nan)
        emptied = windows.last_emptied()
        for history, rows in windows.by_bin():
            curve = self.curve_of(history)
            at, level, kind = news(history)
            last = np.searchsorted(at, windows.at[rows], side="right") - 1
            able = last >= 0
            if curve is None or not able.any():
                continue
            able &= (windows.at[rows] - at[np.maximum(last, 0)] <= OLDEST_H) & (windows.ends[rows, -1] <= curve.until)
            rows, last = rows[able], last[able]
            planned = np.isfinite(emptied[rows])
            begin = np.where(planned, emptied[rows], at[last][:, None])
            left = left_behind(history, windows.at[rows])
            base = np.where(planned, left[:, None], level[last][:, None])
            pace = self.pace(history, curve, windows.at[rows])
            expected = np.maximum(pace[:, None] * curve.between(begin, windows.ends[rows]), 0.0)
            own = "reading" if len(history.readings) else "unattended"
            for which in dict.fromkeys(("reading" if k == 0 else own) for k in kind[last]):
                mine = np.array([("reading" if k == 0 else own) == which for k in kind[last]])
                spread, _ = self.outcomes.curve(history.stream, cast(Kind, which))
                told[rows[mine]] = np.clip(base[mine, :, None] + spread.at(expected[mine]), 0.0, 100.0)
        return at_shares(told, SHARES)

    def curve_of(self, history: BinHistory) -> SeasonCurve | None:
        """The curve of its site and stream, else of its stream."""
        return self.curves.get(site_cluster(history)) or self.curves.get(history.stream)

    def pace(self, history: BinHistory, curve: SeasonCurve, at: Floats) -> Floats:
        """Points per relative hour over the eight weeks before each moment, drawn to the cluster's mean, (n,)."""
        return own_pace(growth_line(history), curve, at)

    def to_json(self) -> str:
        """The member as text; the same member gives the same text."""
        curves = {name: {"first": c.first, "pace": round(c.pace, 5), "growth": np.round(np.diff(c.total), 3).tolist()}
                  for name, c in self.curves.items()}  # fmt: skip
        spread = [
            {"stream": stream, "kind": kind, "rows": curve.rows, "expected": np.round(curve.expected, 3).tolist(),
             "growth": np.round(curve.growth, 3).tolist()}
            for (stream, kind), curve in self.outcomes.curves.items()
        ]  # fmt: skip
        kept = {
            "seasonal_version": SEASONAL_VERSION,
            "fitted_until": self.fitted_until,
            "curves": curves,
            "spread": spread,
        }
        return json.dumps(kept, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Seasonal:
        """Raises BadData for a text of another version, or none of ours."""
        try:
            kept = json.loads(text)
            if kept["seasonal_version"] != SEASONAL_VERSION:
                raise BadData(f"the seasonal curves are of version {kept['seasonal_version']}, not {SEASONAL_VERSION}")
            return cls(_curves(kept["curves"]), _spread(kept["spread"]), float(kept["fitted_until"]))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise BadData(f"the seasonal curves cannot be read: {error}") from error


def own_pace(line: tuple[Floats, Floats], curve: SeasonCurve, at: Floats) -> Floats:
    """A bin's points per relative hour in the eight weeks up to its last news before each moment; later news is not
    looked at. `line` as `growth_line` gives it."""
    heard, grown = line
    if not len(heard):
        return np.full(len(at), curve.pace)
    last = np.searchsorted(heard, at, side="right") - 1
    now = np.maximum(last, 0)
    start = np.maximum(heard[now] - PACE_H, heard[0])
    first = np.searchsorted(heard, start)
    points, lasting = grown[now] - grown[first], curve.between(heard[first], heard[now])
    pace = (points + PRIOR_H * curve.pace) / (np.maximum(lasting, 0.0) + PRIOR_H)
    return np.asarray(np.where(last >= 0, np.maximum(pace, 1e-3), curve.pace))


def site_cluster(history: BinHistory) -> str:
    """The name of the cluster of a site's bins of one stream."""
    return f"{history.site_id} | {history.stream}"


def clusters(histories: Sequence[BinHistory], fewest: int) -> dict[str, list[BinHistory]]:
    """The bins of each stream, and of each site and stream that has `fewest` or more."""
    found: dict[str, list[BinHistory]] = {}
    for history in histories:
        for name in (history.stream, site_cluster(history)):
            found.setdefault(name, []).append(history)
    streams = {history.stream for history in histories}
    return {name: bins for name, bins in found.items() if name in streams or len(bins) >= fewest}


def span_of(histories: Sequence[BinHistory]) -> tuple[float, float]:
    """First and last hour of any news. Raises BadData when there is none."""
    ends = [
        (float(at[0]), float(at[-1])) for h in histories for at in (hours(h.emptied_at), hours(h.read_at)) if len(at)
    ]
    if not ends:
        raise BadData("no emptying and no reading: there is no season to learn")
    return min(a for a, _ in ends), max(b for _, b in ends)


def _curves(kept: dict[str, Any]) -> dict[str, SeasonCurve]:
    return {
        name: SeasonCurve(int(each["first"]), np.concatenate([[0.0], np.cumsum(each["growth"])]), float(each["pace"]))
        for name, each in kept.items()
    }


def _spread(kept: list[dict[str, Any]]) -> Outcomes:
    curves: dict[tuple[str, Kind], Curve] = {}
    for each in kept:
        if each["kind"] not in get_args(Kind):
            raise BadData(f"the seasonal curves know no spread of {each['kind']}")
        growth = np.array(each["growth"], dtype=np.float64)
        curves[each["stream"], each["kind"]] = Curve(
            np.array(each["expected"], dtype=np.float64), growth, int(each["rows"])
        )
    return Outcomes(curves)
