"""What of many bins' pasts may be known at many moments: one table of readings, asked for all rows at once.

`Tracks` lays the readings of all bins behind one another on one axis (hours plus a large span a bin), so that a look
into 10,000 pasts is one search. Moments and running sums are multiples of 2^-20, so that additions and differences are
exact and a bin's figures are the same bytes whichever bins are asked beside it. `Known` binds rows to a bin and a
moment; it answers only from what lies before it and raises BadData when code asks for more.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import Ints, hours
from engines.forecast.history import BinHistory, Floats

SPAN_H = 4e6  # longer than any past, so that bins do not touch on the common axis
FULL_PCT = 90.0  # at or above, a bin cannot show how fast it fills
BUCKET_H = 3.0
BUCKETS = 56
WEEK_H = 168.0
MONDAY_SHIFT_H = 72.0  # 1970-01-01 was a Thursday
LAST = np.zeros(1, dtype=np.int64)
GRID = 2.0**20  # steps of an hour or a point: 2e9 hours of axis and 51 bits, of the 53 that a double holds
FLATTEST = 0.02  # of the mean: the least a profile falls to
Mask = npt.NDArray[np.bool_]


def on_grid(values: Floats) -> Floats:
    """Hours or points rounded to the next multiple of 2^-20; NaN and infinities stay."""
    return np.asarray(np.rint(values * GRID) / GRID)


@dataclass(frozen=True, eq=False)
class Weeks:
    """The usual week of each stream: growth by three-hour bucket, Monday first, mean 1, shape (streams, 56).

    The last row is the mean of all and stands for streams that were not in the training part.
    """

    streams: tuple[str, ...]
    profiles: Floats

    def number(self, stream: str) -> int:
        """The row of a stream; that of the mean for an unknown one."""
        return self.streams.index(stream) if stream in self.streams else len(self.streams)

    @functools.cached_property
    def edges(self) -> Floats:
        """Usual hours passed at the beginning of each bucket and at the end of the week, (streams, 57)."""
        return np.concatenate([np.zeros((len(self.profiles), 1)), np.cumsum(self.profiles, axis=1) * BUCKET_H], axis=1)


def fit_weeks(histories: Sequence[BinHistory]) -> Weeks:
    """The usual weeks from what the histories hold: each bin's growth over its own mean pace, summed by stream."""
    streams = tuple(sorted({h.stream for h in histories if len(h.readings) > 1}))
    flat = Weeks(streams, np.ones((len(streams) + 1, BUCKETS)))
    points, seen = np.zeros((len(streams) + 1, BUCKETS)), np.zeros((len(streams) + 1, BUCKETS))
    for history in histories:
        if len(history.readings) < BUCKETS:
            continue
        tracks = Tracks.of([history], flat)
        grid = np.arange(np.ceil(tracks.at[0] / BUCKET_H) * BUCKET_H, tracks.at[-1], BUCKET_H)
        bucket = ((grid[:-1] + MONDAY_SHIFT_H) % WEEK_H // BUCKET_H).astype(np.int64)
        length = float(tracks.at[-1] - tracks.at[0])
        pace = max(float(tracks.grown[-1] - tracks.grown[0]) / max(length, 1.0), 1e-3)
        grown = np.bincount(bucket, np.diff(np.interp(grid, tracks.at, tracks.grown)), BUCKETS)
        usual = np.bincount(bucket, minlength=BUCKETS) * pace * BUCKET_H
        for row in (flat.number(history.stream), len(streams)):
            points[row] += grown
            seen[row] += usual
    profile = np.where(seen > 0, np.maximum(points / np.maximum(seen, 1e-9), FLATTEST), 1.0)
    return Weeks(streams, profile / profile.mean(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Tracks:
    """Columns of all bins' readings (r,) and emptyings (e,), behind one another.

    `axis` is `at` plus `SPAN_H` a bin. `smooth`: median of three. `grown`: points grown so far, falls at emptyings left
    out; `open_grown`, `open_hours`: the same and the usual hours passed, full times left out. `flickered`: how far
    readings lay off `smooth` so far. Of emptyings: `emptied_axis`, `known_axis` when confirmed, `found` the level
    before, `fresh` the level after, `cycle_h` the hours since the one before, `grown_at` growth until then.
    """

    weeks: Weeks
    stream: Ints
    first: Ints
    axis: Floats
    at: Floats
    level: Floats
    smooth: Floats
    grown: Floats
    open_grown: Floats
    open_hours: Floats
    flickered: Floats
    emptied_first: Ints
    emptied_axis: Floats
    known_axis: Floats
    found: Floats
    fresh: Floats
    cycle_h: Floats
    grown_at: Floats

    @classmethod
    def of(cls, histories: Sequence[BinHistory], weeks: Weeks) -> Tracks:
        """The tracks of bins that each have at least one reading. Levels that are no number are left out."""
        read = [np.isfinite(h.readings) for h in histories]
        at = on_grid(np.concatenate([hours(h.read_at[k]) for h, k in zip(histories, read, strict=True)]))
        level = np.concatenate([h.readings[k] for h, k in zip(histories, read, strict=True)])
        counts = np.array([int(k.sum()) for k in read])
        if (counts == 0).any():
            raise BadData("a track needs at least one reading of its bin")
        bin_of = np.repeat(np.arange(len(histories)), counts)
        first = np.cumsum(counts) - counts
        stream = np.array([weeks.number(h.stream) for h in histories], dtype=np.int64)
        axis = at + bin_of * SPAN_H
        smooth = _smoothed(level, first, counts)
        emptied = [on_grid(hours(h.emptied_at)) for h in histories]
        emptied_counts = np.array([len(each) for each in emptied])
        emptied_bin = np.repeat(np.arange(len(histories)), emptied_counts)
        emptied_axis = np.concatenate(emptied) + emptied_bin * SPAN_H
        after = np.minimum(np.searchsorted(axis, emptied_axis - 1e-6), first[emptied_bin] + counts[emptied_bin] - 1)
        grown, open_grown, open_hours = _growth(weeks, stream[bin_of], at, smooth, (first, np.unique(after)))
        emptied_first = np.cumsum(emptied_counts) - emptied_counts
        cycle = np.diff(emptied_axis, prepend=np.nan)
        cycle[emptied_first[emptied_counts > 0]] = np.nan
        return cls(
            weeks, stream, first, axis, at, level, smooth, grown, open_grown, open_hours,
            np.cumsum(on_grid(np.abs(level - smooth))), emptied_first, emptied_axis,
            _confirmed(axis, after, first[emptied_bin] + counts[emptied_bin]),
            np.concatenate([h.levels for h in histories]), smooth[after], cycle, grown[after],
        )  # fmt: skip

    def usual_hours(self, stream: Ints, at: Floats) -> Floats:
        """Hours of the stream's usual week passed up to moments, counted from a Monday before 1970."""
        return usual_hours(self.weeks, stream, at)


def usual_hours(weeks: Weeks, stream: Ints, at: Floats) -> Floats:
    """Hours of each row's usual week passed up to its moment."""
    passed, hour = np.divmod(at + MONDAY_SHIFT_H, WEEK_H)
    bucket = np.minimum((hour // BUCKET_H).astype(np.int64), BUCKETS - 1)
    inside = (hour - bucket * BUCKET_H) * weeks.profiles[stream, bucket]
    return np.asarray(passed * WEEK_H + weeks.edges[stream, bucket] + inside)


def _smoothed(level: Floats, first: Ints, counts: Ints) -> Floats:
    """Median of three neighbours; the first and the newest reading of a bin stay as they are."""
    smooth = level.copy()
    if len(level) > 2:
        smooth[1:-1] = np.median(np.stack([level[:-2], level[1:-1], level[2:]]), axis=0)
    ends = np.concatenate([first, first + counts - 1])
    smooth[ends] = level[ends]
    return smooth


def _growth(
    weeks: Weeks, stream: Ints, at: Floats, smooth: Floats, breaks: tuple[Ints, Ints]
) -> tuple[Floats, Floats, Floats]:
    """Running sums of growth, of growth while not full, and of usual hours while not full; no growth over `breaks`."""
    first, after = breaks
    step = on_grid(np.diff(smooth, prepend=smooth[:1]))
    step[first] = 0.0
    step[after] = 0.0
    usual = on_grid(np.diff(usual_hours(weeks, stream, at), prepend=0.0))
    full = np.concatenate([[False], smooth[:-1] >= FULL_PCT])
    usual[first] = 0.0
    usual[after] = 0.0
    usual[full] = 0.0
    return np.cumsum(step), np.cumsum(np.where(full, 0.0, step)), np.cumsum(usual)


def _confirmed(axis: Floats, after: Ints, end: Ints) -> Floats:
    """When each emptying is known: with the reading that follows the first one after it.

    One recorded by a crew waits as well: `fresh` and `grown_at` rest on a median that looks at that reading.
    """
    never = axis[end - 1] + SPAN_H / 2  # beyond all of this bin and before the next one: the column stays in order
    return np.where(after + 1 < end, axis[np.minimum(after + 1, len(axis) - 1)], never)


@dataclass(frozen=True, eq=False)
class Known:
    """m rows: `bin` (m,) in the tracks, `now` (m,) the moment, `newest` (m,) the place of the newest reading by then.

    The newest reading is raw; what lies before it is settled: a reading came after it.
    """

    tracks: Tracks
    bin: Ints
    now: Floats
    newest: Ints

    @functools.cached_property
    def first_at(self) -> Floats:
        """The moment of each bin's first reading."""
        return self.tracks.at[self.tracks.first[self.bin]]

    @functools.cached_property
    def newest_at(self) -> Floats:
        """The moment of the newest reading."""
        return self.tracks.at[self.newest]

    @functools.cached_property
    def settled_at(self) -> Floats:
        """The moment of the reading before the newest."""
        return self.tracks.at[self._back(1)]

    def raw(self, back: int) -> Floats:
        """The newest reading, or the one so many before it, as it came."""
        return self.tracks.level[self._back(back)]

    def grown(self, at: Floats) -> Floats:
        """Points grown up to moments."""
        return self._look(at, self.tracks.grown)

    def open_grown(self, at: Floats) -> Floats:
        """Points grown up to moments while the bin was not full."""
        return self._look(at, self.tracks.open_grown)

    def open_hours(self, at: Floats) -> Floats:
        """Usual hours passed up to moments while the bin was not full."""
        return self._look(at, self.tracks.open_hours)

    def usual_hours(self, at: Floats) -> Floats:
        """Usual hours passed up to moments: a calendar, so it may lie ahead."""
        return self.tracks.usual_hours(self.tracks.stream[self.bin], at)

    def level_at(self, at: Floats) -> Floats:
        """The last settled reading at moments (..., m), smoothed; the first one for moments before it."""
        self._refuse_beyond(at)
        place = np.searchsorted(self.tracks.axis, on_grid(at) + self.bin * SPAN_H, side="right") - 1
        return np.asarray(self.tracks.smooth[np.maximum(place, self.tracks.first[self.bin])])

    def flicker(self, hours_back: float) -> Floats:
        """Mean distance of readings from their smoothed level over the last hours."""
        since = np.searchsorted(self.tracks.axis, self.settled_at - hours_back + self.bin * SPAN_H)
        since = np.maximum(since, self.tracks.first[self.bin])
        last = np.maximum(self._back(2), since)
        return (self.tracks.flickered[last] - self.tracks.flickered[since]) / np.maximum(last - since, 1)

    def grown_between(self, begin: Floats, end: Floats, lags_h: Floats) -> Floats:
        """Points grown in the window moved back by lags, (k, m); NaN where that is not wholly known."""
        lags = lags_h[:, None]
        return self._between(begin - lags, end - lags, (self.tracks.grown,), np.nan)[0]

    def open_between(self, begin: Floats, end: Floats, lags_h: Floats) -> tuple[Floats, Floats]:
        """(points, usual hours) while not full in the window moved back by lags, (k, m); 0 where not wholly known."""
        lags, tracks = lags_h[:, None], self.tracks
        grown, hours_ = self._between(begin - lags, end - lags, (tracks.open_grown, tracks.open_hours), 0.0)
        return grown, hours_

    def emptied(self, back: Ints, values: Floats) -> Floats:
        """A column of the last known emptying (0), and of those so many before it: (k, m); NaN where there is none."""
        place = self._emptyings_known - 1 - back[:, None]
        there = place >= self.tracks.emptied_first[self.bin]
        if not len(values):
            return np.full(place.shape, np.nan)
        return np.where(there, values[np.maximum(place, 0)], np.nan)

    def emptied_at(self) -> Floats:
        """The moment of the last known emptying; NaN where there is none."""
        return np.asarray(self.emptied(LAST, self.tracks.emptied_axis)[0] - self.bin * SPAN_H)

    def emptied_between(self, begin: Floats, end: Floats) -> Floats:
        """1 where an emptying lies in (begin, end], 0 where none does, NaN where that is not wholly known; (..., m)."""
        offset, known = self.bin * SPAN_H, self._emptyings_known
        inside = [np.searchsorted(self.tracks.emptied_axis, on_grid(at) + offset, side="right") for at in (begin, end)]
        count = np.minimum(inside[1], known) - np.minimum(inside[0], known)
        sure = (end <= self.newest_at) & (begin >= self.first_at)
        return np.where(sure, (count > 0).astype(np.float64), np.nan)

    @functools.cached_property
    def _emptyings_known(self) -> Ints:
        return np.searchsorted(self.tracks.known_axis, self.newest_at + self.bin * SPAN_H + 1e-6, side="right")

    def _back(self, count: int) -> Ints:
        return np.maximum(self.newest - count, self.tracks.first[self.bin])

    def _between(self, begin: Floats, end: Floats, columns: Sequence[Floats], unknown: float) -> list[Floats]:
        sure = (end <= self.settled_at + 1e-9) & (begin >= self.first_at)
        places = self._places(np.stack(np.broadcast_arrays(begin, end)))
        both = [self._at(places, column) for column in columns]
        return [np.where(sure, at[1] - at[0], unknown) for at in both]

    def _look(self, at: Floats, column: Floats) -> Floats:
        if id(at) not in self._looked:
            self._refuse_beyond(at)
            self._looked[id(at)] = at, self._places(at)
        return self._at(self._looked[id(at)][1], column)

    @functools.cached_property
    def _looked(self) -> dict[int, tuple[Floats, tuple[Ints, Ints, Floats]]]:
        """Moments that were looked at (kept, so that no other gets their id) and their places: several columns are."""
        return {}

    def _places(self, at: Floats) -> tuple[Ints, Ints, Floats]:
        """Of moments (..., m), moved to where the bin is known: the readings around them, and the share between."""
        axis = self.tracks.axis
        known = np.minimum(np.maximum(at, self.first_at), self.settled_at)
        inside = on_grid(known) + self.bin * SPAN_H
        left = np.searchsorted(axis, inside, side="right") - 1
        right = np.minimum(left + 1, len(axis) - 1)
        begin = axis[left]
        return left, right, (inside - begin) / np.maximum(axis[right] - begin, 1.0 / GRID)

    @staticmethod
    def _at(places: tuple[Ints, Ints, Floats], column: Floats) -> Floats:
        left, right, share = places
        before = column[left]
        return np.asarray(before + on_grid(share * (column[right] - before)))

    def _refuse_beyond(self, at: Floats) -> None:
        if (at > self.settled_at + 1e-9).any():
            raise BadData("a feature looked beyond what was settled at its moment: that is the future")
