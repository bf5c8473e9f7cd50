"""The cheapest place of a stop where time binds: windows, shifts, dump trips, breaks, balance.

Each place is judged in constant time from the round's forward and backward passes (times.py). Between two stops the
new one may stand with no unloading, one before, one after, or both; an unloading that stood there may go. Where a rule
needs it, a place that would be the best so far is driven exactly before it counts.
"""

from __future__ import annotations

from engines.routing.blinks import NEW_ROUND, idle_of, next_blink
from engines.routing.compiled import compiled, folded, unit, whole
from engines.routing.exact import driven
from engines.routing.model import DUMPS, DURATIONS, ENDLESS, EXACT, FAR, WAITING, Facts
from engines.routing.state import (
    BLINK,
    BY_ROOM,
    EVERYWHERE,
    FIRST_MARK,
    LONGEST,
    NODE,
    PRICE,
    SECOND_MARK,
    TRUCK,
    State,
)
from engines.routing.times import by_way_of_dump, direct


@compiled
def timed_cheapest(facts: Facts, state: State, c: int) -> int:
    """Cost of the cheapest place, FAR if none; `spot` says where. All places with tally[EVERYWHERE], else near ones."""
    everywhere = state.tally[EVERYWHERE] != 0
    n, near = len(facts.stops), facts.insert_near.shape[1]
    best = FAR
    state.spot[NODE] = -1
    blink = state.tally[BLINK]
    others = len(state.nodes) if everywhere else 2 * near + len(facts.kinds)
    # One stop alone never pays for a second truck that shortens the longest round: now and then it has to open one.
    alone = facts.kinds[0].per_longest_s > 0.0 and not everywhere and unit(state.rng) < NEW_ROUND
    x = 2 * near - 1 if alone else -1
    while x + 1 < others or (alone and best >= FAR):
        x += 1
        if x == others:
            alone, x, others = False, 0, 2 * near
        if x == 2 * near and best < FAR and not everywhere and unit(state.rng) > NEW_ROUND:
            break
        if everywhere or x >= 2 * near:
            i, v = _place_of(facts, state, x if everywhere else n + x - 2 * near, everywhere)
        else:
            i = facts.insert_near[c, x >> 1]
            v = state.nodes[i].truck
            if x & 1:
                i = state.nodes[i].before
                if i < n:  # a place behind a stop is looked at beside that stop
                    continue
        if v < 0 or facts.ends[state.trucks[v].kind, c].allowed == 0:
            continue
        if facts.flags[DUMPS] == 0 and not fits_at_once(facts, state, v, c):
            continue
        blink -= 1
        if blink <= 0:
            next_blink(state)
            blink = state.tally[BLINK]
            continue
        best = _try(facts, state, (c, i, v), best)
    state.tally[BLINK] = blink
    return best


@folded
def _place_of(facts: Facts, state: State, x: int, everywhere: bool) -> tuple[int, int]:
    """(node, truck) of any node; or, for n + k, of an idle truck of kind k. Truck -1 when there is none."""
    n = len(facts.stops)
    if everywhere:
        return x, state.nodes[x].truck if x < n else x - n
    k = x - n
    if facts.kinds[k].first + state.fleet[k].used >= facts.kinds[k].beyond:
        return -1, -1
    v = idle_of(facts, state, k)
    return n + v, v


@folded
def fits_at_once(facts: Facts, state: State, v: int, c: int) -> bool:
    """Whether a truck takes one more stop without unloading on the way."""
    found: bool = (
        state.trucks[v].load_l + facts.stops[c].litres <= state.trucks[v].most_l
        and state.trucks[v].load_kg + facts.stops[c].kilos <= state.trucks[v].most_kg
    )
    return found


