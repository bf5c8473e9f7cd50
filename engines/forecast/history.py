"""What is known of a bin's past: emptyings with the level found, and sensor readings where they exist.

Times are local wall-clock times of the city as `datetime64[s]`, because people fill bins by the local hour of the week.
A level is what the bin reports. BigBelly bins report in 20 % steps, read here as the last step reached: 60 means at
least 60 and below 80, 100 full or more. Why: 0 is reported nearly twice as often as 20 or 40 (rounded, its step
would be half as wide as theirs), and 99 % of alerts at a 60 % threshold come at reports of 60 and above.
The likelihood of Berkeley's levels does not decide (-1.98 a report for the last step reached,
-1.97 for rounding), so a level is uncertain by half a step either way. `step_pct = 0` is an exact level.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from domain.errors import BadData

Times = npt.NDArray[np.datetime64]
Floats = npt.NDArray[np.float64]
DROP_PCT = 25.0  # a fall of this many points between two readings is an emptying; Prague's sensor noise stays below


def _no_times() -> Times:
    return np.empty(0, dtype="datetime64[s]")


def _no_levels() -> Floats:
    return np.empty(0, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class BinHistory:
    """One bin's past, in time order. `levels[i]` is the level found at `emptied_at[i]`, NaN where unknown."""

    bin_id: str
    stream: str
    site_id: str
    emptied_at: Times = field(default_factory=_no_times)
    levels: Floats = field(default_factory=_no_levels)
    read_at: Times = field(default_factory=_no_times)
    readings: Floats = field(default_factory=_no_levels)
    step_pct: float = 20.0

    def __post_init__(self) -> None:
        for times, values in (("emptied_at", "levels"), ("read_at", "readings")):
            when = np.asarray(getattr(self, times), dtype="datetime64[s]")
            what = np.asarray(getattr(self, values), dtype=np.float64)
            if when.shape != what.shape or when.ndim != 1:
                raise BadData(f"bin {self.bin_id}: {times} and {values} differ in length")
            if np.isnat(when).any() or ((what < 0) | (what > 100)).any():
                raise BadData(f"bin {self.bin_id}: {times} or {values} holds no time, or a level outside 0 to 100")
            order = np.argsort(when, kind="stable")
            object.__setattr__(self, times, when[order])
            object.__setattr__(self, values, what[order])
        if not 0 <= self.step_pct <= 100:
            raise BadData(f"bin {self.bin_id}: the step must be from 0 to 100")

    def until(self, at: datetime | np.datetime64) -> BinHistory:
        """The same bin as it was known at a moment (inclusive)."""
        moment = local_moment(at)
        emptied = int(np.searchsorted(self.emptied_at, moment, side="right"))
        read = int(np.searchsorted(self.read_at, moment, side="right"))
        return BinHistory(
            self.bin_id, self.stream, self.site_id, self.emptied_at[:emptied], self.levels[:emptied],
            self.read_at[:read], self.readings[:read], self.step_pct,
        )  # fmt: skip


def local_moment(at: datetime | np.datetime64) -> np.datetime64:
    """A moment as the city's wall clock shows it; an aware time keeps its own zone's clock."""
    if isinstance(at, datetime):
        return np.datetime64(at.replace(tzinfo=None), "s")
    moment: np.datetime64 = at.astype("datetime64[s]")
    return moment


def emptyings_from_readings(read_at: Times, readings: Floats, drop_pct: float = DROP_PCT) -> tuple[Times, Floats]:
    """Emptyings seen as falls between readings: times of the first reading after each, and the level just before.

    A fall counts when the next reading stays low too, so that a single spike is no emptying.
    """
    if len(readings) < 2:
        return _no_times(), _no_levels()
    falls = np.diff(readings) <= -drop_pct
    after = np.append(readings[2:], readings[-1])
    falls &= after <= readings[:-1] - drop_pct
    before = np.concatenate([readings[:1], readings[:-2]])
    falls &= before >= readings[1:] + drop_pct / 2
    return read_at[1:][falls], readings[:-1][falls]
