"""Several searches under one rule: its looks are those of each of them, its clock is that of all together."""

from __future__ import annotations

from dataclasses import replace

from engines.routing.problem import StopRule
from engines.routing.stopping import Budget


class SharedClock:
    """Runs from when it is made; each search asks for its turn."""

    def __init__(self, rule: StopRule) -> None:
        self.rule, self._used = rule, Budget(rule)

    @property
    def over(self) -> bool:
        """Whether the time of all is used up, or somebody has ended them."""
        return self._used.over

    @property
    def seconds_left(self) -> float:
        """Seconds until the time of all is used up, at least 0; infinite for a rule without a clock."""
        return max(0.0, self._used.seconds_left)

    def turn(self, of_time: float, of_looks: float = 1.0) -> StopRule:
        """The rule of the next search: a share of the time that is left, and a share of the looks of one."""
        looks, cpu = self.rule.max_looks, self.rule.max_cpu_seconds
        return replace(
            self.rule,
            max_seconds=max(0.0, self.rule.wall_seconds - self._used.seconds) * of_time,
            max_cpu_seconds=None if cpu is None else max(0.0, cpu - self._used.cpu_seconds) * of_time,
            max_looks=None if looks is None else max(1, int(looks * of_looks)),
        )
