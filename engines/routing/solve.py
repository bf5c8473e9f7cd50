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

from engines.routing.annealer import Annealer
from engines.routing.check import check
from engines.routing.choice import Stage, stages_for
from engines.routing.construct import FEW_STOPS, construct
from engines.routing.improve import STOPPED_BY_CLOCK, improve
from engines.routing.insertion import insert_what_pays, with_reasons
from engines.routing.model import Model, model_of
from engines.routing.params import Core, Params
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.pyvrp_core import improve_with_pyvrp
from engines.routing.rounds import Failure, Order, assemble, drive, orders_of, rank, with_dumps
from engines.routing.stopping import Budget

LOOKS_PER_SOLUTION = 200  # how many looks a `max_solutions` of the older rule stands for


def solve(problem: Problem, stop: StopRule | None = None, seed: int = 0, params: Params | None = None) -> RoundPlan:
    """The best plan found. No trucks or no stops give a plan that says so; BadData comes from `Problem` only."""
    rule, params = stop or StopRule(), params or Params()
    budget = Budget(rule, LOOKS_PER_SOLUTION)
    servable = [point for point in range(problem.first_stop, problem.size) if _some_truck_can(problem, point)]
    if not servable:
        return _checked(problem, assemble(problem, [[] for _ in problem.trucks], "insertion", seed))
    if params.core is Core.insertion:
        return _checked(problem, replace(construct(problem, seed), seed=seed))
    if params.core is Core.ortools:
        return _by_ortools(problem, servable, (rule, seed))
    search = _Search(model_of(problem), seed, budget)
    search.start()
    for stage in stages_for(search.model, params, search.annealer.stops_per_round):
        search.turn(stage)
    ended = budget.by_looks and budget.share < 1.0 and budget.clock_share >= 1.0
    plan = replace(search.best, core=STOPPED_BY_CLOCK if ended else search.best.core)
    return _checked(problem, insert_what_pays(problem, plan) if len(problem.stops) <= FEW_STOPS else plan)


@dataclass
class _Search:
    """The cores' turns over one problem; `best` is the best plan of any of them."""

    model: Model
    seed: int
    budget: Budget

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
        return _checked(problem, first)
    found = improve(problem, first, servable, rule)
    if found is None or check(problem, found) or rank(problem, found) >= rank(problem, first):
        found = first
    return _checked(problem, insert_what_pays(problem, found))


def _some_truck_can(problem: Problem, point: int) -> bool:
    """Whether any truck could serve the stop if it had nothing else to do."""
    return any(
        not isinstance(drive(problem, truck, with_dumps(problem, truck, [point])), Failure) for truck in problem.trucks
    )


def _checked(problem: Problem, plan: RoundPlan) -> RoundPlan:
    """The plan with reasons, after the checker has passed it; a plan that fails is a bug and says so."""
    plan = with_reasons(problem, plan)
    faults = check(problem, plan)
    if faults:
        raise AssertionError(f"the {plan.core} plan does not pass the checker: {'; '.join(faults)}")
    return plan
