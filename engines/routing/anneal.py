"""The annealing loop: ruin, recreate, keep or refuse by temperature (Kirkpatrick, Gelatt and Vecchi 1983)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from engines.routing.blinks import next_blink
from engines.routing.compiled import compiled, folded, unit
from engines.routing.model import DUMPS, I32, I64, TIMED, Facts
from engines.routing.place import recreate
from engines.routing.ruin import ruin
from engines.routing.state import (
    BLINK,
    COST,
    COUPLING,
    LONGEST,
    OVER,
    PENALTY,
    PRICE,
    SERVED,
    SHARED,
    TOUCHED,
    State,
    begin_move,
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
def anneal(facts: Facts, state: State, best: Best, plan: tuple[int, float, float]) -> int:
    """`plan` = (moves, temperature at first, at last); returns the accepted moves."""
    moves, hot, cold = plan
    if state.tally[BLINK] <= 0:
        next_blink(state)
    energy = energy_of(facts, state) - state.tally[COUPLING] * state.tally[SHARED]
    cooling = math.exp(math.log(cold / hot) * COOL_EVERY / max(moves, 1)) if hot > 0.0 else 1.0
    heat, accepted, coupled = hot, 0, state.tally[COUPLING] != 0
    for move in range(moves):
        begin_move(state)
        ruin(facts, state)
        ok = True
        for x in range(state.tally[TOUCHED]):
            if facts.flags[DUMPS] == 1:  # a call hands over every array
                merge_trips(facts, state, state.touched[x].truck)
            ok = repair(facts, state, state.touched[x].truck) and ok
        if ok:
            recreate(facts, state)
        now = energy_of(facts, state)
        if coupled:
            now -= count_shared(state)
        if ok and now < energy - heat * math.log(unit(state.rng)):
            energy = now
            accepted += 1
            keep_best(facts, state, best)
        else:
            undo(facts, state)
            if facts.flags[TIMED] == 1:
                for x in range(state.tally[TOUCHED]):
                    repair(facts, state, state.touched[x].truck)
            if coupled:
                count_shared(state)
        if move % COOL_EVERY == COOL_EVERY - 1:
            heat *= cooling
    return accepted
