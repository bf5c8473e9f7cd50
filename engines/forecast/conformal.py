"""Bands that hold what they say: split-conformal offsets by hours ahead, stream, fill band and whether the bin is
emptied meanwhile, kept right while in use.

Three bands are calibrated, 50, 80 and 90 %: each is made wider or narrower by the points that would have held its
share of windows that no member had seen (conformalized quantile regression; Romano, Patterson and Candes, NeurIPS
2019). In use each day's outcomes move their cells' offsets a little, out where too many missed and in where too few
did, so that coverage survives drift (adaptive conformal inference, Gibbs and Candes, NeurIPS 2021, in points: quantile
tracking, Angelopoulos, Candes and Tibshirani, NeurIPS 2023). A day moves a cell by the share that missed, not by how
many did: a city with ten times the bins learns as fast as another. Hours ahead have finer ranges here than for weights
(`stack.py`): bands that hold at two days do not at three, nor those of a week at two weeks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Ints
from engines.forecast.history import Floats
from engines.forecast.member import MEDIAN, SHARES_OUT

PAIRS = ((2, 4), (1, 5), (0, 6))
"""Places in SHARES_OUT of the ends of each band."""
MISSES = tuple(1 - (SHARES_OUT[high] - SHARES_OUT[low]) for low, high in PAIRS)
FILL_BANDS = (20.0, 40.0, 60.0, 80.0)
LENGTH_ENDS_H = (8.0, 16.0, 30.0, 60.0, 96.0, 240.0)
"""Ends of the ranges of hours ahead that have offsets of their own; the seventh range has no end."""
FEWEST_ROWS = 200
PACE_PCT = 3.0  # points that a day on which all of many outcomes missed moves an offset, less the usual share
LATE_PACE_PCT = 5.0  # the same of the last range, whose outcomes come when one to two weeks have passed
HALF_PACE_AT = 8.0  # outcomes of a day at which a cell goes half by its own share, and all move by half of that
DAY_H = 24.0
FARTHEST_PCT = 30.0
Key = tuple[int, str, int, int]
"""Range of hours ahead, stream, fill band, 1 where an emptying lies between and 0 where none does; "" and -1 stand for
all."""


@dataclass(frozen=True, eq=False)
class Told:
    """What members said of k windows before any offset, (k, 7), NaN where none could tell, what was found there, (k,),
    when, in hours since 1970, (k,), and the cells."""

    levels: Floats
    found: Floats
    ends: Floats
    keys: list[Key]


@dataclass(frozen=True, eq=False)
class Offsets:
    """Points by which the three bands are widened (below 0: narrowed), by cell, (3,) each."""

    of: dict[Key, Floats]

    def at(self, key: Key) -> Floats:
        """Those of a cell, or of the next wider one that had outcomes enough, or of the nearest range of hours ahead
        that has some; zeros without any."""
        for length in sorted(range(len(LENGTH_ENDS_H) + 1), key=lambda each: abs(each - key[0])):
            nearest = (length, *key[1:])
            for each in (nearest, *_wider(nearest)):
                if each in self.of:
                    return self.of[each]
        return np.zeros(len(PAIRS))

    def applied(self, levels: Floats, keys: Sequence[Key]) -> Floats:
        """Levels (k, 7) with their cells' offsets: within 0 to 100, never crossing, the median as it was."""
        table = {key: self.at(key) for key in dict.fromkeys(keys)}
        offsets = np.array([table[key] for key in keys]).reshape(len(levels), len(PAIRS))
        moved = levels.copy()
        for column, (low, high) in enumerate(PAIRS):
            moved[:, low] -= offsets[:, column]
            moved[:, high] += offsets[:, column]
        middle = levels[:, MEDIAN : MEDIAN + 1]
        below, above = moved[:, :MEDIAN], moved[:, MEDIAN + 1 :]
        below = np.minimum.accumulate(np.minimum(below, middle)[:, ::-1], axis=1)[:, ::-1]
        above = np.maximum.accumulate(np.maximum(above, middle), axis=1)
        return np.asarray(np.clip(np.concatenate([below, middle, above], axis=1), 0.0, 100.0))

    def after(self, levels: Floats, truth: Floats, keys: Sequence[Key]) -> Offsets:
        """The offsets once a day's outcomes have come: `levels` (k, 7) before any offset, as the members gave them.

        Every cell of a range of hours ahead and kind of window moves with it: by its own share that missed, as far as
        its own outcomes are many, and else by that of the whole."""
        told = self.applied(levels, keys)
        missed = np.stack([(truth < told[:, low]) | (truth > told[:, high]) for low, high in PAIRS], axis=1)
        rows: dict[Key, list[int]] = {}
        for row, key in enumerate(keys):
            for each in (key, *_of_its_kind(key)):
                rows.setdefault(each, []).append(row)
        new = dict(self.of)
        for key in dict.fromkeys([*self.of, *keys]):
            every = rows.get(_of_its_kind(key)[-1], [])
            if every:
                share, own = missed[every].mean(axis=0), rows.get(key, [])
                if own:
                    share = share + _trust(len(own)) * (missed[own].mean(axis=0) - share)
                pace = LATE_PACE_PCT if key[0] == len(LENGTH_ENDS_H) else PACE_PCT
                move = pace * _trust(len(every)) * (share - np.array(MISSES))
                new[key] = np.clip(self.at(key) + move, -FARTHEST_PCT, FARTHEST_PCT)
        return Offsets(new)

    def carried(self, told: Told, since: float | Floats = -np.inf, until: float = np.inf) -> Offsets:
        """The offsets after the outcomes that came after `since`, of all or of each (k,), and up to `until`, learnt day
        by day."""
        known = np.isfinite(told.levels).all(axis=1)
        come = np.flatnonzero(known & (told.ends > since) & (told.ends <= until))
        days = np.ceil(told.ends[come] / DAY_H)
        offsets = self
        for day in np.unique(days):
            rows = come[days == day]
            offsets = offsets.after(told.levels[rows], told.found[rows], [told.keys[row] for row in rows])
        return offsets


