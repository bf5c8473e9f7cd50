"""Which core searches, and for how much of the budget: a few rules on features that are known before the search.

docs/decisions/0005-route-engine.md says why.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.routing.model import TIMED, Model
from engines.routing.params import Core, Params
from engines.routing.pyvrp_core import supports

LONG_ROUND = 20.0  # stops per round from which PyVRP's local search leads where windows bind


@dataclass(frozen=True)
class Stage:
    """A core's turn, until a share of the whole budget; `warm` goes on from the plan so far."""

    core: Core
    until: float
    warm: bool = False


def stages_for(model: Model, params: Params, stops_per_round: float) -> tuple[Stage, ...]:
    """The turns of the cores."""
    alone = Stage(Core.annealer, 1.0)
    if params.core is Core.pyvrp and supports(model.problem):
        return (Stage(Core.pyvrp, 1.0),)
    if params.core is not Core.auto or params.annealer != "sa" or not supports(model.problem):
        return (alone,)
    windows = any(stop.window for stop in model.problem.stops)
    if not model.facts.flags[TIMED] or not windows:
        return (alone,)
    if max(stops_per_round, stops_that_fit(model)) >= LONG_ROUND:
        return (Stage(Core.pyvrp, 0.85), Stage(Core.annealer, 1.0, warm=True))
    return (alone,)


def stops_that_fit(model: Model) -> float:
    """How many optional stops of mean size the largest truck holds, at most all; 0 without optional stops.

    A first plan's rounds are short where single stops do not pay for the way to them, and become long once many do.
    """
    if not any(stop.prize is not None for stop in model.problem.stops):
        return 0.0
    stops, kinds = model.facts.stops, model.facts.kinds
    room_l, room_kg = kinds["room_l"] - kinds["aboard_l"], kinds["room_kg"] - kinds["aboard_kg"]
    litres, kilos = float(stops["litres"].mean()), float(stops["kilos"].mean())
    by_litres = float(room_l.max(initial=0)) / litres if litres else float(len(stops))
    return min(by_litres, float(room_kg.max(initial=0)) / kilos if kilos else float(len(stops)))
