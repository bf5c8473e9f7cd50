"""What may be chosen about the search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from domain.errors import BadData


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

    OR-Tools is the default until the figures of the other cores are filed, and their kernels are compiled at set-up
    (`warm_up`) and not by the first question; what it does not know goes to the annealer all the same.
    `coupling`: what an arc shared with a neighbouring replica is worth at the end, in shares of the mean arc's cost.
    """

    core: Core = Core.ortools
    annealer: str = "sa"
    replicas: int = 4
    coupling: float = 0.05

    def __post_init__(self) -> None:
        if self.annealer not in ("sa", "sqa") or self.replicas < 1 or self.coupling < 0:
            raise BadData("annealer is sa or sqa, with at least one replica and a coupling from 0")
