"""The empirical distribution of what really grew, given what was expected: the source of every interval shown.

Rates used for the expectation had not seen the interval (leave-future-out). Three kinds of curve per stream:

* `unattended` (if nobody comes): each past fill cycle gives one pace, growth found over growth expected, and the pace
  goes on. Crews come early to bins that fill early, so levels AT emptyings hardly rise with time; the pace of a whole
  cycle is free of that, because every cycle ends in an emptying and counts once, whenever it came.
* `found` (what a crew finds when it comes as it used to): bands of expected growth with the levels really found.
* `reading`: as `found`, from one sensor reading to a later one, no emptying between.

Bands are made monotone by a running maximum, so more time never lowers a quantile or a chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Intervals
from engines.forecast.history import Floats

Kind = Literal["unattended", "found", "reading"]
KINDS: tuple[Kind, ...] = ("unattended", "found", "reading")
LEAST_EXPECTED_PCT = 5.0  # a pace over less expected growth than this is only noise
SHARES = (np.arange(40) + 0.5) / 40  # the quantiles kept of each band
MOST_BANDS = 24
ROWS_PER_BAND = 60
FEWEST_ROWS = 40
WIDER_WITHOUT_OWN_RATE = 1.35  # spread of bins whose rate is only their stream's; chosen, not fitted
PRIOR_FACTORS = np.exp(1.1 * np.log(SHARES / (1 - SHARES)) / 1.7)  # with no past at all: log-logistic around 1


@dataclass(frozen=True, eq=False)
class Curve:
    """`growth[band, share]`: quantiles of the growth found where `expected[band]` points were expected."""

    expected: Floats
    growth: Floats
    rows: int

    def at(self, expected: Floats) -> Floats:
        """Growth quantiles, shape (..., 40). Beyond the last band growth goes on at its own pace."""
        band = np.clip(np.searchsorted(self.expected, expected, side="right") - 1, 0, max(len(self.expected) - 2, 0))
        left, right = self.expected[band], self.expected[np.minimum(band + 1, len(self.expected) - 1)]
        share = np.clip((expected - left) / np.maximum(right - left, 1e-9), 0, 1)[..., None]
        low, high = self.growth[band], self.growth[np.minimum(band + 1, len(self.expected) - 1)]
        slope = np.where(self.growth[-1] > 0, self.growth[-1] / max(float(self.expected[-1]), 1e-9), 0.0)
        beyond = np.maximum(expected - self.expected[-1], 0.0)[..., None] * slope
        return np.asarray(low + share * (high - low) + beyond)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Curves by (stream, kind); ("", kind) is the pool of all streams."""

    curves: dict[tuple[str, Kind], Curve]

    def curve(self, stream: str, kind: Kind) -> tuple[Curve, str]:
        """The curve to use and what it rests on."""
        own = self.curves.get((stream, kind))
        if own is not None:
            return own, f"{own.rows} past forecasts of {stream}"
        pool = self.curves.get(("", kind))
        if pool is not None:
            return pool, f"{pool.rows} past forecasts of all streams"
        return _prior_curve(), "no past forecast to learn from: a wide assumed spread"


def learn_outcomes(rows: Intervals, expected: Floats, streams: Sequence[str]) -> Outcomes:
    """Curves from tested intervals: `expected` and `streams` have one entry per row."""
    names = np.asarray(streams, dtype=object)
    curves: dict[tuple[str, Kind], Curve] = {}
    for kind in KINDS:
        for stream in ("", *dict.fromkeys(streams)):
            mask = (rows.from_reading == (kind == "reading")) & ((names == stream) | (stream == ""))
            if mask.sum() >= FEWEST_ROWS:
                curves[stream, kind] = _learn(expected[mask], rows.where(mask), kind)
    return Outcomes(curves)


def _learn(expected: Floats, rows: Intervals, kind: Kind) -> Curve:
    if kind != "unattended":
        return _bands(expected, rows, kind)
    pace = _spread_in_step(rows) / np.maximum(expected, LEAST_EXPECTED_PCT)
    knots = np.array([0.0, 100.0])
    return Curve(knots, knots[:, None] * np.quantile(pace, SHARES), len(rows))


def _bands(expected: Floats, rows: Intervals, kind: Kind) -> Curve:
    order = np.argsort(expected, kind="stable")
    found = _spread_in_step(rows)[order]
    bands = int(np.clip(len(order) // ROWS_PER_BAND, 1, MOST_BANDS))
    parts = np.array_split(np.arange(len(order)), bands)
    centres = [float(expected[order][part].mean()) for part in parts]
    growth = [np.quantile(found[part], SHARES) for part in parts]
    if kind == "found":
        growth.insert(0, np.zeros(len(SHARES)))
    else:
        growth.insert(0, growth[0] - growth[0][len(SHARES) // 2])
    table = np.maximum.accumulate(np.array(growth), axis=0)
    return Curve(np.maximum.accumulate(np.array([0.0, *centres])), table, len(order))


def _spread_in_step(rows: Intervals) -> Floats:
    """One value per row inside its step, spread evenly and without chance (golden-ratio sequence)."""
    even = (np.arange(len(rows)) * 0.6180339887498949) % 1.0
    return np.asarray(rows.low + even * np.where(rows.high > rows.low + 100, 10.0, rows.high - rows.low))


def _prior_curve() -> Curve:
    expected = np.array([0.0, 100.0])
    return Curve(expected, expected[:, None] * PRIOR_FACTORS, 0)


def widen(levels: Floats, base: Floats, basis: Sequence[str]) -> Floats:
    """Growth quantiles spread further where the bin has no rate of its own; losses (sensor noise) stay as they are."""
    factor = np.where(np.isin(np.asarray(basis, dtype=object), ["bin", "site"]), 1.0, WIDER_WITHOUT_OWN_RATE)
    factor = factor.reshape(-1, *([1] * (levels.ndim - 1)))
    share = np.linspace(1.0, 0.0, levels.shape[-1] // 2, endpoint=False)
    down = np.concatenate([share, np.zeros(levels.shape[-1] - len(share))])
    up = down[::-1]
    grown = levels - base
    return np.asarray(
        base + np.where(grown > 0, grown * (1 - down * (1 - 1 / factor)) * (1 + up * (factor - 1)), grown)
    )


def chance_at_least(levels: Floats, threshold: float) -> npt.NDArray[np.float64]:
    """Share of the distribution at or above a threshold; `levels` shape (..., 40) without crossing."""
    at = (levels < threshold).sum(axis=-1)
    inner = np.clip(at, 1, levels.shape[-1] - 1)
    left = np.take_along_axis(levels, inner[..., None] - 1, -1)[..., 0]
    right = np.take_along_axis(levels, inner[..., None], -1)[..., 0]
    part = np.clip((threshold - left) / np.maximum(right - left, 1e-9), 0, 1)
    below = (inner - 0.5 + part) / levels.shape[-1]
    below = np.where(at == 0, 0.0, np.where(at == levels.shape[-1], 1.0, below))
    return np.asarray(1.0 - below)
