"""Places overlooked on purpose, and trucks that stand idle: what both kinds of insertion share."""

from __future__ import annotations

import math

from engines.routing.compiled import Rng, compiled, folded, unit
from engines.routing.model import Facts
from engines.routing.state import BLINK, State

BLINK_RATE = 0.01  # Christiaens and Vanden Berghe (2020)
NEW_ROUND = 0.02  # how often an idle truck competes with places in rounds; else it is taken only when none is free


@compiled
def until_blink(rng: Rng) -> int:
    """After how many places the next one is overlooked."""
    return 1 + int(math.log(unit(rng)) / math.log(1.0 - BLINK_RATE))


@folded
def next_blink(state: State) -> None:
    """Draw after how many places the next one is overlooked."""
    state.tally[BLINK] = until_blink(state.rng)


@folded
def idle_of(facts: Facts, state: State, k: int) -> int:
    """An idle truck of a kind that has one."""
    v = state.fleet[k].hint
    while state.trucks[v].count > 0:
        v += 1
        if v == facts.kinds[k].beyond:
            v = facts.kinds[k].first
    state.fleet[k].hint = v
    found: int = v
    return found
