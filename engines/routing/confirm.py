"""Reasons put to the test: a full search with the prize a little above and a little below where the decision turns.

The stop should be served above and left below. A full search may end with a worse plan than one that the reason knows:
then it decides otherwise only for want of time, and refutes nothing. A reason agrees when no full search finds a plan
that decides otherwise and is better than the known one. A stop that no plan can serve agrees when a full search that
must serve it leaves it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.routing.duties import choice_of
from engines.routing.params import Params
from engines.routing.problem import LONGEST, Problem, StopRule
from engines.routing.reasons import StopReason
from engines.routing.sides import forced
from engines.routing.solve import solve

MARGIN = 0.1  # of the prize at which the decision turns
LEAST_MARGIN = 100  # milli-currency: a tenth of a unit, below which nobody decides


@dataclass(frozen=True)
class Confirmation:
    """What full searches made of a reason: `above`, `below` say whether the stop was served there (None: not asked,
    where below would be less than nothing); `agrees`: none found a better plan that decides otherwise."""

    reason: StopReason
    above: bool
    below: bool | None
    agrees: bool

    @property
    def alike(self) -> bool:
        """Whether the searches alone decide as the reason says, the plans that it knows put aside."""
        if self.reason.flip_prize is None:
            return not self.above
        return self.above and not self.below


def confirm(problem: Problem, reason: StopReason, full: StopRule, seed: int = 0) -> Confirmation:
    """The reason of a stop against full searches by the rule `full`."""
    problem, how = choice_of(problem), (full, seed)
    if reason.flip_prize is None:
        served, _ = _found(forced(problem, reason.stop_id), reason.stop_id, how)
        return Confirmation(reason, served, None, not served)
    margin = max(LEAST_MARGIN, round(MARGIN * reason.flip_prize))
    above, below = min(LONGEST, reason.flip_prize + margin), reason.flip_prize - margin
    served, milli = _found(forced(problem, reason.stop_id, above), reason.stop_id, how)
    agrees = served or _worse(milli, reason.serving_milli)
    if below < 0:
        return Confirmation(reason, served, None, agrees)
    lower, milli = _found(forced(problem, reason.stop_id, below), reason.stop_id, how)
    left = None if reason.leaving_milli is None else reason.leaving_milli + below
    return Confirmation(reason, served, lower, agrees and (not lower or _worse(milli, left)))


def _found(problem: Problem, stop_id: str, how: tuple[StopRule, int]) -> tuple[bool, int]:
    """Whether the best plan of a search serves the stop, and its objective."""
    plan = solve(problem, *how, Params(reasoned=False))
    return stop_id in plan.served, plan.objective


def _worse(milli: int, known: int | None) -> bool:
    """Whether a plan is no better than the one that the reason knows."""
    return known is not None and milli >= known
