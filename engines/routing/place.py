"""Putting stops in again: greedy insertion with blinks (Christiaens and Vanden Berghe 2020) beside near stops.

Each stop goes, in an order by size, distance, window or chance, to its cheapest place among the places beside its near
stops and an idle truck of each kind; one place in a hundred is overlooked. A stop that costs more than it is worth
stays out, except now and then in a move of the search, which can still refuse it.
"""

from __future__ import annotations

from engines.routing.blinks import NEW_ROUND, idle_of, until_blink
from engines.routing.compiled import Rng, below, compiled, folded, row, unit, whole
from engines.routing.model import FAR, I32, I64, SCANNED, TIMED, Facts, Rows
from engines.routing.scan import scanned_cheapest
from engines.routing.state import (
    BLINK,
    BY_ROOM,
    COST,
    EVERYWHERE,
    FIRST_MARK,
    NODE,
    OPENING,
    PRICE,
    SECOND_MARK,
    TAKEN,
    TRUCK,
    State,
    put_in,
    take_out,
    touch,
)
from engines.routing.timed_place import fits_at_once, share_of, timed_cheapest
from engines.routing.times import direct, merge_trips, repair

AGAINST_WORTH = 0.05  # how often a stop goes in that is worth less than it costs
FARTHEST_FIRST = 9  # the last of the numbers drawn that mean it
TOGETHER = 0.05  # how often all of a move's stops do: another trip to the dump pays for several, never for one


@compiled
def recreate(facts: Facts, state: State) -> None:
    """Put the taken stops in, beside near stops, or with tally[EVERYWHERE] at the best of all places."""
    _sort(facts, state)
    together = state.tally[EVERYWHERE] == 0 and unit(state.rng) < TOGETHER
    against = 1.0 if together else AGAINST_WORTH if state.tally[EVERYWHERE] == 0 else 0.0
    opens = state.tally[EVERYWHERE] == 0 and state.tally[OPENING] == 1
    for x in range(state.tally[TAKEN]):
        if _insert(facts, state, state.taken[x].stop, 1.0 if opens else against):
            opens = False  # the first that has a place has gone in, whatever it costs


@folded
def _insert(facts: Facts, state: State, c: int, against: float) -> bool:
    """Put one stop at its cheapest place, if it has one and is worth it; with chance `against` even if it is not."""
    if facts.flags[SCANNED] == 1 and state.tally[EVERYWHERE] == 0:
        cost = scanned_cheapest(facts, state, c)
    elif facts.flags[TIMED] == 1:
        cost = timed_cheapest(facts, state, c)
    elif state.tally[EVERYWHERE] != 0:
        cost = _plain_anywhere(facts, state, c)
    else:
        cost = _plain_cheapest(facts, state, c)
    if cost >= FAR // 2 or (cost > facts.stops[c].penalty and unit(state.rng) > against):
        state.nodes[c].truck = -1
        return False
    v = state.spot[TRUCK]
    touch(state, v)
    if facts.flags[TIMED] == 1 or state.tally[EVERYWHERE] == BY_ROOM:
        put_in(facts, state, c)
        if repair(facts, state, v):
            return True
        take_out(facts, state, c)
        merge_trips(facts, state, v)
        repair(facts, state, v)
        return False
    _put_plain(facts, state, c, cost)
    return True


@folded
def _put_plain(facts: Facts, state: State, c: int, cost: int) -> None:
    """Link a stop and repair just its two arcs."""
    v, i = state.spot[TRUCK], state.spot[NODE]
    k = state.trucks[v].kind
    if state.trucks[v].count == 0 and state.fleet[k].used >= facts.kinds[k].have:
        cost -= state.tally[PRICE]  # counted by how many trucks there are too many
    put_in(facts, state, c)
    state.nodes[i].arc, state.nodes[i].leg = direct(facts, k, (i, c))
    state.nodes[c].arc, state.nodes[c].leg = direct(facts, k, (c, state.nodes[c].after))
    state.trucks[v].paid += cost
    state.tally[COST] += cost


@folded
def _plain_cheapest(facts: Facts, state: State, c: int) -> int:
    """The cheapest place where only loads bind; `spot` says where."""
    lists, ways = (facts.insert_near, facts.near_cost, facts.cost), (facts.ends, facts.kinds, facts.stops)
    best, node, into = _beside_near(lists, ways, (state.nodes, state.trucks), (state.tally, state.rng), c)
    state.spot[NODE] = -1
    if best >= FAR or unit(state.rng) < NEW_ROUND:
        best = _idle_truck(facts, state, c, best)
    if node >= 0 and state.spot[NODE] < 0:
        state.spot[NODE], state.spot[TRUCK] = node, into
    state.spot[FIRST_MARK] = state.spot[SECOND_MARK] = 0
    return best


