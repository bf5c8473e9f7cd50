"""Repair of a round after a change: arc costs, and for rounds bound in time also times, loads and slack.

Forward and backward passes give each stop what an insertion beside it needs to be judged in constant time: the earliest
start, the latest start the rest allows, and the end of the round as max(arrival + rest_s, rest_end) (the segments of
Vidal et al. 2013, without time warp because no plan here is ever late).
"""

from __future__ import annotations

from engines.routing.compiled import compiled, folded, whole
from engines.routing.exact import driven
from engines.routing.model import DUMPS, DURATIONS, ENDLESS, EXACT, FAR, TIMED, Facts
from engines.routing.state import COST, LONGEST, STALE, State


@compiled
def best_dump(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    """The place to unload between two stops (or the start, n + any, and a stop) that costs least; -1 if none."""
    i, j = ends
    g, n = facts.kinds[k].group, len(facts.stops)
    row = i if i < n else n + k
    best, found = 2 * FAR, -1
    for d in range(facts.usable.shape[1]):
        if facts.usable[k, d]:
            way = facts.to_dump[g, row, d].cost + facts.from_dump[g, d, j].cost
            if way < best:
                best, found = way, d
    return found


@compiled
def by_way_of_dump(facts: Facts, k: int, ends: tuple[int, int]) -> tuple[int, int]:
    """(cost, seconds) from a stop or the start over the best dump to a stop."""
    d = best_dump(facts, k, ends)
    i, j = ends
    if d < 0:
        return 2 * FAR, 2 * FAR
    g, n = facts.kinds[k].group, len(facts.stops)
    row = i if i < n else n + k
    cost = facts.to_dump[g, row, d].cost + facts.from_dump[g, d, j].cost
    return cost, facts.to_dump[g, row, d].secs + facts.from_dump[g, d, j].secs


@folded
def direct(facts: Facts, k: int, ends: tuple[int, int]) -> tuple[int, int]:
    """(cost, seconds) between two nodes of a round; a node from n on is the start or the end."""
    i, j = ends
    n = len(facts.stops)
    if i >= n:
        return (0, 0) if j >= n else (facts.ends[k, j].start_cost, facts.ends[k, j].start_secs)
    if j >= n:
        return facts.ends[k, i].end_cost, facts.ends[k, i].end_secs
    return facts.cost[facts.kinds[k].group, i, j], facts.secs[i, j]


@compiled
def repair(facts: Facts, state: State, v: int) -> bool:
    """Everything derived of one round and the totals; False when it cannot be driven."""
    way = _arcs(facts, state, v)
    if facts.flags[TIMED] == 0:
        return _settle(facts, state, (v, whole(state.trucks[v].seconds)), way)
    end = _forward(facts, state, v)
    ok = end >= 0
    if ok:
        _backward(facts, state, v)
        seconds = _length(facts, state, v, end)
        ok = seconds <= facts.kinds[state.trucks[v].kind].longest and _settle(facts, state, (v, seconds), way)
    return ok


@folded
def _arcs(facts: Facts, state: State, v: int) -> tuple[int, int]:
    """The cost and the seconds of all arcs of a round, the stale ones reckoned anew."""
    n, k = len(facts.stops), state.trucks[v].kind
    i = n + v
    dumps = cost = seconds = 0
    while True:
        j = whole(state.nodes[i].after)
        if state.nodes[i].arc == STALE:
            if state.nodes[i].dump_after:
                state.nodes[i].arc, state.nodes[i].leg = by_way_of_dump(facts, k, (i, j))
            else:
                state.nodes[i].arc, state.nodes[i].leg = direct(facts, k, (i, j))
        dumps += state.nodes[i].dump_after
        cost += state.nodes[i].arc
        seconds += state.nodes[i].leg
        i = j
        if i >= n:
            break
    state.trucks[v].dumps = dumps
    return cost, seconds


@folded
def _forward(facts: Facts, state: State, v: int) -> int:
    """Earliest starts, loads, leads; the end of the round, or -1 when late, overloaded or unloading too often."""
    n, k = len(facts.stops), state.trucks[v].kind
    if state.trucks[v].dumps > facts.kinds[k].most_dumps:
        return -1
    time, lead, latest = facts.kinds[k].leave, 0, ENDLESS
    litres, kilos = facts.kinds[k].aboard_l, facts.kinds[k].aboard_kg
    i = n + v
    j = state.nodes[i].after
    while j < n:
        if state.nodes[i].dump_after:
            litres = kilos = 0
        time = max(time + state.nodes[i].leg, facts.stops[j].early)
        lead += state.nodes[i].leg
        latest = min(latest, facts.stops[j].late - lead)
        litres += facts.stops[j].litres
        kilos += facts.stops[j].kilos
        if time > facts.stops[j].late or litres > facts.kinds[k].room_l or kilos > facts.kinds[k].room_kg:
            return -1
        state.nodes[j].start, state.nodes[j].lead_s, state.nodes[j].lead_latest = time, lead, latest
        state.nodes[j].filled_l, state.nodes[j].filled_kg = litres, kilos
        i = j
        j = state.nodes[j].after
    time += state.nodes[i].leg
    return time if time <= facts.kinds[k].back else -1


@folded
def _backward(facts: Facts, state: State, v: int) -> None:
    n, k = len(facts.stops), state.trucks[v].kind
    latest, rest, end = facts.kinds[k].back, 0, -ENDLESS
    litres = kilos = 0
    i = state.nodes[n + v].before
    while i < n:
        if state.nodes[i].dump_after:
            litres = kilos = 0
        latest = min(latest - state.nodes[i].leg, facts.stops[i].late)
        rest += state.nodes[i].leg
        end = max(end, facts.stops[i].early + rest)
        litres += facts.stops[i].litres
        kilos += facts.stops[i].kilos
        state.nodes[i].latest, state.nodes[i].rest_s, state.nodes[i].rest_end = latest, rest, end
        state.nodes[i].to_fill_l, state.nodes[i].to_fill_kg = litres, kilos
        i = state.nodes[i].before


@folded
def _length(facts: Facts, state: State, v: int, end: int) -> int:
    """Seconds from leaving to returning."""
    n, k = len(facts.stops), state.trucks[v].kind
    if state.trucks[v].count == 0:
        return 0
    seconds: int = end - facts.kinds[k].leave
    if facts.flags[DURATIONS] == 1 and facts.kinds[k].late_start == 1:
        last = state.nodes[n + v].before
        whole = state.nodes[last].lead_s + state.nodes[last].leg
        leave = min(state.nodes[last].lead_latest, facts.kinds[k].back - whole)
        seconds = max(whole, end - leave)
    return seconds


@folded
def _settle(facts: Facts, state: State, found: tuple[int, int], way: tuple[int, int]) -> bool:
    """The round's cost and seconds, and the totals' share of them; found = (truck, seconds), way = of all arcs."""
    v, seconds = found
    k, cost = state.trucks[v].kind, 0
    if state.trucks[v].count > 0:
        cost = facts.kinds[k].fixed + way[0]
        if facts.flags[TIMED] == 1:
            cost += round(facts.kinds[k].per_second * (seconds - way[1]))
        if facts.flags[EXACT] == 1:
            cost, seconds = driven(facts, state, v, (whole(-1), whole(-1), whole(0), whole(0)))
            if seconds > facts.kinds[k].longest:
                return False
            if seconds < 0:
                return False
    state.tally[COST] += cost - state.trucks[v].paid
    state.trucks[v].paid = cost
    if facts.kinds[0].per_longest_s > 0.0:
        _track_longest(state, v, seconds)
    state.trucks[v].seconds = seconds
    return cost < FAR or facts.kinds[k].fixed > FAR // 2


@folded
def _track_longest(state: State, v: int, seconds: int) -> None:
    """Keep the longest round's seconds."""
    tally, old = state.tally, state.trucks[v].seconds
    state.trucks[v].seconds = seconds
    if seconds >= tally[LONGEST]:
        tally[LONGEST] = seconds
    elif old == tally[LONGEST]:
        most = 0
        for other in range(len(state.trucks)):
            most = max(most, state.trucks[other].seconds)
        tally[LONGEST] = most


@compiled
def merge_trips(facts: Facts, state: State, v: int) -> None:
    """Leave out each unloading whose two trips fit together, after stops have left the round."""
    if facts.flags[DUMPS] == 0:
        return
    n, k = len(facts.stops), state.trucks[v].kind
    litres = kilos = 0
    i = state.nodes[n + v].before
    while i < n:
        if state.nodes[i].dump_after:
            litres = kilos = 0
        litres += facts.stops[i].litres
        kilos += facts.stops[i].kilos
        state.nodes[i].to_fill_l, state.nodes[i].to_fill_kg = litres, kilos
        i = state.nodes[i].before
    litres, kilos = facts.kinds[k].aboard_l, facts.kinds[k].aboard_kg
    i = n + v
    while True:
        j = state.nodes[i].after
        if j >= n:
            if state.nodes[i].dump_after:
                state.nodes[i].dump_after, state.nodes[i].arc = False, STALE
            break
        if state.nodes[i].dump_after:
            fits = litres + state.nodes[j].to_fill_l <= facts.kinds[k].room_l
            if fits and kilos + state.nodes[j].to_fill_kg <= facts.kinds[k].room_kg:
                state.nodes[i].dump_after, state.nodes[i].arc = False, STALE
            else:
                litres = kilos = 0
        litres += facts.stops[j].litres
        kilos += facts.stops[j].kilos
        i = j
