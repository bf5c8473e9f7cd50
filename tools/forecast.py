"""forecast_fill: which bins will be how full, and when."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import BinsArg, Limit, Metres, MomentArg, Percent, PlaceArg, StreamArg, words
from tools.context import Ctx
from tools.registry import Example, tool


class FillForecastFacts(Facts):
    """To be filled."""


@tool(
    budget_s=3,
    examples=[
        Example(
            "Which bins near Evans Hall will be full by tomorrow evening?",
            {"near": "Evans Hall", "by": "tomorrow evening"},
        ),
        Example("how full will 1514008 be on Friday", {"bins": ["1514008"], "by": "Friday"}),
    ],
)
def forecast_fill(
    bins: BinsArg | None = None,
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    stream: StreamArg | None = None,
    by: MomentArg = words("tomorrow"),
    threshold_pct: Percent = 80,
    limit: Limit = 20,
    *,
    ctx: Ctx,
) -> Result[FillForecastFacts]:
    """Forecast how full bins will be by a time, and which will pass a threshold.

    Answers with the chance of passing the threshold, the expected level and an interval, most likely first.

    Args:
        bins: Bin numbers or site names that were named directly.
        near: A site, street, area or coordinates to look around.
        within_m: Radius in metres around a site or point.
        stream: The waste stream.
        by: The time of interest, in the user's words.
        threshold_pct: The fill level that counts as full or overflowing.
        limit: How many bins to list.
    """
    raise NotImplementedError
