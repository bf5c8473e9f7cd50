"""What a sensor sent, without what cannot be true: found, marked with a kind, counted and said in words.

Kinds, in the order in which they are looked for:

* `out_of_range`: no number, below 0 or above 100 percent, or no time.
* `clock_jump`: a time that does not fit the order in which the readings came (longest non-decreasing subsequence;
  Fredman 1975). Up to `LATE_H` back is a late parcel or the autumn night with an hour twice: put in order and kept.
* `duplicate`: a second reading of one moment; the one nearest to its neighbours stays.
* `spike`: up to `LONGEST_SPIKE` readings that leave the level by `SPIKE_PCT` and come back to within `AGREE_PCT` (an
  echo on the wrong wall). An emptying is no spike, even when the bin is full again two readings later, as paper bins in
  front of shops are: it comes at the hours of the day at which this bin is emptied, and the way back is no jump.
* `stuck`: one and the same level for days in which the bin at its usual pace would have filled by `MISSED_PCT` and one
  step of its sensor, or, at 100 percent, far longer than the bin was ever left between two emptyings.

A reading is judged by the ones after it as well, so the newest one cannot be a spike yet.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.history import DROP_PCT, BinHistory, Floats, Times

Kind = Literal["out_of_range", "clock_jump", "duplicate", "spike", "stuck"]
Mask = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

LATE_H = 2.0
EARLIEST = np.datetime64("2000-01-01", "s")  # a sensor whose clock was reset says 1970 or 1980
SPIKE_PCT = 20.0
AGREE_PCT = 10.0  # between the levels before and after one or two readings; half of it for longer spikes
LONGEST_SPIKE = 6  # an echo on the wrong wall may stay for some readings, all at one level
SPIKE_H = 12.0  # from the reading before to the reading after a spike
AROUND = 12  # readings on each side whose median tells the spike from the level where they alternate
LANDS_PCT = 12.0  # where a bin is after an emptying
LEFT_BEHIND_PCT = 50.0  # at the hours of the round also a bin emptied in part or filled again by half
USUAL_RISE, FASTER = 0.99, 1.5  # a rise between two readings may be this much more than the bin's fastest usual ones
FEWEST_FALLS = 12  # emptyings from which the hours of the round are learnt
REFILL_H = 1.5  # a bin does not fill from empty to the old level in less
STUCK_H = 72.0
STUCK_READINGS = 20
MISSED_PCT = 40.0
FULL_FOR_H = 7 * 24.0
PACES = 20  # times that the pace of a bin with a sensor in steps is found again from what its steps take at it


@dataclass(frozen=True)
class Mark:
    """A reading that is not believed; `run` is how many readings its spike has."""

    at: np.datetime64
    level_pct: float
    kind: Kind
    run: int = 1


@dataclass(frozen=True, eq=False)
class Cleaned:
    """The readings that are believed, in time order, and what was taken out."""

    read_at: Times
    readings: Floats
    marks: tuple[Mark, ...]

    def count(self, kind: Kind) -> int:
        """Readings marked with a kind."""
        return sum(mark.kind == kind for mark in self.marks)

    def sentences(self, bin_id: str) -> list[str]:
        """What was ignored and why, one sentence a kind; for `stuck` one a stretch."""
        told = [_sentence(bin_id, kind, self.count(kind)) for kind in _REASONS if self.count(kind)]
        longest = max((mark.run for mark in self.marks), default=1)
        if longest > 1:
            told[-1] = f"{_ignored(bin_id, self.count('spike'))}: spikes of one to {longest} readings"
        stuck = [mark for mark in self.marks if mark.kind == "stuck"]
        for level, stretch in groupby(stuck, key=lambda mark: mark.level_pct):
            run = list(stretch)
            first, last = (str(run[i].at.astype("datetime64[m]")).replace("T", " ") for i in (0, -1))
            told.append(f"{_ignored(bin_id, len(run))}: the sensor stood at {level:.0f} % from {first} to {last}")
        return told


_REASONS: dict[Kind, tuple[str, str]] = {
    "out_of_range": ("no level between 0 and 100 %", "no levels between 0 and 100 %"),
    "clock_jump": ("its time does not fit its place", "their times do not fit the order in which they came"),
    "duplicate": ("a second reading of one moment", "second readings of one moment"),
    "spike": ("a single-reading spike", "single-reading spikes"),
}


def on_arrival(read_at: npt.ArrayLike, readings: npt.ArrayLike, until: np.datetime64 | None = None) -> Cleaned:
    """What is left of the readings without those that cannot be any on their own: out of range, a clock that jumped
    (times after `until` too), a second one of a moment. Arguments and errors as of `clean`."""
    at, level = _columns(read_at, readings)
    if not len(at):  # most bins of a town have no sensor, and a question may be about 50,000
        return Cleaned(at, level, ())
    return _kept(_arrived(at, level, until))


def clean(
    read_at: npt.ArrayLike, readings: npt.ArrayLike, until: np.datetime64 | None = None, *, step_pct: float = 0.0
) -> Cleaned:
    """Believed readings of one bin from all that came, in the order in which they came (local times, percent), of a
    sensor that tells a level in steps of `step_pct` (0: exactly).

    Times after `until` are clock jumps. Raises BadData when times and levels differ in number or are no times or
    numbers at all; a single bad value is marked, not raised.
    """
    return _judged(_arrived(*_columns(read_at, readings), until), step_pct)


def judged(read_at: Times, readings: Floats, step_pct: float) -> Cleaned:
    """The same of what `on_arrival` left, in time order."""
    return _judged(_untouched(read_at, readings), step_pct)


def _judged(sifted: _Sifted, step_pct: float) -> Cleaned:
    at, level = sifted.at, sifted.level
    for _ in range(2):
        before = len(sifted.alive)
        for length in range(1, LONGEST_SPIKE + 1) if (np.diff(level[sifted.alive]) >= SPIKE_PCT).any() else ():
            spikes = _spikes(_hours(at[sifted.alive]), level[sifted.alive], length)
            sifted.run[sifted.alive[spikes]] = length
            sifted.mark(spikes, "spike")
        if len(sifted.alive) == before:  # a second look would see the same
            break
    sifted.mark(_stuck(_hours(at[sifted.alive]), level[sifted.alive], step_pct), "stuck")
    return _kept(sifted)


@dataclass(eq=False)
class _Sifted:
    """All readings, the kind of each that was marked, how long its spike is, and the places of those still believed."""

    at: Times
    level: Floats
    kinds: npt.NDArray[np.object_]
    run: Ints
    alive: Ints

    def mark(self, bad: Mask, kind: Kind) -> None:
        """Marks some of those believed, (alive,)."""
        self.kinds[self.alive[bad]] = kind
        self.alive = self.alive[~bad]


def _arrived(at: Times, level: Floats, until: np.datetime64 | None) -> _Sifted:
    sifted = _untouched(at, level)
    sifted.mark(np.isnat(at) | ~(np.isfinite(level) & (level >= 0) & (level <= 100)), "out_of_range")
    sifted.mark(_jumps(at[sifted.alive], until), "clock_jump")
    sifted.alive = sifted.alive[np.argsort(at[sifted.alive], kind="stable")]
    sifted.mark(_doubles(at[sifted.alive], level[sifted.alive]), "duplicate")
    return sifted


def _untouched(at: Times, level: Floats) -> _Sifted:
    run, alive = np.ones(len(at), dtype=np.int64), np.arange(len(at))
    return _Sifted(at, level, np.full(len(at), "", dtype=object), run, alive)


def _kept(sifted: _Sifted) -> Cleaned:
    at, level = sifted.at, sifted.level
    places = np.flatnonzero(sifted.kinds != "")
    marks = tuple(Mark(at[i], float(level[i]), sifted.kinds[i], int(sifted.run[i])) for i in places)
    return Cleaned(at[sifted.alive], level[sifted.alive], marks)


def cleaned_history(history: BinHistory) -> tuple[BinHistory, list[str]]:
    """The same bin without the readings that cannot be true, and what to say about it."""
    if not len(history.readings):
        return history, []
    cleaned = clean(history.read_at, history.readings, step_pct=history.step_pct)
    if not cleaned.marks:
        return history, []
    return replace(history, read_at=cleaned.read_at, readings=cleaned.readings), cleaned.sentences(history.bin_id)


def _columns(read_at: npt.ArrayLike, readings: npt.ArrayLike) -> tuple[Times, Floats]:
    try:
        at = np.asarray(read_at, dtype="datetime64[s]")
        level = np.asarray(readings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise BadData(f"readings must be times and percentages: {error}") from error
    if at.shape != level.shape or at.ndim != 1:
        raise BadData("readings: times and levels differ in number")
    return at, level


def _hours(at: Times) -> Floats:
    return np.asarray(at.astype(np.int64) / 3600.0)


def _jumps(at: Times, until: np.datetime64 | None) -> Mask:
    """Times that are outside the calendar, or outside the longest subsequence that never goes back by > LATE_H."""
    bad = at < EARLIEST
    if until is not None:
        bad |= at > until
    rest = np.flatnonzero(~bad)
    hour = _hours(at[rest])
    if len(hour) < 2 or (np.diff(hour) >= -LATE_H).all():
        return np.asarray(bad)
    bad[np.setdiff1d(rest, rest[_longest_rising(np.maximum.accumulate(hour) - hour, hour)])] = True
    return np.asarray(bad)


def _longest_rising(behind: Floats, hour: Floats) -> npt.NDArray[np.int64]:
    """Indices of the longest non-decreasing subsequence by patience sorting; late parcels count at their own place."""
    value = np.where(behind <= LATE_H, hour + behind, hour)
    tails: list[float] = []
    last: list[int] = []
    before = np.full(len(value), -1)
    for index, each in enumerate(value.tolist()):
        place = bisect_right(tails, each)
        before[index] = last[place - 1] if place else -1
        tails[place : place + 1], last[place : place + 1] = [each], [index]
    chain = [last[-1]]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return np.array(chain[::-1], dtype=np.int64)


def _doubles(at: Times, level: Floats) -> Mask:
    """All but one reading of each moment; the one nearest to the readings around it stays."""
    double = np.zeros(len(at), dtype=np.bool_)
    if len(at) < 2 or (np.diff(at) > np.timedelta64(0, "s")).all():
        return double
    first = np.flatnonzero(np.r_[True, np.diff(at) > np.timedelta64(0, "s")])
    for begin, end in zip(first, np.r_[first[1:], len(at)], strict=True):
        if end - begin > 1:
            around = [*level[max(begin - 1, 0) : begin], *level[end : end + 1]]
            wanted = float(np.mean(around)) if around else float(level[begin])
            double[begin:end] = True
            double[begin + int(np.argmin(np.abs(level[begin:end] - wanted)))] = False
    return double


def _spikes(hour: Floats, level: Floats, length: int) -> Mask:
    """Runs of `length` readings that leave the level on one side and come back to it at once."""
    spike = np.zeros(len(level), dtype=np.bool_)
    n = len(level) - length - 1
    if n < 1:
        return spike
    before, after = level[:n], level[length + 1 :]
    least, most = level[1 : 1 + n].copy(), level[1 : 1 + n].copy()
    for k in range(1, length):
        np.minimum(least, level[1 + k : 1 + k + n], out=least)
        np.maximum(most, level[1 + k : 1 + k + n], out=most)
    agree = AGREE_PCT if length <= 2 else AGREE_PCT / 2
    flat = most - least <= agree
    up = (least - np.maximum(before, after) >= SPIKE_PCT) & (flat | (length <= 3))
    down = (np.minimum(before, after) - most >= SPIKE_PCT) & flat
    near = np.abs(before - after) <= (AGREE_PCT if length <= 3 else agree)
    near &= hour[length + 1 :] - hour[:n] <= SPIKE_H
    some = np.flatnonzero((up | down) & near)
    if not len(some):
        return spike
    usual = _usual_level(level, some + 1)
    inside = level[some[:, None] + np.arange(1, length + 1)].mean(axis=1)
    farther = np.abs(inside - usual) > np.abs((before + after)[some] / 2 - usual)
    for start in some[farther & ~(down & _looks_emptied(hour, level, length))[some]] + 1:
        spike[start : start + length] = True
    return spike


def _usual_level(level: Floats, at: Ints) -> Floats:
    """The median of the readings around some places."""
    padded = np.pad(level, AROUND, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * AROUND + 1)
    return np.asarray(np.median(windows[at], axis=1))


def _looks_emptied(hour: Floats, level: Floats, length: int) -> Mask:
    """Whether a fall that is made good `length` readings later may be a crew's: it comes at an hour of the day at
    which this bin is emptied, or, where that is not known, lands near empty and takes its time to fill again; and the
    bin is one that can fill so fast."""
    n = len(level) - length - 1
    lands, again = level[1 : 1 + n], level[length + 1 :]
    rises = np.diff(level)
    fastest = float(np.quantile(rises[rises > 0], USUAL_RISE)) if (rises > 0).any() else 0.0
    can_fill = again - level[length : length + n] <= max(SPIKE_PCT, FASTER * fastest)
    stays = np.flatnonzero((rises[:n] <= -DROP_PCT) & (again <= level[:n] - DROP_PCT))
    if len(stays) < FEWEST_FALLS:
        return np.asarray((lands <= LANDS_PCT) & (hour[length + 1 :] - hour[1 : 1 + n] >= REFILL_H) & can_fill)
    of_day = np.bincount((hour[stays + 1] % 24).astype(np.int64), minlength=24)
    near = (of_day + np.roll(of_day, 1) + np.roll(of_day, -1)) / (3 * len(stays))
    usual = near[(hour[1 : 1 + n] % 24).astype(np.int64)] > 1 / 24
    return np.asarray(usual & (lands <= LEFT_BEHIND_PCT) & can_fill)


def _stuck(hour: Floats, level: Floats, step_pct: float) -> Mask:
    """Readings that repeat a level for too long; the first one of each run stays, and of a full one the last: a crew
    should see to it, whether the bin is that full or its sensor is broken."""
    stuck = np.zeros(len(level), dtype=np.bool_)
    if len(level) < STUCK_READINGS:
        return stuck
    first = np.flatnonzero(np.r_[True, np.diff(level) != 0])
    last = np.r_[first[1:], len(level)] - 1
    lasting = hour[last] - hour[first]
    falls = np.flatnonzero(np.diff(level) <= -DROP_PCT)
    long = lasting >= STUCK_H
    between = np.diff(hour[falls])
    patience = max(FULL_FOR_H, 2 * float(np.quantile(between, 0.95)) if len(between) else 0.0)
    full = level[first] >= 100
    taken_pct = float(-np.diff(level)[falls].sum())  # what was taken out must have come in
    pace = _pace(taken_pct, float(hour[-1] - hour[0]), lasting[long], np.where(full[long], 0.0, step_pct))
    too_long = np.where(full, lasting >= patience, pace * lasting >= MISSED_PCT + step_pct) & long
    for run in np.flatnonzero(too_long & (last - first + 1 >= STUCK_READINGS)):
        stuck[first[run] + 1 : last[run] + (not full[run])] = True
    return stuck


def _pace(taken_pct: float, hours: float, lasting: Floats, step_pct: Floats) -> float:
    """How fast a bin fills while its sensor tells, in percent an hour: without the hours of the runs of one level that
    last for days, but for those that a step of the sensor takes at this very pace."""
    pace = taken_pct / max(hours, 24.0)
    for _ in range(PACES if step_pct.any() else 1):
        takes = np.minimum(lasting, step_pct / pace) if pace > 0 else lasting
        pace = taken_pct / max(hours - float((lasting - takes).sum()), 24.0)
    return pace


def _ignored(bin_id: str, count: int) -> str:
    return f"{count} reading{'s' if count > 1 else ''} of {bin_id} ignored"


def _sentence(bin_id: str, kind: Kind, count: int) -> str:
    return f"{_ignored(bin_id, count)}: {_REASONS[kind][count > 1]}"
