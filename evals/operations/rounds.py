"""One day's rounds: wishes become a routing problem, and the plan is driven with what the bins really hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Problem, Stop, StopRule, Truck
from engines.routing.solve import solve
from evals.operations.town import Floats, Town

ANNEALER = Params(core=Core.annealer)  # one core for all policies, repeatable by looks
Tours = tuple[tuple[int, ...], ...]  # by truck: points of the town in driving order, dumps among them


@dataclass(frozen=True)
class Wish:
    """A bin to serve: its index, what that is worth in milli-currency (None: whenever it fits), litres expected."""

    bin: int
    prize: int | None
    litres: int


@dataclass(frozen=True)
class Driven:
    """What happened: metres, seconds and currency of all trucks, and (bin, second of the day) of every emptying."""

    metres: int = 0
    seconds: int = 0
    cost: float = 0.0
    emptied: tuple[tuple[int, int], ...] = ()


@dataclass
class Planner:
    """Turns wishes into tours with one solve a day. Equal wishes are solved once: a fixed schedule repeats itself."""

    town: Town
    looks: int
    solves: int = 0
    _known: dict[tuple[Wish, ...], Tours] = field(default_factory=dict)

    def tours(self, wishes: Sequence[Wish]) -> Tours:
        """The tours of a day. A stop worth less than the time spent at it is left out at once: it can never pay."""
        least = 1000 * min((t.cost_per_hour for t in self.town.trucks), default=0.0) * self.town.service_s / 3600
        kept = tuple(wish for wish in wishes if wish.prize is None or wish.prize > least)
        if not kept:
            return tuple(() for _ in self.town.trucks)
        if kept not in self._known:
            self.solves += 1
            self._known[kept] = self._solve(kept)
        return self._known[kept]

    def _solve(self, wishes: tuple[Wish, ...]) -> Tours:
        town, first = self.town, self.town.first_bin
        points = np.array([*range(first), *(first + wish.bin for wish in wishes)], dtype=np.int64)
        problem = Problem(
            stops=tuple(_stop(town, wish) for wish in wishes),
            trucks=town.trucks,
            depots=town.depots,
            dumps=town.dumps,
            metres=town.metres[np.ix_(points, points)],
            seconds=town.seconds[np.ix_(points, points)],
            goal=Goal.cost,
        )
        plan = solve(problem, StopRule(max_looks=self.looks), 0, ANNEALER)
        point = {dump.id: len(town.depots) + i for i, dump in enumerate(town.dumps)}
        point |= {town.bins[wish.bin]: first + wish.bin for wish in wishes}
        return tuple(tuple(point[visit.stop_id] for visit in each.visits) for each in plan.rounds)


def _stop(town: Town, wish: Wish) -> Stop:
    lat, lon = town.positions[wish.bin]
    litres = max(1, wish.litres)
    kilos = max(1, round(litres * town.kg_per_l[wish.bin]))
    name, stream = town.bins[wish.bin], town.streams[wish.bin]
    return Stop(name, float(lat), float(lon), litres, kilos, town.service_s, stream, prize=wish.prize)


def drive_out(town: Town, tours: Tours, litres: Floats, expected: Mapping[int, int]) -> Driven:
    """Drive the tours with the litres that each bin really holds.

    A truck that the next bin would overload goes to the dump first; a planned dump trip is left out when what the plan
    expects (litres by bin index) until the next one still fits.
    """
    parts = [
        _Tour(town, truck, litres, expected).driven(tour)
        for truck, tour in zip(town.trucks, tours, strict=True)
        if tour
    ]
    emptied = tuple(each for part in parts for each in part.emptied)
    return Driven(
        sum(part.metres for part in parts),
        sum(part.seconds for part in parts),
        sum(part.cost for part in parts),
        emptied,
    )


@dataclass
class _Tour:
    """One truck on its way."""

    town: Town
    truck: Truck
    litres: Floats
    expected: Mapping[int, int]

    def __post_init__(self) -> None:
        self.here, self.clock, self.metres, self.load = self.truck.depot, self.truck.shift_start_s, 0, 0.0

    def driven(self, tour: Sequence[int]) -> Driven:
        first, emptied = self.town.first_bin, []
        for index, point in enumerate(tour):
            if point < first:
                if self.load + self._until_next_dump(tour[index + 1 :]) > self.truck.capacity_l:
                    self._unload(tour[index + 1] if index + 1 < len(tour) else self.truck.end_point)
                continue
            held = float(self.litres[point - first])
            if self.load > 0 and self.load + held > self.truck.capacity_l:
                self._unload(point)
            self._go(point)
            self.clock, self.load = self.clock + self.town.service_s, self.load + held
            emptied.append((point - first, self.clock))
        if self.load > 0 and self.town.dumps:
            self._unload(self.truck.end_point)
        self._go(self.truck.end_point)
        seconds = self.clock - self.truck.shift_start_s
        cost = self.truck.cost_per_km * self.metres / 1000 + self.truck.cost_per_hour * seconds / 3600
        return Driven(self.metres, seconds, cost, tuple(emptied))

    def _until_next_dump(self, rest: Sequence[int]) -> int:
        """Litres expected of the stops up to the next planned dump."""
        litres = 0
        for point in rest:
            if point < self.town.first_bin:
                break
            litres += self.expected.get(point - self.town.first_bin, 0)
        return litres

    def _go(self, to: int) -> None:
        self.clock += int(self.town.seconds[self.here, to])
        self.metres += int(self.town.metres[self.here, to])
        self.here = to

    def _unload(self, after: int) -> None:
        town, dumps = self.town, range(len(self.town.depots), self.town.first_bin)
        if dumps:
            best = min(dumps, key=lambda dump: int(town.seconds[self.here, dump] + town.seconds[dump, after]))
            self._go(best)
            self.clock += town.dumps[best - len(town.depots)].service_s
        else:
            self._go(self.truck.depot)
        self.load = 0.0
