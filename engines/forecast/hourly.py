"""Bins hour by hour: level, growth and silence on one grid, as they could be known at each hour.

What stands in a cell of the grid comes from readings and emptyings up to that hour and from nothing later, so a slice
that ends at a moment is what was known then. Growth is what came in: the difference of levels, or at an emptying the
level after it; where a full bin hides its growth, the bin's mean until then stands for it (its mean over the hours in
which it could be seen).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import LONGEST_HOURS, SHORTEST_HOURS, Ints, hours
from engines.forecast.history import BinHistory, Floats

FEWEST_READINGS = 24  # fewer, and a bin counts as one without a sensor
FULL_PCT = 98.0  # above it a sensor shows no growth
WEEK_H = 168
WEEKS_BACK = 8
CONTEXT_H = 336
KEPT_H = WEEK_H * WEEKS_BACK + CONTEXT_H  # before the first moment asked about
SLOWEST = 0.02  # points an hour: full in seven months
LEFT_OF, LEFT_WITHIN_H = 5, 6.0
FIRST_WEEK_H = 168.0  # the mean growth of a bin known for less is drawn towards this prior's
PRIOR_RATE = 0.4  # points an hour, for a bin's first days


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of all bins one after the other. Cell c of bin b is the hour `first[b] + c - offset[b]`.

    Per cell: `level` in percent (0 before anything is known), `seen` 1 where something came in that hour, `silent`
    hours since the last news, `emptied` hours since the last emptying, `grown` points since the first cell, `known`
    hours since the first news (0: none yet).
    """

    first: Ints
    offset: Ints
    size: Ints
    level: Floats
    seen: Floats
    silent: Floats
    emptied: Floats
    grown: Floats
    known: Floats

    def cell(self, bins: Ints, hour: Ints) -> Ints:
        """The cells of hours, held at each bin's first and last one; shapes broadcast."""
        inside = np.clip(hour - self.first[bins], 0, self.size[bins] - 1)
        return np.asarray(self.offset[bins] + inside)

    def growth(self, bins: Ints, begin: Floats, end: Floats) -> Floats:
        """Points that grew between two moments (hours), linear within an hour; both up to the last cell."""
        return self._grown_at(bins, end) - self._grown_at(bins, begin)

    def _grown_at(self, bins: Ints, at: Floats) -> Floats:
        low = np.floor(at).astype(np.int64)
        below, above = self.grown[self.cell(bins, low)], self.grown[self.cell(bins, low + 1)]
        return np.asarray(below + (at - low) * (above - below))


def hourly(histories: Sequence[BinHistory], since: Floats, until: Floats) -> Grid:
    """The grid of each bin from KEPT_H before its `since` to its `until` (hours since 1970 local, one a bin)."""
    first = np.floor(since).astype(np.int64) - KEPT_H
    size = np.floor(until).astype(np.int64) - first + 1
    offset = np.concatenate([[0], np.cumsum(size)[:-1]]).astype(np.int64)
    cells = np.zeros((6, int(size.sum())))
    for history, begin, place, count in zip(histories, first, offset, size, strict=True):
        cells[:, place : place + count] = _cells(history, int(begin), int(count))
    return Grid(first, offset, size, *cells)


def news(history: BinHistory) -> tuple[Floats, Floats, Floats]:
    """(hour, level, 1 for an emptying) of all that is known of a bin, in time order; an emptying leaves level 0.

    A reading of the very moment of an emptying comes after it: emptyings seen in readings are timed by the first
    reading after the fall.
    """
    emptied, read = hours(history.emptied_at), hours(history.read_at)
    real = np.isfinite(history.readings)
    at = np.concatenate([emptied, read[real]])
    level = np.concatenate([np.zeros(len(emptied)), history.readings[real]])
    kind = np.concatenate([np.ones(len(emptied)), np.zeros(int(real.sum()))])
    order = np.argsort(at, kind="stable")
    return at[order], level[order], kind[order]


