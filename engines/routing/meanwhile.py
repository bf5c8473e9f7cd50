"""Plans without the annealer: by OR-Tools, by PyVRP, or by plain insertion, whichever knows the problem's rules.

They are cores that can be asked for, and they answer while the annealer's loops are being compiled. Then the plan's
`core` says so, because the same question a minute later is answered by the annealer.
"""

from __future__ import annotations

from dataclasses import replace

from engines.routing.carried import carried_over, locked_only
from engines.routing.check import check
from engines.routing.construct import construct
from engines.routing.improve import improve
from engines.routing.improve import supports as ortools_knows
from engines.routing.insertion import insert_what_pays
from engines.routing.kernels import KERNELS
from engines.routing.model import model_of
from engines.routing.plan import MEANWHILE, WITHOUT_NUMBA, RoundPlan
from engines.routing.pyvrp_core import Turn, improve_with_pyvrp, without_prize
from engines.routing.pyvrp_core import supports as pyvrp_knows
from engines.routing.rounds import assemble, rank
from engines.routing.task import Task


def plan_meanwhile(task: Task) -> RoundPlan:
    """The plan of the best core that needs nothing compiled; its `core` says why it was not the annealer."""
    if ortools_knows(task.problem):
        plan = by_ortools(task)
    else:
        plan = _by_places(task)
        found = None
        if pyvrp_knows(task.problem):
            turn = Turn(task.seed, bound=without_prize(task, plan))
            found = improve_with_pyvrp(model_of(task.problem), None, task.budget, turn)
        if found is not None:
            plan = _better(task, plan, assemble(task.problem, found, "pyvrp", task.seed))
    return replace(plan, core=f"{plan.core}{WITHOUT_NUMBA if KERNELS.fault else MEANWHILE}")


def by_insertion(task: Task) -> RoundPlan:
    """The best of the simple starts, or the given plan where that is better."""
    return _better(task, replace(construct(task.problem, task.seed), seed=task.seed), _given(task))


def by_ortools(task: Task) -> RoundPlan:
    """OR-Tools' local search from the simple start."""
    problem, first = task.problem, by_insertion(task)
    if task.budget.over or len(task.servable) == 1:
        return first
    found = improve(problem, first, task.servable, task.budget)
    if found is not None and not check(problem, found):
        first = _better(task, first, found)
    return insert_what_pays(problem, first)


def _by_places(task: Task) -> RoundPlan:
    """Locked beginnings, then every stop that pays at its cheapest place: slow, but every rule is driven."""
    first = _given(task) or assemble(task.problem, locked_only(task.problem), "insertion", task.seed)
    return insert_what_pays(task.problem, first, task.budget)


def _given(task: Task) -> RoundPlan | None:
    start = task.params.start
    if start is None:
        return None
    return assemble(task.problem, carried_over(task.problem, start), "insertion", task.seed)


def _better(task: Task, first: RoundPlan, second: RoundPlan | None) -> RoundPlan:
    if second is None or rank(task.problem, second) >= rank(task.problem, first):
        return first
    return second
