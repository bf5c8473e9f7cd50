"""When a search ends, how it says how far it is, and what it may be told: any-time, cancellable, repeatable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

LOOKS_PER_SECOND, LOOKS_TIMES_STOPS2 = 266_000, 4e9  # measured: 266,000 /s at 95 and 123 stops, 80,000 /s at 235
FEWEST_LOOKS = 1_000
BRAKE_S, BRAKE_TIMES = 3.0, 3.0  # the clock's part: a machine four times as slow still finishes by its looks
DEFAULT_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """How far a search is: share of its budget used, the best objective so far, stops left out, gap to a bound."""

    share: float
    objective: int
    unserved: int
    gap: float | None
    core: str
    seconds: float


@dataclass(frozen=True)
class StopRule:
    """When to stop looking: wall seconds, CPU seconds of this process, looks, solutions; whichever comes first.

    A look is one change of the plan that the search tries. A run that ends by `max_looks` or `max_solutions` is the
    same on every machine; one that ends by a clock need not be. With no limit at all it is DEFAULT_SECONDS of wall
    time. `cancelled` is asked about ten times a second: True ends the search with the best plan so far. `progress` is
    told as often.
    """

    max_seconds: float | None = None
    max_solutions: int | None = None
    max_looks: int | None = None
    max_cpu_seconds: float | None = None
    cancelled: Callable[[], bool] | None = field(default=None, compare=False)
    progress: Callable[[Progress], None] | None = field(default=None, compare=False)

    @property
    def wall_seconds(self) -> float:
        """The wall limit that holds: the given one, none when another limit is given, else the default."""
        if self.max_seconds is not None:
            return self.max_seconds
        limits = (self.max_solutions, self.max_looks, self.max_cpu_seconds)
        return DEFAULT_SECONDS if all(limit is None for limit in limits) else float("inf")

    @classmethod
    def of_work(cls, stops: int, quiet_s: float) -> StopRule:
        """As many looks as a quiet core does in about `quiet_s` seconds; the clock is only the emergency brake."""
        looks = max(FEWEST_LOOKS, round(quiet_s * min(LOOKS_PER_SECOND, LOOKS_TIMES_STOPS2 / max(stops, 1) ** 2)))
        return cls(max_seconds=BRAKE_S + BRAKE_TIMES * quiet_s if quiet_s > 0 else 0.0, max_looks=looks)
