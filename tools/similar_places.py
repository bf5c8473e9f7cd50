"""Choices for a place that no record has by that name: what is spelled alike, and what the search finds of sites."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import NotNow, UnknownName
from retrieval.store import SearchRequest
from tools.context import Ctx

__all__ = ["FLOOR", "with_choices"]

PLACES = frozenset({"place", "site"})
MOST_FOUND, MOST = 3, 5
FLOOR = 0.35  # cosine of MiniLM, of all that is searched: what shares no more than a word stays below (decision 12)
DEADLINE_S = 0.5


def with_choices(unknown: UnknownName, ctx: Ctx) -> UnknownName:
    """The same question with up to five names, best first: of the spelling's and the search's. Never a guess."""
    if unknown.kind not in PLACES:
        return unknown
    said = unknown.said
    request = SearchRequest(said, k=MOST_FOUND, kinds=("bins",), floor=FLOOR, as_of=ctx.now, deadline_s=DEADLINE_S)
    try:
        hits = ctx.search.search(request).hits
    except NotNow:
        return unknown
    found = tuple(dict.fromkeys(hit.document.title for hit in hits))
    return UnknownName(unknown.kind, said, _merged(found, unknown.choices)[:MOST]) if found else unknown


def _merged(found: Sequence[str], spelled: Sequence[str]) -> list[str]:
    """Names by the sum of their reciprocal ranks in both lists; of equals what the search found comes first."""
    names = dict.fromkeys([*found, *spelled])
    return sorted(names, key=lambda name: -sum(1 / (1 + each.index(name)) for each in (found, spelled) if name in each))
