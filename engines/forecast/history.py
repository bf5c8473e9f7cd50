"""What is known of a bin's past: emptyings with the level found, and sensor readings where they exist.

Times are local wall-clock times of the city as `datetime64[s]`, because people fill bins by the local hour of the week.
A level is what the bin reports. BigBelly bins report in 20 % steps, read here as the last step reached: 60 means at
least 60 and below 80, 100 full or more. Why: 0 is reported nearly twice as often as 20 or 40 (rounded, its step
would be half as wide as theirs), and 99 % of alerts at a 60 % threshold come at reports of 60 and above.
The likelihood of Berkeley's levels does not decide (-1.98 a report for the last step reached,
-1.97 for rounding), so a level is uncertain by half a step either way. `step_pct = 0` is an exact level.
"""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo

import numpy as np
import numpy.typing as npt

from domain.errors import BadData

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
NO_TIME, SECOND, MINUTE = timedelta(0), timedelta(seconds=1), timedelta(minutes=1)
SQUEEZED = MINUTE
DROP_PCT = 25.0  # a fall of this many points between two readings is an emptying; Prague's sensor noise stays below


def no_times() -> Times:
    """None, (0,)."""
    return np.empty(0, dtype="datetime64[s]")


def no_levels() -> Floats:
    """None, (0,)."""
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class BinHistory:
    """One bin's past, in time order. `levels[i]` is the level found at `emptied_at[i]`, NaN where unknown.

    The first `seen` emptyings were read off the readings: such a one is known with the reading after its own.
    `district`: which bins are near (`districts.py`); "" where that is not known.
    """

    bin_id: str
    stream: str
    site_id: str
    emptied_at: Times = field(default_factory=no_times)
    levels: Floats = field(default_factory=no_levels)
    read_at: Times = field(default_factory=no_times)
    readings: Floats = field(default_factory=no_levels)
    step_pct: float = 20.0
    seen: int = 0
    district: str = ""

    def __post_init__(self) -> None:
        for times, values in (("emptied_at", "levels"), ("read_at", "readings")):
            when = np.asarray(getattr(self, times), dtype="datetime64[s]")
            what = np.asarray(getattr(self, values), dtype=np.float64)
            if when.shape != what.shape or when.ndim != 1:
                raise BadData(f"bin {self.bin_id}: {times} and {values} differ in length")
            if len(when):  # a question about 50,000 bins has mostly empty pasts
                when, what = self._in_order(when, what, f"{times} or {values}")
            object.__setattr__(self, times, when)
            object.__setattr__(self, values, what)
        if not 0 <= self.step_pct <= 100:
            raise BadData(f"bin {self.bin_id}: the step must be from 0 to 100")

    def _in_order(self, when: Times, what: Floats, names: str) -> tuple[Times, Floats]:
        if np.isnat(when).any() or ((what < 0) | (what > 100)).any():
            raise BadData(f"bin {self.bin_id}: {names} holds no time, or a level outside 0 to 100")
        if (when[1:] < when[:-1]).any():
            order = np.argsort(when, kind="stable")
            return when[order], what[order]
        return when, what

    def until(self, at: datetime | np.datetime64) -> BinHistory:
        """The same bin as it was known at a moment (inclusive)."""
        moment = local_moment(at)
        emptied = int(np.searchsorted(self.emptied_at, moment, side="right"))
        read = int(np.searchsorted(self.read_at, moment, side="right"))
        if 0 < emptied <= self.seen and not (read and self.read_at[read - 1] > self.emptied_at[emptied - 1]):
            emptied -= 1
        part = copy(self)  # of what was checked: a question cuts thousands of pasts
        part.__dict__.update(
            emptied_at=self.emptied_at[:emptied], levels=self.levels[:emptied], read_at=self.read_at[:read],
            readings=self.readings[:read], seen=min(self.seen, emptied),
        )  # fmt: skip
        return part


def local_moment(at: datetime | np.datetime64) -> np.datetime64:
    """A moment as the city's wall clock shows it; an aware time keeps its own zone's clock.

    Later moments never come before earlier ones: in the night in which the clocks go back, the second passing of the
    repeated hour lies within the last minute of the first, a second a minute.
    """
    if not isinstance(at, datetime):
        moment: np.datetime64 = at.astype("datetime64[s]")
        return moment
    wall = at.replace(tzinfo=None, fold=0)
    end = _repeated_until(at)
    if end is None:
        return np.datetime64(wall, "s")
    if not at.fold:
        return np.datetime64(min(wall, end - SQUEEZED - SECOND), "s")
    passed = wall - (end - _set_back(at))
    return np.datetime64(end - SQUEEZED + passed.total_seconds() // 60 * SECOND, "s")


def moment_at(local: datetime, zone: tzinfo) -> datetime:
    """The moment that `local_moment` shows as this naive time; of the repeated hour's last minute to the minute."""
    at = local.replace(tzinfo=zone, fold=0)
    end = _repeated_until(at)
    if end is None or local < end - SQUEEZED:
        return at
    since = (local - (end - SQUEEZED)).total_seconds() * MINUTE
    return (end - _set_back(at) + since).replace(tzinfo=zone, fold=1)


def _repeated_until(at: datetime) -> datetime | None:
    """The wall clock's end of the hour that is passed twice, for a moment in it; else None."""
    back = _set_back(at)
    if back <= NO_TIME:
        return None
    low, high = at.replace(second=0, microsecond=0), at.replace(second=0, microsecond=0) + back
    while high - low > MINUTE:
        middle = low + (high - low) // (2 * MINUTE) * MINUTE
        low, high = (middle, high) if _set_back(middle) > NO_TIME else (low, middle)
    return high.replace(tzinfo=None, fold=0)


def _set_back(at: datetime) -> timedelta:
    """By how much the clocks go back in a wall clock's repeated hour; 0 or less at any other time."""
    first, second = at.replace(fold=0).utcoffset(), at.replace(fold=1).utcoffset()
    return NO_TIME if first is None or second is None else first - second


def emptyings_from_readings(read_at: Times, readings: Floats, drop_pct: float = DROP_PCT) -> tuple[Times, Floats]:
    """Emptyings seen as falls between readings: times of the first reading after each, and the level just before.

    A fall counts when the next reading stays low too, so that a single spike is no emptying.
    """
    if len(readings) < 2:
        return no_times(), no_levels()
    falls = np.diff(readings) <= -drop_pct
    after = np.append(readings[2:], readings[-1])
    falls &= after <= readings[:-1] - drop_pct
    before = np.concatenate([readings[:1], readings[:-2]])
    falls &= before >= readings[1:] + drop_pct / 2
    return read_at[1:][falls], readings[:-1][falls]
