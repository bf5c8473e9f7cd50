"""What may be chosen about the search."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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

    OR-Tools is the default until the figures of the other cores are filed, and their kernels are compiled at set-up and
    not by the first question.
    """

    core: Core = Core.ortools
    annealer: str = "sa"
    replicas: int = 4
    coupling: float = 2.0
