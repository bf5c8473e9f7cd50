"""The cheapest place of a stop among all rounds, where windows bind and trucks unload at the end only.

Windows leave a stop few places in a round, and a list of its near stops misses most of them. A round is driven past
until its next stop may begin late enough, and left where the truck would come too late, so few places are judged.
"""

from __future__ import annotations

from engines.routing.blinks import NEW_ROUND, idle_of, next_blink
from engines.routing.compiled import compiled, folded, row, unit, whole
from engines.routing.model import FAR, Facts
from engines.routing.state import BLINK, NODE, USED, State
from engines.routing.timed_place import fits_at_once, judge


@compiled
def scanned_cheapest(facts: Facts, state: State, c: int) -> int:
    """Cost of the cheapest place, FAR if none; `spot` says where. An idle truck is looked at where no round has a
    place, and now and then."""
    best = FAR
    state.spot[NODE] = -1
    # One stop alone never pays for a second truck that shortens the longest round: now and then it has to open one.
    alone = facts.kinds[0].per_longest_s > 0.0 and unit(state.rng) < NEW_ROUND
    if not alone:
        best = _in_rounds(facts, state, c)
    if best >= FAR or unit(state.rng) < NEW_ROUND:
        best = _in_idle_trucks(facts, state, c, best)
    if alone and best >= FAR:
        best = _in_rounds(facts, state, c)
    return best


@folded
def _in_rounds(facts: Facts, state: State, c: int) -> int:
    """The cheapest place in the rounds of the trucks in use."""
    best, blink = FAR, state.tally[BLINK]
    litres, kilos = facts.stops[c].litres, facts.stops[c].kilos
    for k in range(len(facts.kinds)):
        if facts.ends[k, c].allowed == 0 or state.fleet[k].used == 0:
            continue
        most_l = facts.kinds[k].room_l - facts.kinds[k].aboard_l - litres
        most_kg = facts.kinds[k].room_kg - facts.kinds[k].aboard_kg - kilos
        for x in range(state.tally[USED]):
            v = state.driven[x]
            if state.trucks[v].load_l <= most_l and state.trucks[v].load_kg <= most_kg and state.trucks[v].kind == k:
                best, blink = _in_round(facts, state, (c, v, k), (best, blink))
    state.tally[BLINK] = blink
    return best


@folded
def _in_round(facts: Facts, state: State, at: tuple[int, int, int], so_far: tuple[int, int]) -> tuple[int, int]:
    """The better of the best cost so far and the cheapest place of a stop in a truck's round, at = (stop, truck, kind);
    and after how many places the next one is overlooked, so_far = (cost, places)."""
    c, v, k = at
    best, blink = so_far
    n, g, early, late = len(facts.stops), facts.kinds[k].group, facts.stops[c].early, facts.stops[c].late
    i = row(n + v)
    start, cost = facts.kinds[k].leave + facts.ends[k, c].start_secs, facts.ends[k, c].start_cost
    while start <= late:
        j = row(state.nodes[i].after)
        if j >= n or state.nodes[j].latest > early:
            blink -= 1
            if blink <= 0:
                next_blink(state)
                blink = state.tally[BLINK]
            else:
                cost += (facts.cost[g, c, j] if j < n else facts.ends[k, c].end_cost) - state.nodes[i].arc
                if cost < best:
                    end = max(start, early) + (facts.secs[c, j] if j < n else facts.ends[k, c].end_secs)
                    in_time = end <= (state.nodes[j].latest if j < n else facts.kinds[k].back)
                    if in_time and not (j < n and facts.stops[j].held):
                        best = judge(facts, state, (c, whole(i), v, 0, 0), best)
        if j >= n:
            break
        i = j
        start, cost = state.nodes[i].start + facts.secs_in[c, i], facts.cost_in[g, c, i]
    return best, blink


@folded
def _in_idle_trucks(facts: Facts, state: State, c: int, best: int) -> int:
    """The better of `best` and an idle truck of each kind."""
    for k in range(len(facts.kinds)):
        if facts.kinds[k].first + state.fleet[k].used < facts.kinds[k].beyond and facts.ends[k, c].allowed == 1:
            v = idle_of(facts, state, k)
            if fits_at_once(facts, state, v, c):
                best = judge(facts, state, (c, len(facts.stops) + v, v, 0, 0), best)
    return best
