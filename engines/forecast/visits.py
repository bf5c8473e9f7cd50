"""What was known of a bin before a crew came: one row of features per visit, past or planned.

Of the bin itself everything before the visit is known; of the other bins what was known at the midnight before it,
when rounds are planned. Later rows of a history are not looked at, so the same function serves training on the past
and asking about tomorrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import LONGEST_HOURS, SHORTEST_HOURS, Ints, hours
from engines.forecast.history import BinHistory, Floats

VISITS_VERSION = 1
LAST = 5  # levels looked back at one by one
SHORT, LONG, GAPS = 5.0, 20.0, 8.0  # half-lives of running means, in emptyings
FLEET_DAYS = (3, 14, 28)
MOST_HALVINGS = (
    900.0  # a float halves no oftener: after 900 half-lives (12 years of days) a running mean forgets no more
)
NAMES = (
    "hours_since", "weekday", "hour", "day_of_year", "stream",
    *(f"level_{k}" for k in range(1, LAST + 1)), *(f"hours_{k}" for k in (1, 2, 3)), *(f"pace_{k}" for k in (1, 2, 3)),
    "mean_level_short", "mean_level_long", "mean_pace_short", "mean_pace_long", "mean_hours", "hours_ratio",
    "expected_short", "expected_long", *(f"stream_level_{days}d" for days in FLEET_DAYS), "site_level_14d",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Visits:
    """n visits: `bin` the index of its history, `at` hours since 1970 local wall clock, and whether the bin had told
    by then that it is full (`alerted`: 1, 0, NaN where that is not known)."""

    bin: Ints
    at: Floats
    alerted: Floats

    def __post_init__(self) -> None:
        if not (self.bin.shape == self.at.shape == self.alerted.shape) or self.at.ndim != 1:
            raise BadData("visits: bins, moments and alerts differ in number")
        if not np.isfinite(self.at).all():
            raise BadData("visits: each needs a moment")

    def __len__(self) -> int:
        return len(self.bin)

    def where(self, mask: npt.NDArray[np.bool_]) -> Visits:
        """The visits of a mask."""
        return Visits(self.bin[mask], self.at[mask], self.alerted[mask])


def past_visits(
    histories: Sequence[BinHistory], alerted: Sequence[Floats] | None = None
) -> tuple[Visits, Floats, Floats]:
    """(visits, levels found, hours since the emptying before) of all emptyings that say something about filling.

    Left out are a bin's first one, those without a level, and those too soon or too long after the one before.
    `alerted` has one array per history, as long as its emptyings.
    """
    parts: list[tuple[Floats, ...]] = []
    for index, history in enumerate(histories):
        at, level = hours(history.emptied_at), history.levels
        told = np.full(len(at), np.nan) if alerted is None else np.asarray(alerted[index], dtype=np.float64)
        if told.shape != at.shape:
            raise BadData(f"bin {history.bin_id}: alerts and emptyings differ in number")
        since = np.diff(at, prepend=np.nan)
        keep = np.isfinite(level) & (since >= SHORTEST_HOURS) & (since <= LONGEST_HOURS)
        parts.append((np.full(int(keep.sum()), float(index)), at[keep], told[keep], level[keep], since[keep]))
    columns = [np.concatenate(each) for each in zip(*parts, strict=True)] if parts else [np.empty(0)] * 5
    return Visits(columns[0].astype(np.int64), columns[1], columns[2]), columns[3], columns[4]


def visit_features(histories: Sequence[BinHistory], visits: Visits, streams: Sequence[str]) -> Floats:
    """(n, len(NAMES)), NaN where nothing is known. `streams` numbers the streams; one not in it is NaN."""
    table = np.full((len(visits), len(NAMES)), np.nan)
    place = {name: column for column, name in enumerate(NAMES)}
    code = {stream: float(number) for number, stream in enumerate(streams)}
    table[:, place["weekday"]] = np.floor((visits.at / 24.0 + 3) % 7)  # 1970-01-01 was a Thursday
    table[:, place["hour"]] = visits.at % 24
    table[:, place["day_of_year"]] = _day_of_year(visits.at)
    own = slice(place["level_1"], place["stream_level_3d"])
    order = np.argsort(visits.bin, kind="stable")
    edges = np.searchsorted(visits.bin[order], np.arange(len(histories) + 1))
    for index, history in enumerate(histories):
        rows = order[edges[index] : edges[index + 1]]
        if len(rows):
            table[rows, place["stream"]] = code.get(history.stream, np.nan)
            table[rows, 0], table[rows, own] = _own_past(history, visits.at[rows])
    day = np.floor(visits.at / 24.0).astype(np.int64)
    fleet = _LevelsByDay(histories, [history.stream for history in histories])
    for column, days in enumerate(FLEET_DAYS):
        table[:, place["stream_level_3d"] + column] = fleet.mean_before(visits.bin, day, days)
    around = _LevelsByDay(histories, [history.site_id for history in histories])
    table[:, place["site_level_14d"]] = around.mean_before(visits.bin, day, FLEET_DAYS[1])
    return table


def _own_past(history: BinHistory, at: Floats) -> tuple[Floats, Floats]:
    """(hours since the last emptying, the bin's own columns from `level_1` on) for visits at the hours `at`."""
    emptied, level = hours(history.emptied_at), history.levels
    first = np.diff(emptied, prepend=-np.inf) >= SHORTEST_HOURS  # a second record of one emptying says nothing new
    emptied, level = emptied[first], level[first]
    gap = np.diff(emptied, prepend=np.nan)
    pace = level / np.maximum(gap, 6.0)
    count = np.searchsorted(emptied, at - 1e-6)
    since = at - _back(emptied, count, 1)
    means = [_running(values, life)[count] for values, life in
             ((level, SHORT), (level, LONG), (pace, SHORT), (pace, LONG), (gap, GAPS))]  # fmt: skip
    columns = [_back(level, count, k) for k in range(1, LAST + 1)]
    columns += [_back(gap, count, k) for k in (1, 2, 3)] + [_back(pace, count, k) for k in (1, 2, 3)]
    columns += [*means, since / means[4], means[2] * since, means[3] * since]
    return since, np.stack(columns, axis=1)


def _back(values: Floats, count: Ints, steps: int) -> Floats:
    """The value `steps` before the first `count` ones' end; NaN where there are fewer."""
    padded = np.concatenate([np.full(steps, np.nan), values])
    return np.asarray(padded[count])


def _running(values: Floats, half_life: float) -> Floats:
    """Weighted mean of the first i values, for i = 0..n; each counts half as much as one `half_life` later."""
    known = np.isfinite(values)
    weight = np.exp2(np.minimum(np.arange(len(values)) / half_life, MOST_HALVINGS))
    total = np.cumsum(np.where(known, values, 0.0) * weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total / np.cumsum(known * weight)
    return np.concatenate([[np.nan], mean])


class _LevelsByDay:
    """Mean level found in a group of bins over the days before a day."""

    def __init__(self, histories: Sequence[BinHistory], groups: Sequence[str]) -> None:
        names = {name: number for number, name in enumerate(dict.fromkeys(groups))}
        self._group = np.array([names[name] for name in groups], dtype=np.int64)
        days = [np.floor(hours(history.emptied_at) / 24.0).astype(np.int64) for history in histories]
        some = [each for each in days if len(each)]
        self._first = int(min(each.min() for each in some)) if some else 0
        size = int(max(each.max() for each in some)) - self._first + 1 if some else 0
        total, count = np.zeros((len(names), size)), np.zeros((len(names), size))
        for group, day, history in zip(self._group, days, histories, strict=True):
            known = np.isfinite(history.levels)
            np.add.at(total[group], day[known] - self._first, history.levels[known])
            np.add.at(count[group], day[known] - self._first, 1.0)
        zero = np.zeros((len(names), 1))
        self._total, self._count = (np.cumsum(np.hstack([zero, each]), axis=1) for each in (total, count))

    def mean_before(self, bins: Ints, day: Ints, window: int) -> Floats:
        """Mean level in each bin's group over the `window` days before `day`; NaN where nothing was found."""
        group, last = self._group[bins], self._total.shape[1] - 1
        end = np.clip(day - self._first, 0, last)
        begin = np.clip(day - self._first - window, 0, last)
        count = self._count[group, end] - self._count[group, begin]
        total = self._total[group, end] - self._total[group, begin]
        return np.where(count > 0, total / np.maximum(count, 1.0), np.nan)


def _day_of_year(at: Floats) -> Floats:
    date = (at * 3600).astype(np.int64).astype("datetime64[s]").astype("datetime64[D]")
    return np.asarray((date - date.astype("datetime64[Y]")).astype(np.float64)) + 1.0
