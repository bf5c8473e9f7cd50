"""Where one more stop fits best in a truck's order: every place, with and without a dump trip beside it.

Places are priced from the matrices at once and driven from the cheapest on, so the first drivable one is the answer
(waiting for windows aside, which prices leave out).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt

from engines.routing.problem import Problem, Truck, Why
from engines.routing.rates import milli_rates
from engines.routing.rounds import Failure, Order, drive

Ints = npt.NDArray[np.int64]


def cheapest_order(problem: Problem, truck: Truck, now: tuple[Order, int], point: int) -> Order | Why:
    """The truck's order with the point at its cheapest drivable place, or the rule that forbids every place.

    `now` is the order and the seconds that its round takes. The price is the detour under the goal.
    """
    order, seconds = now
    stop = problem.stop_at(point)
    if not truck.takes(stop.stream):
        return Why.no_truck_for_stream
    if any(stop.id in each.locked for each in problem.trucks):
        return Why.shift_too_short  # it was begun, and could not be gone on with
    if stop.volume_l > truck.capacity_l or stop.weight_kg > truck.capacity_kg:
        return Why.too_large
    longer, slower, dumps = _prices(problem, truck, order, point)
    per_metre, per_second = milli_rates(problem, truck)
    possible = np.isfinite(longer)
    possible[:, : _begun(problem, truck, order)] = False
    price = np.full(longer.shape, np.inf)
    price[possible] = per_metre * longer[possible] + per_second * slower[possible]
    failures: Counter[Why] = Counter()
    spare = problem.shift_end(truck) - truck.shift_start_s - seconds
    waits = any(problem.stop_at(each).window for each in order if not problem.is_dump(each))
    for flat in np.argsort(price, axis=None, kind="stable"):
        way, place = divmod(int(flat), price.size // len(price))
        if not np.isfinite(price[way, place]):
            break
        if slower[way, place] > spare and not waits:
            failures[Why.shift_too_short] += 1
            continue
        tried = _with(order, (way, place), point, int(dumps[way, place]))
        driven = drive(problem, truck, tried)
        if not isinstance(driven, Failure):
            return tried
        failures[driven.why] += 1
    return _binding(failures, bool(problem.dumps))


def _begun(problem: Problem, truck: Truck, order: Order) -> int:
    """How many places at the front lie before or among the locked stops."""
    locked = [i for i, p in enumerate(order) if not problem.is_dump(p) and problem.stop_at(p).id in truck.locked]
    return locked[-1] + 1 if locked else 0


def _binding(failures: Counter[Why], has_dumps: bool) -> Why:
    """What binds: the load when there is no dump to make room, else the time, else the window."""
    if not has_dumps and failures[Why.too_large]:
        return Why.fleet_full
    for why in (Why.shift_too_short, Why.window_closed, Why.no_way):
        if failures[why]:
            return why
    return Why.fleet_full


def _prices(
    problem: Problem, truck: Truck, order: Order, point: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], Ints]:
    """(metres, seconds, dump) added, shape (ways, places); ways: plain, dump before, dump after. inf = no such way."""
    metres, seconds = problem.metres, problem.seconds
    service = problem.stop_at(point).service_s
    if problem.dumps and not order:
        leave = np.array([truck.end_point], dtype=np.int64)
        longer, slower, dumps = _through(problem, np.array([point]), leave)
        start = truck.start_point
        longer, slower = longer + metres[start, point], slower + seconds[start, point] + service
        return longer[None, :], slower[None, :], dumps[None, :]
    places = len(order) if problem.dumps else len(order) + 1
    before = np.array([truck.start_point, *order], dtype=np.int64)[:places]
    after = np.array([*order, truck.end_point], dtype=np.int64)[:places]
    here = np.full(places, point)
    gone_m, gone_s = metres[before, after], seconds[before, after] - service
    plain = (
        metres[before, point] + metres[point, after] - gone_m,
        seconds[before, point] + seconds[point, after] - gone_s,
    )
    longer, slower = np.full((3, places), np.inf), np.full((3, places), np.inf)
    dumps = np.full((3, places), -1, dtype=np.int64)
    longer[0], slower[0] = plain
    if problem.dumps:
        full_before = np.array([i > 0 and not problem.is_dump(int(p)) for i, p in enumerate(before)])
        full_after = np.array([not problem.is_dump(int(p)) for p in after])
        via_m, via_s, dumps[1] = _through(problem, before, here)
        longer[1] = np.where(full_before, via_m + metres[point, after] - gone_m, np.inf)
        slower[1] = np.where(full_before, via_s + seconds[point, after] - gone_s, np.inf)
        via_m, via_s, dumps[2] = _through(problem, here, after)
        longer[2] = np.where(full_after, metres[before, point] + via_m - gone_m, np.inf)
        slower[2] = np.where(full_after, seconds[before, point] + via_s - gone_s, np.inf)
    missing = ~np.isfinite(longer)
    return np.where(missing, np.inf, longer), np.where(missing, np.inf, slower), dumps


def _through(problem: Problem, first: Ints, last: Ints) -> tuple[Ints, Ints, Ints]:
    """(metres, seconds, dump) from `first` over the quickest dump to `last`, each of shape (n,)."""
    dumps = np.arange(problem.first_dump, problem.first_stop)
    service = np.array([dump.service_s for dump in problem.dumps], dtype=np.int64)
    time = problem.seconds[np.ix_(first, dumps)] + problem.seconds[np.ix_(dumps, last)].T + service
    best = np.argmin(time, axis=1)
    chosen = dumps[best]
    return problem.metres[first, chosen] + problem.metres[chosen, last], time[np.arange(len(first)), best], chosen


def _with(order: Order, way_and_place: tuple[int, int], point: int, dump: int) -> Order:
    way, place = way_and_place
    if not order:
        return [point] if dump < 0 else [point, dump]
    added = [point] if way == 0 else [dump, point] if way == 1 else [point, dump]
    return [*order[:place], *added, *order[place:]]