def left_behind(history: BinHistory, at: Floats) -> Floats:
    """The level that an emptying usually leaves, as known at the moments `at`, (n,): the mean of the first readings
    after the last five emptyings; 0 where no reading came within LEFT_WITHIN_H of one."""
    emptied, read = hours(history.emptied_at), hours(history.read_at)
    place = np.searchsorted(read, emptied)
    inside = place < len(read)
    place, emptied = place[inside], emptied[inside]
    soon = (read[place] - emptied <= LEFT_WITHIN_H) & np.isfinite(history.readings[place])
    confirmed = np.append(read, np.inf)[place + (read[place] == emptied)]  # one seen in a reading waits for the next
    known, level = confirmed[soon], history.readings[place[soon]]
    total = np.concatenate([[0.0], np.cumsum(level)])
    count = np.searchsorted(known, at, side="right")
    first = np.maximum(count - LEFT_OF, 0)
    return np.asarray((total[count] - total[first]) / np.maximum(count - first, 1))


def _cells(history: BinHistory, begin: int, count: int) -> Floats:
    """The six columns of one bin, (6, count)."""
    at, level, kind = news(history)
    hour = np.ceil(at).astype(np.int64)
    inside = hour < begin + count
    at, level, kind, hour = at[inside], level[inside], kind[inside], hour[inside]
    cells = np.zeros((6, count))
    now = begin + np.arange(count, dtype=np.float64)
    if not len(at):
        cells[2], cells[3] = np.inf, np.inf
        return cells
    last = np.searchsorted(hour, now.astype(np.int64), side="right") - 1
    some = last >= 0
    cells[0] = np.where(some, level[last], 0.0)
    seen = hour[hour >= begin] - begin
    cells[1, seen] = 1.0
    cells[2] = np.where(some, now - at[last], np.inf)
    cells[3] = _since_emptied(now, hour[kind == 1], at[kind == 1])
    cells[4] = np.concatenate([[0.0], _grown(at, level, kind)])[last + 1]
    cells[5] = np.where(some, np.maximum(now - at[0], 0.0), 0.0)
    return cells


def _since_emptied(now: Floats, hour: Ints, at: Floats) -> Floats:
    if not len(at):
        return np.full(len(now), np.inf)
    last = np.searchsorted(hour, now.astype(np.int64), side="right") - 1
    return np.where(last >= 0, now - at[np.maximum(last, 0)], np.inf)


def _grown(at: Floats, level: Floats, kind: Floats) -> Floats:
    """Points grown up to each piece of news, (k,)."""
    step = np.where(kind == 1, 0.0, np.diff(level, prepend=level[0]))
    before = np.concatenate([[0.0], level[:-1]])
    hidden = (before >= FULL_PCT) & (np.concatenate([[0.0], kind[:-1]]) == 0)
    hidden &= (kind == 1) | (level >= FULL_PCT)
    return _total(step, np.diff(at, prepend=at[0]), ~hidden)


def _total(step: Floats, lasting: Floats, shown: npt.NDArray[np.bool_]) -> Floats:
    """The steps added up; one that was not shown is the mean of those before it, for a day at most."""
    total = np.cumsum(np.where(shown, step, 0.0)) + PRIOR_RATE * FIRST_WEEK_H
    mean = np.maximum(total / (np.cumsum(np.where(shown, lasting, 0.0)) + FIRST_WEEK_H), SLOWEST)
    return np.cumsum(np.where(shown, step, mean * np.minimum(lasting, 24.0)))


def growth_line(history: BinHistory) -> tuple[Floats, Floats]:
    """(hour, points grown up to then) at each piece of news, of bins with readings or with emptyings alone.

    What an emptying found came in since the one before; reported in steps, it counts as the middle of its step.
    """
    if np.isfinite(history.readings).sum() >= FEWEST_READINGS:
        at, level, kind = news(history)
        return at, _grown(at, level, kind)
    at = hours(history.emptied_at)
    lasting = np.diff(at, prepend=at[:1])
    shown = np.isfinite(history.levels) & (lasting >= SHORTEST_HOURS) & (lasting <= LONGEST_HOURS)
    return at, _total(np.where(shown, history.levels + history.step_pct / 2, 0.0), lasting, shown)
