"""Rates of a city with very many intervals rest on every so many-th of each bin."""

from __future__ import annotations

import numpy as np
import pytest

from engines.forecast import rates
from engines.forecast.history import BinHistory

START = np.datetime64("2024-03-04T00:00:00", "s")


def filling(bin_id: str, pct_a_day: float) -> BinHistory:
    """Sixty days of readings every three hours, emptied once a week."""
    at = np.arange(0, 60 * 24, 3)
    level = pct_a_day / 24 * (at % 168)
    week = START + np.arange(168, 60 * 24, 168) * np.timedelta64(1, "h")
    found = np.full(len(week), 7 * pct_a_day)
    return BinHistory(bin_id, "paper", bin_id, week, found, START + at * np.timedelta64(1, "h"), level, step_pct=0.0)


def test_each_bin_keeps_its_own_rate_when_intervals_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    bins = [filling(str(n), 4.0 + n) for n in range(8)]
    whole = rates.fit_rates(bins)
    monkeypatch.setattr(rates, "MOST_INTERVALS", sum(whole.intervals_of.values()) // 3)
    part = rates.fit_rates(bins)
    for history in bins:
        assert 0 < part.intervals_of[history.bin_id] <= 0.4 * whole.intervals_of[history.bin_id]
        assert part.bin_rate[history.bin_id] == pytest.approx(whole.bin_rate[history.bin_id], rel=0.1)
