"""Trucks change rounds: where they differ, a round may be cheaper on another truck, and no move of stops finds that.

Two rounds that pass near each other drive each other's truck, or a round an idle truck of another kind; stops that its
new truck may not take, or has no room for, leave the round and go in again elsewhere.
"""

from __future__ import annotations

from engines.routing.blinks import idle_of
from engines.routing.compiled import below, compiled, unit, whole
from engines.routing.model import DUMPS, Facts
from engines.routing.state import OVER, STALE, State, drive, leave, park, touch

IDLE = 0.3  # how often the other truck is an idle one
TRIES = 5  # near stops looked at for one that a truck of another kind serves


@compiled
def exchange(facts: Facts, state: State) -> None:
    """Give two trucks of unlike kinds each other's rounds, if such a pair is drawn; begun rounds stay as they are."""
    n = len(facts.stops)
    c = below(state.rng, n)
    v = state.nodes[c].truck
    if v < 0 or facts.stops[state.nodes[n + v].after].held:
        return
    w = _idle(facts, state, v) if unit(state.rng) < IDLE else _near(facts, state, (c, whole(v)))
    if w < 0:
        return
    touch(state, whole(v))
    touch(state, w)
    _swap(facts, state, (whole(v), w))
    _trim(facts, state, whole(v))
    _trim(facts, state, w)


@compiled
def _idle(facts: Facts, state: State, v: int) -> int:
    """An idle truck of another kind than v's, drawn by kind; -1 if the kind drawn has none."""
    k = below(state.rng, len(facts.kinds))
    if k == state.trucks[v].kind or state.fleet[k].used >= facts.kinds[k].have:
        return -1
    return whole(idle_of(facts, state, k))


@compiled
def _near(facts: Facts, state: State, at: tuple[int, int]) -> int:
    """A truck of another kind than at[1]'s that serves a stop near stop at[0]; -1 if none was drawn."""
    c, v = at
    n, near = len(facts.stops), facts.remove_near.shape[1]
    for _ in range(TRIES if near > 0 else 0):
        w = state.nodes[facts.remove_near[c, below(state.rng, near)]].truck
        if w >= 0 and state.trucks[w].kind != state.trucks[v].kind:
            return whole(w) if facts.stops[state.nodes[n + w].after].held == 0 else whole(-1)
    return whole(-1)


@compiled
def _swap(facts: Facts, state: State, pair: tuple[int, int]) -> None:
    """Relink the stops of both rounds to the other truck; arcs, times and costs are repaired by the caller."""
    v, w = pair
    n = len(facts.stops)
    first, last = whole(state.nodes[n + v].after), whole(state.nodes[n + v].before)
    mark = state.nodes[n + v].dump_after
    count, litres, kilos = state.trucks[v].count, state.trucks[v].load_l, state.trucks[v].load_kg
    _take_over(state, (n + v, whole(state.nodes[n + w].after), whole(state.nodes[n + w].before)))
    state.nodes[n + v].dump_after = state.nodes[n + w].dump_after
    state.trucks[v].load_l, state.trucks[v].load_kg = state.trucks[w].load_l, state.trucks[w].load_kg
    _count(facts, state, (v, whole(state.trucks[w].count)))
    _take_over(state, (n + w, first, last))
    state.nodes[n + w].dump_after = mark
    state.trucks[w].load_l, state.trucks[w].load_kg = litres, kilos
    _count(facts, state, (w, whole(count)))


@compiled
def _take_over(state: State, ring: tuple[int, int, int]) -> None:
    """Link the stops from ring[1] to ring[2] between both ends of the truck of node ring[0]."""
    home, first, last = ring
    n = len(state.saved)
    state.nodes[home].arc = STALE
    if first >= n:
        state.nodes[home].after = state.nodes[home].before = home
        return
    state.nodes[home].after, state.nodes[home].before = first, last
    state.nodes[first].before = state.nodes[last].after = home
    i = first
    while i != home:
        state.nodes[i].truck = home - n
        state.nodes[i].arc = STALE
        i = whole(state.nodes[i].after)


@compiled
def _count(facts: Facts, state: State, said: tuple[int, int]) -> None:
    """Set a truck's number of stops, and who is in use."""
    v, count = said
    k = state.trucks[v].kind
    before = state.trucks[v].count
    state.trucks[v].count = count
    if before == 0 and count > 0:
        state.fleet[k].used += 1
        state.tally[OVER] += state.fleet[k].used > facts.kinds[k].have
        drive(state, v)
    if before > 0 and count == 0:
        state.tally[OVER] -= state.fleet[k].used > facts.kinds[k].have
        state.fleet[k].used -= 1
        park(state, v)


@compiled
def _trim(facts: Facts, state: State, v: int) -> None:
    """Take out what a truck may not serve and, where it unloads once, from one end what it has no room for."""
    n, k = len(facts.stops), state.trucks[v].kind
    i = whole(state.nodes[n + v].after)
    while i < n:
        j = whole(state.nodes[i].after)
        if facts.ends[k, i].allowed == 0:
            leave(facts, state, i)
        i = j
    ahead = unit(state.rng) < 0.5
    while facts.flags[DUMPS] == 0 and state.trucks[v].count > 0:
        if state.trucks[v].load_l <= state.trucks[v].most_l and state.trucks[v].load_kg <= state.trucks[v].most_kg:
            break
        leave(facts, state, whole(state.nodes[n + v].after if ahead else state.nodes[n + v].before))
