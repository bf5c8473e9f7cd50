"""Reasons put to the test: a full search with the prize a little above and a little below where the decision turns.

A reason agrees when the stop is served above and left below. A stop that no plan can serve agrees when a full search
that must serve it leaves it all the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.routing.plan import RoundPlan
from engines.routing.problem import LONGEST, Problem, StopRule
from engines.routing.reasons import StopReason, forced, why_stop
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


@dataclass(frozen=True)
class Agreement:
    """How many of the sampled reasons full searches confirm; `against` are the others."""

    sampled: int
    agreed: int
    against: tuple[Confirmation, ...]

    @property
    def share(self) -> float:
        """Agreed of sampled, 1.0 of none."""
        return self.agreed / self.sampled if self.sampled else 1.0


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
    return stop_id in solve(problem, *how).served


def agreement(
    problem: Problem, plan: RoundPlan, count: int, rules: tuple[StopRule, StopRule], seed: int = 0
) -> Agreement:
    """Reasons of `count` stops drawn by `seed`, found by the short rule rules[0] and confirmed by the full rules[1].

    Only stops that have a prize can turn; a must-serve stop's reason is confirmed as if it had one.
    """
    names = [stop.id for stop in problem.stops]
    drawn = np.random.default_rng(seed).permutation(len(names))[:count]
    told = [why_stop(problem, plan, names[i], rules[0], seed) for i in sorted(drawn)]
    found = [confirm(problem, reason, rules[1], seed) for reason in told]
    against = tuple(each for each in found if not each.agrees)
    return Agreement(len(found), len(found) - len(against), against)


def pooled(parts: list[Agreement]) -> Agreement:
    """The agreements of several problems as one."""
    return Agreement(
        sum(each.sampled for each in parts), sum(each.agreed for each in parts),
        tuple(one for each in parts for one in each.against),
    )  # fmt: skip
