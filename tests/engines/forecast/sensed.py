"""Made-up bins with sensors, for tests: they fill by the hour of the day and are emptied when a crew comes."""

from __future__ import annotations

import numpy as np

from engines.forecast.history import BinHistory, emptyings_from_readings

START = np.datetime64("2024-01-01T00:00:00")  # a Monday
MORNING = START + np.timedelta64(13 * 7 * 24 + 9, "h")  # after thirteen weeks, when a question comes


def sensed(name: str, rate: float, *, stream: str = "paper", weeks: int = 16, every_h: int = 72) -> BinHistory:
    """A bin read every three hours that fills by day only, at `rate` points an hour over the week, with noise."""
    rng = np.random.default_rng(sum(name.encode()))
    hour = np.arange(0, weeks * 168, 3)
    by_day = np.where((hour % 24 >= 9) & (hour % 24 < 21), 2.0, 0.0)
    grown = np.maximum(by_day * rate * 3 * rng.gamma(2.0, 0.5, len(hour)), 0.0)
    level, now = np.zeros(len(hour)), 0.0
    for place, each in enumerate(grown):
        now = 4.0 if hour[place] % every_h == 6 and place else min(now + each, 100.0)
        level[place] = now
    level = np.clip(np.round(level + rng.normal(0, 1.0, len(hour))), 0, 100)
    at = START + (hour * 3600).astype("timedelta64[s]")
    emptied, found = emptyings_from_readings(at, level)
    return BinHistory(name, stream, name, emptied, found, at, level, 0.0)


def town() -> list[BinHistory]:
    """Eight bins of two streams."""
    fast = [sensed(f"fast {i}", 0.9 + 0.1 * i, every_h=48) for i in range(4)]
    return fast + [sensed(f"slow {i}", 0.3 + 0.05 * i, stream="glass", every_h=168) for i in range(4)]
