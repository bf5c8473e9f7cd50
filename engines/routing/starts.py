"""First plans, compiled: rounds taken over as they are, greedy insertion, and one round per stop."""

from __future__ import annotations

from engines.routing.anneal import Best, energy_of, keep_best
from engines.routing.blinks import idle_of, next_blink
from engines.routing.compiled import compiled, folded, whole
from engines.routing.model import FAR, I64, TIMED, Facts
from engines.routing.place import recreate
from engines.routing.state import (
    ALL,
    EVERYWHERE,
    FIRST_MARK,
    NODE,
    PENALTY,
    SECOND_MARK,
    TAKEN,
    TRUCK,
    State,
    begin_move,
    put_in,
    take_out,
    touch,
    undo,
)
from engines.routing.timed_place import fits_at_once
from engines.routing.times import merge_trips, repair

TIERS = 3  # stops that must be served, that are served whenever they fit, that have a prize
MOST_PASSES = 5  # over all rounds, to take out what does not pay


@compiled
def load(facts: Facts, state: State, steps: I64) -> None:
    """Put rounds into idle trucks: rows (truck, stop, unloaded before it), a truck's rows together and in order.

    A round that cannot be driven as it is goes in stop by stop, and what does not fit stays out; behind a begun stop
    that does not, all other begun ones too.
    """
    begin_move(state)
    x = 0
    while x < len(steps):
        v, y = steps[x, 0], x
        while y < len(steps) and steps[y, 0] == v:
            _append(facts, state, (v, steps[y, 1], steps[y, 2]))
            y += 1
        merge_trips(facts, state, v)
        if not _drivable(facts, state, v):
            for z in range(x, y):
                take_out(facts, state, steps[z, 1])
            repair(facts, state, v)
            _load_singly(facts, state, steps, (x, y))
        x = y


@compiled
def _load_singly(facts: Facts, state: State, steps: I64, span: tuple[int, int]) -> None:
    """Put in the stops of rows span[0] to span[1] - 1, all of one truck, as far as each can be driven."""
    ended = False
    for z in range(span[0], span[1]):
        v, c = steps[z, 0], steps[z, 1]
        if not (ended and facts.stops[c].held == 1):
            _append(facts, state, (v, c, steps[z, 2]))
            if _drivable(facts, state, v):
                continue
            take_out(facts, state, c)
            repair(facts, state, v)
        if facts.stops[c].held == 1:
            ended = True
            facts.ends[state.trucks[v].kind, c].allowed = 0


@compiled
def _drivable(facts: Facts, state: State, v: int) -> bool:
    """Whether a round can be driven, its arcs, times and cost repaired."""
    if facts.flags[TIMED] == 1:
        return repair(facts, state, v)
    litres, kilos = state.trucks[v].load_l, state.trucks[v].load_kg
    return repair(facts, state, v) and bool(litres <= state.trucks[v].most_l and kilos <= state.trucks[v].most_kg)


@folded
def _append(facts: Facts, state: State, step: tuple[int, int, int]) -> None:
    """Link a stop behind the last one of a truck."""
    v = step[0]
    state.spot[NODE] = state.nodes[len(state.saved) + v].before
    state.spot[TRUCK], state.spot[FIRST_MARK], state.spot[SECOND_MARK] = v, step[2], 0
    put_in(facts, state, step[1])


@compiled
def fill(facts: Facts, state: State, best: Best, tiers: I64, bonus: int) -> int:
    """Put every stop that is left out where it is cheapest of all places, lower tiers (n,) first; returns the worth.

    `bonus` is added to what each stop is worth while stops go in; those that do not pay leave again afterwards. So
    stops are found that pay only together.
    """
    for c in range(len(facts.stops)):
        facts.stops[c].penalty += bonus
    begin_move(state)
    next_blink(state)
    state.tally[EVERYWHERE] = max(ALL, state.tally[EVERYWHERE])
    for tier in range(TIERS):
        count = 0
        for c in range(len(facts.stops)):
            if state.nodes[c].truck < 0 and tiers[c] == tier:
                state.taken[count].stop = c
                count += 1
        state.tally[TAKEN] = count
        recreate(facts, state)
    state.tally[EVERYWHERE] = state.tally[PENALTY] = 0
    for c in range(len(facts.stops)):
        facts.stops[c].penalty -= bonus
        if state.nodes[c].truck < 0:
            state.tally[PENALTY] += facts.stops[c].penalty
    if bonus > 0:
        for _ in range(MOST_PASSES):
            if not _drop_what_does_not_pay(facts, state):
                break
    keep_best(facts, state, best)
    return energy_of(facts, state)


@compiled
def _drop_what_does_not_pay(facts: Facts, state: State) -> bool:
    """Take out single stops, and whole rounds, that are worth less than they cost; whether there was one."""
    n = len(facts.stops)
    found = False
    for v in range(len(state.trucks)):
        i = state.nodes[n + v].after
        while i < n:
            after = state.nodes[i].after
            if _without(facts, state, (v, whole(i), whole(after))):
                found = True
            i = after
        first = state.nodes[n + v].after
        if first < n and _without(facts, state, (v, whole(first), n + v)):
            found = True
    return found


@compiled
def _without(facts: Facts, state: State, piece: tuple[int, int, int]) -> bool:
    """Take stops of truck piece[0] out, from piece[1] up to piece[2], if that makes the plan cheaper."""
    v, i, end = piece
    before = energy_of(facts, state)
    begin_move(state)
    touch(state, v)
    while i != end:
        after = state.nodes[i].after
        if facts.stops[i].held == 0:
            take_out(facts, state, i)
        i = whole(after)
    merge_trips(facts, state, v)
    if repair(facts, state, v) and energy_of(facts, state) < before:
        return True
    undo(facts, state)
    repair(facts, state, v)
    return False


@compiled
def one_round_each(facts: Facts, state: State) -> None:
    """Every stop left out gets a truck to itself, of the kind that is cheapest for it and can carry it."""
    begin_move(state)
    for c in range(len(facts.stops)):
        if state.nodes[c].truck >= 0:
            continue
        best, chosen = FAR, -1
        for k in range(len(facts.kinds)):
            free = facts.kinds[k].first + state.fleet[k].used < facts.kinds[k].beyond
            fits = free and fits_at_once(facts, state, idle_of(facts, state, k), c)
            cost = facts.kinds[k].fixed + facts.ends[k, c].start_cost + facts.ends[k, c].end_cost
            if fits and facts.ends[k, c].allowed == 1 and cost < best:
                best, chosen = cost, k
        if chosen >= 0:
            v = idle_of(facts, state, chosen)
            _append(facts, state, (v, c, 0))
            if not repair(facts, state, v):
                take_out(facts, state, c)
                repair(facts, state, v)
