"""Which core searches, and for how much of the budget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from routing_cases import grid, with_stops

from engines.routing.choice import LONG_ROUND, Stage, stages_for, stops_that_fit
from engines.routing.model import model_of
from engines.routing.params import Core, Params
from engines.routing.problem import Problem

ALONE = (Stage(Core.annealer, 1.0),)
LONG, SHORT = LONG_ROUND + 1, 3.0


def windowed(capacity_l: int, **changes: object) -> Problem:
    """Sixty stops of 100 l that are open in one hour of the shift."""
    return with_stops(grid(60, 4, capacity_l=capacity_l, dump=False), window=(3600, 7200), **changes)


def test_pyvrp_begins_where_rounds_are_long_and_windows_bind() -> None:
    model = model_of(windowed(1000))
    assert stages_for(model, Params(), LONG)[0].core is Core.pyvrp
    assert stages_for(model, Params(), SHORT) == ALONE


def test_it_begins_too_where_rounds_of_optional_stops_could_become_long() -> None:
    roomy, narrow = (model_of(windowed(litres, prize=5000)) for litres in (5000, 1000))
    assert stages_for(roomy, Params(), SHORT)[0].core is Core.pyvrp
    assert stages_for(narrow, Params(), SHORT) == ALONE


def test_without_windows_the_annealer_searches_alone() -> None:
    assert stages_for(model_of(grid(60, 4, capacity_l=5000, dump=False)), Params(), LONG) == ALONE


@pytest.mark.parametrize(("litres", "kilos", "expected"), [(100, 0, 40.0), (0, 20, 50.0), (100, 100, 10.0)])
def test_stops_that_fit_go_by_whichever_of_room_and_weight_is_short(litres: int, kilos: int, expected: float) -> None:
    problem = with_stops(grid(60, 2, capacity_l=4000, dump=False), volume_l=litres, weight_kg=kilos, prize=1)
    assert stops_that_fit(model_of(problem)) == expected
    assert stops_that_fit(model_of(with_stops(problem, prize=None))) == 0.0
    light = replace(problem, stops=tuple(replace(stop, volume_l=0, weight_kg=0) for stop in problem.stops))
    assert stops_that_fit(model_of(light)) == 60.0
