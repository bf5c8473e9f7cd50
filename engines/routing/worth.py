"""What a visit tonight is worth: the prize of a bin, in parts, from what a forecast says of it.

    priced = with_prizes(problem, worth_of_visits(problem, seen, price))

Skipping a bin tonight costs three things, and their sum is its prize:

* `overflow`: the chance that it stands full before the next round could come, times what a full bin and day costs;
* `haul`: what lies in it must be driven to the dump some day anyway. That is the way there and back and the time at the
  dump, times the share it takes of the litres or kilos of a truck that may take it, the radial part of a capacitated
  round's cost (Haimovich and Rinnooy Kan 1985). The solver charges a trip to the bins on it; without this part
  every bin would seem to cause a trip that it only moves to another day, and no trip would ever be filled;
* `spared`: a visit now makes the next one later, the more so the fuller the bin. It is the way between neighbouring
  sites and the time at the bin, times how far the bin is on its way to the level at which it would be served anyhow: a
  linear cost-to-go, as in one-day decisions of inventory routing (Coelho, Cordeau and Laporte 2014; for waste Mes,
  Schutten and Perez Rivera 2014).

Pure: a problem and forecasts in, milli-currency out, whatever is to be small: a goal in hours or grams chooses stops in
money as well (duties.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from engines.routing.duties import in_money
from engines.routing.problem import LONGEST, Problem, Truck
from engines.routing.rates import milli_rates

REACHED_H = 2.0  # a bin is reached about so long after the trucks left: the load is what it holds then
NEXT_CHANCE_H = REACHED_H + 24.0  # and by the next day's round after so long: what a visit tonight prevents
FULL_PCT = 100.0  # "overflows" is full, not nearly full
HAUL_SHARE = 1.0
"""How much of a load's way counts for its litres: all of it. From 1 to 1.1 nothing is gained, at 0.75 to 0.9 the same
kilometres leave more bins full. Sought on other weeks and seeds than any figure is told of."""
SPARED_SHARE = 0.3  # of a visit's own cost, for a bin that would be served anyhow; sought likewise
SERVED_AT_PCT = 80.0  # the level at which a bin is served without hurry
LEAST_PCT = 30.0
"""An emptier bin is worth its chance to overflow alone. With the other parts it would be emptied in passing: a fifth
more visits, and so hours, for a saving of 2 % of the way."""
NEIGHBOURS, SAME_SITE_M = 3, 30
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Seen:
    """What a forecast says of a bin: the level it will be found at, and the chance to be full by NEXT_CHANCE_H."""

    level_pct: float
    chance: float


@dataclass(frozen=True)
class Worth:
    """A visit's worth in milli-currency, in its parts."""

    overflow: int = 0
    haul: int = 0
    spared: int = 0

    @property
    def prize(self) -> int:
        """All parts together."""
        return min(self.overflow + self.haul + self.spared, LONGEST)

    def chance_at(self, milli: int, overflow_milli: float) -> float | None:
        """The chance of overflow at which the visit would be worth `milli`, the other parts as they are: 0 to 1.

        None when not even a sure overflow is worth that much.
        """
        wanted = milli - self.haul - self.spared
        if wanted > overflow_milli:
            return None
        return max(0.0, wanted / overflow_milli) if overflow_milli > 0 else 0.0


def worth_of_visits(problem: Problem, seen: Mapping[str, Seen], overflow_milli: float) -> dict[str, Worth]:
    """The worth of each stop that `seen` names; `overflow_milli` is the cost of one full bin for one day."""
    problem, trucks = in_money(problem), problem.trucks
    if not trucks or not seen:
        return {stop_id: Worth(round(overflow_milli * each.chance)) for stop_id, each in seen.items()}
    haul, visit = _haul_milli(problem), _visit_milli(problem)
    found: dict[str, Worth] = {}
    for index, stop in enumerate(problem.stops):
        if stop.id not in seen:
            continue
        each = seen[stop.id]
        on_its_way = min(1.0, each.level_pct / SERVED_AT_PCT)
        emptying = each.level_pct >= LEAST_PCT
        found[stop.id] = Worth(
            round(overflow_milli * each.chance),
            round(HAUL_SHARE * float(haul[index])) if emptying else 0,
            round(SPARED_SHARE * float(visit[index]) * on_its_way) if emptying else 0,
        )
    return found


def with_prizes(problem: Problem, worths: Mapping[str, Worth]) -> Problem:
    """The problem with the prizes of these stops; the others keep theirs."""
    stops = tuple(replace(s, prize=worths[s.id].prize) if s.id in worths else s for s in problem.stops)
    return replace(problem, stops=stops)


# ---------------------------------------------------------------- ways and their cost


def _haul_milli(problem: Problem) -> Floats:
    """The least over the trucks that may take a stop of its way's cost times its share of a load; 0 where none can."""
    shares = [_trip_milli(problem, truck) * _share_of_load(problem, truck) for truck in problem.trucks]
    least = np.min(shares, axis=0)
    return np.asarray(np.where(np.isfinite(least), least, 0.0), dtype=np.float64)


def _share_of_load(problem: Problem, truck: Truck) -> Floats:
    """The share of a truck's litres or kilos, whichever is more, that each stop takes; infinite where it may not go."""
    share = [
        max(stop.volume_l / max(1, truck.capacity_l), stop.weight_kg / max(1, truck.capacity_kg))
        if truck.takes(stop.stream)
        else np.inf
        for stop in problem.stops
    ]
    return np.array(share, dtype=np.float64)


def _trip_milli(problem: Problem, truck: Truck) -> Floats:
    """What a trip to each stop alone costs: out from where the truck unloads, and back, and unloading; infinite where
    there is no way."""
    per_m, per_s = milli_rates(problem, truck)
    places = range(problem.first_dump, problem.first_stop) if problem.dumps else (truck.depot,)
    first = problem.first_stop
    ways = []
    for place in places:
        metres, seconds = ((table[place, first:], table[first:, place]) for table in (problem.metres, problem.seconds))
        cost = per_m * (metres[0] + metres[1]) + per_s * (seconds[0] + seconds[1] + _unloading_s(problem, place))
        known = np.max([*metres, *seconds], axis=0) < LONGEST
        ways.append(np.where(known, cost, np.inf))
    return np.asarray(np.min(ways, axis=0), dtype=np.float64)


def _unloading_s(problem: Problem, place: int) -> int:
    return problem.place_at(place).service_s if problem.dumps else 0


def _visit_milli(problem: Problem) -> Floats:
    """What a visit by itself costs: the mean way to the nearest other sites, and the time at the bin; (stops,)."""
    per_m, per_s = np.mean([milli_rates(problem, truck) for truck in problem.trucks], axis=0)
    first = problem.first_stop
    metres = problem.metres[first:, first:].astype(np.float64)
    seconds = problem.seconds[first:, first:].astype(np.float64)
    service = np.array([stop.service_s for stop in problem.stops], dtype=np.float64)
    if len(metres) < 2:
        return np.asarray(per_s * service)
    elsewhere = (metres >= SAME_SITE_M) & (metres < LONGEST)
    way = np.where(elsewhere, per_m * metres + per_s * seconds, np.inf)
    near = np.sort(way, axis=1)[:, :NEIGHBOURS]
    counted = np.isfinite(near)
    mean = np.where(counted, near, 0.0).sum(axis=1) / np.maximum(1, counted.sum(axis=1))
    return np.asarray(mean + per_s * service)
