"""Proposals, their effects and what the effects produce. An effect is one row with a unique key (law 1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from domain.errors import UnknownName
from domain.repositories.plans import content_hash
from domain.store import next_id
from domain.work_records import Dispatch, OutboxEffect, Proposal, Ticket, Watch

OPEN_FOR = timedelta(hours=12)


@dataclass(frozen=True)
class NewProposal:
    """What a tool proposes. `content` is everything the effect needs; its hash is what a person approves.

    After `until` it cannot be done any more, None when it always can.
    """

    city: str
    kind: str
    content: dict[str, JsonValue]
    made_by: str
    role: str
    thread: str
    surface: str
    plan_id: str | None = None
    until: datetime | None = None


def store_proposal(session: Session, new: NewProposal, at: datetime) -> Proposal:
    """Write a proposal; an open dispatch proposal of the same thread is superseded by a newer one."""
    if new.kind == "dispatch":
        older = (Proposal.thread == new.thread) & (Proposal.kind == "dispatch") & (Proposal.state == "open")
        session.execute(update(Proposal).where(older).values(state="superseded"))
    row = Proposal(
        id=next_id(session, "", "A"),
        city=new.city,
        kind=new.kind,
        content=new.content,
        content_hash=content_hash(new.content),
        plan_id=new.plan_id,
        made_by=new.made_by,
        role=new.role,
        thread=new.thread,
        made_at=at,
        expires_at=min(at + OPEN_FOR, new.until) if new.until else at + OPEN_FOR,
        state="open",
        surface=new.surface,
    )
    session.add(row)
    session.flush()
    return row


def get_proposal(session: Session, proposal_id: str) -> Proposal:
    """A proposal. Raises UnknownName with the open ones."""
    found = session.get(Proposal, proposal_id.strip().upper())
    if found is None:
        raise UnknownName("proposal", proposal_id, [p.id for p in open_proposals(session)[:3]])
    return found


def open_proposals(session: Session, thread: str | None = None) -> list[Proposal]:
    """Proposals that nobody decided on, newest first; expired ones too, for a city's clock is needed to tell."""
    wanted = (
        select(Proposal).where(Proposal.state == "open").order_by(func.length(Proposal.id).desc(), Proposal.id.desc())
    )
    return list(session.scalars(wanted if thread is None else wanted.where(Proposal.thread == thread)))


def has_expired(row: Proposal, at: datetime) -> bool:
    """Whether nobody decided on the proposal while it was open."""
    return row.state == "open" and row.expires_at <= at


def pending_effects(session: Session) -> list[OutboxEffect]:
    """Effects that were approved and are not done."""
    return list(session.scalars(select(OutboxEffect).where(OutboxEffect.state == "pending")))


def produce(session: Session, effect: OutboxEffect, at: datetime) -> str:
    """Do the effect: write its product under a unique key. The id of what was made ("R-0001", "T-0001", "W-0001")."""
    makers: dict[str, Callable[[Session, OutboxEffect, datetime], Dispatch | Ticket | Watch]]
    makers = {"dispatch": _dispatch, "ticket": _ticket, "watch": _watch}
    made = makers[effect.kind](session, effect, at)
    session.add(made)
    session.flush()
    effect.state, effect.done_at, effect.outcome = "done", at, {"ref": made.id}
    return made.id


def _common(session: Session, effect: OutboxEffect, at: datetime, letter: str) -> dict[str, object]:
    return {
        "id": next_id(session, "", letter),
        "city": effect.city,
        "effect_key": effect.effect_key,
        "proposal_id": effect.proposal_id,
        "created_at": at,
    }


def _dispatch(session: Session, effect: OutboxEffect, at: datetime) -> Dispatch:
    """The dispatch; those that it stands in place of are called back with it."""
    said = effect.content
    starts = said.get("starts_at")
    trucks, replaced = said.get("trucks"), said.get("replaces")
    if isinstance(replaced, list):
        older = and_(Dispatch.city == effect.city, Dispatch.id.in_([str(each) for each in replaced]))
        session.execute(update(Dispatch).where(older).values(state="recalled"))
    return Dispatch(
        **_common(session, effect, at, "R"),
        plan_id=str(said["plan_id"]),
        trucks=[str(name) for name in trucks] if isinstance(trucks, list) else [],
        starts_at=datetime.fromisoformat(str(starts)) if starts else None,
        state="sent",
        content=said,
    )


def _ticket(session: Session, effect: OutboxEffect, at: datetime) -> Ticket:
    said = effect.content
    due = said.get("due_at")
    optional = {name: said.get(name) for name in ("bin_id", "truck", "near", "zone", "lat", "lon")}
    return Ticket(
        **_common(session, effect, at, "T"),
        **optional,
        kind=str(said["kind"]),
        note=str(said["note"]),
        due_at=datetime.fromisoformat(str(due)) if due else None,
        state="open",
    )


def _watch(session: Session, effect: OutboxEffect, at: datetime) -> Watch:
    said = effect.content
    names = ("schedule", "channel", "near", "stream", "threshold_pct", "min_count")
    return Watch(
        **_common(session, effect, at, "W"),
        **{name: said.get(name) for name in names},
        condition=str(said["condition"]),
        active=True,
        content=said,
    )
