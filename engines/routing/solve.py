"""The front door: solve(problem, stop, seed, params) -> RoundPlan.

1. Stops that no truck could serve even alone are named, with the reason; the best plan for the rest is sought.
2. The annealer's greedy insertion gives a feasible plan at once.
3. The core that suits the problem improves it until the stop rule says so (choice.py says which and why).
4. Every plan is assembled by driving it, every unserved stop gets its reason, and the independent checker must pass
   the plan before it is returned.

Same problem, rule and seed give the same plan, byte for byte, when the rule ends by looks and not by a clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engines.routing.annealer import Annealer
from engines.routing.check import check
from engines.routing.choice import Stage, stages_for
from engines.routing.construct import FEW_STOPS, construct
from engines.routing.improve import STOPPED_BY_CLOCK, improve
from engines.routing.improve import supports as improve_knows
from engines.routing.insertion import insert_what_pays, with_reasons
from engines.routing.model import Model, model_of
from engines.routing.params import Core, Params
from engines.routing.problem import Goal, Place, Problem, RoundPlan, Stop, StopRule, Truck, Why
from engines.routing.pyvrp_core import improve_with_pyvrp
from engines.routing.replicas import Replicas
from engines.routing.rounds import Order, assemble, orders_of, rank
from engines.routing.stopping import Budget
from engines.routing.verdicts import hindrance, kinds_of, quick_reasons, verdicts

MOST_PLACES_FOR_REASONS = 200_000  # about a second of trying; beyond, reasons are told without trying every place
LOOKS_PER_SOLUTION = 200  # how many looks a `max_solutions` of the older rule stands for


def solve(problem: Problem, stop: StopRule | None = None, seed: int = 0, params: Params | None = None) -> RoundPlan:
    """The best plan found. No trucks or no stops give a plan that says so; BadData comes from `Problem` only."""
    rule, params = stop or StopRule(), params or Params()
    budget = Budget(rule, LOOKS_PER_SOLUTION)
    kinds = kinds_of(problem)
    hindrances = {point: hindrance(problem, point, kinds) for point in range(problem.first_stop, problem.size)}
    servable = [point for point, why in hindrances.items() if why is None]
    hindered = {problem.stop_at(point).id: why for point, why in hindrances.items() if why is not None}
    made = _found(problem, servable, (rule, budget, seed, params))
    return _checked(problem, made, hindered)


def warm_up() -> None:
    """Compile the annealer, or load what was compiled before, so that no question waits for it: about 35 CPU seconds
    at its first call on a machine, one afterwards."""
    place = Place("depot", 0.0, 0.0)
    stops = tuple(Stop(f"stop {i}", 0.0, 0.0, 1, 1, 1, "any") for i in range(2))
    way = np.array([[0, 9, 9], [9, 0, 9], [9, 9, 0]])
    problem = Problem(stops, (Truck("truck", 9, 9),), (place,), (), way, way, Goal.cost)
    solve(problem, StopRule(max_looks=1000), 0, Params(core=Core.annealer))


def _found(problem: Problem, servable: list[int], how: tuple[StopRule, Budget, int, Params]) -> RoundPlan:
    """The best plan of the chosen core, without reasons."""
    rule, budget, seed, params = how
    if not servable:
        return assemble(problem, [[] for _ in problem.trucks], "insertion", seed)
    if params.core in (Core.insertion, Core.ortools) and not improve_knows(problem):
        params = replace(params, core=Core.annealer)
    if params.core is Core.insertion:
        return replace(construct(problem, seed), seed=seed)
    if params.core is Core.ortools:
        return _by_ortools(problem, servable, (rule, seed))
    search = _Search(model_of(problem), seed, budget, params)
    search.start()
    for stage in stages_for(search.model, params, search.annealer.stops_per_round):
        search.turn(stage)
    ended = budget.by_looks and budget.share < 1.0 and budget.clock_share >= 1.0
    plan = replace(search.best, core=STOPPED_BY_CLOCK if ended else search.best.core)
    return insert_what_pays(problem, plan) if len(problem.stops) <= FEW_STOPS else plan


@dataclass
class _Search:
    """The cores' turns over one problem; `best` is the best plan of any of them."""

    model: Model
    seed: int
    budget: Budget
    params: Params

    def start(self) -> None:
        """A feasible plan at once."""
        self.annealer = Annealer(self.model, self.seed)
        self.annealer.start(_simple_start(self.model.problem, self.seed))
        self.best = self._plan(self.annealer.orders, "annealer")

    def turn(self, stage: Stage) -> None:
        """One core's turn."""
        orders = orders_of(self.model.problem, self.best) if stage.warm else None
        if stage.core is Core.pyvrp:
            found = improve_with_pyvrp(self.model, orders, self.budget, (self.seed, stage.until))
            if found is not None:
                self._keep(self._plan(found, "pyvrp"))
            return
        if orders is not None:
            self.annealer = Annealer(self.model, self.seed)
            self.annealer.start(orders, warm=True)
        if self.params.annealer == "sqa":
            ring = Replicas(self.model, self.seed, self.params)
            ring.start(orders)
            ring.run(self.budget)
            self._keep(self._plan(ring.best.orders, "annealer (sqa)"))
            return
        self.annealer.run(self.budget, until=stage.until)
        self._keep(self._plan(self.annealer.orders, "annealer"))

    def _plan(self, orders: list[Order], core: str) -> RoundPlan:
        return assemble(self.model.problem, orders, core, self.seed)

    def _keep(self, plan: RoundPlan) -> None:
        if rank(self.model.problem, plan) < rank(self.model.problem, self.best):
            self.best = plan


def _simple_start(problem: Problem, seed: int) -> list[Order] | None:
    """For few stops the best of several simple plans; more are started by the annealer alone, in milliseconds."""
    if len(problem.stops) > FEW_STOPS or any(truck.locked for truck in problem.trucks):
        return None
    return orders_of(problem, construct(problem, seed))


def _by_ortools(problem: Problem, servable: list[int], how: tuple[StopRule, int]) -> RoundPlan:
    rule, seed = how
    first = replace(construct(problem, seed), seed=seed)
    if rule.wall_seconds <= 0 or rule.max_solutions == 0 or len(servable) == 1:
        return first
    found = improve(problem, first, servable, rule)
    if found is None or check(problem, found) or rank(problem, found) >= rank(problem, first):
        found = first
    return insert_what_pays(problem, found)


def _checked(problem: Problem, plan: RoundPlan, hindered: dict[str, Why]) -> RoundPlan:
    """The plan with verdicts and reasons, after the checker has passed it; a plan that fails is a bug and says so."""
    plan = replace(plan, verdicts=verdicts(problem, hindered))
    if len(plan.unserved) * len(problem.trucks) * len(problem.stops) <= MOST_PLACES_FOR_REASONS:
        plan = with_reasons(problem, plan)
    else:
        plan = quick_reasons(problem, plan, hindered)
    faults = check(problem, plan)
    if faults:
        raise AssertionError(f"the {plan.core} plan does not pass the checker: {'; '.join(faults)}")
    return plan
