"""A member of the ensemble: one way of forecasting, behind one call that all ways share.

A member is asked about windows. A window is one bin, the moment from which one looks ahead, and the emptyings planned
after it; without a plan the question is "if nobody comes". The answer is a table of levels at fixed shares.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import Ints, hours
from engines.forecast.history import BinHistory, Floats, Times, local_moment

SHARES_OUT = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""The shares of a member's levels: index 3 is the median, 1 and 5 are the ends of the 80 % band."""
MEDIAN = SHARES_OUT.index(0.5)


@dataclass(frozen=True, eq=False)
class Windows:
    """n windows of t hours ahead each. Raises BadData for shapes that do not fit or a plan before its origin.

    `histories`: one a window; the same object may stand in many. Rows after `at` are in the future and are not looked
    at. `at`: (n,) hours since 1970-01-01, local wall clock. `ahead_h`: (t,) hours after `at`, above 0, rising.
    `planned`: (n, k) hours since 1970-01-01 of the emptyings planned after `at`, rising, NaN where there is none; None
    when nobody comes in any window. `shift_h`: (n,) hours by which a window ends later than `ahead_h` says, for windows
    of the past that end with a reading; members look at `ends`.
    """

    histories: Sequence[BinHistory]
    at: Floats
    ahead_h: Floats
    planned: Floats | None = None
    shift_h: Floats | None = None

    def __post_init__(self) -> None:
        if self.at.shape != (len(self.histories),) or not np.isfinite(self.at).all():
            raise BadData("every window needs one bin and one moment to look ahead from")
        if self.ahead_h.ndim != 1 or not (self.ahead_h > 0).all() or (np.diff(self.ahead_h) <= 0).any():
            raise BadData("hours ahead must be above 0 and rise")
        if self.shift_h is not None and (self.shift_h.shape != self.at.shape or (self.ends <= self.at[:, None]).any()):
            raise BadData("every window must end after the moment one looks ahead from")
        if self.planned is not None:
            if self.planned.ndim != 2 or len(self.planned) != len(self.at):
                raise BadData("planned emptyings must be told for each window")
            if (self.planned <= self.at[:, None]).any() or (np.diff(self.planned, axis=1) < 0).any():
                raise BadData("planned emptyings must lie after the moment one looks ahead from, and rise")

    @classmethod
    def of(
        cls,
        histories: Sequence[BinHistory],
        at: datetime | np.datetime64,
        ahead_h: Sequence[float],
        planned: Sequence[Times] | None = None,
    ) -> Windows:
        """One window a bin, all from the same moment; `planned` holds the emptyings of each bin, any order."""
        now = float(hours(np.array([local_moment(at)]))[0])
        table = None if planned is None else padded([np.sort(hours(np.asarray(each))) for each in planned], now)
        return cls(histories, np.full(len(histories), now), np.asarray(ahead_h, dtype=np.float64), table)

    def __len__(self) -> int:
        return len(self.histories)

    @property
    def ends(self) -> Floats:
        """The moments asked about, (n, t)."""
        ends = self.at[:, None] + self.ahead_h
        return np.asarray(ends if self.shift_h is None else ends + self.shift_h[:, None])

    def last_emptied(self) -> Floats:
        """The last planned emptying at or before each end, (n, t); NaN where none is planned by then."""
        if self.planned is None or not self.planned.shape[1]:
            return np.full((len(self), len(self.ahead_h)), np.nan)
        inside = self.planned[:, None, :] <= self.ends[:, :, None]
        last = np.where(inside, self.planned[:, None, :], -np.inf).max(axis=2)
        return np.where(np.isfinite(last), last, np.nan)

    def by_bin(self) -> Iterator[tuple[BinHistory, Ints]]:
        """Each history once, with the windows that ask about it."""
        rows: dict[int, list[int]] = {}
        for row, history in enumerate(self.histories):
            rows.setdefault(id(history), []).append(row)
        for which in rows.values():
            yield self.histories[which[0]], np.array(which, dtype=np.int64)

    def where(self, rows: npt.NDArray[np.bool_] | Ints) -> Windows:
        """The windows of a mask or of indices."""
        which = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        planned = None if self.planned is None else self.planned[which]
        shift = None if self.shift_h is None else self.shift_h[which]
        return Windows([self.histories[i] for i in which], self.at[which], self.ahead_h, planned, shift)

    def without_plan(self) -> Windows:
        """The same windows if nobody comes."""
        return Windows(self.histories, self.at, self.ahead_h, shift_h=self.shift_h)


class Member(Protocol):
    """One way of forecasting. Same windows, same answer: no chance, no clock."""

    @property
    def name(self) -> str:
        """How the member is called in weights, tables and folders."""
        ...

    def quantiles(self, windows: Windows) -> Floats:
        """Levels in percent, (n, t, 7) at SHARES_OUT, within 0 to 100, never crossing.

        A window that this member cannot tell of is NaN throughout; the others of the ensemble answer it.
        """
        ...


def padded(moments: Sequence[Floats], after: float) -> Floats:
    """Rows of unequal length as one table, NaN at the end of short ones; moments up to `after` are left out."""
    kept = [row[row > after] for row in moments]
    table = np.full((len(kept), max((len(row) for row in kept), default=0)), np.nan)
    for line, row in zip(table, kept, strict=True):
        line[: len(row)] = row
    return table


def at_shares(levels: Floats, shares: Floats) -> Floats:
    """Levels kept at other, rising shares (..., s), read off at SHARES_OUT: linear between, the ends held."""
    place = np.interp(SHARES_OUT, shares, np.arange(len(shares), dtype=np.float64))
    left = np.minimum(np.floor(place).astype(np.int64), len(shares) - 2)
    part = place - left
    return np.asarray(levels[..., left] * (1 - part) + levels[..., left + 1] * part)
