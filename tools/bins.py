"""find_bins: which bins there are, and how full they were when last known."""

from __future__ import annotations

from domain.values import Facts, Result
from tools.arguments import BinsArg, Limit, Metres, Percent, PlaceArg, StreamArg
from tools.context import Ctx
from tools.registry import Example, tool


class FoundBins(Facts):
    """What find_bins counted."""

    bins_found: int
    bins_shown: int
    fullest_bin: str | None
    fullest_fill_pct: int | None
    where: str


@tool(
    budget_s=3,
    examples=[
        Example("Which compost bins near the Campanile are over 60 percent?",
                {"near": "the Campanile", "stream": "compost", "min_fill_pct": 60}),
        Example("show the zellerbach bins", {"bins": ["zellerbach"]}),
    ],
)  # fmt: skip
def find_bins(
    near: PlaceArg | None = None,
    within_m: Metres = 500,
    stream: StreamArg | None = None,
    min_fill_pct: Percent | None = None,
    max_fill_pct: Percent | None = None,
    bins: BinsArg | None = None,
    limit: Limit = 20,
    *,
    ctx: Ctx,
) -> Result[FoundBins]:
    """List bins by place, stream and fill now.

    The fill now is estimated from the last emptying and the bin's usual fill rate.

    Args:
        near: A site, street, area or coordinates to search around, as the user said it.
        within_m: Radius in metres around a site or point.
        stream: The waste stream.
        min_fill_pct: Only bins at least this full.
        max_fill_pct: Only bins at most this full.
        bins: Bin numbers or site names that were named directly.
        limit: How many to list.
    """
    raise NotImplementedError
