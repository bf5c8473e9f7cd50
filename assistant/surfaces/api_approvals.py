"""GET and POST /api/approvals: what waits for a person's word, and the word. GET /api/decisions: the record."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, Literal

from anyio.to_thread import run_sync
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from assistant.ports import Decision
from assistant.shown import ProposalCard
from assistant.surfaces.identity import CurrentActor, parts_of, require_scope
from assistant.surfaces.once import MayRepeat, once
from assistant.surfaces.problems import Problem
from assistant.surfaces.record_json import record_json
from domain.errors import NotPermitted, UnknownName
from domain.values import Actor
from tools.registry import READERS_OF_THE_LEDGER

router = APIRouter(tags=["approvals"])
SURFACE = "api"
Id = Annotated[str, Path(pattern=r"^[A-Za-z]-\d{1,12}$", description="Like A-0001 (proposal) or D-0001 (decision).")]
Thread = Annotated[str | None, Query(max_length=64, description="Only the proposals of this conversation.")]


class Word(BaseModel):
    """A person's word on a proposal. `content_hash` is the one of the card that was shown to them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"content_hash": "9f2c..."}]})
    content_hash: str = Field(min_length=1, max_length=128)
    reason: str = Field("", max_length=1_000)


class CardShown(BaseModel):
    """A proposal as it stands."""

    proposal_id: str
    kind: str
    title: str
    lines: list[str]
    content_hash: str
    expires_at: str
    may_approve: list[str]
    state: str


class CardsShown(BaseModel):
    """Open proposals, newest first."""

    approvals: list[CardShown]


class DecidedShown(BaseModel):
    """What became of the word. `effect_ref` is what was done, like R-0001."""

    proposal_id: str
    state: str
    sentence: str
    effect_ref: str | None
    decision_id: str | None


@router.get("/api/approvals", summary="Open proposals", response_model=CardsShown)
async def open_approvals(request: Request, actor: CurrentActor, thread: Thread = None) -> dict[str, Any]:
    """Everything that waits for a person."""
    require_scope(actor, "read")
    cards = await run_sync(parts_of(request).decides.open_cards, thread)
    return {"approvals": [card.as_json() for card in cards]}


@router.get("/api/approvals/{proposal_id}", summary="A proposal", response_model=CardShown)
async def approval(request: Request, actor: CurrentActor, proposal_id: Id) -> dict[str, Any]:
    """A proposal as it stands, decided ones too."""
    require_scope(actor, "read")
    return (await _card(request, proposal_id)).as_json()


@router.post("/api/approvals/{proposal_id}/approve", summary="Approve a proposal", response_model=DecidedShown)
async def approve(
    request: Request, actor: CurrentActor, proposal_id: Id, word: Word, key: MayRepeat = None
) -> Response:
    """Approve exactly the content whose hash is given; the effect happens once. Needs an Idempotency-Key."""
    return await _decide(request, actor, proposal_id, word, "approve")


@router.post("/api/approvals/{proposal_id}/reject", summary="Reject a proposal", response_model=DecidedShown)
async def reject(request: Request, actor: CurrentActor, proposal_id: Id, word: Word, key: MayRepeat = None) -> Response:
    """Reject it; nothing happens. Needs an Idempotency-Key."""
    return await _decide(request, actor, proposal_id, word, "reject")


@router.get("/api/decisions/{decision_id}", summary="The record of a decision", tags=["ledger"])
async def decision(request: Request, actor: CurrentActor, decision_id: Id) -> dict[str, Any]:
    """All records of a decision in the ledger, for managers and auditors."""
    if actor.role not in READERS_OF_THE_LEDGER:
        raise NotPermitted("The record of decisions is for managers and auditors.")
    found = await run_sync(parts_of(request).ledger.find, decision_id.upper())
    if not found:
        raise Problem(404, "The ledger has no decision of that id.")
    return {"decision_id": decision_id.upper(), "records": [record_json(record) for record in found]}


async def _decide(
    request: Request, actor: Actor, proposal_id: str, word: Word, verdict: Literal["approve", "reject"]
) -> Response:
    request.state.sent = {"hash": word.content_hash, "reason": word.reason}

    async def work() -> dict[str, Any]:
        card = await _card(request, proposal_id)
        said = Decision(card.proposal_id, verdict, actor, word.content_hash, SURFACE, word.reason)
        return asdict(await run_sync(partial(parts_of(request).decides.decide, said)))

    return await once(request, actor, work, required=True)


async def _card(request: Request, proposal_id: str) -> ProposalCard:
    try:
        return await run_sync(parts_of(request).decides.card, proposal_id.upper())
    except UnknownName:
        raise Problem(404, "There is no proposal of that id.") from None
