"""Windows of the past whose outcome is known: what members learn from and are scored on.

An origin is a reading; the window ends with the reading nearest to so many hours later, at most 3 h off: members are
asked about that reading's own moment. The emptyings that lay between are the plan, as an operator would have told it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Ints, hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.member import Windows, padded

NEAREST_H = 3.0
OVERFLOW_PCT = 80.0
GOLDEN = 0.618034  # places times this, without whole parts, lie evenly from 0 to 1
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """n windows of one horizon and how they ended, (n,) each.

    `windows` carries the true emptyings as the plan. `level`: the reading at the origin; `found`: the one at the end,
    as it came; `smooth`: the median of that and its neighbours. `emptied`: whether an emptying lies between.
    `overflows`: whether two readings in a row, after the origin and up to the end, are at `OVERFLOW_PCT` or above.
    `bin`: the place of the bin in the histories given.
    """

    windows: Windows
    bin: Ints
    level: Floats
    found: Floats
    smooth: Floats
    emptied: Mask
    overflows: Mask

    def __len__(self) -> int:
        return len(self.found)

    @property
    def streams(self) -> npt.NDArray[np.object_]:
        """The stream of each window."""
        return np.array([history.stream for history in self.windows.histories], dtype=object)

    def where(self, rows: Mask | Ints) -> Outcomes:
        """The windows of a mask or of indices."""
        return Outcomes(
            self.windows.where(rows), self.bin[rows], self.level[rows], self.found[rows], self.smooth[rows],
            self.emptied[rows], self.overflows[rows],
        )  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Origins from `since` and outcomes before `until` (hours since 1970 local), one a bin in each `every_h`.

    `staggered`: the slots of each bin begin at another moment, so that few windows of many bins lie on all days."""

    since: float = -np.inf
    until: float = np.inf
    every_h: float = 0.0
    staggered: bool = False


def past_windows(histories: Sequence[BinHistory], ahead_h: float, span: Span) -> Outcomes:
    """All windows of `ahead_h` hours in the span, by bin and time."""
    parts = [
        _of_bin(history, ahead_h, span, place * GOLDEN % 1 * span.every_h if span.staggered else 0.0)
        for place, history in enumerate(histories)
    ]
    counts = [len(part.origin) for part in parts]
    columns = [np.concatenate([np.empty(0), *(part.columns[i] for part in parts)]) for i in range(6)]
    chosen = [history for history, count in zip(histories, counts, strict=True) for _ in range(count)]
    plans = [plan for part in parts for plan in part.plans]
    at, level, found, smooth, overflows, shift = columns
    windows = Windows(chosen, at, np.array([ahead_h]), padded(plans, -np.inf), shift)
    emptied = np.array([len(plan) > 0 for plan in plans], dtype=np.bool_)
    bins = np.repeat(np.arange(len(parts)), np.array(counts, dtype=np.int64))
    return Outcomes(windows, bins, level, found, smooth, emptied, overflows.astype(np.bool_))


@dataclass(frozen=True, eq=False)
class _Part:
    origin: Ints
    columns: tuple[Floats, ...]
    plans: list[Floats]


def _of_bin(history: BinHistory, ahead_h: float, span: Span, late_h: float) -> _Part:
    read = np.isfinite(history.readings)
    at, level, emptied = hours(history.read_at[read]), history.readings[read], hours(history.emptied_at)
    origin = _thinned(at, np.flatnonzero((at >= span.since) & (at < span.until)), span.every_h, late_h)
    if not len(origin):
        return _Part(origin, (np.empty(0),) * 6, [])
    end = at[origin] + ahead_h
    right = np.searchsorted(at, end)
    left, right = np.maximum(right - 1, 0), np.minimum(right, len(at) - 1)
    near = np.where(np.abs(at[left] - end) <= np.abs(at[right] - end), left, right)
    known = (np.abs(at[near] - end) <= NEAREST_H) & (near > origin) & (at[near] < span.until)
    origin, near, end = origin[known], near[known], end[known]
    first, last = (np.searchsorted(emptied, each, side="right") for each in (at[origin], at[near]))
    plans = [emptied[a:b] for a, b in zip(first, last, strict=True)]
    twice = np.concatenate([[0], np.cumsum((level[:-1] >= OVERFLOW_PCT) & (level[1:] >= OVERFLOW_PCT))])
    overflows = (twice[near] - twice[np.minimum(origin + 1, near)]) > 0
    around = np.stack([level[np.maximum(near - 1, 0)], level[near], level[np.minimum(near + 1, len(at) - 1)]])
    smooth = np.median(around, axis=0)
    columns = (at[origin], level[origin], level[near], smooth, overflows.astype(np.float64), at[near] - end)
    return _Part(origin, columns, plans)


def _thinned(at: Floats, origin: Ints, every_h: float, late_h: float) -> Ints:
    """The first origin of each slot of `every_h` hours, slots beginning `late_h` later."""
    if every_h <= 0 or not len(origin):
        return origin
    return origin[np.unique(np.floor((at[origin] - late_h) / every_h), return_index=True)[1]]
