"""One level out of a distribution: what to say when only one figure is asked for.

The median has the least mean error, the middle of the densest 20 points is most often within ten. Said is the level
that weighs both: least mean error plus `PRICE_PCT` points for each chance of being more than ten off (a Bayes act; the
figure must suit the measure it is judged by, Gneiting, JASA 2011). Near 100 that is some points below the 100 at
which half of a distribution may pile up. The price is chosen on Prague's months July to October 2024.
"""

from __future__ import annotations

import numpy as np

from engines.forecast.history import Floats
from engines.forecast.member import SHARES_OUT

PRICE_PCT = 8.0
EDGES_PCT = np.arange(7, 13)
"""Where "within ten" ends: the mean of several edges. Between seven levels a distribution is guessed by straight lines,
and one sharp edge would chase their kinks."""
GRID = np.arange(0.0, 100.5, 1.0)
BATCH = 4_096


def best_level(levels: Floats) -> Floats:
    """The level to say for distributions (..., 7) at SHARES_OUT: shape (...), NaN where the levels are NaN."""
    flat = levels.reshape(-1, levels.shape[-1])
    said = np.full(len(flat), np.nan)
    for begin in range(0, len(flat), BATCH):
        part = slice(begin, begin + BATCH)
        said[part] = _best(flat[part])
    return np.asarray(np.where(np.isfinite(flat).all(axis=1), said, np.nan).reshape(levels.shape[:-1]))


def _best(levels: Floats) -> Floats:
    """The grid's level of least loss for rows (n, 7)."""
    knots, shares = with_tails(levels)
    near = _near(knots, shares)
    error = np.zeros((len(levels), len(GRID)))
    for column, weight in enumerate(np.diff(shares)):
        low, high = knots[:, column, None], knots[:, column + 1, None]
        inside = np.clip(GRID, low, high)  # each piece is even: its mean distance is that of two straight lines
        spread = ((inside - low) ** 2 + (high - inside) ** 2) / (2 * np.maximum(high - low, 1e-9))
        error += weight * (spread + np.abs(GRID - inside))
    return np.asarray(GRID[np.argmin(error - PRICE_PCT * near, axis=1)])


def with_tails(levels: Floats) -> tuple[Floats, Floats]:
    """(levels (..., 9), shares (9,)): the outer levels and the shares 0 and 1, each tail as steep as just inside it."""
    first = np.maximum(2 * levels[..., :1] - levels[..., 1:2], 0.0)
    last = np.minimum(2 * levels[..., -1:] - levels[..., -2:-1], 100.0)
    return np.concatenate([first, levels, last], axis=-1), np.array([0.0, *SHARES_OUT, 1.0])


def _near(knots: Floats, shares: Floats) -> Floats:
    """Chance (n, grid) of being within ten of each level of the grid, its edges softened."""
    farthest = int(EDGES_PCT[-1])
    below = _below(knots, shares, np.arange(-farthest, len(GRID) + farthest, dtype=np.float64))
    places = farthest + np.arange(len(GRID))
    inside = [below[:, places + edge] - below[:, places - edge] for edge in EDGES_PCT]
    return np.asarray(np.add.reduce(inside) / len(inside))


def _below(knots: Floats, shares: Floats, at: Floats) -> Floats:
    """Share of each row's distribution below levels, (n, len(at)): linear between the knots."""
    spread = np.maximum.accumulate(np.nan_to_num(knots), axis=1)
    spread = spread + np.arange(knots.shape[1]) * 1e-6  # so that no two are equal
    found = np.zeros((len(knots), len(at)))
    for left in range(len(shares) - 1):
        low, high = spread[:, left, None], spread[:, left + 1, None]
        found += np.clip((at - low) / (high - low), 0.0, 1.0) * (shares[left + 1] - shares[left])
    return found
