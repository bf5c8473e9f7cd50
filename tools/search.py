"""search_records: free-text search over records and the handbook."""

from __future__ import annotations

from typing import Literal

from domain.values import Facts, Result
from tools.arguments import Limit, Metres, PlaceArg, SinceArg, TextArg, UntilArg
from tools.context import Ctx
from tools.registry import Example, tool


class SearchFacts(Facts):
    """To be filled."""


@tool(
    budget_s=4,
    examples=[
        Example(
            "what does the handbook say about contaminated compost?",
            {"query": "contaminated compost", "kind": "handbook"},
        ),
        Example(
            "rat complaints in Back Bay last month",
            {"query": "rat complaints", "kind": "requests", "near": "Back Bay", "since": "last month"},
        ),
    ],
)
def search_records(
    query: TextArg,
    kind: Literal["bins", "requests", "rounds", "customers", "patterns", "predictions", "handbook"] | None = None,
    near: PlaceArg | None = None,
    within_m: Metres | None = None,
    since: SinceArg | None = None,
    until: UntilArg | None = None,
    limit: Limit = 10,
    *,
    ctx: Ctx,
) -> Result[SearchFacts]:
    """Search notes, requests, sites and the handbook by words and meaning.

    Args:
        query: The topic words, copied.
        kind: Only this kind of record, when the user names one.
        near: Only around this place or in this area.
        within_m: Radius in metres around that place.
        since: The period, or its start, in the user's words.
        until: A named end of the period.
        limit: How many hits.
    """
    raise NotImplementedError
