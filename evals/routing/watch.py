"""What a solver is given and what it is watched by: a CPU budget, and the cost of its best answer over CPU time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from evals.routing.instances import Instance, Route


@dataclass
class Watch:
    """CPU seconds of this process since `start`, a budget of them, and the answers on the way: (CPU s, cost)."""

    seconds: float
    seed: int = 1
    trace: list[tuple[float, int]] = field(default_factory=list)
    began: float = field(default_factory=time.process_time)

    def start(self) -> None:
        """Begin to count: the instance is in memory, nothing of the solver's model is built."""
        self.began = time.process_time()

    @property
    def spent(self) -> float:
        """CPU seconds since the start."""
        return time.process_time() - self.began

    @property
    def over(self) -> bool:
        """Whether the budget is used up."""
        return self.spent >= self.seconds

    def note(self, cost: int) -> None:
        """A feasible answer of this cost is known now; kept when it is better than the one before."""
        if not self.trace or cost < self.trace[-1][1]:
            self.trace.append((round(self.spent, 3), cost))


@dataclass(frozen=True)
class Solver:
    """A solver: `cannot` says why it cannot express an instance (None when it can), `solve` gives its best routes.

    `solve` starts the watch itself, once its libraries are loaded, and notes what it finds on the way.
    """

    cannot: Callable[[Instance], str | None]
    solve: Callable[[Instance, Watch], Sequence[Route]]


def nothing(instance: Instance) -> str | None:
    """For a solver that can express every instance."""
    del instance
    return None
