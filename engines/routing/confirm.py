"""Reasons put to the test: a full search with the prize a little above and a little below where the decision turns.

A reason agrees when the stop is served above and left below. A stop that no plan can serve agrees when a full search
that must serve it leaves it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from engines.routing.params import Params
from engines.routing.problem import LONGEST, Problem, StopRule
from engines.routing.reasons import StopReason, forced
from engines.routing.solve import solve

MARGIN = 0.1  # of the prize at which the decision turns
LEAST_MARGIN = 100  # milli-currency: a tenth of a unit, below which nobody decides


@dataclass(frozen=True)
class Confirmation:
    """What full searches made of a reason: `above`, `below` say whether the stop was served there (None: not asked,
    where below would be less than nothing)."""

    reason: StopReason
    above: bool
    below: bool | None

    @property
    def agrees(self) -> bool:
        """Whether the searches decide as the reason says."""
        if self.reason.flip_prize is None:
            return not self.above
        return self.above and not self.below


def confirm(problem: Problem, reason: StopReason, full: StopRule, seed: int = 0) -> Confirmation:
    """The reason of a stop against full searches by the rule `full`."""
    if reason.flip_prize is None:
        return Confirmation(reason, _serves(forced(problem, reason.stop_id), reason.stop_id, (full, seed)), None)
    margin = max(LEAST_MARGIN, round(MARGIN * reason.flip_prize))
    above = min(LONGEST, reason.flip_prize + margin)
    below = reason.flip_prize - margin
    served = [
        _serves(forced(problem, reason.stop_id, prize), reason.stop_id, (full, seed)) if prize >= 0 else None
        for prize in (above, below)
    ]
    return Confirmation(reason, bool(served[0]), served[1])


def _serves(problem: Problem, stop_id: str, how: tuple[StopRule, int]) -> bool:
    return stop_id in solve(problem, *how, Params(reasoned=False)).served
