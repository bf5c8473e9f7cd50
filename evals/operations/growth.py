"""How fast bins really filled: growth taken from records, spread over hours, and drawn again for each seed.

Nothing here knows the forecaster: no rate is fitted per bin, nothing is shrunk. What grew between two emptyings is what
was found; only when it grew inside that interval is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.forecast.history import BinHistory
from evals.operations.town import MONDAY_SHIFT_H, WEEK_H, Floats, Ints

LUMP_PCT = 5.0
"""Points that arrive at once. In Prague's readings the variance of 12-hour growth is 7 to 18 times its mean, the
sensor's noise and the difference of day and night in it. Equal lumps would make that ratio the lump: less than 7."""
SHORTEST_H = 3.0  # pairs of emptyings closer than this repeat one level: double records, not fills
LONGEST_H = 60 * 24.0  # a longer silence is a bin out of use
OVER_FULL_PCT = 20.0  # "100" is drawn from 100 to 120: how much lay beside the bin is not recorded
CLIPPED_PCT = 97.0  # an ultrasonic sensor does not see above this
BUCKET_H = 6
BUCKETS = WEEK_H // BUCKET_H
FLATTEN = (
    0.5  # pull of the profile towards a flat week, as a share of the data's own weight: hours are told apart poorly
)
BLOCK_WEEKS = 4


@dataclass(frozen=True, eq=False)
class Pieces:
    """Growth by interval: bin index, hours from and to, and the least and most points that grew in it."""

    bin: Ints
    start: Floats
    end: Floats
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.bin)

    def where(self, mask: np.ndarray) -> Pieces:
        """The rows of a mask."""
        return Pieces(self.bin[mask], self.start[mask], self.end[mask], self.low[mask], self.high[mask])


def pieces_of(histories: Sequence[BinHistory]) -> Pieces:
    """All intervals of all bins: from readings where a bin has them, else from emptyings."""
    parts = [_of_readings(h) if len(h.readings) > len(h.levels) else _of_emptyings(h) for h in histories]
    columns = [np.concatenate([part[i] for part in parts]) if parts else np.empty(0) for i in range(4)]
    index = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
    return Pieces(index.astype(np.int64), *columns)


def pieces_before(histories: Sequence[BinHistory], hour: float) -> Pieces:
    """What was known of growth at an hour (1970 local), from nothing later; `histories` end there.

    The interval that was open then had no end yet: it gets the bin's usual pace, as an unknown level does.
    """
    closed = pieces_of(histories)
    bins = len(histories)
    length = np.bincount(closed.bin, closed.end - closed.start, bins)
    pace = np.bincount(closed.bin, (closed.low + closed.high) / 2, bins) / np.maximum(length, 1e-9)
    last = np.full(bins, -np.inf)
    np.maximum.at(last, closed.bin, closed.end)
    open_ = np.flatnonzero((hour > last) & (hour - last <= LONGEST_H))
    grown = pace[open_] * (hour - last[open_])
    added = (open_, last[open_], np.full(len(open_), hour), grown, grown)
    known = (closed.bin, closed.start, closed.end, closed.low, closed.high)
    return Pieces(*(np.concatenate(pair) for pair in zip(known, added, strict=True)))


def _of_emptyings(history: BinHistory) -> tuple[Floats, Floats, Floats, Floats]:
    """Between emptyings: from the level found to the next step. An unknown level gets the bin's usual pace."""
    at = history.emptied_at.astype(np.int64) / 3600
    fresh = np.concatenate([[True], np.diff(at) >= SHORTEST_H])[: len(at)]
    at, level = at[fresh], history.levels[fresh]
    start, end, low = at[:-1], at[1:], level[1:].copy()
    usable = end - start <= LONGEST_H
    start, end, low = start[usable], end[usable], low[usable]
    high = np.where(low >= 100, low + OVER_FULL_PCT, low + history.step_pct)
    known = np.isfinite(low)
    if known.any():
        pace = float((low + high)[known].sum() / 2 / (end - start)[known].sum())
        low, high = (np.where(known, each, pace * (end - start)) for each in (low, high))
    else:
        start, end, low, high = (each[known] for each in (start, end, low, high))
    return start, end, low, high


def _of_readings(history: BinHistory) -> tuple[Floats, Floats, Floats, Floats]:
    """Between readings of one cycle: the rises of an isotonic fit (Barlow and others 1972) of the filtered readings.

    Where the sensor is at its upper end, growth goes on at the cycle's own pace.
    """
    from scipy.optimize import isotonic_regression  # heavy, so only where used

    at = history.read_at.astype(np.int64) / 3600
    cycle = np.searchsorted(history.emptied_at, history.read_at, side="right")
    found: list[tuple[Floats, Floats, Floats]] = []
    for each in np.unique(cycle):
        when, level = at[cycle == each], history.readings[cycle == each]
        if len(level) < 3:
            continue
        level = np.asarray(isotonic_regression(_without_spikes(level)).x, dtype=np.float64)
        found.append((when[:-1], when[1:], _beyond_the_sensor(when, level)))
    if not found:
        return np.empty(0), np.empty(0), np.empty(0), np.empty(0)
    start, end, grown = (np.concatenate(column) for column in zip(*found, strict=True))
    kept = end - start <= LONGEST_H
    return start[kept], end[kept], grown[kept], grown[kept]


def _without_spikes(level: Floats) -> Floats:
    """The median of three neighbours: a single wrong echo goes."""
    padded = np.concatenate([level[:1], level, level[-1:]])
    return np.asarray(np.median(np.stack([padded[:-2], padded[1:-1], padded[2:]]), axis=0))


