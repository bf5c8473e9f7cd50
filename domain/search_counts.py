"""What searches did, as numbers: made where they run, shown where they are watched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

__all__ = ["Histogram", "SearchCounts"]

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0)
RATIOS = (0.1, 0.5, 0.8, 0.95, 1.05, 1.25, 2.0, 10.0)


@dataclass(frozen=True)
class Histogram:
    """How many values were at most each of the limits, how many there were, and their sum."""

    limits: tuple[float, ...]
    within: tuple[int, ...] = ()
    count: int = 0
    total: float = 0.0

    def adding(self, value: float) -> Histogram:
        """The same with one more."""
        before = self.within or (0,) * len(self.limits)
        within = tuple(n + (value <= limit) for n, limit in zip(before, self.limits, strict=True))
        return replace(self, within=within, count=self.count + 1, total=self.total + value)


@dataclass(frozen=True)
class SearchCounts:
    """Of answered searches: how many by plan, their seconds, and documents expected within the limits per one there.

    `degraded` are those that said that something was missing, `unanswered` those that a fault or the deadline ended.
    `recall` is the sum over `samples`: approximate searches whose ten best were compared with the exact ones.
    """

    back_end: str
    plans: Mapping[str, int] = field(default_factory=dict)
    seconds: Histogram = Histogram(SECONDS)
    estimate_ratio: Histogram = Histogram(RATIOS)
    degraded: int = 0
    unanswered: int = 0
    samples: int = 0
    recall: float = 0.0
