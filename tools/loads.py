"""How full trucks are planned, and what a driver does whose truck is full before that: told with every round.

A bin holds more than was foreseen about as often as less. So loads are planned to a share of the truck, stated by the
city as `plan_load_pct` (else PLAN_LOAD_PCT), and a full truck comes back only for a rest that is worth the trip.
"""

from __future__ import annotations

from domain.values import Evidence, Reason, counted
from engines.routing.problem import Problem, RoundPlan
from engines.routing.worth_when_full import may_stay
from tools.context import Ctx

PLAN_LOAD_PCT = 96.0  # drove least of 90, 96, 100 and 104 in the simulated operation, on other weeks than are told of
MOST_NAMED = 12


def load_share(ctx: Ctx) -> float:
    """The part of a truck's litres and kilos that plans use, 0 to 1."""
    return min(100.0, max(1.0, ctx.city.assumed("plan_load_pct", PLAN_LOAD_PCT))) / 100


def load_reason(ctx: Ctx, problem: Problem, plan: RoundPlan, evidence: list[Evidence]) -> Reason:
    """To what part of their load trucks are planned, and at which bins a truck that is full goes on without the bin."""
    share = f"Trucks are planned to {100 * load_share(ctx):g} % of their load, as a bin may hold more than foreseen."
    stay = may_stay(problem, plan)
    if not stay:
        return Reason(
            text=f"{share} A truck that is full earlier unloads and comes back for the rest.", evidence=evidence
        )
    named = [stop_id for each in plan.rounds for stop_id in each.stop_ids if stop_id in stay][:MOST_NAMED]
    more = f" and {len(stay) - len(named)} more" if len(stay) > len(named) else ""
    text = (
        f"{share} A truck that is full earlier unloads and comes back, but not for {counted(len(stay), 'bin')} whose "
        f"worth does not pay another trip: {', '.join(named)}{more}."
    )
    return Reason(text=text, evidence=evidence)
