"""The front door: solve(problem, stop, seed, params) -> RoundPlan.

1. Stops that no truck could serve even alone are named, with the reason; the best plan for the rest is sought.
2. Greedy insertion gives a feasible plan at once, or the plan in `params.start` is taken over.
3. The core that suits the problem improves it until the stop rule says so (choice.py says which and why). While the
   annealer's compiled loops are not at hand, another core takes its turn (meanwhile.py).
4. Under the goals time and emissions, stops with prizes are chosen in money first, with all looks of the rule, and then
   driven to in the fewest hours or with the least CO2e, with half as many (duties.py says why).
5. Every plan is assembled by driving it, every unserved stop gets its reason, and the independent checker must pass
   the plan before it is returned.

Same problem, rule and seed give the same plan, byte for byte, when the rule ends by looks and not by a clock or a
person; `RoundPlan.repeatable` says which it was.
"""

from __future__ import annotations

from dataclasses import replace

from engines.routing.check import check
from engines.routing.duties import choice_of, duties
from engines.routing.improve import supports as ortools_knows
from engines.routing.insertion import with_reasons
from engines.routing.kernels import KERNELS
from engines.routing.meanwhile import by_insertion, by_ortools, plan_meanwhile
from engines.routing.params import Core, Params
from engines.routing.plan import ENDED_EARLY, STOPPED_BY_CLOCK, UNTIL_TIME_WAS_UP
from engines.routing.problem import Problem, RoundPlan, StopRule, Why
from engines.routing.rounds import assemble, orders_of, rank
from engines.routing.shared_clock import SharedClock
from engines.routing.stopping import Budget
from engines.routing.task import Task
from engines.routing.verdicts import hindrance, kinds_of, quick_reasons, verdicts

MOST_PLACES_FOR_REASONS = 200_000  # about a second of trying; beyond, reasons are told without trying every place
PLACES_PER_SECOND = 200_000
CHOICE_PART, DUTIES_LOOKS = 2 / 3, 0.5  # of the time, for choosing stops in money; of the looks, for driving to them
LOOKS_PER_SOLUTION = 200  # how many looks a `max_solutions` of the older rule stands for


def solve(problem: Problem, stop: StopRule | None = None, seed: int = 0, params: Params | None = None) -> RoundPlan:
    """The best plan found. No trucks or no stops give a plan that says so; BadData comes from `Problem` only."""
    rule, params = stop or StopRule(), params or Params()
    by = choice_of(problem)
    if by is problem:
        return _solved(problem, rule, seed, params)
    clock, unread = SharedClock(rule), replace(params, reasoned=False)
    first = _solved(by, _told_until(clock.turn(CHOICE_PART), 0.0, CHOICE_PART), seed, unread)
    bound = duties(problem, first.served)
    how = _told_until(clock.turn(1.0, DUTIES_LOOKS), CHOICE_PART, 1.0)
    then = _solved(bound, how, seed, replace(unread, start=first))
    known = assemble(bound, orders_of(bound, first), first.core, seed)
    best = min(then, known, key=lambda plan: rank(bound, plan))
    core = then.core if first.repeatable else first.core
    hindered = {point: why for point, why in _hindrances(problem).items() if why is not None}
    task = Task(problem, [], Budget(clock.turn(1.0)), seed, params)
    plan = assemble(problem, orders_of(problem, best), core, seed)
    return _checked(task, plan, {problem.stop_at(point).id: why for point, why in hindered.items()})


def _told_until(rule: StopRule, begin: float, end: float) -> StopRule:
    """The rule of a part of a search, whose progress is told as the whole one's from `begin` to `end`."""
    tell = rule.progress
    if tell is None:
        return rule
    return replace(rule, progress=lambda far: tell(replace(far, share=begin + (end - begin) * far.share)))


def _hindrances(problem: Problem) -> dict[int, Why | None]:
    """By point of a stop, why no truck could serve it even alone."""
    kinds = kinds_of(problem)
    return {point: hindrance(problem, point, kinds) for point in range(problem.first_stop, problem.size)}


def _solved(problem: Problem, rule: StopRule, seed: int, params: Params) -> RoundPlan:
    """The best plan of one search under one goal."""
    compiled = _at_hand(params.core)  # before the clock starts
    budget = Budget(rule, LOOKS_PER_SOLUTION)
    hindrances = _hindrances(problem)
    servable = [point for point, why in hindrances.items() if why is None]
    hindered = {problem.stop_at(point).id: why for point, why in hindrances.items() if why is not None}
    task = Task(problem, servable, budget, seed, params)
    return _checked(task, _as_ended(_found(task, compiled), budget), hindered)


def _at_hand(core: Core) -> bool:
    """Whether the compiled loops can be used; one who asks for the annealer by name waits for the compiler."""
    if core in (Core.insertion, Core.ortools):
        return False
    return KERNELS.at_hand() if core is Core.auto else KERNELS.wait()


def _found(task: Task, compiled: bool) -> RoundPlan:
    """The best plan of the chosen core, without reasons."""
    core, problem = task.params.core, task.problem
    if not task.servable:
        return assemble(problem, [[] for _ in problem.trucks], "insertion", task.seed)
    if core is Core.insertion and ortools_knows(problem):
        return by_insertion(task)
    if core is Core.ortools and ortools_knows(problem):
        return by_ortools(task)
    if not compiled and not (core in (Core.insertion, Core.ortools) and KERNELS.wait()):
        return plan_meanwhile(task)
    from engines.routing.search import search  # Numba: a second of loading that OR-Tools and the import must not pay

    return search(task)


def _as_ended(plan: RoundPlan, budget: Budget) -> RoundPlan:
    """The plan with what ended its search in `core`, where that was not the rule's looks."""
    if budget.cancelled:
        return replace(plan, core=ENDED_EARLY)
    if budget.clock_share < 1.0 or (budget.by_looks and budget.share >= 1.0):
        return plan
    return replace(plan, core=STOPPED_BY_CLOCK if budget.by_looks else f"{plan.core}{UNTIL_TIME_WAS_UP}")


def _checked(task: Task, plan: RoundPlan, hindered: dict[str, Why]) -> RoundPlan:
    """The plan with verdicts and reasons, after the checker has passed it; a plan that fails is a bug and says so."""
    problem = task.problem
    plan = replace(plan, verdicts=verdicts(problem, hindered))
    places = len(plan.unserved) * len(problem.trucks) * len(problem.stops)
    in_time = task.budget.by_looks or places <= task.budget.seconds_left * PLACES_PER_SECOND or places == 0
    if task.params.thorough and task.params.reasoned and places <= MOST_PLACES_FOR_REASONS and in_time:
        plan = with_reasons(problem, plan)
    else:
        plan = quick_reasons(problem, plan, hindered)
    faults = check(problem, plan)
    if faults:
        raise AssertionError(f"the {plan.core} plan does not pass the checker: {'; '.join(faults)}")
    return plan
