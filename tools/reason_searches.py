"""How long is searched for the reasons of an answer: several new searches, and one clock for all of them.

Somebody waits for the answer, so the clock bounds them all together. What is measured of reasons
(`python -m evals reasons`) is searched for by these very rules.
"""

from __future__ import annotations

from engines.routing.problem import Problem, RoundPlan, StopRule
from engines.routing.reasons import StopReason, why_stop
from engines.routing.sides import SEARCHES
from tools.context import Tuning
from tools.planning import watched, within

SEARCH_SHARE = 0.5  # of `solve_seconds` for each of the new searches behind a reason
LONGEST_REASON_S = 10.0  # of the budget of `explain`, whatever `solve_seconds` says: for all of them together
QUIET_PART = 0.6  # of it that a quiet core needs at most, so that one almost half as fast finishes by its looks


def search_rule(tuning: Tuning, stops: int, searches: int) -> StopRule:
    """The rule of so many searches of a problem: the looks of each, and the clock of all together."""
    quiet_s = min(tuning.solve_seconds * SEARCH_SHARE, QUIET_PART * LONGEST_REASON_S / searches)
    return watched(tuning, within(StopRule.of_work(stops, quiet_s), LONGEST_REASON_S))


def bin_reason(tuning: Tuning, problem: Problem, plan: RoundPlan, bin_id: str) -> StopReason:
    """Why a bin of the problem is served or left, as it is told: by new searches with it and without it."""
    return why_stop(problem, plan, bin_id, search_rule(tuning, len(problem.stops), SEARCHES), tuning.seed)
