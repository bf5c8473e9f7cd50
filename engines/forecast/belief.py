"""What all recent reports together say of a bin: its level now and soon, from readings that are coarse, noisy and late.

    soon = believed(histories, rates, at, ahead_h)          # soon.mean, soon.chance_at_least(100.0)

One reading in steps of 20 leaves the level open by 20 points; when the step changed tells it much closer, and how fast
the steps follow each other tells this cycle's pace. So each bin has a grid filter (a point-mass filter; Bucy and Senne
1971) over level and pace: between reports the level grows by the fitted rates times the pace, in bags (a compound
Poisson process); a reading multiplies every cell by its likelihood; an emptying sets the level to zero, keeps most of
what was learned of the pace and forgets the rest. A city's bins fill slowly or fast together, by term, weather and
holidays: of many bins a common pace is found day by day, the likeliest of all their reports (empirical Bayes). Only
reports of the last WINDOW_H hours are looked at; and where no emptying is among them, the last one before.

Pure and without chance: the same histories, rates and moment give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from engines.forecast.columns import Ints, hours
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.rates import Rates

WINDOW_H = 10 * 24.0
BAG_PCT = 5.0  # the width of a cell, and what arrives at once
CELLS = np.arange(0.0, 150.0 + BAG_PCT, BAG_PCT)  # levels; the last holds all above it
PACES = np.exp(np.linspace(np.log(0.3), np.log(3.0), 7))  # of this cycle, as a share of the fitted rate
PACE_SPREAD = 0.55  # standard deviation of the logarithm of a pace that nothing is known of yet
KEPT = np.array([0.6, 0.95])  # of what is known of the pace at an emptying, a reading; the rest is as at the beginning
NOISE_PCT = 6.0  # of a reading before it is rounded down to its step
EMPTIED = -1  # what a report says that is no reading
DAY_SPREAD = 0.1  # by so much the logarithm of all bins' common pace moves in a day
PACE_STEP, FURTHEST = 0.25, 2.0  # of that logarithm: how far apart paces are tried, and how many steps it may move
FEWEST_BINS = 20  # fewer do not tell a city's pace
WRONG = 1e-3  # likelihood that any reading at all has from a sensor that errs, so that none is impossible


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
    from engines.forecast.belief_kernels import ahead_all  # numba, so only where used

    now, n = float(hours(np.array([local_moment(at)]))[0]), len(histories)
    events = _events(histories, now)
    since = np.fmin(now - WINDOW_H, np.nanmin(events.hour, axis=1, initial=np.inf))
    soon = now + np.tile(np.array(ahead_h, dtype=np.float64), (n, 1))
    marks = np.fmax.accumulate(np.concatenate([since[:, None], events.hour, soon], axis=1), axis=1)
    rate = np.array([rates.rate_of(each)[0] for each in histories], dtype=np.float64)
    streams = [each.stream for each in histories]
    bags = rates.expected_growth(rate[:, None], streams, marks[:, :-1], marks[:, 1:]) / BAG_PCT
    reports = events.hour.shape[1]
    said, likelihoods = _said(events, np.array([each.step_pct for each in histories], dtype=np.float64))
    states = np.tile(_prior()[None, :, None] / len(CELLS), (n, 1, len(CELLS)))
    pace = 1.0
    for span in _days(events.hour, now):
        heard = _Heard(bags[:, :reports].copy(), said, span, likelihoods)
        pace = heard.common_pace(states, pace) if n >= FEWEST_BINS else pace
        heard.followed(states, pace)
    found = np.empty((n, len(ahead_h), len(CELLS)))
    ahead_all(states, bags[:, reports:] * pace, PACES, np.empty(len(CELLS)), found)
    return Believed(found)


@dataclass(frozen=True, eq=False)
class _Heard:
    """A day's reports of all bins: growth in bags before each (n, events), what it said, and which are the day's."""

    bags: Floats
    said: Ints
    span: Ints
    likelihoods: Floats

    def followed(self, states: Floats, pace: float) -> float:
        """Carry the states (n, paces, cells) over the reports; their log-likelihood when all bins fill at this pace."""
        from engines.forecast.belief_kernels import follow_all  # numba, so only where used

        reports, known = (self.said, self.span), (PACES, _prior(), KEPT)
        return follow_all(states, self.bags * pace, reports, self.likelihoods, known)

    def common_pace(self, states: Floats, before: float) -> float:
        """The likeliest pace of all bins together on this day, drawn to that of the day before: the top of a parabola
        through three."""
        told = [self.followed(states.copy(), before * math.exp(step)) for step in (-PACE_STEP, 0.0, PACE_STEP)]
        low, middle, high = (
            each - 0.5 * (k * PACE_STEP / DAY_SPREAD) ** 2 for k, each in zip((-1, 0, 1), told, strict=True)
        )
        bend = low - 2 * middle + high
        step = (low - high) / (2 * bend) if bend < 0 else math.copysign(1.0, high - low)
        step = PACE_STEP * min(max(step, -FURTHEST), FURTHEST)
        return min(max(before * math.exp(step), float(PACES[0])), float(PACES[-1]))


def _days(hour: Floats, now: float) -> list[Ints]:
    """Of each day of the window the first and the beyond-last report of each bin, shape (n, 2)."""
    edges = now - WINDOW_H + 24.0 * np.arange(1, round(WINDOW_H / 24))
    until = [(hour <= edge).sum(axis=1) for edge in edges]
    bounds = [np.zeros(len(hour)), *until, np.isfinite(hour).sum(axis=1)]
    return [np.stack([a, b], axis=1).astype(np.int64) for a, b in pairwise(bounds)]


def _prior() -> Floats:
    weight = np.exp(-0.5 * (np.log(PACES) / PACE_SPREAD) ** 2)
    return np.asarray(weight / weight.sum())


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


def _said(events: _Events, step: Floats) -> tuple[Ints, Floats]:
    """What each report says, shape (n, events): the row of its likelihood, or EMPTIED; and those rows, each
    over CELLS, with one more to work in."""
    steps = np.broadcast_to(step[:, None], events.level.shape)
    read = np.isfinite(events.level)
    pairs, row = np.unique(np.stack([events.level[read], steps[read]], axis=1), axis=0, return_inverse=True)
    said = np.full(events.hour.shape, EMPTIED)
    said[read] = row.ravel()
    likelihoods = np.zeros((len(pairs) + 1, len(CELLS)))
    likelihoods[:-1] = _likelihood(pairs[:, 0], pairs[:, 1])
    return said.astype(np.int64), likelihoods


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
