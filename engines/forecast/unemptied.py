"""Bins that nobody has emptied for far longer than ever before: out of use, or emptied without a record.

The rates say that such a bin is surely full; that is a guess. Of Berkeley's bins asked about each week from March 2024
to January 2025 these were 46 of 10,533: five were emptied within a week and 29 not within four months; of the 17 that
were, crews found nine at 20 % or less and eight at 80 % or more. So no level is told of them, and they are named.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.forecast.history import BinHistory

MARGIN = 1.5  # so many times its longest interval
LEAST_DAYS = 14.0  # no bin counts as long unemptied before
LEAST_DAYS_OF_FEW = 28.0  # nor one that has been emptied too seldom to know how long is long
FEW_INTERVALS = 5
DAY = np.timedelta64(1, "D") / np.timedelta64(1, "s")


@dataclass(frozen=True)
class Unemptied:
    """For how many days a bin has not been emptied, and the longest it was left before; None where it was emptied only
    once."""

    days: float
    longest_days: float | None

    @property
    def words(self) -> str:
        """The two spans in words, in days."""
        before = "it was emptied only once before" if self.longest_days is None else None
        return f"not emptied for {self.days:.0f} days, {before or f'the longest before was {self.longest_days:.0f}'}"

    @property
    def why(self) -> str:
        """Why no level is told."""
        return f"cannot tell: {self.words}; it may be out of use, or its emptyings are not in the records"


def long_unemptied(history: BinHistory, moment: np.datetime64) -> Unemptied | None:
    """How long a bin was left at a local moment, where that is far longer than ever before.

    None where it is not, where a reading since its last emptying tells its level, and where it was never emptied. Only
    what was known at the moment counts.
    """
    emptied = int(np.searchsorted(history.emptied_at, moment, side="right"))
    if not emptied:
        return None
    days = _days(moment - history.emptied_at[emptied - 1])
    if days <= LEAST_DAYS:
        return None
    read = int(np.searchsorted(history.read_at, moment, side="right"))
    if read and history.read_at[read - 1] > history.emptied_at[emptied - 1]:
        return None
    longest = _days(np.diff(history.emptied_at[:emptied]).max()) if emptied > 1 else None
    least = LEAST_DAYS if emptied > FEW_INTERVALS else LEAST_DAYS_OF_FEW
    return Unemptied(days, longest) if days > max(least, MARGIN * (longest or 0.0)) else None


def _days(span: np.timedelta64) -> float:
    return float(span.astype("timedelta64[s]").astype(np.int64)) / DAY
