"""The annealer's front: from a problem, and perhaps a plan, to orders of points, within a budget.

The temperature falls geometrically over the whole budget, from a share of the mean arc's cost to a small one. How hot
it begins depends on how many moves each stop will get: a short search begins colder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.routing.anneal import Best, anneal, empty_best, fill, one_round_each
from engines.routing.model import FAR, TIMED, Model
from engines.routing.rounds import Order
from engines.routing.state import COST, PRICE, SERVED, USED, State, begin_move, empty_state, put_in, take_out
from engines.routing.stopping import Budget
from engines.routing.times import best_dump, merge_trips, repair

CHUNKS = 200  # steps of the budget between which the clock is looked at
FEWEST_MOVES = 200
FEWEST_FOR_SINGLES = 50  # moves per stop below which there is no time to give up a round per stop
GIVEN_UP_AT = 0.5  # share of the run by which trucks that do not exist cost more than leaving stops out
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
        self.warm = False

    def start(self, orders: Sequence[Order] | None = None, warm: bool = False) -> None:
        """Take over a plan, or the locked beginnings; then put in whatever fits. Feasible from here on.

        `warm`: the plan is good, so the search goes on from it and begins cold.
        """
        facts = self.model.facts
        self.state.tally[PRICE] = FAR  # no truck that does not exist in a first plan
        self._load(orders)
        fill(facts, self.state, self.best)
        self.warm = warm

    def _load(self, orders: Sequence[Order] | None) -> None:
        if orders is not None:
            load_orders(self.model, self.state, orders)
        else:
            load_locked(self.model, self.state)

    def _one_round_each(self, seed: int) -> None:
        """Begin again with a round per stop, on trucks that mostly do not exist."""
        self.state = empty_state(self.model.facts, seed + 1)
        load_locked(self.model, self.state)
        one_round_each(self.model.facts, self.state)

    def run(self, budget: Budget, heat: Heat | None = None, until: float = 1.0) -> None:
        """Anneal until the budget's share reaches `until`."""
        facts, begin = self.model.facts, budget.share
        if begin >= until or not len(facts.stops):
            return
        guess = moves_per_second(self.model)
        moves = (until - begin) * (budget.most_looks or guess * seconds_of(budget))
        heat = heat or heat_for(self.model, moves / len(facts.stops), self.warm)
        unit = mean_arc(self)
        begins_anew = not self.warm and moves / len(facts.stops) >= FEWEST_FOR_SINGLES
        spares = bool((facts.kinds["beyond"] - facts.kinds["first"] > facts.kinds["have"]).any())
        if spares and begins_anew:
            self._one_round_each(int(self.state.rng[0] % 1000))
        rate = float(guess)
        while budget.share < until and not budget.over:
            done = min(1.0, (budget.share - begin) / (until - begin))
            chunk = self._chunk(budget, (begin, until), rate)
            now = unit * heat.hot * (heat.cold / heat.hot) ** done
            then = unit * heat.hot * (heat.cold / heat.hot) ** min(1.0, done + 1 / CHUNKS)
            self.state.tally[PRICE] = price_at(self.model, unit, done)
            clock = budget.cpu_seconds
            anneal(facts, self.state, self.best, (chunk, now, then))
            rate = chunk / max(1e-4, budget.cpu_seconds - clock)
            budget.looks += chunk
            budget.tell(round(self.best.energy[0] * self.model.scale), int(self.best.energy[1]), "annealer")

    def _chunk(self, budget: Budget, span: tuple[float, float], rate: float) -> int:
        """Moves until the clock is looked at again: a fixed number when looks decide, else about 1/200 of the time."""
        part = (span[1] - span[0]) / CHUNKS
        if budget.most_looks is not None:
            left = int((span[1] - budget.share) * budget.most_looks) + 1
            return max(1, min(left, max(FEWEST_MOVES, round(part * budget.most_looks))))
        return max(FEWEST_MOVES, int(min(part * seconds_of(budget), 0.1) * rate))

    @property
    def stops_per_round(self) -> float:
        """Stops served per truck used, in the plan that is being changed."""
        return float(self.state.tally[SERVED] / max(1, self.state.tally[USED]))

    @property
    def orders(self) -> list[Order]:
        """The best plan's orders, one per truck of the problem."""
        return orders_in(self.model, self.best)


def mean_arc(annealer: Annealer) -> float:
    """Mean cost of an arc of the plan that is being changed, at least 1."""
    tally = annealer.state.tally
    return float(max(1.0, tally[COST] / max(1, tally[SERVED] + tally[USED])))


def moves_per_second(model: Model) -> int:
    """A guess, until the search has been timed."""
    return MOVES_PER_SECOND[int(bool(model.facts.flags[TIMED]))]


def price_at(model: Model, unit: float, done: float) -> int:
    """What a truck that does not exist costs at a share of the run: from a mean arc to more than any stop is worth."""
    dearest = float(min(FAR // 8, 2 * model.facts.stops["penalty"].max(initial=1)))
    return round(unit * (max(dearest, unit) / unit) ** min(1.0, done / GIVEN_UP_AT))


def seconds_of(budget: Budget) -> float:
    """The shorter of the two clocks' limits."""
    limits = [budget.rule.wall_seconds, budget.rule.max_cpu_seconds]
    return min((limit for limit in limits if limit is not None), default=1.0)


def load_locked(model: Model, state: State) -> None:
    """Put each truck's locked beginning in, as far as it can be driven."""
    for v, locked in model.locked.items():
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
    first = problem.first_stop
    begin_move(state)
    for k, trucks in enumerate(model.members):
        for v, index in enumerate(trucks, int(facts.kinds["first"][k])):
            at, mark = len(facts.stops) + v, 0
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
    facts = model.facts
    orders: list[Order] = [[] for _ in model.problem.trucks]
    for k, trucks in enumerate(model.members):
        rounds = range(int(facts.kinds["first"][k]), int(facts.kinds["beyond"][k]))
        driven = [order for order in (_order_of(model, best, k, v) for v in rounds) if order]
        for index, order in zip(trucks, driven, strict=False):
            orders[index] = order
    return orders


def _order_of(model: Model, best: Best, k: int, v: int) -> Order:
    facts, n = model.facts, len(model.facts.stops)
    order: Order = []
    i = n + v
    while True:
        j = int(best.links[i, 0])
        if j >= n:
            break
        if best.links[i, 1]:
            order.append(int(facts.dumps["point"][best_dump(facts, k, (i, j))]))
        order.append(model.problem.first_stop + j)
        i = j
    if order and facts.ends["end_dump"][k, i] >= 0:
        order.append(int(facts.ends["end_dump"][k, i]))
    return order
