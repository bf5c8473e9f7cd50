"""What the bands of a model in use learn from: windows of every length that ended in the last weeks.

Four weeks are remembered, of the longest windows eight: a window of two weeks without an emptying is seldom. Where bins
are many, some of each stream are taken, and few windows of each, on all days alike: a city of a thousand bins is learnt
from in seconds and by as many days as one of twenty.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from engines.forecast.history import BinHistory
from engines.forecast.past_windows import Outcomes, Span, past_windows

REMEMBERED_H = dict.fromkeys((6.0, 12.0, 24.0, 48.0, 72.0, 168.0), 28 * 24.0) | {336.0: 56 * 24.0}
"""Lengths of the windows, one for each range of hours ahead that has offsets, and for how long each is remembered."""
LONGEST_CHECKED_H = max(REMEMBERED_H)
"""Further ahead nothing is learnt, and no suite has asked how often a band holds."""
EVERY_H = 6.0
MOST_LEARNT = 8_000  # windows at a time
MOST_BINS = 250


def windows_to_learn(
    histories: Sequence[BinHistory], end: float, since: float, begin: float | None = None
) -> list[Outcomes]:
    """Windows that ended by a moment and are remembered then, begun after `since` (hours since 1970 local), by length.

    `begin`: those of all lengths that ended after that instead, at their usual distance."""
    some = _some(histories)
    every_h = max(EVERY_H, sum(REMEMBERED_H.values()) * len(some) / MOST_LEARNT)
    parts = (
        past_windows(
            some,
            ahead_h,
            Span(max((end - kept_h if begin is None else begin) - ahead_h, since), end, every_h, staggered=True),
        )
        for ahead_h, kept_h in REMEMBERED_H.items()
    )
    return [part for part in parts if len(part)]


def _some(histories: Sequence[BinHistory]) -> Sequence[BinHistory]:
    """At most MOST_BINS, as many of each stream as it has a part in all."""
    by_stream = sorted(histories, key=lambda history: history.stream)
    return by_stream[:: max(1, math.ceil(len(by_stream) / MOST_BINS))]
