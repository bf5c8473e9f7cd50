"""A Problem as contiguous arrays that the compiled loops read: one row per stop, kind of truck, and dump.

Trucks that differ in nothing but their name are one kind. Where a truck unloads on the way is not a node but a mark on
the arc between two stops ("by way of a dump"), and the last dump is part of the way home, so an order of stops with
marks is a whole round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from engines.routing.nearness import STRIP, from_near, least_on, near_lists, neighbours_together
from engines.routing.problem import LONGEST, Problem, Stop, Truck
from engines.routing.rates import fixed_milli, milli_rates, span_rate
from engines.routing.sources import source_mark

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
F64 = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FAR = 1_000_000_000  # cost of an arc where there is no way
MOST_ARC = 200_000_000  # arcs are scaled down to this, so that sums of a few stay far below FAR
ENDLESS = 4 * LONGEST
MEAN_STOPS_TAKEN = 10  # per move (Christiaens and Vanden Berghe 2020)
BY_WINDOW_PCT = 100  # of the moves that take out stops near in time as well as in place, where windows bind
MOST_SCANNED = 2000  # stops up to which every round is looked through for a place, where windows bind
SHORT_ROUND = 25  # stops per truck up to which annealing begins with one round per stop


Rows = Any  # structured arrays, whose fields the compiled code reads as attributes; numpy's types know them by name


def _layout(whole: str, broken: str = "") -> np.dtype[np.void]:
    return np.dtype(
        [(name, np.int64) for name in whole.split()] + [(name, np.float64) for name in broken.split()], align=True
    )


STOP_ROW = _layout("litres kilos early late release penalty service held least_on")
KIND_ROW = _layout(
    "group first have beyond "
    "room_l room_kg aboard_l aboard_kg leave back longest late_start fixed rest_from rest_to rest_s "
    "most_dumps most_metres most_drive start_point end_point",
    "per_metre per_second per_longest_s",
)
END_ROW = _layout("start_cost end_cost start_secs end_secs end_dump end_stay allowed")
WAY_ROW = _layout("cost secs")


class Facts(NamedTuple):
    """n stops, k kinds of truck, v trucks, g pairs of rates, d places to unload on the way.

    Costs are milli-currency divided by the model's scale, the service at the stop arrived at counted; seconds count
    the service at the stop left.
    """

    stops: Rows  # (n,)
    kinds: Rows  # (k,) trucks first .. beyond - 1 are of the kind, the first `have` of them real
    ends: Rows  # (k, n) ways from the start to a stop and from a stop home, by way of the last dump; who may serve it
    cost: I32  # (g, n, n) from row to column
    cost_in: I32  # (g, n, n) from column to row, where time binds; else (1, 1, 1)
    secs: I32  # (n, n) from row to column
    secs_in: I32  # (n, n) from column to row, where all rounds are scanned for a place; else (1, 1)
    to_dump: Rows  # (g, n + k, d) from a stop, or from where a kind starts
    from_dump: Rows  # (g, d, n)
    dumps: Rows  # (d,)
    usable: I64  # (k, d)
    metres: I64  # (p, p) the problem's own, for what is driven exactly
    seconds: I64
    points: I64  # (n,) the problem's point of each stop
    insert_near: I32  # (n, m) where a stop may go in
    near_cost: I32  # (g, n, m) from there to the stop
    remove_near: I32  # (n, m') which stops leave together
    flags: I64  # the nine below


TIMED, DUMPS, EXACT, DURATIONS, WAITING, MEAN_TAKEN, BY_WINDOW, MIXED, SCANNED = range(9)


@dataclass(frozen=True, eq=False)
class Model:
    """The arrays, and what leads back to the problem: its stops in the order of the rows, the row of each of its
    points (-1: a place), each kind's trucks, locked stops by truck, the scale."""

    problem: Problem
    facts: Facts
    stops: tuple[Stop, ...]
    row_of: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    locked: dict[int, tuple[int, ...]]
    scale: float