def _beyond_the_sensor(when: Floats, level: Floats) -> Floats:
    """Rises between readings, those at the sensor's end replaced by the pace until then."""
    grown, length = np.diff(level), np.diff(when)
    clipped = level[:-1] >= CLIPPED_PCT
    before = float(length[~clipped].sum())
    if clipped.any() and before > 0:
        grown = np.where(clipped, length * float(grown[~clipped].sum()) / before, grown)
    return np.asarray(grown)


# ---------------------------------------------------------------- the hours of the week


def week_profile(pieces: Pieces) -> Floats:
    """Growth by hour of the week, Monday first, mean 1, in steps of 6 hours: shape (168,).

    Non-negative least squares (Lawson and Hanson 1974) of each interval's growth over its bin's mean pace on the hours
    that it spent in each step of the week.
    """
    from scipy.optimize import nnls  # heavy, so only where used

    if not len(pieces):
        return np.ones(WEEK_H)
    middle, length = (pieces.low + pieces.high) / 2, pieces.end - pieces.start
    pace = np.bincount(pieces.bin, middle) / np.maximum(np.bincount(pieces.bin, length), 1e-9)
    usable = pace[pieces.bin] > 0
    hours = _bucket_hours(pieces.start[usable], pieces.end[usable])
    weight = 1 / np.sqrt(np.maximum(hours.sum(axis=1), 1.0))
    wanted = middle[usable] / pace[pieces.bin[usable]]
    rows, sums = hours * weight[:, None], wanted * weight
    square = rows.T @ rows
    pull = FLATTEN * float(np.trace(square)) / BUCKETS
    corner = np.linalg.cholesky(square + pull * np.eye(BUCKETS)).T
    target = np.linalg.solve(corner.T, rows.T @ sums + pull * np.ones(BUCKETS))
    buckets = np.maximum(nnls(corner, target)[0], 1e-3)
    return np.repeat(buckets / buckets.mean(), BUCKET_H)


def _bucket_hours(start: Floats, end: Floats) -> Floats:
    """Hours of each interval in each step of the week, shape (n, 28)."""
    first = np.arange(BUCKETS) * float(BUCKET_H)

    def until(at: Floats) -> Floats:
        weeks, hour = np.divmod(at + MONDAY_SHIFT_H, WEEK_H)
        return np.asarray(weeks[:, None] * BUCKET_H + np.clip(hour[:, None] - first, 0, BUCKET_H))

    return until(end) - until(start)


# ---------------------------------------------------------------- drawing


@dataclass(frozen=True)
class Span:
    """Whole weeks of hours, from a Monday midnight (1970 local)."""

    first_h: int
    weeks: int

    @property
    def hours(self) -> int:
        """How many hours it has."""
        return self.weeks * WEEK_H


def draw_growth(pieces: Pieces, profile: Floats, span: Span, bins: int, rng: np.random.Generator) -> Floats:
    """Points that grew in each hour of the span, shape (bins, hours): each piece's growth in lumps by the profile."""
    near = pieces.where((pieces.end > span.first_h) & (pieces.start < span.first_h + span.hours))
    total = rng.uniform(near.low, np.maximum(near.high, near.low + 1e-9))
    lumps = np.maximum(1, np.rint(total / LUMP_PCT)).astype(np.int64)
    edges = np.concatenate([[0.0], np.cumsum(profile)])

    def worn(at: Floats) -> Floats:
        weeks, hour = np.divmod(at + MONDAY_SHIFT_H, WEEK_H)
        return np.asarray(weeks * edges[-1] + np.interp(hour, np.arange(WEEK_H + 1.0), edges))

    begin, beyond = (np.repeat(worn(each), lumps) for each in (near.start, near.end))
    weeks, rest = np.divmod(begin + rng.random(len(begin)) * (beyond - begin), edges[-1])
    hour = weeks * WEEK_H - MONDAY_SHIFT_H + np.interp(rest, edges, np.arange(WEEK_H + 1.0))
    place = np.floor(hour - span.first_h).astype(np.int64)
    inside = (place >= 0) & (place < span.hours)
    cell = np.repeat(near.bin, lumps)[inside] * span.hours + place[inside]
    grown = np.bincount(cell, np.repeat(total / lumps, lumps)[inside], bins * span.hours)
    return np.asarray(grown.reshape(bins, span.hours))


def resample_weeks(growth: Floats, weeks: int, rng: np.random.Generator) -> Floats:
    """`weeks` weeks made of blocks of consecutive ones, the same for all bins (moving blocks; Kunsch 1989)."""
    have = growth.shape[1] // WEEK_H
    block = min(BLOCK_WEEKS, have)
    starts = rng.integers(0, have - block + 1, size=-(-weeks // block))
    order = (starts[:, None] + np.arange(block)).ravel()[:weeks]
    by_week = growth[:, : have * WEEK_H].reshape(len(growth), have, WEEK_H)
    return np.asarray(by_week[:, order].reshape(len(growth), weeks * WEEK_H))


def covered_share(pieces: Pieces, span: Span, bins: int) -> Floats:
    """Share of the span's hours that lie in some piece, by bin."""
    inside = np.minimum(pieces.end, span.first_h + span.hours) - np.maximum(pieces.start, span.first_h)
    return np.bincount(pieces.bin, np.maximum(inside, 0.0), bins) / max(span.hours, 1)
