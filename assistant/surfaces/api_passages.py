"""GET /api/passages: the passage of a page that an answer cites."""

from __future__ import annotations

from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel

from assistant.surfaces.identity import CurrentActor, parts_of, require_scope
from assistant.surfaces.problems import Problem
from domain.errors import UnknownName

router = APIRouter(tags=["passages"])
Address = Annotated[str, Query(max_length=1_000, description="As an answer cites it: handbook/overflow.md#who-goes.")]


class PassageShown(BaseModel):
    """A passage as it is written now."""

    address: str
    title: str
    text: str


@router.get("/api/passages", summary="A cited passage", response_model=PassageShown)
async def passage(request: Request, actor: CurrentActor, address: Address) -> PassageShown:
    """A passage of the handbook, a contract or a permit; all of a page for an address without a fragment."""
    require_scope(actor, "read")
    index = parts_of(request).index
    try:
        if index is None:
            raise UnknownName("page", address)
        title, text = await run_sync(index.passage, address)
    except UnknownName:
        raise Problem(404, "There is no passage of that address; the page may have been changed.") from None
    return PassageShown(address=address, title=title, text=text)