@folded
def _try(facts: Facts, state: State, at: tuple[int, int, int], best: int) -> int:
    """The better of `best` and putting stop at[0] behind node at[1] of truck at[2]; `spot` is kept with it."""
    c, i, v = at
    n, k = len(facts.stops), state.trucks[v].kind
    j = state.nodes[i].after
    if j < n and facts.stops[j].held:
        return best
    left, right = _loads(facts, state, (i, j, k)), _kilos(facts, state, (i, j, k))
    add, room = facts.stops[c].litres, facts.kinds[k].room_l
    add_kg, room_kg = facts.stops[c].kilos, facts.kinds[k].room_kg
    merged = left[0] + add + left[1] <= room and right[0] + add_kg + right[1] <= room_kg
    marks = int(merged)
    if facts.flags[DUMPS] == 1 and (not merged or state.nodes[i].dump_after):
        before = j < n and left[0] + add <= room and right[0] + add_kg <= room_kg
        behind = (i < n or left[0] + right[0] > 0) and add + left[1] <= room and add_kg + right[1] <= room_kg
        marks += 2 * int(before) + 4 * int(behind)
        if marks == 0 and i < n and j < n and add <= room and add_kg <= room_kg:
            marks = 8
    spare = facts.kinds[k].most_dumps - state.trucks[v].dumps + state.nodes[i].dump_after
    for way in range(4):
        if marks >> way & 1 and (way >> 1) + (way & 1) <= spare:
            best = judge(facts, state, (c, i, v, way >> 1, way & 1), best)
    return best


@folded
def _loads(facts: Facts, state: State, gap: tuple[int, int, int]) -> tuple[int, int]:
    """Litres: (on board after the gap's left node, still to come from its right node up to the next unloading)."""
    i, j, k = gap
    n = len(facts.stops)
    left = state.nodes[i].filled_l if i < n else facts.kinds[k].aboard_l
    return left, state.nodes[j].to_fill_l if j < n else 0


@folded
def _kilos(facts: Facts, state: State, gap: tuple[int, int, int]) -> tuple[int, int]:
    """The same in kilograms."""
    i, j, k = gap
    n = len(facts.stops)
    left = state.nodes[i].filled_kg if i < n else facts.kinds[k].aboard_kg
    return left, state.nodes[j].to_fill_kg if j < n else 0


