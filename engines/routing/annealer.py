"""The annealer's front: from a problem, and perhaps a plan, to orders of points, within a budget.

The temperature falls geometrically over the whole budget, from a share of the mean arc's cost to a small one. How hot
it begins depends on how many moves each stop will get: a short search begins colder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.routing.anneal import Best, anneal, empty_best
from engines.routing.carried import locked_only
from engines.routing.model import DUMPS, FAR, I64, MIXED, SCANNED, TIMED, Facts, Model
from engines.routing.rounds import Order
from engines.routing.starts import TIERS, fill, load, one_round_each
from engines.routing.state import BY_ROOM, COST, EVERYWHERE, OVER, PRICE, SERVED, USED, State, empty_state
from engines.routing.stopping import Budget

CHUNKS = 200  # steps of the budget between which the clock is looked at
FEWEST_MOVES, MOST_MOVES = 200, 5000  # between two looks at the clock: a tenth of a second at most
FEWEST_FOR_SINGLES = 50  # moves per stop below which there is no time to give up a round per stop
HOT_TO_ORDER, HOT_TO_CHOOSE = 0.05, 0.2  # least first temperatures: which stops pay together is the ruggeder question
HOT_TO_TRADE, COLD_TO_TRADE = 0.1, 0.05  # first temperature in shares of the mean round, last one of the mean arc
HOT_IN_WINDOWS, COLD_IN_WINDOWS = 0.6, 0.03  # most and last, where windows put barriers between good plans
HOT_GROWS = 0.09  # and with the root of the moves per stop
FILLINGS = 4  # greedy plans, each in another order of stops, of which the best is the first
GIVEN_UP_AT = 0.5  # share of the run by which trucks that do not exist cost more than leaving a stop out
GONE_AT = 0.75  # and by which the last of them are gone
MOVES_PER_SECOND = (150_000, 30_000)  # plain and timed, to guess how many moves a clock allows


@dataclass(frozen=True)
class Heat:
    """Temperatures at first and at last, in shares of the mean cost of an arc."""

    hot: float
    cold: float


def heat_for(model: Model, moves_per_stop: float, warm: bool) -> Heat:
    """Where annealing begins and ends; `warm` is a start from a good plan, which a hot start would burn."""
    timed = bool(model.facts.flags[TIMED])
    coldest = HOT_TO_CHOOSE if any(stop.prize is not None for stop in model.problem.stops) else HOT_TO_ORDER
    if model.facts.flags[SCANNED]:
        hot, cold = min(HOT_IN_WINDOWS, max(coldest, 0.025 * moves_per_stop**0.5)), COLD_IN_WINDOWS
    else:
        hot = min(1.0, max(coldest, (0.006 if timed else 0.0045) * moves_per_stop**0.5))
        cold = 0.01 if timed else 0.02
    return Heat(min(hot, 0.1) if warm else hot, cold)


class Annealer:
    """One annealing run over a model; `orders` is the best found so far, at any time."""

    def __init__(self, model: Model, seed: int) -> None:
        self.model, self.seed = model, seed
        self.state = empty_state(model.facts, seed)
        self.best = empty_best(self.state)
        self.warm = self.anew = False

    def start(self, orders: Sequence[Order] | None = None, warm: bool = False) -> None:
        """Take over a plan, or the locked beginnings; then put in whatever fits and pays. Feasible from here on.

        `warm`: the plan is good, so the search goes on from it and begins cold.
        """
        facts = self.model.facts
        self.warm = warm
        if not len(facts.stops):
            return
        steps = locked_steps(self.model) if orders is None else steps_of(self.model, orders)
        prizes = any(stop.prize is not None for stop in self.model.problem.stops)
        least = None
        for number in range(FILLINGS if orders is None else 1):
            state = empty_state(facts, self.seed + number)
            state.tally[PRICE] = FAR  # no truck that does not exist in a first plan
            load(facts, state, steps)
            _end_beginnings(self.model, state)
            if facts.flags[MIXED] and not facts.flags[DUMPS] and number >= FILLINGS // 2:
                state.tally[EVERYWHERE] = BY_ROOM
            found = fill(facts, state, self.best, _tiers(self.model), FAR // 4 if prizes and number % 2 else 0)
            if least is None or found < least:
                self.state, least = state, found

    def begin_anew(self, seed: int) -> None:
        """Begin again with a round per stop, on trucks that mostly do not exist.

        Not where trucks are so few that stops stay behind which are worth any money, or that of several kinds one is
        all in use: to give those trucks up would then take all the time. Nor in a mixed fleet: single stops all take
        its smallest trucks, and the search never comes back to the large ones.
        """
        worth = _tiers(self.model) < TIERS - 1
        left = self.best.links[: len(worth), 0] == np.arange(len(worth))
        scarce = len(self.model.facts.kinds) > 1 and self.scarce
        if not rounds_are_short(self.model) or self.mixed or scarce or (worth & left).any():
            return
        self.anew = True
        self.state = empty_state(self.model.facts, seed + 1)
        load(self.model.facts, self.state, locked_steps(self.model))
        one_round_each(self.model.facts, self.state)

    def keep_to_real_trucks(self, unit: float, done: float) -> None:
        """Set the price of trucks that do not exist at a share of the run; late in it go back to the best real plan."""
        if self.anew and done >= GONE_AT and self.state.tally[OVER] > 0:
            self.state = empty_state(self.model.facts, self.seed)
            load(self.model.facts, self.state, steps_of(self.model, self.orders))
            self.anew = False
        self.state.tally[PRICE] = price_at(self.model, unit, done) if self.anew else FAR

    def run(self, budget: Budget, heat: Heat | None = None, until: float = 1.0, anew: bool = True) -> None:
        """Anneal until the budget's share reaches `until`; without `anew` from the plan it was started with."""
        facts, begin = self.model.facts, budget.share
        if begin >= until or not len(facts.stops):
            return
        guess = moves_per_second(self.model)
        moves = (until - begin) * (budget.most_looks or guess * seconds_of(budget))
        heat = heat or self._heat(moves / len(facts.stops))
        unit = mean_arc(self)
        if anew and not self.warm and moves / len(facts.stops) >= FEWEST_FOR_SINGLES:
            self.begin_anew(int(self.state.rng[0] % 1000))
        rate = float(guess)
        while budget.share < until and not budget.over:
            done = min(1.0, (budget.share - begin) / (until - begin))
            chunk = self._chunk(budget, (begin, until), rate)
            now = unit * heat.hot * (heat.cold / heat.hot) ** done
            then = unit * heat.hot * (heat.cold / heat.hot) ** min(1.0, done + 1 / CHUNKS)
            self.keep_to_real_trucks(unit, done)
            clock = budget.cpu_seconds
            anneal(facts, self.state, self.best, (chunk, now, then))
            rate = chunk / max(1e-4, budget.cpu_seconds - clock)
            budget.looks += chunk
            budget.tell(round(self.best.energy[0] * self.model.scale), int(self.best.energy[1]), "annealer")

    def _heat(self, moves_per_stop: float) -> Heat:
        """The usual temperatures; hotter where rounds must change trucks of which there are too few."""
        heat = heat_for(self.model, moves_per_stop, self.warm)
        trades = self.mixed and rounds_are_short(self.model) and self.scarce and not self.warm
        if not trades or moves_per_stop < FEWEST_FOR_SINGLES:
            return heat
        hot = min(HOT_TO_TRADE * self.stops_per_round, HOT_GROWS * moves_per_stop**0.5)
        return Heat(max(heat.hot, hot), COLD_TO_TRADE)

    @property
    def mixed(self) -> bool:
        """Whether trucks differ in what they hold or cost."""
        return bool(self.model.facts.flags[MIXED])

    @property
    def scarce(self) -> bool:
        """Whether all trucks of some kind are in use, in the plan that is being changed."""
        return bool((self.state.fleet["used"] >= self.model.facts.kinds["have"]).any())

    def _chunk(self, budget: Budget, span: tuple[float, float], rate: float) -> int:
        """Moves until the clock is looked at again: a fixed number when looks decide, else about 1/200 of the time."""
        part = (span[1] - span[0]) / CHUNKS
        if budget.most_looks is not None:
            left = max(FEWEST_MOVES, int((span[1] - budget.share) * budget.most_looks) + 1)
            return max(1, min(left, MOST_MOVES, max(FEWEST_MOVES, round(part * budget.most_looks))))
        return max(FEWEST_MOVES, int(min(part * seconds_of(budget), 0.1) * rate))

    @property
    def stops_per_round(self) -> float:
        """Stops served per truck used, in the plan that is being changed."""
        return float(self.state.tally[SERVED] / max(1, self.state.tally[USED]))

    @property
    def orders(self) -> list[Order]:
        """The best plan's orders, one per truck of the problem."""
        return orders_in(self.model, self.best)


