"""UTC on a city's wall clock: bins are filled by the local hour of the week, so models learn on that clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from engines.forecast.history import BinHistory, Times

SLOT_S = 1800  # clocks are changed at full and half hours


def local_times(utc: Times, zone: ZoneInfo) -> Times:
    """Times (n,) of UTC as a zone's wall clock shows them; in the night the clocks go back an hour stands twice."""
    seconds = utc.astype("datetime64[s]").astype(np.int64)
    slots, place = np.unique(seconds // SLOT_S, return_inverse=True)
    shifts = [_shift_s(int(slot) * SLOT_S, zone) for slot in slots]
    return (seconds + np.array(shifts, dtype=np.int64)[place]).astype("datetime64[s]")


def on_clock_of(histories: Sequence[BinHistory], zone: ZoneInfo) -> list[BinHistory]:
    """The same histories, kept in UTC until now."""
    return [
        replace(
            history, emptied_at=local_times(history.emptied_at, zone), read_at=local_times(history.read_at, zone)
        )
        for history in histories
    ]  # fmt: skip


def _shift_s(at: int, zone: ZoneInfo) -> int:
    offset = datetime.fromtimestamp(at, UTC).astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())
