"""The naive answers to the same windows: the last value, a straight line, a rate by the hour of the week.

Each is told the plan as the members are: after an emptying it starts at the level that this bin usually has then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.member import Windows

WEEK_H = 168
MONDAY_SHIFT_H = 72  # 1970-01-01 was a Thursday
FRESH_PCT = 10.0  # after an emptying, where a bin shows none in its past


@dataclass(frozen=True, eq=False)
class HourTable:
    """Points that grow in each hour of the week, Monday first: by bin, by stream and over all, (168,) each."""

    bins: dict[str, Floats]
    streams: dict[str, Floats]
    overall: Floats

    def of(self, history: BinHistory) -> Floats:
        """The bin's table, or its stream's where the bin was not in the training part."""
        return self.bins.get(history.bin_id, self.streams.get(history.stream, self.overall))


def fit_hour_table(histories: Sequence[BinHistory]) -> HourTable:
    """Mean growth by hour of the week between readings without an emptying between them."""
    sums = {history.bin_id: _sums(history) for history in histories}
    streams = {h.stream: _mean([sums[o.bin_id] for o in histories if o.stream == h.stream]) for h in histories}
    return HourTable({name: _mean([each]) for name, each in sums.items()}, streams, _mean([*sums.values()]))


def _sums(history: BinHistory) -> Floats:
    """(2, 168): points grown and hours seen in each hour of the week; what lies within one cycle only."""
    at, emptied = hours(history.read_at), hours(history.emptied_at)
    if len(at) < 2:
        return np.zeros((2, WEEK_H))
    length = np.diff(at)
    same = np.searchsorted(emptied, at[:-1], side="right") == np.searchsorted(emptied, at[1:], side="right")
    same &= length <= WEEK_H
    grown = np.concatenate([[0.0], np.cumsum(np.where(same, np.diff(history.readings), 0.0))])
    seen = np.concatenate([[0.0], np.cumsum(np.where(same, length, 0.0))])
    grid = np.arange(np.floor(at[0]), at[-1] + 1)
    place = ((grid[:-1] + MONDAY_SHIFT_H) % WEEK_H).astype(np.int64)
    return np.stack([np.bincount(place, np.diff(np.interp(grid, at, each)), WEEK_H) for each in (grown, seen)])


def _mean(sums: Sequence[Floats]) -> Floats:
    points, seen = (np.sum([each[i] for each in sums], axis=0) if sums else np.zeros(WEEK_H) for i in range(2))
    overall = points.sum() / max(float(seen.sum()), 1.0)
    return np.asarray(np.where(seen > 0, points / np.maximum(seen, 1e-9), overall))


# ---------------------------------------------------------------- answers, (n,) in percent


def last_value(windows: Windows) -> Floats:
    """The level at the origin stays; after a planned emptying, the usual level after one."""
    return _told(windows, np.zeros(len(windows)))


def line(windows: Windows) -> Floats:
    """The rate since the last emptying goes on; after a planned emptying, for the hours since."""
    rate = np.zeros(len(windows))
    for history, rows in windows.by_bin():
        at, emptied = hours(history.read_at), hours(history.emptied_at)
        now = np.searchsorted(at, windows.at[rows], side="right") - 1
        past = np.searchsorted(emptied, windows.at[rows], side="right") - 1
        begin = np.where(past >= 0, emptied[np.maximum(past, 0)] if len(emptied) else at[0], at[0])
        first = np.minimum(np.searchsorted(at, begin), len(at) - 1)
        length = np.maximum(at[now] - at[first], 1.0)
        rate[rows] = np.maximum((history.readings[now] - history.readings[first]) / length, 0.0)
    begin = np.where(np.isfinite(windows.last_emptied()[:, 0]), windows.last_emptied()[:, 0], windows.at)
    return _told(windows, rate * (windows.ends[:, 0] - begin))


def hour_of_week(windows: Windows, table: HourTable) -> Floats:
    """The mean growth of each hour of the week is added up."""
    begin = np.where(np.isfinite(windows.last_emptied()[:, 0]), windows.last_emptied()[:, 0], windows.at)
    grown = np.zeros(len(windows))
    for history, rows in windows.by_bin():
        rates = table.of(history)
        edges = np.concatenate([[0.0], np.cumsum(rates)])
        total = [
            week * edges[-1] + np.interp(hour, np.arange(WEEK_H + 1.0), edges)
            for week, hour in (
                np.divmod(at + MONDAY_SHIFT_H, float(WEEK_H)) for at in (begin[rows], windows.ends[rows, 0])
            )
        ]
        grown[rows] = total[1] - total[0]
    return _told(windows, grown)


def _told(windows: Windows, grown: Floats) -> Floats:
    """Growth on top of the reading at the origin, or of the usual level after an emptying where one is planned."""
    start = np.zeros(len(windows))
    emptied = np.isfinite(windows.last_emptied()[:, 0])
    for history, rows in windows.by_bin():
        at = hours(history.read_at)
        now = np.searchsorted(at, windows.at[rows], side="right") - 1
        fresh = history.readings[
            np.searchsorted(history.read_at, history.emptied_at)[: len(history.emptied_at)] % len(at)
        ]
        seen = np.searchsorted(hours(history.emptied_at), windows.at[rows], side="right")
        usual = np.array([fresh[:count][-5:].mean() if count else FRESH_PCT for count in seen])
        start[rows] = np.where(emptied[rows], usual, history.readings[now])
    return np.clip(start + grown, 0.0, 100.0)