@dataclass(frozen=True, eq=False)
class _Ordered:
    """A problem's stops in the order of the model's rows: their points and their seconds of service, all (n,)."""

    problem: Problem
    points: I64
    stops: tuple[Stop, ...]
    service: I64


def _ordered(problem: Problem) -> _Ordered:
    first = problem.first_stop
    order = neighbours_together(problem.metres[first:, first:])
    stops = tuple(problem.stops[i] for i in order.tolist())
    return _Ordered(problem, first + order, stops, np.array([stop.service_s for stop in stops], dtype=np.int64))


def model_of(problem: Problem) -> Model:
    """The arrays of a problem, its stops in an order in which neighbours stand together: what a move reads is then
    close in memory too."""
    kinds, members = _kinds(problem)
    groups = list(dict.fromkeys(milli_rates(problem, truck) for truck in kinds))
    scale = _scale(problem, groups)
    ordered, n = _ordered(problem), len(problem.stops)
    unload = [*range(problem.first_dump, problem.first_stop)]
    if problem.reload_at_depot:
        unload = [*range(problem.first_dump), *unload]
    cost = np.stack([_arcs(ordered, rates, scale) for rates in groups]) if groups else np.zeros((1, n, n), np.int32)
    secs = _seconds(ordered)
    ends = _ends(ordered, kinds, scale)
    stops = _stops(ordered, ends, scale)
    dumps = np.zeros(len(unload), _layout(f"point stay {source_mark()}"))
    dumps["point"], dumps["stay"] = unload, [problem.place_at(point).service_s for point in unload]
    usable = [[point >= problem.first_dump or point == truck.depot for point in unload] for truck in kinds]
    near = near_lists(cost[0], secs, (stops["early"], stops["late"]))
    to_dump, from_dump = _unloading(ordered, (kinds, groups, unload), scale)
    stops["least_on"] = least_on(cost, ends["end_cost"])
    flags = _flags(problem, kinds, (stops, ends, bool(unload)))
    secs_in = np.ascontiguousarray(secs.T) if flags[SCANNED] else np.zeros((1, 1), np.int32)
    facts = Facts(
        stops=stops, kinds=_kind_rows(problem, (kinds, members, groups), scale), ends=ends, cost=cost,
        cost_in=_turned(cost) if flags[TIMED] else np.zeros((1, 1, 1), np.int32), secs=secs, secs_in=secs_in,
        to_dump=to_dump, from_dump=from_dump, dumps=dumps,
        usable=np.array(usable, dtype=np.int64).reshape(len(kinds), len(unload)), metres=_fixed(problem.metres),
        seconds=_fixed(problem.seconds), points=ordered.points, insert_near=near[0],
        near_cost=from_near(cost, near[0]), remove_near=near[1], flags=flags,
    )  # fmt: skip
    index = {stop.id: i for i, stop in enumerate(ordered.stops)}
    locked = {
        int(facts.kinds["first"][k]): tuple(index[stop_id] for stop_id in truck.locked)
        for k, truck in enumerate(kinds) if truck.locked
    }  # fmt: skip
    row_of = np.full(problem.size, -1)
    row_of[ordered.points] = np.arange(n)
    members_of = tuple(tuple(each) for each in members)
    return Model(problem, facts, ordered.stops, tuple(row_of.tolist()), members_of, locked, scale)


def _fixed(matrix: I64) -> I64:
    """The matrix as the compiled loops expect it: in rows, not to be written (a pickled problem's could be)."""
    seen = np.ascontiguousarray(matrix).view()
    seen.setflags(write=False)
    return seen


