"""The annealer's front: from a problem, and perhaps a plan, to orders of points, within a budget.

The temperature falls geometrically over the whole budget, from a share of the mean arc's cost to a small one. How hot
it begins depends on how many moves each stop will get: a short search begins colder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.routing.anneal import Best, anneal, empty_best, fill
from engines.routing.model import TIMED, Model
from engines.routing.rounds import Order
from engines.routing.state import COST, SERVED, USED, State, begin_move, empty_state, put_in, take_out
from engines.routing.stopping import Budget
from engines.routing.times import best_dump, merge_trips, repair

CHUNKS = 200  # steps of the budget between which the clock is looked at
FEWEST_MOVES = 200
MOVES_PER_SECOND = (100_000, 30_000)  # plain and timed, to guess how many moves a clock allows


@dataclass(frozen=True)
class Heat:
    """Temperatures at first and at last, in shares of the mean cost of an arc."""

    hot: float
    cold: float


def heat_for(model: Model, moves_per_stop: float, warm: bool) -> Heat:
    """Where annealing begins and ends; `warm` is a start from a good plan, which a hot start would burn."""
    timed = bool(model.facts.flags[TIMED])
    hot = min(1.0, max(0.05, (0.006 if timed else 0.0045) * moves_per_stop**0.5))
    cold = 0.01 if timed else 0.02
    return Heat(min(hot, 0.1) if warm else hot, cold)


class Annealer:
    """One annealing run over a model; `orders` is the best found so far, at any time."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model = model
        self.state = empty_state(model.facts, seed)
        self.best = empty_best(self.state)

    def start(self, orders: Sequence[Order] | None = None) -> None:
        """Take over a plan, or the locked beginnings; then put in whatever fits."""
        if orders is not None:
            load_orders(self.model, self.state, orders)
        else:
            load_locked(self.model, self.state)
        fill(self.model.facts, self.state, self.best)

    def run(self, budget: Budget, heat: Heat | None = None, until: float = 1.0) -> None:
        """Anneal until the budget's share reaches `until`."""
        facts, begin = self.model.facts, budget.share
        if begin >= until or not len(facts.stops):
            return
        guess = MOVES_PER_SECOND[int(bool(facts.flags[TIMED]))]
        moves = (until - begin) * (budget.most_looks or guess * _seconds_of(budget))
        heat = heat or heat_for(self.model, moves / len(facts.stops), False)
        unit = max(1.0, self.state.tally[COST] / max(1, self.state.tally[SERVED] + self.state.tally[USED]))
        rate = float(guess)
        while budget.share < until and not budget.over:
            done = min(1.0, (budget.share - begin) / (until - begin))
            chunk = self._chunk(budget, (begin, until), rate)
            now = unit * heat.hot * (heat.cold / heat.hot) ** done
            then = unit * heat.hot * (heat.cold / heat.hot) ** min(1.0, done + 1 / CHUNKS)
            clock = budget.cpu_seconds
            anneal(facts, self.state, self.best, (chunk, now, then))
            rate = chunk / max(1e-4, budget.cpu_seconds - clock)
            budget.looks += chunk
            budget.tell(round(self.best.energy[0] * self.model.scale), 0, "annealer")

    def _chunk(self, budget: Budget, span: tuple[float, float], rate: float) -> int:
        """Moves until the clock is looked at again: a fixed number when looks decide, else about 1/200 of the time."""
        part = (span[1] - span[0]) / CHUNKS
        if budget.most_looks is not None:
            left = int((span[1] - budget.share) * budget.most_looks) + 1
            return max(1, min(left, max(FEWEST_MOVES, round(part * budget.most_looks))))
        return max(FEWEST_MOVES, int(min(part * _seconds_of(budget), 0.1) * rate))

    @property
    def orders(self) -> list[Order]:
        """The best plan's orders, one per truck of the problem."""
        return orders_in(self.model, self.best)


def _seconds_of(budget: Budget) -> float:
    limits = [budget.rule.wall_seconds, budget.rule.max_cpu_seconds]
    return min((limit for limit in limits if limit is not None), default=1.0)


def load_locked(model: Model, state: State) -> None:
    """Put each truck's locked beginning in, as far as it can be driven."""
    for v, locked in enumerate(model.locked):
        begin_move(state)
        at = len(state.saved) + v
        for c in locked:
            state.spot[:] = (at, v, 0, 0)
            put_in(model.facts, state, c)
            if not repair(model.facts, state, v):
                take_out(model.facts, state, c)
                repair(model.facts, state, v)
                break
            at = c


def load_orders(model: Model, state: State, orders: Sequence[Order]) -> None:
    """Put a plan's orders, one per truck of the problem, into an empty state. The orders must be drivable."""
    facts, problem = model.facts, model.problem
    n, first = len(facts.stops), problem.first_stop
    begin_move(state)
    for v, index in enumerate(model.trucks):
        at = n + v
        mark = 0
        for point in orders[index]:
            if problem.is_dump(point):
                mark = 1
                continue
            state.spot[:] = (at, v, mark, 0)
            put_in(facts, state, point - first)
            at, mark = point - first, 0
        if state.trucks["count"][v]:
            merge_trips(facts, state, v)
            repair(facts, state, v)


def orders_in(model: Model, best: Best) -> list[Order]:
    """The best plan's orders, one per truck of the problem, dumps among the stops."""
    facts, problem = model.facts, model.problem
    n, first = len(facts.stops), problem.first_stop
    orders: list[Order] = [[] for _ in problem.trucks]
    for v, index in enumerate(model.trucks):
        k, i = int(np.searchsorted(facts.kinds["beyond"], v, side="right")), n + v
        order = orders[index]
        while True:
            j = int(best.links[i, 0])
            if j >= n:
                break
            if best.links[i, 1]:
                order.append(int(facts.dumps["point"][best_dump(facts, k, (i, j))]))
            order.append(first + j)
            i = j
        if order and facts.ends["end_dump"][k, i] >= 0:
            order.append(int(facts.ends["end_dump"][k, i]))
    return orders
