"""The annealing loop: ruin, recreate, keep or refuse by temperature (Kirkpatrick, Gelatt and Vecchi 1983)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engines.routing.blinks import idle_of, next_blink
from engines.routing.compiled import compiled, folded, unit
from engines.routing.model import FAR, I32, I64, Facts
from engines.routing.place import recreate
from engines.routing.ruin import ruin
from engines.routing.state import (
    BLINK,
    COST,
    COUPLING,
    FIRST_MARK,
    LONGEST,
    NODE,
    OVER,
    PENALTY,
    PRICE,
    SECOND_MARK,
    SERVED,
    SHARED,
    TAKEN,
    TOUCHED,
    TRUCK,
    State,
    begin_move,
    put_in,
    take_out,
    undo,
)
from engines.routing.times import merge_trips, repair

COOL_EVERY = 32  # moves between two steps of the temperature


class Best(NamedTuple):
    """The best plan so far: (n + v, 2) successors and marks of unloading, and (worth, stops left out)."""

    links: I32
    energy: I64


def empty_best(state: State) -> Best:
    """Worse than every plan."""
    links = np.zeros((len(state.nodes), 2), dtype=np.int32)
    links[:, 0] = np.arange(len(state.nodes))
    return Best(links, np.array([2**62, 0], dtype=np.int64))


@folded
def energy_of(facts: Facts, state: State) -> int:
    """What is made small: cost of rounds, of stops left out, of trucks that do not exist, the longest round."""
    tally = state.tally
    worth = tally[COST] + tally[PENALTY] + tally[OVER] * tally[PRICE]
    found: int = worth + round(facts.kinds[0].per_longest_s * tally[LONGEST])
    return found


@folded
def keep_best(facts: Facts, state: State, best: Best) -> None:
    """Copy the plan if it is the best so far."""
    energy = energy_of(facts, state)
    if energy < best.energy[0] and state.tally[OVER] == 0:
        best.energy[0] = energy
        best.energy[1] = len(facts.stops) - state.tally[SERVED]
        for i in range(len(state.nodes)):
            best.links[i, 0] = state.nodes[i].after
            best.links[i, 1] = state.nodes[i].dump_after


@compiled
def count_shared(state: State) -> int:
    """What sharing arcs with the neighbouring replicas is worth now; the touched rounds are counted again."""
    if state.tally[COUPLING] == 0:
        return 0
    n = len(state.saved)
    for x in range(state.tally[TOUCHED]):
        v = state.touched[x].truck
        found = 0
        i = state.nodes[n + v].after
        while i < n:
            j = state.nodes[i].after
            if j < n:
                found += (state.peers[0, i] == j) + (state.peers[1, i] == j)
            i = j
        state.tally[SHARED] += found - state.trucks[v].shared
        state.trucks[v].shared = found
    worth: int = state.tally[COUPLING] * state.tally[SHARED]
    return worth


@compiled
def fill(facts: Facts, state: State, best: Best) -> None:
    """A first plan: every stop left out is put in where it is cheapest of all places."""
    begin_move(state)
    next_blink(state)
    count = 0
    for c in range(len(facts.stops)):
        if state.nodes[c].truck < 0:
            state.taken[count].stop = c
            count += 1
    state.tally[TAKEN] = count
    recreate(facts, state, True)
    keep_best(facts, state, best)


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
            fits = facts.stops[c].litres <= facts.kinds[k].room_l and facts.stops[c].kilos <= facts.kinds[k].room_kg
            cost = facts.kinds[k].fixed + facts.ends[k, c].start_cost + facts.ends[k, c].end_cost
            if free and fits and facts.ends[k, c].allowed == 1 and cost < best:
                best, chosen = cost, k
        if chosen >= 0:
            v = idle_of(facts, state, chosen)
            state.spot[NODE], state.spot[TRUCK] = len(facts.stops) + v, v
            state.spot[FIRST_MARK] = state.spot[SECOND_MARK] = 0
            put_in(facts, state, c)
            if not repair(facts, state, v):
                take_out(facts, state, c)
                repair(facts, state, v)


@compiled
def anneal(facts: Facts, state: State, best: Best, plan: tuple[int, float, float]) -> int:
    """`plan` = (moves, temperature at first, at last); returns the accepted moves."""
    moves, hot, cold = plan
    if state.tally[BLINK] <= 0:
        next_blink(state)
    energy = energy_of(facts, state) - state.tally[COUPLING] * state.tally[SHARED]
    cooling = math.exp(math.log(cold / hot) * COOL_EVERY / max(moves, 1)) if hot > 0.0 else 1.0
    heat, accepted = hot, 0
    for move in range(moves):
        begin_move(state)
        ruin(facts, state)
        ok = True
        for x in range(state.tally[TOUCHED]):
            merge_trips(facts, state, state.touched[x].truck)
            ok = repair(facts, state, state.touched[x].truck) and ok
        if ok:
            recreate(facts, state, False)
        now = energy_of(facts, state) - count_shared(state)
        if ok and now < energy - heat * math.log(unit(state.rng)):
            energy = now
            accepted += 1
            keep_best(facts, state, best)
        else:
            undo(facts, state)
            for x in range(state.tally[TOUCHED]):
                repair(facts, state, state.touched[x].truck)
            count_shared(state)
        if move % COOL_EVERY == COOL_EVERY - 1:
            heat *= cooling
    return accepted
