"""The search by the annealer and PyVRP in turns; `choice.py` says who has which turn."""

from __future__ import annotations

from engines.routing.annealer import Annealer
from engines.routing.carried import carried_over
from engines.routing.choice import Stage, stages_for
from engines.routing.construct import FEW_STOPS, construct
from engines.routing.improve import supports as ortools_knows
from engines.routing.insertion import insert_what_pays
from engines.routing.model import DUMPS, Model, model_of
from engines.routing.params import Core
from engines.routing.problem import RoundPlan
from engines.routing.pyvrp_core import Turn, improve_with_pyvrp, without_prize
from engines.routing.replicas import Replicas
from engines.routing.rounds import Order, assemble, orders_of, rank
from engines.routing.task import Task

MOST_PAIRS = 1000  # stops times trucks
RUGGED_RUNS, NEXT_SEED = 4, 101


def search(task: Task) -> RoundPlan:
    """The best plan that the turns found within the budget; at least the first one."""
    turns = _Turns(task)
    turns.start()
    for stage in stages_for(turns.model, task.params, turns.annealer.stops_per_round):
        turns.take(stage)
    few = len(task.problem.stops) <= FEW_STOPS
    return insert_what_pays(task.problem, turns.best) if few and task.params.thorough else turns.best


def runs_of(model: Model) -> int:
    """How many annealing runs share a budget: several where prizes and trips to the dump make the choice of stops
    rugged, because one run, however long, then ends in one of several choices of trips; else one."""
    prizes = any(stop.prize is not None for stop in model.problem.stops)
    return RUGGED_RUNS if prizes and model.facts.flags[DUMPS] else 1


class _Turns:
    """The cores' turns over one problem; `best` is the best plan of any of them."""

    def __init__(self, task: Task) -> None:
        self.task, self.budget, self.seed = task, task.budget, task.seed
        self.model = model_of(task.problem)

    def start(self) -> None:
        """A feasible plan at once: the given one carried over, or the better of the annealer's and the simple ones."""
        given = self.task.params.start
        orders = None if given is None else carried_over(self.task.problem, given)
        self.annealer = Annealer(self.model, self.seed)
        self.annealer.start(orders, warm=given is not None)
        self.best = self._plan(self.annealer.orders, "annealer")
        if orders is not None:
            self._keep(self._plan(orders, "annealer"))
        elif self._few and ortools_knows(self.task.problem):
            self._keep(construct(self.task.problem, self.seed))
            self.annealer = Annealer(self.model, self.seed)
            self.annealer.start(orders_of(self.task.problem, self.best))
            self._keep(self._plan(self.annealer.orders, "annealer"))

    @property
    def _few(self) -> bool:
        """Whether the simple plans, which choose each next stop among all, take under half a second and are wanted."""
        few = len(self.task.problem.stops) * len(self.task.problem.trucks) <= MOST_PAIRS
        return few and self.task.params.thorough

    def take(self, stage: Stage) -> None:
        """One core's turn."""
        warm = stage.warm or self.task.params.start is not None
        orders = orders_of(self.task.problem, self.best) if warm else None
        if stage.core is Core.pyvrp:
            turn = Turn(self.seed, stage.until, without_prize(self.task, self.best))
            found = improve_with_pyvrp(self.model, orders, self.budget, turn)
            if found is not None:
                self._keep(self._plan(found, "pyvrp"))
        elif self.task.params.annealer == "sqa":
            ring = Replicas(self.model, self.seed, self.task.params)
            ring.start(orders)
            ring.run(self.budget)
            self._keep(self._plan(ring.best.orders, "annealer (sqa)"))
        else:
            self._anneal(stage, orders)

    def _anneal(self, stage: Stage, orders: list[Order] | None) -> None:
        """One annealing run, or several in a row, each from the best plan so far and with a seed of its own."""
        begin, runs = self.budget.share, 1 if orders is not None else runs_of(self.model)
        for run in range(runs):
            if orders is not None or run:
                self.annealer = Annealer(self.model, self.seed + run * NEXT_SEED)
                self.annealer.start(orders or orders_of(self.task.problem, self.best), warm=orders is not None)
            until = begin + (stage.until - begin) * (run + 1) / runs
            self.annealer.run(self.budget, until=until, anew=run == 0)
            self._keep(self._plan(self.annealer.orders, "annealer"))

    def _plan(self, orders: list[Order], core: str) -> RoundPlan:
        return assemble(self.task.problem, orders, core, self.seed)

    def _keep(self, plan: RoundPlan) -> None:
        if rank(self.task.problem, plan) < rank(self.task.problem, self.best):
            self.best = plan