@folded
def _cost_to(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    """Cost from a node to a stop; read in the stop's own row, which stays near at hand while its places are tried."""
    i, c = ends
    n = len(facts.stops)
    cost: int = facts.ends[k, c].start_cost if i >= n else facts.cost_in[facts.kinds[k].group, c, i]
    return cost


@folded
def _cost_on(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    """Cost from a stop to a node."""
    c, j = ends
    n = len(facts.stops)
    cost: int = facts.ends[k, c].end_cost if j >= n else facts.cost[facts.kinds[k].group, c, j]
    return cost


@folded
def _secs_to(facts: Facts, k: int, ends: tuple[int, int]) -> int:
    """Seconds from a node to a stop."""
    i, c = ends
    n = len(facts.stops)
    secs: int = facts.ends[k, c].start_secs if i >= n else facts.secs[i, c]
    return secs


@folded
def judge(facts: Facts, state: State, place: tuple[int, int, int, int, int], best: int) -> int:
    """The better of `best` and one place with its marks, (stop, node, truck, mark before, mark behind)."""
    c, i, v, first, second = place
    n, k = len(facts.stops), state.trucks[v].kind
    j = state.nodes[i].after
    idle = state.trucks[v].count == 0
    cost = _opening(facts, state, k) if idle else -state.nodes[i].arc
    cost += by_way_of_dump(facts, k, (i, c))[0] if first else _cost_to(facts, k, (i, c))
    cost += by_way_of_dump(facts, k, (c, j))[0] if second else _cost_on(facts, k, (c, j))
    if idle and state.tally[EVERYWHERE] == BY_ROOM:
        cost = share_of(facts, (k, c), cost)
    if cost >= best:
        return best
    to_secs = by_way_of_dump(facts, k, (i, c))[1] if first else _secs_to(facts, k, (i, c))
    on_secs = by_way_of_dump(facts, k, (c, j))[1] if second else direct(facts, k, (c, j))[1]
    start = max(to_secs + (state.nodes[i].start if i < n else facts.kinds[k].leave), facts.stops[c].early)
    end = start + on_secs
    if start > facts.stops[c].late or end > (state.nodes[j].latest if j < n else facts.kinds[k].back):
        return best
    if j < n:
        end = max(end + state.nodes[j].rest_s, state.nodes[j].rest_end)
    cost = _timed_cost(facts, state, place, (cost, best, to_secs, on_secs, end))
    if cost < best:
        state.spot[NODE], state.spot[TRUCK], state.spot[FIRST_MARK], state.spot[SECOND_MARK] = i, v, first, second
        best = cost
    return best


@folded
def _opening(facts: Facts, state: State, k: int) -> int:
    """Cost of using one more truck of a kind: dear when it does not exist."""
    cost: int = facts.kinds[k].fixed
    if state.fleet[k].used >= facts.kinds[k].have:
        cost += state.tally[PRICE]
    return cost


@folded
def share_of(facts: Facts, pair: tuple[int, int], cost: int) -> int:
    """The part of a truck's cost that falls to the room a stop takes in it: pair = (kind, stop)."""
    k, c = pair
    share = max(
        facts.stops[c].litres / max(1, facts.kinds[k].room_l - facts.kinds[k].aboard_l),
        facts.stops[c].kilos / max(1, facts.kinds[k].room_kg - facts.kinds[k].aboard_kg),
    )
    found: int = whole(cost * min(1.0, share))
    return found


@folded
def _timed_cost(
    facts: Facts, state: State, place: tuple[int, int, int, int, int], way: tuple[int, int, int, int, int]
) -> int:
    """A place's cost with what waiting and the longest round add, FAR where a rule forbids it.

    `way` = (cost of the arcs, best cost so far, seconds to, seconds on, end of the round).
    """
    c, i, v, first, second = place
    cost, best, to_secs, on_secs, end = way
    k = state.trucks[v].kind
    seconds: int = end - facts.kinds[k].leave
    if facts.flags[DURATIONS] == 1:
        seconds = _from_leaving(facts, state, place, (to_secs, on_secs, end))
    if facts.flags[WAITING] == 1:
        old = 0 if state.trucks[v].count == 0 else state.nodes[i].leg
        cost += round(facts.kinds[k].per_second * (seconds - state.trucks[v].seconds - (to_secs + on_secs - old)))
    if facts.flags[EXACT] == 1 and cost < best:
        full, seconds = driven(facts, state, v, (i, c, first, second))
        if seconds < 0:
            seconds = ENDLESS
        cost = full - state.trucks[v].paid
        if state.trucks[v].count == 0:
            cost += _opening(facts, state, k) - facts.kinds[k].fixed
            if state.tally[EVERYWHERE] == BY_ROOM:
                cost = share_of(facts, (k, c), cost)
    if seconds > facts.kinds[k].longest or seconds >= ENDLESS:
        cost = FAR
    elif facts.kinds[k].per_longest_s > 0.0 and seconds > state.tally[LONGEST]:
        cost += round(facts.kinds[k].per_longest_s * (seconds - state.tally[LONGEST]))
    return cost


@folded
def _from_leaving(facts: Facts, state: State, place: tuple[int, int, int, int, int], way: tuple[int, int, int]) -> int:
    """Seconds of the changed round from leaving to returning, `way` = (seconds to, seconds on, end)."""
    c, i, v, _, _ = place
    k, n = state.trucks[v].kind, len(facts.stops)
    seconds: int = way[2] - facts.kinds[k].leave
    if facts.kinds[k].late_start == 1:
        j = state.nodes[i].after
        lead = way[0] + (state.nodes[i].lead_s if i < n else 0)
        leave = min(facts.stops[c].late - lead, state.nodes[i].lead_latest if i < n else ENDLESS)
        lead += way[1]
        leave = min(leave, (state.nodes[j].latest if j < n else facts.kinds[k].back) - lead)
        full = lead + (state.nodes[j].rest_s if j < n else 0)
        seconds = max(full, way[2] - leave)
    return seconds
