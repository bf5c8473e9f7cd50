"""One call of `solve`, as its cores get it."""

from __future__ import annotations

from dataclasses import dataclass

from engines.routing.params import Params
from engines.routing.problem import Problem
from engines.routing.stopping import Budget


@dataclass(frozen=True)
class Task:
    """A problem, the points of the stops that some truck could serve, and what the search may use."""

    problem: Problem
    servable: list[int]
    budget: Budget
    seed: int
    params: Params
