"""The times of one truck's order: waiting, release, the break, and the latest leaving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engines.routing.problem import Problem, RestTaken, Truck, Why


@dataclass(frozen=True)
class Failure:
    """Why an order cannot be driven, and at which point of it."""

    why: Why
    point: int


@dataclass(frozen=True)
class Run:
    """(arrival, departure) at each point of an order, leaving and returning, and the break."""

    times: tuple[tuple[int, int], ...]
    leave: int
    end: int
    rest: RestTaken | None


def run_clock(problem: Problem, truck: Truck, order: Sequence[int]) -> Run | Failure:
    """The order's times, or what makes it late."""
    run = _run(problem, truck, order, (truck.shift_start_s, None))
    if truck.rest is None:
        if isinstance(run, Failure) or not truck.late_start:
            return run
        leave = _latest_leaving(problem, truck, order, run)
        return run if leave == run.leave else _run(problem, truck, order, (leave, None))
    if not isinstance(run, Failure) and run.end <= truck.rest.latest_s:
        return run
    rested = [_run(problem, truck, order, (truck.shift_start_s, at)) for at in _rest_places(problem, truck, order)]
    possible = [each for each in rested if isinstance(each, Run)]
    if possible:
        return min(possible, key=lambda each: each.end)
    return run if isinstance(run, Failure) else Failure(Why.shift_too_short, order[-1])


def _rest_places(problem: Problem, truck: Truck, order: Sequence[int]) -> list[int]:
    """After how many visits the break may begin: where the truck, not having rested, is ready in time."""
    rest = truck.rest
    assert rest is not None
    ready = [truck.shift_start_s]
    run = _run(problem, truck, order, (truck.shift_start_s, None), unbounded=True)
    if isinstance(run, Run):
        ready += [depart for _, depart in run.times]
    return [at for at, time in enumerate(ready) if time <= rest.latest_s]


def _run(
    problem: Problem, truck: Truck, order: Sequence[int], plan: tuple[int, int | None], unbounded: bool = False
) -> Run | Failure:
    """`plan` = (leaving, after how many visits the break is); `unbounded` forgives lateness."""
    leave, rest_after = plan
    clock, here, rest = leave, truck.start_point, None
    forgiven = set(truck.locked)
    times: list[tuple[int, int]] = []
    for at, point in enumerate(order):
        if rest_after == at:
            clock, rest = _take_rest(truck, at, clock)
        if at == 0 or problem.is_dump(order[at - 1]):
            clock = max(clock, _released(problem, truck, order, at))
        arrival = clock + int(problem.seconds[here, point])
        if problem.is_dump(point):
            clock = arrival + problem.place_at(point).service_s
        else:
            stop = problem.stop_at(point)
            early, late = stop.window if stop.window and stop.id not in forgiven else (0, arrival)
            clock = max(arrival, early) + stop.service_s
            if clock - stop.service_s > late and not unbounded:
                return Failure(Why.window_closed, point)
        times.append((arrival, clock))
        here = point
    if rest_after == len(order):
        clock, rest = _take_rest(truck, len(order), clock)
    end = clock + int(problem.seconds[here, truck.end_point])
    late_rest = rest is not None and truck.rest is not None and rest.begin_s > truck.rest.latest_s
    if (end > problem.shift_end(truck) or late_rest) and not unbounded:
        return Failure(Why.shift_too_short, here)
    return Run(tuple(times), leave, end, rest)


def _take_rest(truck: Truck, after: int, clock: int) -> tuple[int, RestTaken]:
    assert truck.rest is not None
    begin = max(clock, truck.rest.earliest_s)
    return begin + truck.rest.duration_s, RestTaken(after, begin, begin + truck.rest.duration_s)


def _released(problem: Problem, truck: Truck, order: Sequence[int], begin: int) -> int:
    """When the trip that begins at `begin` may leave."""
    latest = 0
    for point in order[begin:]:
        if problem.is_dump(point):
            break
        stop = problem.stop_at(point)
        latest = max(latest, 0 if stop.id in truck.locked else stop.release_s)
    return latest


def _latest_leaving(problem: Problem, truck: Truck, order: Sequence[int], run: Run) -> int:
    """The latest leaving that lengthens nothing: as late as windows allow, but no later than no waiting needs."""
    here, lead, latest = truck.start_point, 0, run.end
    for point in order:
        lead += int(problem.seconds[here, point])
        if problem.is_dump(point):
            lead += problem.place_at(point).service_s
        else:
            stop = problem.stop_at(point)
            if stop.window and stop.id not in truck.locked:
                latest = min(latest, stop.window[1] - lead)
            lead += stop.service_s
        here = point
    lead += int(problem.seconds[here, truck.end_point])
    latest = min(latest, problem.shift_end(truck) - lead)
    return max(truck.shift_start_s, min(latest, max(truck.shift_start_s, run.end - lead)))
