"""Choices for a place that no record has by that name: what the search finds of sites by words and meaning."""

from __future__ import annotations

from domain.errors import NotNow, UnknownName
from retrieval.store import SearchRequest
from tools.context import Ctx

__all__ = ["with_choices"]

PLACES = frozenset({"place", "site"})
MOST = 3
FLOOR = 0.35  # cosine of MiniLM: a site's names and bins are short, and unrelated words stay below
DEADLINE_S = 0.5


def with_choices(unknown: UnknownName, ctx: Ctx) -> UnknownName:
    """The same question, with names to choose from where the names' spelling gave none; never a guess."""
    if unknown.kind not in PLACES or unknown.choices:
        return unknown
    request = SearchRequest(unknown.said, k=MOST, kinds=("bins",), floor=FLOOR, as_of=ctx.now, deadline_s=DEADLINE_S)
    try:
        hits = ctx.search.search(request).hits
    except NotNow:
        return unknown
    names = list(dict.fromkeys(hit.document.title for hit in hits))
    return UnknownName(unknown.kind, unknown.said, names) if names else unknown
