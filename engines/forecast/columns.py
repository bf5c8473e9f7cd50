"""All histories as flat columns, one row per fill interval: what fitting and measuring share.

An interval begins with an emptying (level 0) or a reading (its level) and ends with the next level known, with no
emptying between. What grew in it is interval-censored: a report of 60 in steps of 20 says "from 60 to below 80".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast.history import BinHistory, Floats

Ints = npt.NDArray[np.int64]
MOST_GROWTH_PCT = 400.0  # upper end of what "full or more" may mean
SHORTEST_HOURS = 3.0  # Berkeley's pairs of emptyings closer than this repeat one level: double records, not fills
LONGEST_HOURS = 60 * 24.0  # a longer silence is a bin out of use
THIN_HOURS = (6.0, 24.0)  # readings are compared with the ones about so much later


@dataclass(frozen=True, eq=False)
class Intervals:
    """Columns of equal length n. Hours count from 1970-01-01 local; `low`, `high` bound the growth in points."""

    bin: Ints
    start: Floats
    end: Floats
    base: Floats
    low: Floats
    high: Floats
    from_reading: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.bin)

    def where(self, mask: npt.NDArray[np.bool_] | Ints) -> Intervals:
        """The rows of a mask or of indices."""
        return Intervals(
            self.bin[mask], self.start[mask], self.end[mask], self.base[mask],
            self.low[mask], self.high[mask], self.from_reading[mask],
        )  # fmt: skip


def hours(times: npt.NDArray[np.datetime64]) -> Floats:
    """Hours since 1970-01-01, local."""
    return np.asarray(times.astype("datetime64[s]").astype(np.int64) / 3600.0, dtype=np.float64)


def intervals(histories: Sequence[BinHistory]) -> Intervals:
    """Every usable interval of every bin, in order of bin and end."""
    parts: list[tuple[Floats, ...]] = []
    for index, history in enumerate(histories):
        emptied = hours(history.emptied_at)
        parts.append(_between_emptyings(index, history, emptied))
        if len(history.readings):
            parts.extend(_between_readings(index, history, emptied))
    if not parts:
        parts = [tuple(np.empty(0) for _ in range(7))]
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Intervals(
        columns[0].astype(np.int64), columns[1], columns[2], columns[3], columns[4], columns[5],
        columns[6].astype(np.bool_),
    )  # fmt: skip


def _between_emptyings(index: int, history: BinHistory, emptied: Floats) -> tuple[Floats, ...]:
    level = history.levels[1:]
    length = np.diff(emptied)
    keep = np.isfinite(level) & (length >= SHORTEST_HOURS) & (length <= LONGEST_HOURS)
    low = level[keep]
    high = np.where(low >= 100, MOST_GROWTH_PCT, low + history.step_pct)
    nothing = np.zeros(len(low))
    return np.full(len(low), float(index)), emptied[:-1][keep], emptied[1:][keep], nothing, low, high, nothing


def _between_readings(index: int, history: BinHistory, emptied: Floats) -> list[tuple[Floats, ...]]:
    at = hours(history.read_at)
    cycle = np.searchsorted(emptied, at, side="right")
    parts: list[tuple[Floats, ...]] = []
    for ahead in THIN_HOURS:
        first = np.unique(np.searchsorted(at, np.arange(at[0], at[-1], ahead)))
        later = np.searchsorted(at, at[first] + ahead * 0.9)
        fits = later < len(at)
        first, later = first[fits], later[fits]
        keep = (cycle[first] == cycle[later]) & (at[later] - at[first] <= 2 * ahead)
        first, later = first[keep], later[keep]
        base, end = history.readings[first], history.readings[later]
        high = np.where(end >= 100, MOST_GROWTH_PCT, end - base + history.step_pct)
        parts.append(
            (np.full(len(first), float(index)), at[first], at[later], base, end - base, high, np.ones(len(first)))
        )
    return parts
