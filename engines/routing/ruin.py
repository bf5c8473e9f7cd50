"""Taking stops out: adjacent string removal of slack induction by string removals (Christiaens and Vanden Berghe 2020).

Strings of neighbouring stops leave several rounds that pass near one place; half of the time a piece in the middle of
a string stays ("split string"). Stops already left out near that place are offered for going in.
"""

from __future__ import annotations

from engines.routing.compiled import below, compiled, unit, whole
from engines.routing.exchange import exchange
from engines.routing.model import BY_WINDOW, DUMPS, MEAN_TAKEN, MIXED, Facts
from engines.routing.state import JUST_TAKEN, MOVE, OPENING, SERVED, TAKEN, USED, State, leave, offer, touch

LONGEST_STRING = 10.0  # the paper's value
SPLIT, LONGER = 0.5, 0.01
LONG_STRING, LONG_RATE = 40.0, 0.005  # now and then most of a round leaves, so that a truck can be emptied
MOST_LEFT_OUT = 8  # stops left out that one move offers again
EXCHANGE = 0.05  # how often two trucks of different kinds change rounds first
OUTING, MOST_OFFERED = 0.01, 100  # how often, and how many, left-out stops are offered for another trip or truck
WHOLE_TRIP = 0.05  # how often all stops between two unloadings leave too, so that another trip can take their time


@compiled
def ruin(facts: Facts, state: State) -> None:
    """Take out strings round a random stop; `taken` and tally[TAKEN] then hold what goes in again."""
    tally = state.tally
    tally[TAKEN] = 0
    mean = tally[SERVED] / max(1, tally[USED])
    most = LONG_STRING if unit(state.rng) < LONG_RATE else LONGEST_STRING
    longest = max(1.0, min(most, mean))
    mean_taken, by_window = facts.flags[MEAN_TAKEN], unit(state.rng) * 100.0 < facts.flags[BY_WINDOW]
    strings = 1 + int(unit(state.rng) * max(0.5, 4.0 * mean_taken / (1.0 + longest) - 1.0))
    near = facts.insert_near if by_window else facts.remove_near
    seed = below(state.rng, len(facts.stops))
    tally[OPENING] = 0
    if tally[SERVED] < len(facts.stops) and unit(state.rng) < OUTING and _offer_outing(facts, state, seed):
        return
    if facts.flags[DUMPS] == 1 and unit(state.rng) < WHOLE_TRIP:
        _take_trip(facts, state, below(state.rng, len(facts.stops)))
    if facts.flags[MIXED] == 1 and unit(state.rng) < EXCHANGE:
        exchange(facts, state)
    done = left_out = 0
    for x in range(-1, near.shape[1]):
        if done >= strings:
            break
        c = seed if x < 0 else near[seed, x]
        v = state.nodes[c].truck
        if v < 0:
            if v != JUST_TAKEN and left_out < MOST_LEFT_OUT:
                offer(state, c)
                left_out += 1
        elif state.trucks[v].taken_at != tally[MOVE] and not facts.stops[c].held:
            state.trucks[v].taken_at = tally[MOVE]
            touch(state, v)
            _take_string(facts, state, (c, 1 + int(unit(state.rng) * min(longest, state.trucks[v].count))))
            done += 1


@compiled
def _offer_outing(facts: Facts, state: State, seed: int) -> bool:
    """Offer the left-out stops near a stop, the first that has a place whatever it costs: the others may pay once a
    truck goes there. Whether there were any."""
    tally, near = state.tally, facts.remove_near
    for x in range(-1, near.shape[1]):
        c = seed if x < 0 else near[seed, x]
        if state.nodes[c].truck < 0 and tally[TAKEN] < MOST_OFFERED:
            offer(state, c)
    tally[OPENING] = int(tally[TAKEN] > 0)
    return bool(tally[TAKEN] > 0)


@compiled
def _take_trip(facts: Facts, state: State, c: int) -> None:
    """Take out the stops that a truck loads between the two unloadings round stop c, if c is served."""
    v, n = state.nodes[c].truck, len(facts.stops)
    if v < 0 or facts.stops[c].held:
        return
    state.trucks[v].taken_at = state.tally[MOVE]
    touch(state, v)
    i, before = c, state.nodes[c].before
    while before < n and not state.nodes[before].dump_after and not facts.stops[before].held:
        i = before
        before = state.nodes[i].before
    last = False
    while not last:
        j = state.nodes[i].after
        last = bool(state.nodes[i].dump_after) or j >= n
        leave(facts, state, whole(i))
        i = j


@compiled
def _take_string(facts: Facts, state: State, wish: tuple[int, int]) -> None:
    """Take out `wish[1]` stops in a row round stop `wish[0]`, perhaps with a piece that stays."""
    c, length = wish
    v, n = state.nodes[c].truck, len(facts.stops)
    stays = 0
    if length > 1 and unit(state.rng) < SPLIT:
        stays = 1
        while length + stays < state.trucks[v].count and unit(state.rng) < LONGER:
            stays += 1
        stays = min(stays, state.trucks[v].count - length)
    span = length + stays
    back = ahead = 0
    i = c
    while back < span - 1 and state.nodes[i].before < n and not facts.stops[state.nodes[i].before].held:
        i = state.nodes[i].before
        back += 1
    j = c
    while ahead < span - 1 and state.nodes[j].after < n:
        j = state.nodes[j].after
        ahead += 1
    span = min(span, back + ahead + 1)
    fewest = max(0, span - 1 - ahead)
    steps = fewest + below(state.rng, back - fewest + 1)
    stays = min(stays, span - 1)
    hole = 1 + below(state.rng, max(1, span - stays - 1)) if stays else span
    i = c
    for _ in range(steps):
        i = state.nodes[i].before
    for x in range(span):
        j = state.nodes[i].after
        if x < hole or x >= hole + stays:
            leave(facts, state, whole(i))
        i = j
