"""UTC on a city's wall clock: bins are filled by the local hour of the week, so models learn on that clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from engines.forecast.history import BinHistory, Times, local_moment

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


def on_clock_of(histories: Sequence[BinHistory], zone: ZoneInfo) -> list[BinHistory]:
    """The same histories, kept in UTC until now."""
    return [
        replace(
            history, emptied_at=local_times(history.emptied_at, zone), read_at=local_times(history.read_at, zone)
        )
        for history in histories
    ]  # fmt: skip


def _shift_s(at: datetime) -> int:
    offset = at.utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
