"""operations_report: one measure over a period, grouped and compared."""

from __future__ import annotations

from typing import Literal

from domain.values import Facts, Result
from tools.arguments import PlaceArg, SinceArg, StreamArg, UntilArg, words
from tools.context import Ctx
from tools.registry import Example, tool


class ReportFacts(Facts):
    """To be filled."""


@tool(
    budget_s=5,
    examples=[
        Example(
            "How many collections did we do last month, by stream?",
            {"measure": "collections", "since": "last month", "group_by": "stream"},
        ),
    ],
)
def operations_report(
    measure: Literal[
        "collections",
        "overflows",
        "requests",
        "distance",
        "cost",
        "emissions",
        "fill_at_collection",
        "missed",
        "tonnage",
    ],
    group_by: Literal["day", "week", "month", "site", "stream", "truck", "zone", "reason"] | None = None,
    since: SinceArg = words("last 30 days"),
    until: UntilArg | None = None,
    near: PlaceArg | None = None,
    stream: StreamArg | None = None,
    compare_to: SinceArg | None = None,
    *,
    ctx: Ctx,
) -> Result[ReportFacts]:
    """Report one measure of the operation over a period.

    Args:
        measure: What to count.
        group_by: How to break it down.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
        near: Only this place or area.
        stream: Only this waste stream.
        compare_to: Another period to compare with.
    """
    raise NotImplementedError
