"""What a metre, a second, a used truck and the longest round cost under a problem's goal or weights."""

from __future__ import annotations

from engines.routing.problem import Goal, Problem, Truck

MILLI_PER_GRAM = 1.0  # under the goal emissions, where grams alone count: which stops are served is told in money


def milli_rates(problem: Problem, truck: Truck) -> tuple[float, float]:
    """Milli-currency per metre and per second."""
    weights = problem.weights
    if weights is not None:
        return weights.per_metre + weights.per_g_co2e * truck.g_co2e_per_km / 1000, weights.per_second
    if problem.goal is Goal.time:
        return 0.0, float(_hourly_rate(problem))  # alike for all trucks: hours are to be few, not their wages
    if problem.goal is Goal.emissions:
        return truck.g_co2e_per_km * MILLI_PER_GRAM / 1000, 0.0
    return truck.cost_per_km, truck.cost_per_hour / 3.6


def fixed_milli(problem: Problem, truck: Truck) -> float:
    """Milli-currency of using the truck at all: its fixed cost, where money counts."""
    if problem.weights is None and problem.goal in (Goal.time, Goal.emissions):
        return 0.0
    return 1000.0 * truck.fixed_cost


def span_rate(problem: Problem) -> float:
    """Milli-currency per second of the longest round: the weight, or the mean hourly cost under `balanced`, else 0."""
    if problem.weights is not None:
        return problem.weights.per_longest_s
    return _hourly_rate(problem) if problem.goal is Goal.balanced and problem.trucks else 0


def _hourly_rate(problem: Problem) -> int:
    """The fleet's mean hourly cost in milli-currency per second, at least 1."""
    return max(1, round(sum(truck.cost_per_hour for truck in problem.trucks) / len(problem.trucks) / 3.6))
