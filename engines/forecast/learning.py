"""What the bands of a model in use learn from: windows of every length that ended in the last four weeks.

Where bins are many, some of each stream are taken, and few windows of each, on all days alike: a city of a thousand
bins is learnt from in seconds and by as many days as one of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engines.forecast.history import BinHistory
from engines.forecast.past_windows import Outcomes, Span, past_windows

LEARNT_AHEAD_H = (6.0, 12.0, 24.0, 48.0, 168.0)
"""Lengths of the windows, one for each band of hours ahead."""
LEARNT_FROM_H, EVERY_H = 28 * 24.0, 6.0
MOST_LEARNT = 8_000  # windows in four weeks
MOST_BINS = 250


def windows_to_learn(histories: Sequence[BinHistory], begin: float, end: float, since: float) -> list[Outcomes]:
    """Windows that ended between two moments and began after `since` (hours since 1970 local), by length."""
    some = _some(histories)
    every_h = max(EVERY_H, len(LEARNT_AHEAD_H) * len(some) * LEARNT_FROM_H / MOST_LEARNT)
    parts = (
        past_windows(some, ahead_h, Span(max(begin - ahead_h, since), end, every_h, staggered=True))
        for ahead_h in LEARNT_AHEAD_H
    )
    return [part for part in parts if len(part)]


def _some(histories: Sequence[BinHistory]) -> Sequence[BinHistory]:
    """At most MOST_BINS, as many of each stream as it has a part in all."""
    by_stream = sorted(histories, key=lambda history: history.stream)
    return by_stream[:: max(1, math.ceil(len(by_stream) / MOST_BINS))]
