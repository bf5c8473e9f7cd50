"""The member `outside`: a pretrained forecaster (domain/ports.py, Forecaster) asked about how bins fill.

It is given what a bin took in hour by hour, added up, so that emptyings leave no trace in the series; its deciles of
what will have come in by an hour are put on top of the level now. After a planned emptying the growth since then is
the difference of the medians, with a spread that shrinks as the square root of the time it had (independent growth).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.ports import DECILES, Forecaster
from engines.forecast.history import Floats
from engines.forecast.hourly import hourly
from engines.forecast.member import SHARES_OUT, Windows
from engines.forecast.patches import Asked, asked_of

CONTEXT_H = 512  # what both foundation forecasters read well
MOST_HOURS = 336
TAIL = (1.645 - 1.282) / (1.282 - 0.842)  # of a normal distribution: from the 20 and 10 % quantiles to the 5 % one


@dataclass(frozen=True, eq=False)
class Outside:
    """A forecaster as a member. `answer` says with a sentence why it had none."""

    forecaster: Forecaster
    name: str = "outside"

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7) at SHARES_OUT; NaN where the forecaster has no answer, and beyond 336 hours."""
        return self.answer(windows)[0]

    def answer(self, windows: Windows) -> tuple[Floats, str | None]:
        """(levels, the sentence for the answer when the forecaster cannot be used)."""
        told = np.full((len(windows), len(windows.ahead_h), len(SHARES_OUT)), np.nan)
        near = int(np.searchsorted(windows.ahead_h, MOST_HOURS - 1, side="right"))
        if not near:
            return told, None
        asked, histories, able = asked_of(
            Windows(windows.histories, windows.at, windows.ahead_h[:near], windows.planned, windows.shift_h)
        )
        span = int(np.ceil(windows.ahead_h[near - 1])) + 1
        rows = np.flatnonzero(able)
        if not len(rows):
            return told, None
        first, last = np.full(len(histories), np.inf), np.full(len(histories), -np.inf)
        np.minimum.at(first, asked.bins, asked.at)
        np.maximum.at(last, asked.bins, asked.at)
        grid = hourly(histories, first, last)
        now = np.floor(asked.at[rows]).astype(np.int64)
        cells = grid.cell(asked.bins[rows][:, None], now[:, None] + np.arange(1 - CONTEXT_H, 1))
        grown = grid.grown[cells] - grid.grown[cells[:, -1:]]
        foretold = self.forecaster.foretell(list(grown), span)
        if foretold.values is None:
            return told, foretold.degraded
        told[rows, :near] = _levels(foretold.values, asked.where(rows), now)
        return told, None


def _levels(values: Floats, asked: Asked, now: np.ndarray) -> Floats:
    """(n, t, 7) from the deciles of what grew since the hour `now`, (n, hours, 9)."""
    start = np.zeros((len(values), 1, len(DECILES)))
    path = np.concatenate([start, values], axis=1)  # path[:, h] is the growth by `now + h`
    middle = path[..., len(DECILES) // 2]
    at_end = _along(path, asked.ends - now[:, None])
    begin_h = np.maximum(asked.begin - now[:, None], 0.0)
    before = _along(middle[..., None], begin_h)[..., 0]
    share = np.clip((asked.ends - asked.begin) / np.maximum(asked.ends - asked.at[:, None], 1e-9), 0.0, 1.0)
    centre = at_end[..., len(DECILES) // 2]
    growth = (centre - before)[..., None] + (at_end - centre[..., None]) * np.sqrt(share)[..., None]
    levels = asked.base[..., None] + growth
    return np.clip(_at_shares(levels), 0.0, 100.0)


def _along(path: Floats, at: Floats) -> Floats:
    """Values of paths (n, h, q) at fractional hours (n, t): linear between."""
    low = np.clip(np.floor(at).astype(np.int64), 0, path.shape[1] - 2)
    part = np.clip(at - low, 0.0, 1.0)[..., None]
    rows = np.arange(len(path))[:, None]
    return np.asarray(path[rows, low] * (1 - part) + path[rows, low + 1] * part)


def _at_shares(levels: Floats) -> Floats:
    """Deciles read off at SHARES_OUT; the outer two by the tails of a normal distribution."""
    inner = np.stack([_interpolated(levels, share) for share in SHARES_OUT[1:-1]], axis=-1)
    low = levels[..., 0] - TAIL * (levels[..., 1] - levels[..., 0])
    high = levels[..., -1] + TAIL * (levels[..., -1] - levels[..., -2])
    return np.concatenate([low[..., None], inner, high[..., None]], axis=-1)


def _interpolated(levels: Floats, share: float) -> Floats:
    place = float(np.interp(share, DECILES, np.arange(len(DECILES))))
    left = min(int(place), len(DECILES) - 2)
    return np.asarray(levels[..., left] * (left + 1 - place) + levels[..., left + 1] * (place - left))
