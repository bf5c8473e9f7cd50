"""The member `hour_of_week`: a shrunk rate per bin and a profile of the week, with the spread that it really had.

It is the forecast that needs the least: it answers for every bin with an emptying or a reading, has an answer for bins
without any past of their own (`rates.py`), and stands in wherever the trained members cannot be used.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.forecast.history import Floats
from engines.forecast.member import Windows, at_shares
from engines.forecast.outcomes import SHARES, Kind
from engines.forecast.predict import Start, find_starts, level_quantiles
from engines.forecast.rates import Rates


@dataclass(frozen=True, eq=False)
class HourOfWeek:
    """The fitted rates as a member."""

    rates: Rates
    name: str = "hour_of_week"

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7): from the last reading or emptying on, or from the last planned emptying before an end."""
        starts = find_starts(windows.histories, windows.at)
        able = np.array([why is None for why in starts.why_not], dtype=np.bool_)
        steps = len(windows.ahead_h)
        told = np.full((len(windows), steps, len(SHARES)), np.nan)
        for emptied in (False, True):
            asked = np.isfinite(windows.last_emptied()) == emptied
            rows, columns = np.nonzero(asked & able[:, None])
            if not len(rows):
                continue
            # A planned emptying starts a fresh cycle: how it goes on is what past cycles, not past crews, say.
            begin = windows.last_emptied()[rows, columns] if emptied else starts.at[rows]
            level = np.zeros(len(rows)) if emptied else starts.level[rows]
            reads = starts.from_reading[rows]
            kinds: list[Kind] = ["reading" if each else "unattended" for each in reads]
            chosen = [windows.histories[i] for i in rows.tolist()]
            ends = windows.ends[rows, columns][:, None]
            told[rows, columns] = level_quantiles(chosen, self.rates, Start(begin, level, kinds), ends)[0][:, 0, :]
        return at_shares(told, SHARES)