def keys_of(ahead_h: Floats, streams: Sequence[str], level: Floats, emptied: npt.NDArray[np.bool_]) -> list[Key]:
    """The cell of each of k windows: hours ahead, stream, the level at the origin, whether an emptying lies between."""
    lengths = length_of(ahead_h)
    fills = np.searchsorted(FILL_BANDS, level, side="right")
    return [(int(b), str(s), int(f), int(e)) for b, s, f, e in zip(lengths, streams, fills, emptied, strict=True)]


def length_of(ahead_h: Floats) -> Ints:
    """In which range of hours ahead each lies, by LENGTH_ENDS_H."""
    return np.asarray(np.searchsorted(LENGTH_ENDS_H, ahead_h - 1e-9, side="left"), dtype=np.int64)


def fit_offsets(levels: Floats, truth: Floats, keys: Sequence[Key]) -> Offsets:
    """Offsets from k windows that no member had seen; cells with fewer than 200 are left to wider ones."""
    rows: dict[Key, list[int]] = {}
    for row, key in enumerate(keys):
        for each in (key, *_wider(key)):
            rows.setdefault(each, []).append(row)
    known = np.asarray(np.isfinite(levels).all(axis=1))
    found: dict[Key, Floats] = {}
    for key, which in rows.items():
        mine = np.array(which)[known[which]]
        if len(mine) >= FEWEST_ROWS:
            found[key] = np.array([_offset(levels[mine], truth[mine], pair) for pair in range(len(PAIRS))])
    return Offsets(found)


def _offset(levels: Floats, truth: Floats, pair: int) -> float:
    """The conformal quantile of how far truths lie outside the band (below 0: how deep inside)."""
    low, high = levels[:, PAIRS[pair][0]], levels[:, PAIRS[pair][1]]
    out = np.maximum(low - truth, truth - high)
    share = min(1.0, (1 - MISSES[pair]) * (1 + 1 / len(out)))
    return float(np.clip(np.quantile(out, share, method="higher"), -FARTHEST_PCT, FARTHEST_PCT))


def _trust(outcomes: int) -> float:
    return outcomes / (outcomes + HALF_PACE_AT)


def _of_its_kind(key: Key) -> tuple[Key, ...]:
    """Wider cells of the same range of hours ahead and kind of window, the nearest first."""
    length, stream, fill, emptied = key
    return (length, "", fill, emptied), (length, stream, -1, emptied), (length, "", -1, emptied)


def _wider(key: Key) -> tuple[Key, ...]:
    """Wider cells, the nearest first: of its kind of window, then of windows with and without an emptying alike."""
    length, stream, fill, _ = key
    return (
        *_of_its_kind(key),
        (length, stream, fill, -1),
        (length, "", fill, -1),
        (length, stream, -1, -1),
        (length, "", -1, -1),
    )
