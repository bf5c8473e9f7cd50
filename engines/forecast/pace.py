"""How fast a bin without readings fills of late, as a multiple of its usual rate: what its last emptyings say.

A rate is fitted over months, and a bin whose crews found 20, 20 and 20 % has slowed down long before its rate has. So
growth found over growth expected is taken over the last emptyings, each half as much as the one after it, and drawn to
1 as by PRIOR_PCT points that grew just as expected (a gamma prior of a Poisson rate, discounted; West and Harrison
1997, chapter 10.8). Both constants were chosen on Berkeley's months before March 2025 (decision 9).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engines.forecast.columns import LONGEST_HOURS, MOST_GROWTH_PCT, SHORTEST_HOURS, Intervals, hours
from engines.forecast.history import BinHistory, Floats

KEPT = 0.5  # of an emptying's weight at the next one
PRIOR_PCT = 30.0
LAST = 8  # older emptyings weigh less than half a hundredth


def recent_intervals(histories: Sequence[BinHistory], known: Floats) -> Intervals:
    """The last intervals between emptyings that ended by the moment `known` (n,) of each bin, hours since 1970 local.

    n x LAST rows, the newest first; of length 0 where there is none, and for bins that have a reading by then, which
    tell their pace themselves.
    """
    columns = np.zeros((4, len(histories), LAST))
    moments = (known * 3600).astype(np.int64).astype("datetime64[s]")
    for row, (history, moment) in enumerate(zip(histories, moments, strict=True)):
        ended = int(np.searchsorted(history.emptied_at, moment, side="right"))
        if ended < 2 or (len(history.read_at) and history.read_at[0] <= moment):
            continue
        at = hours(history.emptied_at[max(0, ended - LAST - 1) : ended])[::-1]
        level = history.levels[max(1, ended - LAST) : ended][::-1]
        usable = np.isfinite(level) & _usable(at[:-1] - at[1:])
        high = np.where(level >= 100, MOST_GROWTH_PCT, level + history.step_pct)
        found = np.where(usable, [at[1:], at[:-1], level, high], 0.0)
        columns[:, row, : len(level)] = found
    start, end, low, high = columns.reshape(4, -1)
    bins = np.repeat(np.arange(len(histories)), LAST)
    return Intervals(bins, start, end, np.zeros(len(bins)), low, high, np.zeros(len(bins), dtype=np.bool_))


def pace_of(rows: Intervals, expected: Floats) -> Floats:
    """The pace (n,) of bins whose `recent_intervals` these are, given the growth expected in each, (n * LAST,)."""
    used = (rows.end > rows.start).reshape(-1, LAST)
    weight = used * KEPT ** (np.cumsum(used, axis=1) - 1)
    grown = grown_in(expected, rows).reshape(-1, LAST)
    return np.asarray(
        (PRIOR_PCT + (weight * grown).sum(axis=1)) / (PRIOR_PCT + (weight * expected.reshape(-1, LAST)).sum(axis=1))
    )


def pace_before(rows: Intervals, expected: Floats) -> Floats:
    """The pace (n,) of each interval's bin at its start, from the bin's intervals before it; 1 after readings.

    `rows` in any order.
    """
    pace = np.ones(len(rows))
    order = np.flatnonzero(~rows.from_reading & ~np.isin(rows.bin, rows.bin[rows.from_reading]))
    order = order[np.lexsort((rows.end[order], rows.bin[order]))]
    bins, wanted = rows.bin[order], expected[order]
    grown = grown_in(wanted, rows.where(order))
    up, down = np.zeros(len(order)), np.zeros(len(order))
    for back in range(1, LAST + 1):
        same = bins[back:] == bins[:-back]
        up[back:] += np.where(same, KEPT ** (back - 1) * grown[:-back], 0.0)
        down[back:] += np.where(same, KEPT ** (back - 1) * wanted[:-back], 0.0)
    pace[order] = (PRIOR_PCT + up) / (PRIOR_PCT + down)
    return pace


def grown_in(expected: Floats, rows: Intervals) -> Floats:
    """What probably grew in intervals of which only a step is known, given the growth expected in each, (n,)."""
    return censored_mean(expected, 8.0 + 0.4 * expected, rows.low, rows.high)


def censored_mean(centre: Floats, scale: Floats, low: Floats, high: Floats) -> Floats:
    """Mean of a logistic variable given that it lies in [low, high]; closed form, stable far out in the tails."""
    a = np.clip((low - centre) / scale, -30, 30)
    b = np.clip((high - centre) / scale, -30, 30)
    below_a, below_b = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    share = below_b - below_a
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (b * below_b - a * below_a - (np.logaddexp(0, b) - np.logaddexp(0, a))) / share
    mean = np.where(share > 1e-9, mean, np.where(a > 0, a, b))
    return np.asarray(np.maximum(np.clip(centre + scale * mean, low, high), 0.0))


def _usable(length: Floats) -> np.ndarray:
    return (length >= SHORTEST_HOURS) & (length <= LONGEST_HOURS)