def _flags(problem: Problem, kinds: Sequence[Truck], parts: tuple[Rows, Rows, bool]) -> I64:
    """What the loops must look at, so that they skip the rest."""
    stops, ends, unloads = parts
    windows = any(stop.window for stop in problem.stops)
    exact = bool(stops["release"].any()) or any(
        t.rest or t.max_metres is not None or t.max_drive_s is not None for t in kinds
    )
    waits = windows or bool(stops["release"].any())
    durations = any((truck.late_start and waits) or truck.max_duration_s is not None for truck in kinds)
    waiting = windows and any(milli_rates(problem, truck)[1] > 0 for truck in kinds)
    bound = windows or exact or durations or unloads or span_rate(problem) > 0
    timed = bound or _shift_may_bind(problem, kinds, ends)
    by_window = BY_WINDOW_PCT if windows else 0
    mixed = len({(milli_rates(problem, t), t.capacity_l, t.capacity_kg, fixed_milli(problem, t)) for t in kinds}) > 1
    scanned = windows and not unloads and len(stops) <= MOST_SCANNED
    said = [timed, unloads, exact, durations, waiting, MEAN_STOPS_TAKEN, by_window, mixed, scanned]
    return np.array(said, dtype=np.int64)


def _stops(ordered: _Ordered, ends: Rows, scale: float) -> Rows:
    """The stops' rows; a locked stop's window and release are past and forgiven."""
    held = {stop_id for truck in ordered.problem.trucks for stop_id in truck.locked}
    rows = np.zeros(len(ordered.stops), STOP_ROW)
    penalties = _penalties(ordered, ends, scale)
    for row, stop, penalty in zip(rows, ordered.stops, penalties, strict=True):
        begun = stop.id in held
        early, late = stop.window if stop.window and not begun else (0, ENDLESS)
        row["litres"], row["kilos"], row["service"] = stop.volume_l, stop.weight_kg, stop.service_s
        row["early"], row["late"], row["release"] = early, late, 0 if begun else stop.release_s
        row["penalty"], row["held"] = penalty, begun
    return rows


def _kind_rows(
    problem: Problem, parts: tuple[Sequence[Truck], Sequence[list[int]], list[tuple[float, float]]], scale: float
) -> Rows:
    kinds, members, groups = parts
    rows = np.zeros(len(kinds), KIND_ROW)
    beyond = 0
    for row, truck, each in zip(rows, kinds, members, strict=True):
        rates = milli_rates(problem, truck)
        rest = truck.rest
        said = {
            "group": groups.index(rates), "first": beyond, "have": len(each),
            "beyond": beyond + len(each) + _spares(problem, truck),
            "room_l": truck.capacity_l, "room_kg": truck.capacity_kg, "aboard_l": truck.load_l,
            "aboard_kg": truck.load_kg, "leave": truck.shift_start_s, "back": problem.shift_end(truck),
            "longest": _or_endless(truck.max_duration_s), "late_start": truck.late_start and rest is None,
            "fixed": round(fixed_milli(problem, truck) / scale), "rest_from": rest.earliest_s if rest else -1,
            "rest_to": rest.latest_s if rest else -1, "rest_s": rest.duration_s if rest else 0,
            "most_dumps": _or_endless(None if truck.max_trips is None else truck.max_trips - 1),
            "most_metres": _or_endless(truck.max_metres), "most_drive": _or_endless(truck.max_drive_s),
            "start_point": truck.start_point, "end_point": truck.end_point, "per_metre": rates[0] / scale,
            "per_second": rates[1] / scale, "per_longest_s": span_rate(problem) / scale,
        }  # fmt: skip
        for name, value in said.items():
            row[name] = value
        beyond = int(row["beyond"])
    return rows


def _spares(problem: Problem, truck: Truck) -> int:
    """Trucks that do not exist, one per stop: annealing begins with one round per stop and must give them up."""
    routes_are_short = len(problem.stops) <= SHORT_ROUND * len(problem.trucks)
    return len(problem.stops) if routes_are_short and not truck.locked else 0


def _or_endless(limit: int | None) -> int:
    return ENDLESS if limit is None else limit


def _kinds(problem: Problem) -> tuple[list[Truck], list[list[int]]]:
    """The distinct trucks, and which trucks each stands for; a truck with locked stops is a kind of its own."""
    found: dict[Truck, list[int]] = {}
    for index, truck in enumerate(problem.trucks):
        found.setdefault(truck if truck.locked else replace(truck, name=""), []).append(index)
    return list(found), list(found.values())


