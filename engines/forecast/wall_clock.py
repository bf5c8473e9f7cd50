"""UTC on a city's wall clock: bins are filled by the local hour of the week, so models learn on that clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from engines.forecast.history import Times, local_moment

SLOT_S = 1800  # clocks are changed at full and half hours


def local_times(utc: Times, zone: ZoneInfo) -> Times:
    """Times (n,) of UTC as `local_moment` shows each of them on a zone's wall clock."""
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    slots, place = np.unique(seconds // SLOT_S, return_inverse=True)
    begins = [datetime.fromtimestamp(int(slot) * SLOT_S, UTC).astimezone(zone) for slot in slots]
    shifts = np.array([_shift_s(begin) for begin in begins], dtype=np.int64)
    shown = (seconds + shifts[place]).astype("datetime64[s]")
    twice = np.array(
        [_shift_s(each.replace(fold=0)) > _shift_s(each.replace(fold=1)) for each in begins], dtype=np.bool_
    )
    for row in np.flatnonzero(twice[place]):
        shown[row] = local_moment(datetime.fromtimestamp(int(seconds[row]), UTC).astimezone(zone))
    return shown


def _shift_s(at: datetime) -> int:
    offset = at.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
