"""The front door: solve(problem, stop_rule, seed) -> RoundPlan.

1. Stops that no truck could serve even alone are set aside, with the reason.
2. Cheapest insertion gives a feasible plan at once.
3. OR-Tools improves it until the stop rule says so; the better plan stays.
4. Every unserved stop gets its reason, and the independent checker must pass the plan before it is returned.

Same problem, rule and seed give the same plan when the rule ends by `max_solutions` and not by the clock.
"""

from __future__ import annotations

from dataclasses import replace

from engines.routing.check import check
from engines.routing.construct import construct
from engines.routing.improve import improve
from engines.routing.insertion import insert_what_pays, with_reasons
from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.rounds import Failure, assemble, drive, rank, with_dumps


def solve(problem: Problem, stop_rule: StopRule | None = None, seed: int = 0) -> RoundPlan:
    """The best plan found. No trucks or no stops give a plan that says so; BadData comes from `Problem` only."""
    rule = stop_rule or StopRule()
    servable = [point for point in range(problem.first_stop, problem.size) if _some_truck_can(problem, point)]
    if not servable:
        return _checked(problem, assemble(problem, [[] for _ in problem.trucks], "insertion", seed))
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