@compiled
def _beside_near(
    lists: tuple[I32, I32, I32], ways: tuple[Rows, Rows, Rows], plan: tuple[Rows, Rows], chance: tuple[I64, Rng], c: int
) -> tuple[int, int, int]:
    """(cost, node, truck) of the cheapest place beside a near stop, (FAR, -1, -1) if there is none.

    This is where a search spends most of its time. It gets only the arrays that it reads, (where a stop may go in, cost
    from there, cost), (ends, kinds, stops), (nodes, trucks) and (tally, random numbers), so that they stay in
    registers, and reads the long matrix only where the place can still be the cheapest.
    """
    near, near_cost, cost_of = lists
    ends, kinds, stops = ways
    nodes, trucks = plan
    tally, rng = chance
    n = len(stops)
    litres, kilos, least_on = stops[c].litres, stops[c].kilos, stops[c].least_on
    best, node, into, blink = FAR, whole(-1), whole(-1), tally[BLINK]
    for x in range(near.shape[1]):
        i = row(near[c, x])
        v = nodes[i].truck
        if v < 0 or trucks[row(v)].load_l + litres > trucks[row(v)].most_l:
            continue
        k = row(trucks[row(v)].kind)
        if trucks[row(v)].load_kg + kilos > trucks[row(v)].most_kg or ends[k, c].allowed == 0:
            continue
        blink -= 1
        if blink <= 0:
            blink = until_blink(rng)
            continue
        g = row(kinds[k].group)
        cost = near_cost[g, c, x] - nodes[i].arc
        if cost + least_on < best:
            j = row(nodes[i].after)
            cost += cost_of[g, c, j] if j < n else ends[k, c].end_cost
            if cost < best and (j >= n or stops[j].held == 0):
                best, node, into = cost, whole(i), whole(v)
        first = row(nodes[i].before)
        if first >= n and stops[i].held == 0:
            cost = ends[k, c].start_cost + cost_of[g, c, i] - nodes[first].arc
            if cost < best:
                best, node, into = cost, whole(first), whole(v)
    tally[BLINK] = blink
    return best, node, into


@folded
def _idle_truck(facts: Facts, state: State, c: int, best: int) -> int:
    """The cost of the cheapest idle truck when below `best`; `spot` holds it, else -1."""
    state.spot[NODE] = -1
    for k in range(len(facts.kinds)):
        if facts.kinds[k].first + state.fleet[k].used >= facts.kinds[k].beyond or not facts.ends[k, c].allowed:
            continue
        cost = facts.kinds[k].fixed + facts.ends[k, c].start_cost + facts.ends[k, c].end_cost
        if state.fleet[k].used >= facts.kinds[k].have:
            cost += state.tally[PRICE]
        elif state.tally[EVERYWHERE] == BY_ROOM:
            cost = share_of(facts, (k, c), cost)
        v = idle_of(facts, state, k)
        if cost < best and fits_at_once(facts, state, v, c):
            best = cost
            state.spot[NODE], state.spot[TRUCK] = len(facts.stops) + v, v
    return best


@compiled
def _plain_anywhere(facts: Facts, state: State, c: int) -> int:
    """The cheapest place of all rounds and idle trucks, near or not."""
    n = len(facts.stops)
    best = FAR
    for v in range(len(state.trucks)):
        k = state.trucks[v].kind
        if not facts.ends[k, c].allowed or not fits_at_once(facts, state, v, c):
            continue
        i = n + v
        while state.trucks[v].count > 0:
            j = state.nodes[i].after
            cost = direct(facts, k, (i, c))[0] + direct(facts, k, (c, j))[0] - state.nodes[i].arc
            if cost < best and not (j < n and facts.stops[j].held):
                best = cost
                state.spot[NODE], state.spot[TRUCK] = i, v
            i = j
            if i >= n:
                break
    node, into = state.spot[NODE], state.spot[TRUCK]
    best = _idle_truck(facts, state, c, best)
    if state.spot[NODE] < 0:
        state.spot[NODE], state.spot[TRUCK] = node, into
    state.spot[FIRST_MARK] = state.spot[SECOND_MARK] = 0
    return best


@compiled
def _sort(facts: Facts, state: State) -> None:
    """Order the taken stops by chance, size, distance or window, as the paper draws them."""
    timed = facts.flags[TIMED] == 1
    way = below(state.rng, 17 if timed else 11) if state.tally[EVERYWHERE] != BY_ROOM else FARTHEST_FIRST
    g = 0
    count = state.tally[TAKEN]
    for x in range(count):
        c = state.taken[x].stop
        if way < 4:
            key = unit(state.rng)
        elif way < 8:
            key = -float(facts.stops[c].litres + facts.stops[c].kilos)
        elif way <= FARTHEST_FIRST:
            key = -float(facts.ends[g, c].start_cost)
        elif way < 11:
            key = float(facts.ends[g, c].start_cost)
        elif way < 13:
            key = float(facts.stops[c].late - facts.stops[c].early)
        elif way < 15:
            key = float(facts.stops[c].early)
        else:
            key = -float(facts.stops[c].late)
        at = x
        while at > 0 and state.taken[at - 1].key > key:
            state.taken[at].key = state.taken[at - 1].key
            state.taken[at].stop = state.taken[at - 1].stop
            at -= 1
        state.taken[at].key = key
        state.taken[at].stop = c
