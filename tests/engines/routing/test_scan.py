"""Looking through every round for a place."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from routing_cases import grid

from engines.routing.annealer import Annealer
from engines.routing.model import SCANNED, model_of
from engines.routing.problem import Problem, StopRule
from engines.routing.scan import scanned_cheapest
from engines.routing.state import ALL, BLINK, EVERYWHERE, MOVE, NODE, TRUCK, USED, begin_move, take_out, touch
from engines.routing.stopping import Budget
from engines.routing.timed_place import timed_cheapest
from engines.routing.times import repair

NEVER = 2**40  # places until the next one is overlooked


def windowed(seed: int, width_s: int) -> Problem:
    """Forty stops with windows of a width, in a shift of eight hours; four trucks paid by the way, not by the hour."""
    rng = np.random.default_rng(seed)
    problem = grid(40, 4, seed=seed, dump=False)
    opens = rng.integers(0, 8 * 3600 - 2 * width_s, size=40)
    stops = tuple(
        replace(stop, window=(int(at), int(at) + width_s)) for stop, at in zip(problem.stops, opens, strict=True)
    )
    trucks = tuple(replace(truck, late_start=bool(seed % 2), cost_per_hour=0.0) for truck in problem.trucks)
    return replace(problem, stops=stops, trucks=trucks)


def searched(problem: Problem, seed: int) -> Annealer:
    """A search after a few looks."""
    annealer = Annealer(model_of(problem), seed)
    annealer.start()
    annealer.run(Budget(StopRule(max_looks=400)), anew=False)
    return annealer


@pytest.mark.parametrize("width_s", [600, 3600, 12000])
def test_the_scan_finds_the_cheapest_of_all_places_in_rounds(width_s: int) -> None:
    compared = 0
    for seed in range(6):
        annealer = searched(windowed(seed, width_s), seed)
        facts, state = annealer.model.facts, annealer.state
        assert facts.flags[SCANNED] == 1
        for c in np.flatnonzero(state.nodes["truck"][: len(facts.stops)] >= 0)[::3].tolist():
            begin_move(state)
            touch(state, int(state.nodes["truck"][c]))
            take_out(facts, state, c)
            assert repair(facts, state, int(state.touched["truck"][0]))
            state.tally[BLINK], state.tally[EVERYWHERE] = NEVER, ALL
            everywhere = timed_cheapest(facts, state, c)
            in_use = state.trucks["count"][state.spot[TRUCK]] > 0
            state.tally[EVERYWHERE] = 0
            found = scanned_cheapest(facts, state, c)
            assert found >= everywhere
            if in_use:
                assert found == everywhere
                assert state.spot[NODE] >= 0
                compared += 1
    assert compared > 50


def test_the_list_of_trucks_in_use_is_true_after_any_search() -> None:
    state = searched(windowed(3, 3600), 3).state
    used = set(state.driven[: state.tally[USED]].tolist())
    assert used == set(np.flatnonzero(state.trucks["count"]).tolist())
    assert state.tally[MOVE] > 0
