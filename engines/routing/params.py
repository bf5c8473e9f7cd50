"""What may be chosen about the search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import BadData
from engines.routing.plan import RoundPlan


class Core(StrEnum):
    """What searches: the choice by the problem's features, or one core alone."""

    auto = "auto"
    annealer = "annealer"
    pyvrp = "pyvrp"
    ortools = "ortools"
    insertion = "insertion"


@dataclass(frozen=True)
class Params:
    """`annealer` is "sa", or "sqa": `replicas` of the plan coupled by path-integral annealing (off by default).

    `coupling`: what an arc shared with a neighbouring replica is worth at the end, in shares of the mean arc's cost.
    `start`: a plan to go on from, of this problem or of a like one (a re-plan in mid-shift, a change by hand); what of
    it still can be driven is where the search begins, and the answer is never worse than that.
    `thorough`: without, the annealer begins with its own first plans alone and skipped stops get the reasons that are
    at hand, not the cost of each place (for simulations of thousands of rounds, whose reasons nobody reads).
    `reasoned`: without, the search is as thorough as it is told to be and the reasons alone are those at hand (for a
    plan that is only compared with another).
    """

    core: Core = Core.auto
    annealer: str = "sa"
    replicas: int = 4
    coupling: float = 0.05
    start: RoundPlan | None = None
    thorough: bool = True
    reasoned: bool = True

    def __post_init__(self) -> None:
        if self.annealer not in ("sa", "sqa") or self.replicas < 1 or self.coupling < 0:
            raise BadData("annealer is sa or sqa, with at least one replica and a coupling from 0")
