"""fleet_status: trucks, shifts, what is planned for them."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import MomentArg, TrucksArg, words
from tools.context import Ctx
from tools.registry import Example, tool


class FleetFacts(Facts):
    """To be filled."""


@tool(
    budget_s=2,
    examples=[
        Example("is truck 3 free tomorrow?", {"trucks": ["truck 3"], "when": "tomorrow"}),
    ],
)
def fleet_status(
    trucks: TrucksArg | None = None,
    when: MomentArg = words("now"),
    *,
    ctx: Ctx,
) -> Result[FleetFacts]:
    """Show trucks with capacity, shift, and what is dispatched or planned.

    Args:
        trucks: Trucks that were named.
        when: The time of interest, in the user's words.
    """
    raise NotImplementedError
