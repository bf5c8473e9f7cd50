"""One day's rounds: wishes become a routing problem, and the plan is driven with what the bins really hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise

import numpy as np

from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Problem, Stop, StopRule, Truck, Weights
from engines.routing.solve import solve
from engines.routing.worth import Seen, Worth, with_prizes, worth_of_visits
from engines.routing.worth_when_full import may_stay
from evals.operations.town import Town

ANNEALER = Params(core=Core.annealer, thorough=False)  # one core for all policies, repeatable by looks
LEAST_MILLI = 20  # a bin worth less than twenty metres or two cents is not put before the solver
Tours = tuple[tuple[int, ...], ...]  # by truck: points of the town in driving order, dumps among them
Held = Callable[[int, int], float]  # litres that really lie in a bin (its index) at a second of the day


class Aim(StrEnum):
    """What all policies' rounds make small: kilometres, or the city's money for kilometres and hours."""

    km = "km"
    cost = "cost"

    @property
    def weights(self) -> Weights | None:
        """The routing engine's weights: a metre counts a milli-currency, an hour nothing; None for money."""
        return Weights(per_metre=1.0) if self is Aim.km else None


@dataclass(frozen=True)
class Wish:
    """A bin to serve: its index and litres expected. Without `seen` it is served whenever it fits; with it, when its
    worth (`engines/routing/worth.py`) pays, a full bin and day counting `full_milli`."""

    bin: int
    litres: int
    seen: Seen | None = None
    full_milli: int = 0


@dataclass(frozen=True)
class Effort:
    """How days are solved: changes tried, what is made small, and the share of a truck's load that plans may use."""

    looks: int
    aim: Aim = Aim.km
    load_share: float = 1.0


@dataclass(frozen=True)
class Sheet:
    """What the drivers get: the tours, and the points at which a full truck leaves the rest of its load for later."""

    tours: Tours
    may_stay: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Driven:
    """What happened: metres, seconds and currency of all trucks, (bin, second of the day) of every emptying, and the
    litres that were unloaded in all."""

    metres: int = 0
    seconds: int = 0
    cost: float = 0.0
    emptied: tuple[tuple[int, int], ...] = ()
    unloaded_l: float = 0.0


@dataclass
class Planner:
    """Turns wishes into tours with one solve a day. Equal wishes are solved once: a fixed schedule repeats itself."""

    town: Town
    effort: Effort
    solves: int = 0
    _known: dict[tuple[Wish, ...], Sheet] = field(default_factory=dict)

    def sheet(self, wishes: Sequence[Wish]) -> Sheet:
        """The tours of a day, by truck."""
        kept = tuple(wishes)
        if not kept:
            return self._nothing
        if kept not in self._known:
            self.solves += 1
            self._known[kept] = self._solve(kept)
        return self._known[kept]

    @property
    def _nothing(self) -> Sheet:
        return Sheet(tuple(() for _ in self.town.trucks))

    def _solve(self, wishes: tuple[Wish, ...]) -> Sheet:
        problem = self._problem(wishes)
        worths = _worths(problem, wishes)
        kept = tuple(w for s, w in zip(problem.stops, wishes, strict=True) if s.id not in worths or _pays(worths[s.id]))
        if not kept:
            return self._nothing
        problem = with_prizes(self._problem(kept), worths)
        plan = solve(problem, StopRule(max_looks=self.effort.looks), 0, ANNEALER)
        town, first = self.town, self.town.first_bin
        point = {dump.id: len(town.depots) + i for i, dump in enumerate(town.dumps)}
        point |= {town.bins[wish.bin]: first + wish.bin for wish in kept}
        tours = tuple(tuple(point[visit.stop_id] for visit in each.visits) for each in plan.rounds)
        return Sheet(tours, frozenset(point[stop_id] for stop_id in may_stay(problem, plan)))

    def _problem(self, wishes: tuple[Wish, ...]) -> Problem:
        town, first = self.town, self.town.first_bin
        points = np.array([*range(first), *(first + wish.bin for wish in wishes)], dtype=np.int64)
        return Problem(
            stops=tuple(_stop(town, wish) for wish in wishes),
            trucks=tuple(_loaded_to(truck, self.effort.load_share) for truck in town.trucks),
            depots=town.depots,
            dumps=town.dumps,
            metres=town.metres[np.ix_(points, points)],
            seconds=town.seconds[np.ix_(points, points)],
            goal=Goal.cost,
            weights=self.effort.aim.weights,
        )


def _loaded_to(truck: Truck, share: float) -> Truck:
    return replace(truck, capacity_l=round(share * truck.capacity_l), capacity_kg=round(share * truck.capacity_kg))


def _worths(problem: Problem, wishes: tuple[Wish, ...]) -> dict[str, Worth]:
    """The worth of the wishes that it decides on; those of a day agree on what a full bin costs."""
    seen = {stop.id: w.seen for stop, w in zip(problem.stops, wishes, strict=True) if w.seen is not None}
    return worth_of_visits(problem, seen, max(w.full_milli for w in wishes))


def _pays(worth: Worth) -> bool:
    return worth.prize >= LEAST_MILLI


def _stop(town: Town, wish: Wish) -> Stop:
    lat, lon = town.positions[wish.bin]
    litres = max(1, wish.litres)
    kilos = max(1, round(litres * town.kg_per_l[wish.bin]))
    return Stop(
        town.bins[wish.bin], float(lat), float(lon), litres, kilos, town.service_s, town.streams[wish.bin]
    )  # fmt: skip


