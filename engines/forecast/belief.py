"""What all recent reports together say of a bin: its level now and soon, from readings that are coarse, noisy and late.

    soon = believed(histories, rates, at, ahead_h)          # soon.mean, soon.chance_at_least(100.0)

One reading in steps of 20 leaves the level open by 20 points; when the step changed tells it much closer, and how fast
the steps follow each other tells this cycle's pace. So each bin has a grid filter (a point-mass filter; Bucy and Senne
1971) over level and pace: between reports the level grows by the fitted rates times the pace, in bags (a compound
Poisson process); a reading multiplies every cell by its likelihood; an emptying sets the level to zero, keeps most of
what was learned of the pace and forgets the rest. Only reports of the last WINDOW_H hours are looked at; and where no
emptying is among them, the last one before.

Pure and without chance: the same histories, rates and moment give the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.rates import Rates

WINDOW_H = 10 * 24.0
BAG_PCT = 5.0  # the width of a cell, and what arrives at once
CELLS = np.arange(0.0, 150.0 + BAG_PCT, BAG_PCT)  # levels; the last holds all above it
PACES = np.exp(np.linspace(np.log(0.3), np.log(3.0), 7))  # of this cycle, as a share of the fitted rate
PACE_SPREAD = 0.5  # standard deviation of the logarithm of a pace that nothing is known of yet
KEPT_AT_EMPTYING, KEPT_AT_READING = 0.7, 0.99  # of what is known of the pace; the rest goes back to the beginning's
NOISE_PCT = 6.0  # of a reading before it is rounded down to its step
WRONG = 1e-3  # likelihood that any reading at all has from a sensor that errs, so that none is impossible
LEAST_BAG = 1e-3  # so unlikely a number of bags is not told from a still greater one


@dataclass(frozen=True, eq=False)
class Believed:
    """Of n bins at t moments the probability of each level in CELLS, shape (n, t, cells)."""

    share: Floats

    @property
    def mean(self) -> Floats:
        """Expected level in percent (may pass 100), shape (n, t)."""
        return np.asarray(self.share @ CELLS)

    def chance_at_least(self, level_pct: float) -> Floats:
        """Probability of that level or more, shape (n, t); a cell stands for half a bag around it."""
        inside = np.clip((CELLS + BAG_PCT / 2 - level_pct) / BAG_PCT, 0.0, 1.0)
        return np.asarray(self.share @ inside)


@dataclass(frozen=True, eq=False)
class _Events:
    """Each bin's reports in time order, shape (n, events): hour, and level read; NaN where it was emptied.

    Rows are filled up at their end with hours of NaN.
    """

    hour: Floats
    level: Floats


def believed(
    histories: Sequence[BinHistory], rates: Rates, at: datetime | np.datetime64, ahead_h: Sequence[float]
) -> Believed:
    """What is believed of each bin so many hours (rising) after `at`, if nobody comes; reports up to `at` count."""
    now = float(hours(np.array([local_moment(at)]))[0])
    events = _events(histories, now)
    rate = np.array([rates.rate_of(each)[0] for each in histories])
    streams = [each.stream for each in histories]
    state = np.tile(_prior()[None, :, None] / len(CELLS), (len(histories), 1, len(CELLS)))
    since = np.fmin(now - WINDOW_H, np.nanmin(events.hour, axis=1, initial=np.inf))
    for column in range(events.hour.shape[1]):
        rows = np.flatnonzero(np.isfinite(events.hour[:, column]))
        when, level = events.hour[rows, column], events.level[rows, column]
        grown = rates.expected_growth(rate[rows], [streams[i] for i in rows], since[rows], when)
        state[rows] = _reported(_grown(state[rows], grown), level, _steps(histories, rows))
        since[rows] = when
    found = []
    for ahead in ahead_h:
        then = np.full(len(histories), now + ahead)
        state = _grown(state, rates.expected_growth(rate, streams, since, then))
        since = then
        found.append(state.sum(axis=1))
    return Believed(np.stack(found, axis=1))


def _prior() -> Floats:
    weight = np.exp(-0.5 * (np.log(PACES) / PACE_SPREAD) ** 2)
    return np.asarray(weight / weight.sum())


def _steps(histories: Sequence[BinHistory], rows: np.ndarray) -> Floats:
    return np.array([histories[i].step_pct for i in rows], dtype=np.float64)


def _events(histories: Sequence[BinHistory], now: float) -> _Events:
    found = []
    for each in histories:
        emptied, read = hours(each.emptied_at), hours(each.read_at)
        when = np.concatenate([emptied, read])
        level = np.concatenate([np.full(len(emptied), np.nan), each.readings])
        emptying = np.arange(len(when)) < len(emptied)
        last = float(np.max(emptied[emptied <= now], initial=-np.inf))
        recent = (when > now - WINDOW_H) | (emptying & (when == last))
        usable = recent & (when <= now) & (np.isfinite(level) | emptying)
        order = np.argsort(when[usable], kind="stable")
        found.append((when[usable][order], level[usable][order]))
    most = max((len(when) for when, _ in found), default=0)
    hour, levels = np.full((len(found), most), np.nan), np.full((len(found), most), np.nan)
    for row, (when, level) in enumerate(found):
        hour[row, : len(when)], levels[row, : len(when)] = when, level
    return _Events(hour, levels)


def _grown(state: Floats, expected: Floats) -> Floats:
    """The state after growth of `expected` points at pace 1: Poisson many bags, shape as `state` (n, paces, cells)."""
    bags = np.maximum(expected, 0.0)[:, None] * PACES / BAG_PCT
    grown = np.zeros_like(state)
    chance, number = np.exp(-bags), 0
    left = np.ones_like(bags)
    while bool((left > 0).any()):
        last = (left <= LEAST_BAG) | (number == len(CELLS) - 1)  # by bin and pace: a neighbour's bags change nothing
        share = np.where(last, left, chance)
        grown[..., number:] += share[..., None] * state[..., : len(CELLS) - number]
        grown[..., -1] += share * state[..., len(CELLS) - number :].sum(axis=-1)
        left = np.where(last, 0.0, left - chance)
        number += 1
        chance = chance * bags / number
    return grown


def _reported(state: Floats, level: Floats, step: Floats) -> Floats:
    """The state after a report of each bin: an emptying (NaN), or a reading in steps (0: exact)."""
    emptied = np.isnan(level)
    weighed = state * np.where(emptied[:, None], 1.0, _likelihood(np.nan_to_num(level), step))[:, None, :]
    weighed /= np.maximum(weighed.sum(axis=(1, 2), keepdims=True), 1e-300)
    kept = np.where(emptied, KEPT_AT_EMPTYING, KEPT_AT_READING)[:, None, None]
    weighed = kept * weighed + (1 - kept) * weighed.sum(axis=1, keepdims=True) * _prior()[None, :, None]
    empty = np.zeros_like(weighed)
    empty[..., 0] = weighed.sum(axis=-1)
    return np.asarray(np.where(emptied[:, None, None], empty, weighed))


def _likelihood(level: Floats, step: Floats) -> Floats:
    """Likelihood of each reading in every cell, shape (n, cells)."""
    width = np.where(step > 0, step, BAG_PCT)[:, None]
    low = np.where(step > 0, level, level - BAG_PCT / 2)[:, None]
    above = np.where(low + width > 100.0, 1.0, _normal((low + width - CELLS) / NOISE_PCT))
    below = np.where(low <= 0.0, 0.0, _normal((low - CELLS) / NOISE_PCT))
    return np.asarray(np.maximum(above - below, 0.0) + WRONG)


def _normal(z: Floats) -> Floats:
    from scipy.special import ndtr  # heavy, so only where used

    return np.asarray(ndtr(z))
