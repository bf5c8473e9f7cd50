"""What a plan costs, learned from the searches that ran: recursive least squares with forgetting."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

__all__ = ["Cost", "LearnedCosts"]

Floats = npt.NDArray[np.float64]
FORGETTING = 0.98  # about the last fifty searches of a plan count
UNSURE = 1.0  # of the first coefficients, as a variance of their relative error
LEAST = np.array([1e-2, 1e-3])  # of the two coefficients, so that none is lost at zero
LEAST_MS = 1e-4
PASSED_OVER = 500  # searches in which a plan was not run, until it is believed to be no dearer than at first
OUTLIER = 4.0  # times what was expected: a pause of the machine teaches no more than that


@dataclass(frozen=True)
class Cost:
    """`fixed_ms` for each search, and `each_us` microseconds for each of what the cost grows with, documents mostly."""

    fixed_ms: float
    each_us: float

    def of(self, size: float) -> float:
        """Milliseconds for a size."""
        return max(LEAST_MS, self.fixed_ms + self.each_us * size / 1_000)


class LearnedCosts:
    """The costs of plans by name, and how many searches were `observed`. Safe for many threads.

    Each observation moves the two coefficients of its plan (recursive least squares with exponential forgetting; L.
    Ljung, System Identification, 2nd ed. 1999, 11.2), weighted so that the relative error counts and large searches do
    not outweigh small ones. No coefficient falls below a hundredth of a millisecond, a thousandth of a microsecond.
    What one bad moment taught of a plan that is then not run would stand for ever: see `passed_over`.
    """

    def __init__(self, first: Mapping[str, Cost]) -> None:
        self.observed = 0
        self._first = {**first}
        self._passed: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._theta: dict[str, Floats] = {}
        self._spread: dict[str, Floats] = {}
        self.adopt(first)

    def adopt(self, costs: Mapping[str, Cost]) -> None:
        """Take these costs as what is known so far, for instance those of an earlier process."""
        with self._lock:
            for name, cost in costs.items():
                self._believe(name, cost)

    def to_text(self) -> str:
        """What is known, to be kept for the next process."""
        return json.dumps({name: [cost.fixed_ms, cost.each_us] for name, cost in self.known().items()})

    def adopt_text(self, text: str) -> None:
        """Take what `to_text` gave; a text that is none of its own, or a plan that is unknown here, changes nothing."""
        try:
            told = {str(name): Cost(float(fixed), float(each)) for name, (fixed, each) in json.loads(text).items()}
        except (ValueError, TypeError, AttributeError):
            return
        fitting = {name: cost for name, cost in told.items() if name in self._theta}
        self.adopt(
            {name: cost for name, cost in fitting.items() if 0 <= cost.fixed_ms < inf and 0 <= cost.each_us < inf}
        )

    def expected(self, plan: str, size: float) -> float:
        """Milliseconds that a plan will probably take."""
        with self._lock:
            return Cost(*self._theta[plan].tolist()).of(size)

    def learn(self, plan: str, size: float, took_ms: float) -> None:
        """A plan took so long."""
        with self._lock:
            self.observed += 1
            self._passed[plan] = 0
            theta, spread = self._theta[plan], self._spread[plan]
            row = np.array([1.0, size / 1_000])
            expected = max(LEAST_MS, float(row @ theta))
            took = min(max(took_ms, LEAST_MS), OUTLIER * expected)
            row, error = row / expected, took / expected - float(row @ theta) / expected
            gain = spread @ row / (FORGETTING + row @ spread @ row)
            self._theta[plan] = np.maximum(theta + gain * error, LEAST)
            self._spread[plan] = _bounded((spread - np.outer(gain, row @ spread)) / FORGETTING, theta)

    def passed_over(self, plan: str) -> None:
        """A plan that took part was not run. After 500 times in a row it is no dearer than at first, and unsure: it is
        tried where it then seems cheapest, and one search tells what it costs."""
        with self._lock:
            self._passed[plan] += 1
            if self._passed[plan] >= PASSED_OVER:
                self._passed[plan] = 0
                now, first = Cost(*self._theta[plan].tolist()), self._first[plan]
                self._believe(plan, Cost(min(now.fixed_ms, first.fixed_ms), min(now.each_us, first.each_us)))

    def _believe(self, plan: str, cost: Cost) -> None:
        """Take a cost as what is known, with as little certainty as at first. The caller holds the lock."""
        theta = np.array([cost.fixed_ms, cost.each_us], dtype=np.float64)
        self._theta[plan] = theta
        self._spread[plan] = np.diag(UNSURE * np.maximum(theta, LEAST) ** 2)

    def known(self) -> dict[str, Cost]:
        """The costs as they are now."""
        with self._lock:
            return {name: Cost(*theta.tolist()) for name, theta in self._theta.items()}


def _bounded(spread: Floats, theta: Floats) -> Floats:
    """A spread no wider than the first was: without news in one direction, forgetting alone would widen it for ever."""
    most = UNSURE * np.maximum(theta, LEAST) ** 2
    shrink = np.sqrt(np.minimum(1.0, most / np.maximum(np.diag(spread), 1e-300)))
    bounded: Floats = spread * np.outer(shrink, shrink)
    return bounded
