"""How full trucks are planned, and what a driver does whose truck is full before that: told with every round.

A bin holds more than was foreseen about as often as less. So loads are planned to a share of the truck, stated by the
city as `plan_load_pct` (else PLAN_LOAD_PCT), and a full truck comes back only for a rest that is worth the trip.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.values import Evidence, Reason, counted
from engines.routing.problem import Problem, RoundPlan
from engines.routing.worth_when_full import may_stay, no_time_to_return
from tools.context import Ctx

PLAN_LOAD_PCT = 96.0  # drove least of 90, 96, 100 and 104 in the simulated operation, on other weeks than are told of
MOST_NAMED = 6  # by their labels in one sentence; the table has them all
IF_FULL = "if_full"  # column of the table of stops: what a driver does whose truck is full before the bin


def load_share(ctx: Ctx) -> float:
    """The part of a truck's litres and kilos that plans use, 0 to 1."""
    return min(100.0, max(1.0, ctx.city.assumed("plan_load_pct", PLAN_LOAD_PCT))) / 100


def load_reason(ctx: Ctx, problem: Problem, plan: RoundPlan, evidence: list[Evidence]) -> Reason:
    """To what part of their load trucks are planned, and at which bins a truck that is full goes on without the bin."""
    share = f"Trucks are planned to {100 * load_share(ctx):g} % of their load, as a bin may hold more than foreseen."
    stay, lost = may_stay(problem, plan), no_time_to_return(problem, plan)
    told = f"{share} A truck that is full earlier unloads and comes back for the rest if its shift allows"
    if stay:
        in_turn = [stop_id for each in plan.rounds for stop_id in each.stop_ids if stop_id in stay]
        told += (
            f", but not for {counted(len(stay), 'bin')} whose worth does not pay another trip (“leave” under "
            f"“{IF_FULL}” in the table): {_named(ctx, in_turn)}"
        )
    if lost:
        told += (
            f". Its shift would leave no time to come back for {counted(len(lost), 'bin')} that must be served: "
            f"{_named(ctx, lost)}"
        )
    return Reason(text=f"{told}.", evidence=evidence)


def _named(ctx: Ctx, bin_ids: Sequence[str]) -> str:
    """The first of the bins by their labels, and how many more."""
    named = ", ".join(ctx.city.bins[each].label for each in bin_ids[:MOST_NAMED])
    return f"{named} and {len(bin_ids) - MOST_NAMED} more" if len(bin_ids) > MOST_NAMED else named
