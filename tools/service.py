"""service_history: what was collected, when, by what reason."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import BinsArg, Metres, PlaceArg, SinceArg, TruckArg, UntilArg, words
from tools.context import Ctx
from tools.registry import Example, tool


class ServiceFacts(Facts):
    """To be filled."""


@tool(
    budget_s=3,
    examples=[
        Example("was Zellerbach emptied yesterday?", {"bins": ["Zellerbach"], "since": "yesterday"}),
    ],
)
def service_history(
    bins: BinsArg | None = None,
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    truck: TruckArg | None = None,
    since: SinceArg = words("last 7 days"),
    until: UntilArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ServiceFacts]:
    """List what was collected where and when, with the level found.

    Where the records are silent it says so and never calls a collection missed without evidence.

    Args:
        bins: Bin numbers or site names that were named directly.
        near: A site, street or area to look around.
        within_m: Radius in metres around a site or point.
        truck: Only this truck's work.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
    """
    raise NotImplementedError