def _scale(problem: Problem, groups: Sequence[tuple[float, float]]) -> float:
    """What milli-currency is divided by so that every arc fits."""
    metres = problem.metres[problem.metres < LONGEST].max(initial=0)
    seconds = problem.seconds[problem.seconds < LONGEST].max(initial=0)
    most = max((rate[0] * metres + rate[1] * seconds for rate in groups), default=0.0)
    return max(1.0, float(most) / MOST_ARC)


def _milli(problem: Problem, rates: tuple[float, float], rows: object, columns: object) -> F64:
    """Cost of ways between points, FAR where there is none."""
    at = np.ix_(np.asarray(rows, dtype=np.int64), np.asarray(columns, dtype=np.int64))
    metres, seconds = problem.metres[at], problem.seconds[at]
    milli = rates[0] * metres + rates[1] * seconds
    milli[(metres >= LONGEST) | (seconds >= LONGEST)] = np.inf
    return milli


def _whole(milli: F64) -> I64:
    return np.rint(np.minimum(milli, FAR)).astype(np.int64)


def _arcs(ordered: _Ordered, rates: tuple[float, float], scale: float) -> I32:
    n = len(ordered.stops)
    made = np.empty((n, n), dtype=np.int32)
    for begin in range(0, n, STRIP):  # in strips: 6,000 stops at once would take a gigabyte
        strip = (
            _milli(ordered.problem, rates, ordered.points[begin : begin + STRIP], ordered.points)
            + rates[1] * ordered.service
        )
        made[begin : begin + STRIP] = _whole(strip / scale)
    return made


def _seconds(ordered: _Ordered) -> I32:
    """Seconds between stops, the service at the one that is left counted."""
    n = len(ordered.stops)
    made = np.empty((n, n), dtype=np.int32)
    for begin in range(0, n, STRIP):
        part = slice(begin, begin + STRIP)
        strip = ordered.problem.seconds[np.ix_(ordered.points[part], ordered.points)] + ordered.service[part, None]
        made[part] = np.minimum(strip, FAR)
    return made


def _turned(arcs: I32) -> I32:
    """The arcs from column to row; the same array when they are symmetric."""
    turned = np.ascontiguousarray(arcs.transpose(0, 2, 1))
    return arcs if np.array_equal(turned, arcs) else turned


def _ends(ordered: _Ordered, kinds: Sequence[Truck], scale: float) -> Rows:
    """(k, n) ways between a kind's ends and the stops, and the dump it takes after each last stop (-1: none)."""
    problem, stops, service = ordered.problem, ordered.points, ordered.service
    n = len(stops)
    rows = np.zeros((len(kinds), n), END_ROW)
    rows["end_dump"] = -1
    rows["allowed"] = _allowed(ordered, kinds)
    dumps = np.arange(problem.first_dump, problem.first_stop)
    stay = np.array([dump.service_s for dump in problem.dumps], dtype=np.int64)
    for row, truck in zip(rows, kinds, strict=True):
        rates = milli_rates(problem, truck)
        out = _milli(problem, rates, [truck.start_point], stops)[0] + rates[1] * service
        back = _milli(problem, rates, stops, [truck.end_point])[:, 0]
        back_s = problem.seconds[stops, truck.end_point]
        if problem.dumps and n:
            ways = _milli(problem, rates, stops, dumps) + rates[1] * stay
            ways += _milli(problem, rates, dumps, [truck.end_point])[:, 0]
            best = np.argmin(ways, axis=1)
            row["end_dump"], row["end_stay"] = dumps[best], stay[best]
            back = ways[np.arange(n), best]
            back_s = problem.seconds[stops, dumps[best]] + stay[best] + problem.seconds[dumps[best], truck.end_point]
        row["start_cost"], row["end_cost"] = _whole(out / scale), _whole(back / scale)
        row["start_secs"], row["end_secs"] = problem.seconds[truck.start_point, stops], back_s + service
    return rows


