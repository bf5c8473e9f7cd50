"""The city's wall clock: what people fill bins by, in summer as in winter."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np

from engines.forecast.wall_clock import local_times

PRAGUE = ZoneInfo("Europe/Prague")


def times(*moments: str) -> np.ndarray:
    return np.array(moments, dtype="datetime64[s]")


def test_noon_in_utc_is_one_o_clock_in_winter_and_two_in_summer() -> None:
    told = local_times(times("2025-01-10T12:00", "2025-07-10T12:00"), PRAGUE)
    assert told.tolist() == times("2025-01-10T13:00", "2025-07-10T14:00").tolist()


def test_the_shift_changes_at_the_very_second_of_the_clock_change() -> None:
    told = local_times(times("2025-03-30T00:59:59", "2025-03-30T01:00:00", "2025-10-26T00:58:59"), PRAGUE)
    assert told.tolist() == times("2025-03-30T01:59:59", "2025-03-30T03:00:00", "2025-10-26T02:58:59").tolist()
    lord_howe = local_times(times("2025-10-04T15:29:59", "2025-10-04T15:30:00"), ZoneInfo("Australia/Lord_Howe"))
    assert lord_howe.tolist() == times("2025-10-05T01:59:59", "2025-10-05T02:30:00").tolist()
