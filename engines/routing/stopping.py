"""When a search ends, how it says how far it is, and what it may be told: any-time, cancellable, repeatable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_PER_SECOND, PER_SECOND_ROOT = 60_000, 330_000  # measured: about 60,000 /s at 50, 22,000 at 235, 11,000 at 1,000
FEWEST_LOOKS = 1_000
BRAKE_S, BRAKE_TIMES = 6.0, 4.0  # the clock's part: a machine six times as slow still finishes by its looks
DEFAULT_SECONDS = 5.0
TELL_EVERY_S = 0.1


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
        looks = max(FEWEST_LOOKS, round(quiet_s * looks_per_second(stops)))
        return cls(max_seconds=BRAKE_S + BRAKE_TIMES * quiet_s if quiet_s > 0 else 0.0, max_looks=looks)


def looks_per_second(stops: int) -> float:
    """Looks of the annealer on a quiet core where shifts bind: with the root of the stops, as rounds grow longer."""
    return min(float(MOST_PER_SECOND), PER_SECOND_ROOT / math.sqrt(max(stops, 1)))


class Budget:
    """How much of a stop rule is used, by one core or by several that run one after another."""

    def __init__(self, rule: StopRule, looks_each: int = 1) -> None:
        self.rule, self.looks, self.cancelled = rule, 0, False
        self._wall, self._cpu, self._told = time.monotonic(), time.process_time(), 0.0
        limits = (rule.max_looks, None if rule.max_solutions is None else rule.max_solutions * looks_each)
        self.most_looks = min((limit for limit in limits if limit is not None), default=None)

    @property
    def seconds(self) -> float:
        """Wall seconds since the search began."""
        return time.monotonic() - self._wall

    @property
    def cpu_seconds(self) -> float:
        """CPU seconds since the search began."""
        return time.process_time() - self._cpu

    @property
    def clock_share(self) -> float:
        """Share of the clocks' budget that is used."""
        wall, cpu = self.rule.wall_seconds, self.rule.max_cpu_seconds
        shares = [1.0 if wall <= 0 else self.seconds / wall]
        if cpu is not None:
            shares.append(1.0 if cpu <= 0 else self.cpu_seconds / cpu)
        return max(shares)

    @property
    def share(self) -> float:
        """Share of the budget that is used: of the looks where they decide, so that no clock changes the search."""
        if self.most_looks is not None:
            return min(1.0, self.looks / max(1, self.most_looks))
        return min(1.0, self.clock_share)

    @property
    def over(self) -> bool:
        """Whether the search must end; a clock ends a run by looks only as its brake."""
        if self.share >= 1.0 or self.clock_share >= 1.0:
            return True
        self.cancelled = self.cancelled or (self.rule.cancelled is not None and self.rule.cancelled())
        return self.cancelled

    @property
    def seconds_left(self) -> float:
        """Seconds until the first clock's limit, infinite where none is set."""
        cpu = self.rule.max_cpu_seconds
        return min(self.rule.wall_seconds - self.seconds, float("inf") if cpu is None else cpu - self.cpu_seconds)

    @property
    def by_looks(self) -> bool:
        """Whether the run is repeatable: bounded by looks, the clock a brake only."""
        return self.most_looks is not None

    @property
    def to_tell(self) -> bool:
        """Whether somebody follows the search and has heard nothing for a tenth of a second."""
        return self.rule.progress is not None and self.seconds - self._told >= TELL_EVERY_S

    def tell(self, objective: int, unserved: int, core: str) -> None:
        """Report the best so far, at most ten times a second."""
        if self.to_tell:
            assert self.rule.progress is not None
            self._told = self.seconds
            self.rule.progress(Progress(self.share, objective, unserved, None, core, self.seconds))