def rounds_are_short(model: Model) -> bool:
    """Whether there are trucks that do not exist, for annealing to give up."""
    kinds = model.facts.kinds
    return bool((kinds["beyond"] - kinds["first"] > kinds["have"]).any())


def mean_arc(annealer: Annealer) -> float:
    """Mean cost of an arc of the plan that is being changed, at least 1."""
    tally = annealer.state.tally
    return float(max(1.0, tally[COST] / max(1, tally[SERVED] + tally[USED])))


def moves_per_second(model: Model) -> int:
    """A guess, until the search has been timed."""
    timed = bool(model.facts.flags[TIMED])
    return MOVES_PER_SECOND[int(timed)]


def price_at(model: Model, unit: float, done: float) -> int:
    """What a truck that does not exist costs at a share of the run: from a mean arc to more than a stop is worth, and
    in the second half more than all its stops are worth."""
    if done > GIVEN_UP_AT:
        return FAR
    dearest = float(min(FAR // 2, 2 * model.facts.stops["penalty"].max(initial=1)))
    times = max(dearest, unit) / unit
    return round(unit * float(times ** min(1.0, done / GIVEN_UP_AT)))


def seconds_of(budget: Budget) -> float:
    """The shorter of the two clocks' limits."""
    limits = [budget.rule.wall_seconds, budget.rule.max_cpu_seconds]
    return min((limit for limit in limits if limit is not None), default=1.0)


def _tiers(model: Model) -> I64:
    """(n,) 0 for stops that must be served, 1 for those served whenever they fit, 2 for those with a prize."""
    said = [0 if stop.must_serve else 1 if stop.prize is None else 2 for stop in model.stops]
    return np.array(said, dtype=np.int64)


def _end_beginnings(model: Model, state: State) -> None:
    """Keep out the begun stops from the first one on that its truck does not serve: nothing behind it was begun."""
    facts, after = model.facts, state.nodes["after"]
    for v, begun in model.locked.items():
        node = len(facts.stops) + v
        for at, stop in enumerate(begun):
            node = int(after[node])
            if node != stop:
                facts.ends["allowed"][int(state.trucks["kind"][v]), list(begun[at:])] = 0
                break


def locked_steps(model: Model) -> I64:
    """Each truck's locked beginning, as far as it can be driven, as (truck, stop, unloaded before it)."""
    return steps_of(model, locked_only(model.problem) if model.locked else [[] for _ in model.problem.trucks])


def steps_of(model: Model, orders: Sequence[Order]) -> I64:
    """A plan's orders, one per truck of the problem, as (truck, stop, unloaded before it)."""
    said, problem = [], model.problem
    for k, trucks in enumerate(model.members):
        for v, index in enumerate(trucks, int(model.facts.kinds["first"][k])):
            mark = 0
            for point in orders[index]:
                if not problem.is_dump(point):
                    said.append((v, model.row_of[point], mark))
                mark = int(problem.is_dump(point))
    return np.array(said, dtype=np.int64).reshape(-1, 3)


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
            order.append(_dump_between(facts, k, (i, j)))
        order.append(int(facts.points[j]))
        i = j
    if order and facts.ends["end_dump"][k, i] >= 0:
        order.append(int(facts.ends["end_dump"][k, i]))
    return order


def _dump_between(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    """The point where kind k unloads between two nodes: the cheapest way, as the compiled loops take it."""
    i, j = ends
    g, n = int(facts.kinds["group"][k]), len(facts.stops)
    ways = facts.to_dump["cost"][g, i if i < n else n + k] + facts.from_dump["cost"][g, :, j]
    return int(facts.dumps["point"][np.argmin(np.where(facts.usable[k], ways, 4 * FAR))])
