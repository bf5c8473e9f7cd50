"""A first plan by cheapest insertion (Rosenkrantz, Stearns and Lewis 1977), with skips when a prize is not worth it.

Starts: insert only what pays (must-serve first); insert everything and drop what does not pay; for few stops also the
nearest-neighbour order. The best one stays. Every insertion is driven before it is kept, so the plan is feasible at
any time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.routing.problem import Problem, RoundPlan
from engines.routing.rates import milli_rates
from engines.routing.rounds import Failure, Order, assemble, drive, milli_of, rank, with_dumps

ALWAYS = 10.0**9  # milli-currency that a stop without prize is worth; must-serve counts a hundred times that
MUST = 10.0**11
NOISE = 0.05
FEW_STOPS = 200  # up to here the nearest-neighbour order is tried as well; beyond, driving it all takes seconds


def construct(problem: Problem, seed: int) -> RoundPlan:
    """The best of the starts; `seed` shakes the insertion costs by 5 % (seed 0 does not)."""
    noise = np.ones(len(problem.stops))
    if seed:
        noise = 1 + NOISE * np.random.default_rng(seed).random(len(problem.stops))
    plans = [_Insertion(problem, noise, _worth(problem)).run()]
    if any(stop.prize is not None for stop in problem.stops):
        everything = _Insertion(problem, noise, np.maximum(_worth(problem), ALWAYS))
        everything.run()
        plans.append(everything.drop_what_does_not_pay())
    if len(problem.stops) <= FEW_STOPS and not seed:
        plans.append(assemble(problem, nearest_orders(problem), "insertion", 0))
    best = min(range(len(plans)), key=lambda i: rank(problem, plans[i]))
    return plans[best]


def nearest_orders(problem: Problem) -> list[Order]:
    """Orders of each truck in turn driving to the nearest stop that still fits, prizes ignored."""
    left = list(range(problem.first_stop, problem.size))
    orders = []
    for truck in problem.trucks:
        stops: Order = []
        open_points = [point for point in left if truck.takes(problem.stop_at(point).stream)]
        while open_points:
            here = stops[-1] if stops else truck.depot
            nearest = min(open_points, key=lambda point: (int(problem.metres[here, point]), point))
            open_points.remove(nearest)
            if not isinstance(drive(problem, truck, with_dumps(problem, truck, [*stops, nearest])), Failure):
                stops.append(nearest)
                left.remove(nearest)
        orders.append(with_dumps(problem, truck, stops))
    return orders


def _worth(problem: Problem) -> npt.NDArray[np.float64]:
    """What each stop is worth in milli-currency."""
    return np.array([MUST if s.must_serve else ALWAYS if s.prize is None else float(s.prize) for s in problem.stops])


@dataclass
class _Insertion:
    """The state of one construction: per truck its stops in order, per stop and truck the cheapest place."""

    problem: Problem
    noise: npt.NDArray[np.float64]
    worth: npt.NDArray[np.float64]

    def __post_init__(self) -> None:
        n, trucks = len(self.problem.stops), len(self.problem.trucks)
        self.stops: list[Order] = [[] for _ in range(trucks)]
        self.waiting = np.ones(n, dtype=np.bool_)
        self.forbidden = np.zeros((n, trucks), dtype=np.bool_)
        self.cost = np.full((n, trucks), np.inf)
        self.place = np.zeros((n, trucks), dtype=np.int64)
        for index, truck in enumerate(self.problem.trucks):
            self.forbidden[:, index] = [not truck.takes(stop.stream) for stop in self.problem.stops]
            self._price(index)

    def run(self) -> RoundPlan:
        """Insert the stop with the best worth less cost until none pays or fits."""
        while self.waiting.any() and self.problem.trucks:
            profit = np.where(self.waiting[:, None], self.worth[:, None] - self.cost, -np.inf)
            at = int(np.argmax(profit))
            stop, truck = divmod(at, len(self.problem.trucks))
            if not profit.flat[at] > 0:
                break
            if self._fits(stop, truck):
                self.waiting[stop] = False
                self._price(truck)
            else:
                self.forbidden[stop, truck] = True
                self.cost[stop, truck] = np.inf
        return self._plan()

    def drop_what_does_not_pay(self) -> RoundPlan:
        """Take out stops, and whole rounds, whose prizes are less than they cost."""
        problem = self.problem
        worth = _worth(problem)
        for index in range(len(problem.trucks)):
            while self.stops[index]:
                points = np.array(self.stops[index])
                saved = self._savings(index) - worth[points - problem.first_stop]
                worst = int(np.argmax(saved))
                if saved[worst] <= 0 or isinstance(self._driven(index, without := _less(points, worst)), Failure):
                    break
                self.stops[index] = without
            driven = drive(
                problem, problem.trucks[index], with_dumps(problem, problem.trucks[index], self.stops[index])
            )
            if not isinstance(driven, Failure):
                gain = sum(worth[point - problem.first_stop] for point in self.stops[index])
                if milli_of(problem, problem.trucks[index], driven) > gain:
                    self.stops[index] = []
        return self._plan()

    def _driven(self, truck: int, stops: Order) -> object:
        return drive(
            self.problem, self.problem.trucks[truck], with_dumps(self.problem, self.problem.trucks[truck], stops)
        )

    def _fits(self, stop: int, truck: int) -> bool:
        tried = self.stops[truck].copy()
        tried.insert(int(self.place[stop, truck]), self.problem.first_stop + stop)
        if isinstance(self._driven(truck, tried), Failure):
            return False
        self.stops[truck] = tried
        return True

    def _price(self, truck: int) -> None:
        """Cheapest place and its cost for every waiting stop in one truck's round, dump trips left out."""
        per_metre, per_second = milli_rates(self.problem, self.problem.trucks[truck])
        todo = np.flatnonzero(self.waiting & ~self.forbidden[:, truck])
        self.cost[:, truck] = np.inf
        if not len(todo):
            return
        points = todo + self.problem.first_stop
        before, after = self._ends(truck)
        metres, seconds = self.problem.metres, self.problem.seconds
        longer = metres[np.ix_(before, points)] + metres[np.ix_(points, after)].T - metres[before, after][:, None]
        slower = seconds[np.ix_(before, points)] + seconds[np.ix_(points, after)].T - seconds[before, after][:, None]
        service = np.array([self.problem.stops[stop].service_s for stop in todo])
        milli = per_metre * longer + per_second * (slower + service)
        self.place[todo, truck] = np.argmin(milli, axis=0)
        self.cost[todo, truck] = milli.min(axis=0) * self.noise[todo]

    def _ends(self, truck: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        depot = self.problem.trucks[truck].depot
        before = np.array([depot, *self.stops[truck]], dtype=np.int64)
        return before, np.append(before[1:], depot)

    def _savings(self, truck: int) -> npt.NDArray[np.float64]:
        """Milli-currency saved by leaving out each stop of a round."""
        per_metre, per_second = milli_rates(self.problem, self.problem.trucks[truck])
        before, after = self._ends(truck)
        here, left, right = before[1:], before[:-1], after[1:]
        metres, seconds = self.problem.metres, self.problem.seconds
        shorter = metres[left, here] + metres[here, right] - metres[left, right]
        quicker = seconds[left, here] + seconds[here, right] - seconds[left, right]
        service = np.array([self.problem.stop_at(int(point)).service_s for point in here])
        return np.asarray(per_metre * shorter + per_second * (quicker + service), dtype=np.float64)

    def _plan(self) -> RoundPlan:
        orders = [
            with_dumps(self.problem, truck, stops) for truck, stops in zip(self.problem.trucks, self.stops, strict=True)
        ]
        return assemble(self.problem, orders, "insertion", 0)


def _less(points: npt.NDArray[np.int64], index: int) -> Order:
    return [int(point) for point in np.delete(points, index)]
