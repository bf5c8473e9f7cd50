"""Falls of a bin's level, those that count as emptyings and those that are too small for it.

A crew that empties a bin at a quarter leaves a fall that sensor noise could have made: no emptying is seen, and the
window in which it came has "no collection". Where such falls come at the same hours of the week, they can be told.
Read through `Known`: nothing beyond what was settled at each row's moment.
"""

from __future__ import annotations

import numpy as np

from engines.forecast.columns import Ints
from engines.forecast.history import Floats
from engines.forecast.known import SPAN_H, Known, on_grid

NAMES = ("fell_8w", "fell_26w", "fell_days", "since_fell_h", "falls_to", "falls_from")
FALL_PCT = 8.0  # of the smoothed level, from one reading to the next
WEEKS_26_H, DAYS_7_H = 168.0 * np.arange(1.0, 27.0), 24.0 * np.arange(1.0, 8.0)
USUAL = 6  # falls that "usual" means


def falls(known: Known, begin: Floats, end: Floats) -> dict[str, Floats]:
    """By name, (m,): the share of the last 8 and 26 weeks, and 7 days, with a fall in the same hours; hours since the
    last one; the mean level after and before the last six. NaN where nothing is known."""
    tracks = known.tracks
    fell = _fell(tracks.smooth, tracks.first)
    count, place = np.cumsum(fell), np.append(np.flatnonzero(fell), 0)
    weeks, days = (_came(known, count, begin - lag[:, None], end - lag[:, None]) for lag in (WEEKS_26_H, DAYS_7_H))
    first, settled = tracks.first[known.bin], np.maximum(known.newest - 1, tracks.first[known.bin])
    last = count[settled][None, :] - 1 - np.arange(USUAL)[:, None]
    there, at = last >= count[first], place[np.maximum(last, 0)]
    after = np.minimum(tracks.smooth[at], tracks.smooth[np.minimum(at + 1, settled)])
    return {
        "fell_8w": _mean(weeks[:8]),
        "fell_26w": _mean(weeks),
        "fell_days": _mean(days),
        "since_fell_h": np.where(there[0], known.newest_at - tracks.at[at[0]], np.nan),
        "falls_to": _mean(np.where(there, after, np.nan)),
        "falls_from": _mean(np.where(there, tracks.smooth[np.maximum(at - 1, 0)], np.nan)),
    }


def _fell(smooth: Floats, first: Ints) -> np.ndarray:
    """Which readings end a fall; one that goes on falling counts once. A bin's first reading ends none."""
    step = np.diff(smooth, prepend=smooth[:1])
    step[first] = 0.0
    fell = step <= -FALL_PCT
    return np.asarray(fell & ~np.concatenate([[False], fell[:-1]]))


def _came(known: Known, count: Ints, begin: Floats, end: Floats) -> Floats:
    """1 where a fall came between two moments, 0 where none did, NaN where that is not wholly known; (k, m)."""
    sure = (end <= known.settled_at + 1e-9) & (begin >= known.first_at)
    inside = [np.clip(at, known.first_at, known.settled_at) for at in (begin, end)]
    places = [np.searchsorted(known.tracks.axis, on_grid(at) + known.bin * SPAN_H, side="right") - 1 for at in inside]
    return np.where(sure, (count[places[1]] > count[places[0]]).astype(np.float64), np.nan)


def _mean(values: Floats) -> Floats:
    """Mean over the first axis of what is known, added up one after the other; NaN where nothing is."""
    seen = np.isfinite(values)
    summed = np.add.accumulate(np.where(seen, values, 0.0), axis=0)[-1]
    number = seen.sum(axis=0)
    return np.where(number > 0, summed / np.maximum(number, 1), np.nan)