def drive_out(town: Town, sheet: Sheet, held: Held, expected: Mapping[int, int]) -> Driven:
    """Drive the tours with the litres that each bin really holds when the truck has emptied it.

    A truck that the next bin would overload, in litres or kilos, goes to the dump first, or leaves the bin where the
    sheet says that it may stay; a planned dump trip is left out when what the plan expects (litres by bin index) until
    the next one still fits. A bin that could no longer be served in time to unload and be home before the shift ends is
    left, and the truck goes on to the next.
    """
    parts = [
        _Tour(town, truck, held, expected, sheet.may_stay).driven(tour)
        for truck, tour in zip(town.trucks, sheet.tours, strict=True)
        if tour
    ]
    emptied = tuple(each for part in parts for each in part.emptied)
    return Driven(
        sum(part.metres for part in parts),
        sum(part.seconds for part in parts),
        sum(part.cost for part in parts),
        emptied,
        sum(part.unloaded_l for part in parts),
    )


@dataclass
class _Tour:
    """One truck on its way; its load in litres and kilos."""

    town: Town
    truck: Truck
    held: Held
    expected: Mapping[int, int]
    may_stay: frozenset[int]

    def __post_init__(self) -> None:
        self.here, self.clock, self.metres = self.truck.depot, self.truck.shift_start_s, 0
        self.load_l = self.load_kg = self.unloaded_l = 0.0

    def driven(self, tour: Sequence[int]) -> Driven:
        first, emptied = self.town.first_bin, []
        for index, point in enumerate(tour):
            if point < first:
                if not self._fits(*self._until_next_dump(tour[index + 1 :])):
                    self._unload(tour[index + 1] if index + 1 < len(tour) else self.truck.end_point)
                continue
            straight = self.clock + self._way(self.here, point) + self.town.service_s
            full = self.load_l > 0 and not self._fits(*self._held(point, straight))
            if (full and point in self.may_stay) or self._home_by(point, full) > self.truck.shift_end_s:
                continue
            if full:
                self._unload(point)
            self._go(point)
            self.clock += self.town.service_s
            litres, kilos = self._held(point, self.clock)
            self.load_l, self.load_kg = self.load_l + litres, self.load_kg + kilos
            emptied.append((point - first, self.clock))
        if self.load_l > 0 and self.town.dumps:
            self._unload(self.truck.end_point)
        self._go(self.truck.end_point)
        self._leave_load()
        seconds = self.clock - self.truck.shift_start_s
        cost = self.truck.cost_per_km * self.metres / 1000 + self.truck.cost_per_hour * seconds / 3600
        return Driven(self.metres, seconds, cost, tuple(emptied), self.unloaded_l)

    def _fits(self, litres: float, kilos: float) -> bool:
        return self.load_l + litres <= self.truck.capacity_l and self.load_kg + kilos <= self.truck.capacity_kg

    def _held(self, point: int, second: int) -> tuple[float, float]:
        """Litres and kilos in the bin at a point at a second of the day."""
        litres = self.held(point - self.town.first_bin, second)
        return litres, litres * self._kg_per_l(point)

    def _kg_per_l(self, point: int) -> float:
        return float(self.town.kg_per_l[point - self.town.first_bin])

    def _home_by(self, point: int, full: bool) -> int:
        """When the truck would be home if it served this point, unloading before it when `full`, and then ended."""
        home = self.truck.end_point
        last = self._dump_between(point, home) if self.town.dumps else point
        out = self._way(self.here, self._dump_between(self.here, point), point) if full else self._way(self.here, point)
        end = self._way(point, last, home) if self.town.dumps else self._way(point, home)
        return self.clock + out + self.town.service_s + end

    def _way(self, *points: int) -> int:
        """Seconds along points, unloading at the dumps among those after the first."""
        drive = sum(int(self.town.seconds[a, b]) for a, b in pairwise(points))
        return drive + sum(self._unloading_s(p) for p in points[1:])

    def _unloading_s(self, point: int) -> int:
        depots = len(self.town.depots)
        return self.town.dumps[point - depots].service_s if depots <= point < self.town.first_bin else 0

    def _until_next_dump(self, rest: Sequence[int]) -> tuple[float, float]:
        """Litres and kilos expected of the stops up to the next planned dump."""
        litres = kilos = 0.0
        for point in rest:
            if point < self.town.first_bin:
                break
            each = self.expected.get(point - self.town.first_bin, 0)
            litres, kilos = litres + each, kilos + each * self._kg_per_l(point)
        return litres, kilos

    def _go(self, to: int) -> None:
        self.clock += int(self.town.seconds[self.here, to])
        self.metres += int(self.town.metres[self.here, to])
        self.here = to

    def _dump_between(self, before: int, after: int) -> int:
        """The dump with the shortest way from `before` over it to `after`; the depot where there is none."""
        dumps = range(len(self.town.depots), self.town.first_bin)
        if not dumps:
            return self.truck.depot
        return min(dumps, key=lambda dump: int(self.town.seconds[before, dump] + self.town.seconds[dump, after]))

    def _unload(self, after: int) -> None:
        place = self._dump_between(self.here, after)
        self._go(place)
        self.clock += self._unloading_s(place)
        self._leave_load()

    def _leave_load(self) -> None:
        self.unloaded_l += self.load_l
        self.load_l = self.load_kg = 0.0
