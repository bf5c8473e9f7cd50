"""The trade-off between money, hours and emissions: one plan per goal, those named that another beats in everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engines.routing.plan import RoundPlan
from engines.routing.problem import Goal, Problem, StopRule
from engines.routing.shared_clock import SharedClock
from engines.routing.solve import solve

Scores = tuple[float, ...]


@dataclass(frozen=True)
class Option:
    """A goal's plan. `prizes_left` is milli-currency of the skipped stops; `left` counts stops without a prize that
    are not served. `beaten_by` names a goal whose plan is nowhere worse and somewhere better, None on the front."""

    goal: Goal
    plan: RoundPlan
    prizes_left: int
    left: int
    beaten_by: Goal | None = None

    @property
    def scores(self) -> Scores:
        """What is to be small: stops left, currency, seconds, g CO2e, milli-currency of prizes left."""
        return (self.left, self.plan.cost, self.plan.seconds, self.plan.g_co2e, self.prizes_left)


def sweep(problem: Problem, rule: StopRule, seed: int = 0, goals: Sequence[Goal] = tuple(Goal)) -> tuple[Option, ...]:
    """One plan per goal, in the order of `goals`; `weights` are put aside. The looks of `rule` are those of each
    search, its clock is that of all together."""
    clock, problems = SharedClock(rule), [replace(problem, goal=goal, weights=None) for goal in goals]
    turns = zip(problems, range(len(problems), 0, -1), strict=True)
    return marked([option_of(each, solve(each, clock.turn(1 / left), seed)) for each, left in turns])


def marked(options: Sequence[Option]) -> tuple[Option, ...]:
    """The options, each with the goal that beats it, if one does."""
    return tuple(replace(option, beaten_by=_beater(option, options)) for option in options)


def option_of(problem: Problem, plan: RoundPlan) -> Option:
    """A plan as an option of its problem's goal."""
    missed = {each.stop_id for each in plan.unserved}
    left = [stop for stop in problem.stops if stop.id in missed]
    return Option(problem.goal, plan, sum(stop.prize or 0 for stop in left), sum(stop.prize is None for stop in left))


def _beater(option: Option, options: Sequence[Option]) -> Goal | None:
    """The first goal that is nowhere worse and somewhere better (Pareto dominance)."""
    for other in options:
        pairs = list(zip(other.scores, option.scores, strict=True))
        if all(theirs <= ours for theirs, ours in pairs) and any(theirs < ours for theirs, ours in pairs):
            return other.goal
    return None