def _unloading(
    ordered: _Ordered, parts: tuple[Sequence[Truck], Sequence[tuple[float, float]], list[int]], scale: float
) -> tuple[Rows, Rows]:
    """Ways to where a truck may unload, the stay there counted, and ways on from there."""
    kinds, groups, unload = parts
    problem, service, n, d = ordered.problem, ordered.service, len(ordered.stops), len(unload)
    points = [*ordered.points.tolist(), *(truck.start_point for truck in kinds)]
    left = np.concatenate([service, np.zeros(len(kinds), dtype=np.int64)])
    stay = np.array([problem.place_at(p).service_s for p in unload], dtype=np.int64)
    to_dump = np.zeros((max(1, len(groups)), len(points), d), dtype=WAY_ROW)
    from_dump = np.zeros((max(1, len(groups)), d, n), dtype=WAY_ROW)
    for g, rates in enumerate(groups if d else ()):
        to_dump["cost"][g] = _whole((_milli(problem, rates, points, unload) + rates[1] * stay) / scale)
        onward = _milli(problem, rates, unload, ordered.points) + rates[1] * service
        from_dump["cost"][g] = _whole(onward / scale)
        to_dump["secs"][g] = problem.seconds[np.ix_(points, unload)] + left[:, None] + stay
        from_dump["secs"][g] = problem.seconds[np.ix_(np.array(unload), ordered.points)]
    return to_dump, from_dump


def _allowed(ordered: _Ordered, kinds: Sequence[Truck]) -> Bools:
    """(k, n): whether the kind takes the stop's stream; a locked stop only its own truck."""
    owner = {stop_id: truck.name for truck in ordered.problem.trucks for stop_id in truck.locked}
    streams = sorted({stop.stream for stop in ordered.stops})
    of = np.array([streams.index(stop.stream) for stop in ordered.stops], dtype=np.int64)
    made = np.zeros((len(kinds), len(ordered.stops)), dtype=np.bool_)
    for k, truck in enumerate(kinds):
        made[k] = np.array([truck.takes(stream) for stream in streams], dtype=np.bool_)[of] if streams else False
    for i, stop in enumerate(ordered.stops):
        if stop.id in owner:
            made[:, i] = [truck.name == owner[stop.id] for truck in kinds]
    return made


def _penalties(ordered: _Ordered, ends: Rows, scale: float) -> list[int]:
    """Cost of leaving a stop out: its prize, or without one more than any detour, a truck's fixed cost and its waiting;
    more still if it must be served."""
    problem = ordered.problem
    both = (ends["start_cost"] + ends["end_cost"])[(ends["start_cost"] < FAR) & (ends["end_cost"] < FAR)]
    opens = max((stop.window[0] for stop in problem.stops if stop.window), default=0)
    truck = max((fixed_milli(problem, t) + milli_rates(problem, t)[1] * opens for t in problem.trucks), default=0.0)
    prize = max((stop.prize or 0 for stop in ordered.stops), default=0)
    always = 3 * int(both.max(initial=1)) + int(min(FAR, (prize + truck) / scale)) + 1

    def of(stop: Stop) -> int:
        if stop.must_serve:
            return 10 * always
        return always if stop.prize is None else round(stop.prize / scale)

    return [of(stop) for stop in ordered.stops]


def _shift_may_bind(problem: Problem, kinds: Sequence[Truck], ends: Rows) -> bool:
    """Whether any shift could be too short: longer than as many stops as one trip holds, by the longest ways of all,
    is never too short."""
    if not problem.stops or not kinds:
        return False
    within = problem.seconds[problem.first_stop :, problem.first_stop :].max(axis=1, initial=0)
    longest = np.sort(within + np.array([stop.service_s for stop in problem.stops], dtype=np.int64))[::-1]
    both = int(ends["start_secs"].max()) + int(ends["end_secs"].max())
    loads = np.cumsum(np.sort(np.array([stop.volume_l for stop in problem.stops], dtype=np.int64)))

    def most(truck: Truck) -> int:
        held = int(np.searchsorted(loads, truck.capacity_l, side="right"))
        return both + int(longest[:held].sum())

    return any(problem.shift_end(truck) - truck.shift_start_s < most(truck) for truck in kinds)
