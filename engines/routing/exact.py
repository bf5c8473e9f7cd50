"""A round driven exactly, for rules that constant-time checks cannot see: breaks, release times, metres, driving time.

Two clocks run side by side, one of a driver who has not rested yet and one who has; the earlier of resting now or
having rested before is kept, so the break lies where the round ends first.
"""

from __future__ import annotations

from engines.routing.compiled import compiled, whole
from engines.routing.model import ENDLESS, Facts
from engines.routing.problem import LONGEST
from engines.routing.state import State

NEVER = 4 * ENDLESS


@compiled
def _next(state: State, place: tuple[int, int, int, int], i: int) -> tuple[int, int]:
    """(successor, whether by way of a dump) of a node once stop place[1] stands behind node place[0]."""
    if i == place[0]:
        return place[1], place[2]
    if i == place[1]:
        return state.nodes[place[0]].after, place[3]
    return state.nodes[i].after, int(state.nodes[i].dump_after)


@compiled
def _released(facts: Facts, state: State, place: tuple[int, int, int, int], i: int) -> int:
    """When the trip that begins behind node i may leave."""
    n = len(facts.stops)
    latest = 0
    j, _ = _next(state, place, i)
    while j < n:
        latest = max(latest, facts.stops[j].release)
        j, marked = _next(state, place, j)
        if marked:
            break
    return latest


@compiled
def _cheapest_dump(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    i, j = ends
    n, g = len(facts.stops), facts.kinds[k].group
    row = i if i < n else n + k
    best, found = ENDLESS, -1
    for d in range(facts.usable.shape[1]):
        if facts.usable[k, d]:
            way = facts.to_dump[g, row, d].cost + facts.from_dump[g, d, j].cost
            if way < best:
                best, found = way, d
    return found


@compiled
def _rested(facts: Facts, k: int, clocks: tuple[int, int]) -> int:
    """The rested driver's clock at a place: rested before, or resting now."""
    fresh, rested = clocks
    if facts.kinds[k].rest_from < 0 or fresh >= NEVER:
        return rested
    begin = max(fresh, facts.kinds[k].rest_from)
    return min(rested, begin + facts.kinds[k].rest_s) if begin <= facts.kinds[k].rest_to else rested


@compiled
def _arrive(clock: int, leg: int, window: tuple[int, int]) -> int:
    """Start of service, or NEVER when too late or not possible at all."""
    if clock >= NEVER:
        return NEVER
    start = max(clock + leg, window[0])
    return start if start <= window[1] else NEVER


@compiled
def driven(facts: Facts, state: State, v: int, place: tuple[int, int, int, int]) -> tuple[int, int]:
    """(cost, seconds) of truck v's round with stop place[1] behind node place[0], marked (place[2], place[3]).

    (0, -1) when it cannot be driven. Loads are not looked at.
    """
    n, k = len(facts.stops), state.trucks[v].kind
    here, metres, drive = facts.kinds[k].start_point, 0, 0
    lead, latest = whole(0), whole(ENDLESS)
    i = n + v
    released = _released(facts, state, place, i)
    fresh, rested = facts.kinds[k].leave, whole(NEVER)
    rested = max(released, _rested(facts, k, (fresh, rested)))
    fresh = max(released, fresh)
    while True:
        j, marked = _next(state, place, i)
        if marked and j < n:
            d = _cheapest_dump(facts, k, (i, j))
            if d < 0:
                return 0, -1
            to = facts.dumps[d].point
            leg = facts.seconds[here, to] + facts.dumps[d].stay
            fresh, rested = (
                _arrive(fresh, leg, (whole(0), whole(ENDLESS))),
                _arrive(rested, leg, (whole(0), whole(ENDLESS))),
            )
            lead += leg
            metres += facts.metres[here, to]
            drive += facts.seconds[here, to]
            rested = _rested(facts, k, (fresh, rested))
            released = _released(facts, state, place, i)
            fresh, rested = max(fresh, released), max(rested, released)
            here = to
        if j >= n:
            break
        to = facts.points[j]
        leg = facts.seconds[here, to]
        window = (facts.stops[j].early, facts.stops[j].late)
        fresh, rested = _arrive(fresh, leg, window), _arrive(rested, leg, window)
        stay = facts.stops[j].service
        fresh, rested = _arrive(fresh, stay, (whole(0), whole(NEVER))), _arrive(rested, stay, (whole(0), whole(NEVER)))
        latest = min(latest, facts.stops[j].late - lead - leg)
        lead += leg + stay
        rested = _rested(facts, k, (fresh, rested))
        metres += facts.metres[here, to]
        drive += facts.seconds[here, to]
        here, i = to, j
        if fresh >= NEVER and rested >= NEVER:
            return 0, -1
    return _home(facts, k, (i, here, metres, drive), (fresh, rested, lead, latest))


@compiled
def _home(
    facts: Facts, k: int, so_far: tuple[int, int, int, int], clocks: tuple[int, int, int, int]
) -> tuple[int, int]:
    """(cost, seconds) once the truck is back; the last dump is part of the way home."""
    last, here, metres, drive = so_far
    home = facts.kinds[k].end_point
    way_s, way_m, stay = facts.seconds[here, home], facts.metres[here, home], 0
    dump = facts.ends[k, last].end_dump
    if dump >= 0:
        stay = facts.ends[k, last].end_stay
        way_s = facts.seconds[here, dump] + facts.seconds[dump, home]
        way_m = facts.metres[here, dump] + facts.metres[dump, home]
    metres, drive = metres + way_m, drive + way_s
    if metres >= LONGEST or metres > facts.kinds[k].most_metres or drive > facts.kinds[k].most_drive:
        return 0, -1
    end = clocks[1] + way_s + stay
    if clocks[0] < NEVER and (facts.kinds[k].rest_from < 0 or clocks[0] + way_s + stay <= facts.kinds[k].rest_to):
        end = min(end, clocks[0] + way_s + stay)
    if end > facts.kinds[k].back:
        return 0, -1
    seconds = end - facts.kinds[k].leave
    if facts.kinds[k].late_start == 1:
        whole = clocks[2] + way_s + stay
        seconds = max(whole, end - min(clocks[3], facts.kinds[k].back - whole))
    cost = facts.kinds[k].fixed + round(facts.kinds[k].per_metre * metres + facts.kinds[k].per_second * seconds)
    return cost, seconds
