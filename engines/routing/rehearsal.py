"""A search over a few stops that calls every compiled loop once, with the types that every problem has."""

from __future__ import annotations

import numpy as np

from engines.routing.annealer import Annealer
from engines.routing.model import model_of
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Truck
from engines.routing.starts import one_round_each
from engines.routing.state import empty_state
from engines.routing.stopping import Budget

LOOKS = 1000


def rehearse() -> None:
    """Load every loop, or compile it."""
    depot, dump = Place("depot", 0.0, 0.0), Place("dump", 0.0, 0.0, 1)
    stops = tuple(Stop(f"stop {i}", 0.0, 0.0, 1, 1, 1, "any", prize=40) for i in range(5))
    trucks = (Truck("begun", 9, 9, locked=("stop 0",)), Truck("free", 9, 9))
    way = np.full((7, 7), 9) - np.diag([9] * 7)
    problem = Problem(stops, trucks, (depot,), (dump,), way, way, Goal.cost)
    annealer = Annealer(model_of(problem), 0)
    annealer.start([[2, 3, 1], [4, 1]])
    annealer.run(Budget(StopRule(max_looks=LOOKS)))
    one_round_each(annealer.model.facts, empty_state(annealer.model.facts, 0))
    if len(annealer.orders) != len(trucks):
        raise AssertionError("the rehearsal lost a truck")
