"""Law 1: an effect is done by ordinary code, once, from a stored proposal, after a person approved what was shown.

The order of writes, so that a crash at any point loses and doubles nothing:
the approval's ledger record; the proposal's state and the outbox row in one transaction; the intent's ledger record;
the product and `done` in one transaction under a unique key; the outcome's ledger record.
`recover` does what a crash left pending.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from assistant.ports import Decided, Decision
from assistant.shown import ProposalCard
from domain.clock import Clock
from domain.errors import AskAgain, LedgerUnavailable, NotPermitted
from domain.ledger import Approval, Ledger, LedgerEntry, Outcome
from domain.repositories.plans import content_hash
from domain.repositories.proposals import get_proposal, has_expired, open_proposals, pending_effects, produce
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import OutboxEffect, Proposal

VERBS = {"dispatch": "dispatched", "ticket": "opened", "watch": "started"}
MAY_APPROVE = {"dispatch": ("manager",), "ticket": ("manager", "dispatcher"), "watch": ("manager",)}
EXPIRED = "expired"


class Approvals:
    """Decides on proposals and does their effects. `clock_of` gives the clock of a city's operation."""

    def __init__(self, store: Store, ledger: Ledger, clock_of: Callable[[str], tuple[Clock, ZoneInfo]]) -> None:
        self._store, self._ledger, self._clock_of = store, ledger, clock_of

    def card(self, proposal_id: str) -> ProposalCard:
        """A proposal as it stands. Raises UnknownName."""
        with self._store.read() as session:
            return self._card(get_proposal(session, proposal_id))

    def open_cards(self, thread: str | None = None, at: datetime | None = None) -> list[ProposalCard]:
        """Proposals that are open at a moment, by default the operation's now; newest first."""
        with self._store.read() as session:
            cards = [self._card(row, at) for row in open_proposals(session, thread)]
        return [card for card in cards if card.state == "open"]

    def decide(self, decision: Decision) -> Decided:
        """Record a person's word and, on approval, do the effect exactly once.

        Raises UnknownName, NotPermitted, AskAgain (changed, expired, decided already), NotNow (ledger or store).
        """
        with self._store.read() as session:
            row = get_proposal(session, decision.proposal_id)
        require_right(decision.actor, row)
        if row.state == "approved" and (decision.verdict, decision.shown_hash) == ("approve", row.content_hash):
            return self._finished(row.id)
        now = self._clock_of(row.city)[0]()
        self._require(row, decision, now)
        decision_id = self._record_word(row, decision, now)
        if decision.verdict == "reject":
            self._set_state(row.id, "rejected", decision, (now, decision_id))
            return Decided(row.id, "rejected", f"{row.id} is rejected; nothing was done.", decision_id=decision_id)
        self._set_state(row.id, "approved", decision, (now, decision_id))
        return self._finished(row.id)

    def recover(self) -> list[Decided]:
        """Do the effects that were approved and not done, after a crash. Safe to run at any time."""
        with self._store.read() as session:
            pending = [effect.proposal_id for effect in pending_effects(session)]
        for record in self._ledger.open_intents():
            if record.entry.proposal_id and record.entry.proposal_id not in pending:
                pending.append(record.entry.proposal_id)
        return [self._finished(proposal_id) for proposal_id in pending]

    def withdraw(self, proposal_id: str) -> None:
        """Close an open proposal whose decision could not be recorded. Raises NotNow."""
        with self._store.write() as session:
            row = get_proposal(session, proposal_id)
            if row.state == "open":
                row.state = "withdrawn"

    # ------------------------------------------------------------ checks

    def _require(self, row: Proposal, decision: Decision, now: datetime) -> None:
        if row.state != "open":
            raise AskAgain(
                f"{row.id} is {row.state} already; nothing was done. Make a new proposal if it is still wanted."
            )
        if has_expired(row, now):
            raise AskAgain(f"{row.id} was open until {row.expires_at:%Y-%m-%d %H:%M} UTC. Make a new proposal.")
        require_as_shown(row, decision)

    # ------------------------------------------------------------ writes

    def _record_word(self, row: Proposal, decision: Decision, now: datetime) -> str:
        entry = self._entry(row, "approval", now, decision.actor, decision.surface).model_copy(
            update={
                "approval": Approval(
                    who=decision.actor.name,
                    role=decision.actor.role.value,
                    at=now,
                    shown_hash=decision.shown_hash,
                    surface=decision.surface,
                    approved=decision.verdict == "approve",
                ),
                "question": decision.reason or None,
            }
        )
        said = (decision.actor.name, decision.actor.role.value, decision.surface, decision.shown_hash, decision.reason)
        mark = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
        return self._ledger.append(entry, f"{decision.verdict}:{row.id}:{now.isoformat()}:{mark}").decision_id

    def _set_state(self, proposal_id: str, state: str, decision: Decision, when: tuple[datetime, str]) -> None:
        """The word's consequence in one transaction; the first of two racing words wins, the second is told."""
        now, decision_id = when
        with self._store.write() as session:
            row = get_proposal(session, proposal_id)
            if row.state != "open":
                if row.state == state:
                    return
                raise AskAgain(f"{row.id} is {row.state} already; nothing was done.")
            require_as_shown(row, decision)
            row.state, row.decided_at, row.decision_id = state, now, decision_id
            row.decided_by, row.decided_role = decision.actor.name, decision.actor.role.value
            if state == "approved":
                session.add(
                    OutboxEffect(
                        effect_key=effect_key(row), city=row.city, proposal_id=row.id, kind=row.kind,
                        content=row.content, state="pending", created_at=now,
                    )
                )  # fmt: skip

    def _finished(self, proposal_id: str) -> Decided:
        """Do the effect if it is not done yet, and say what came of it. The row is read again: who decided is in it."""
        with self._store.read() as session:
            row = get_proposal(session, proposal_id)
        key = effect_key(row)
        now = self._clock_of(row.city)[0]()
        actor = Actor(row.decided_by or row.made_by, Role(row.decided_role or row.role))
        intent = self._ledger.append(self._entry(row, "intent", now, actor, row.surface), f"intent:{key}")
        with self._store.write() as session:
            effect = session.get(OutboxEffect, key)
            if effect is None:
                raise AskAgain(f"{row.id} has no approved effect; nothing was done.")
            ref = _ref_of(effect) if effect.state == "done" else produce(session, effect, now)
        outcome = self._entry(row, "outcome", now, actor, row.surface).model_copy(
            update={"outcome": Outcome(status="done", refs=(ref,)), "refers_to": intent.seq}
        )
        sentence = f"{row.id} is approved: {ref} is {VERBS[row.kind]}."
        try:
            told = self._ledger.append(outcome, f"outcome:{key}")
        except LedgerUnavailable:  # it is done and its intent is recorded; `recover` writes the outcome later
            late = " Its outcome could not be written into the ledger yet; that will be made up for."
            return Decided(row.id, "approved", sentence + late, ref, intent.decision_id)
        return Decided(row.id, "approved", sentence, ref, told.decision_id)

    def _entry(self, row: Proposal, kind: str, now: datetime, actor: Actor, surface: str) -> LedgerEntry:
        return LedgerEntry.model_validate(
            {
                "kind": kind,
                "at": now,
                "thread": row.thread or "",
                "actor": actor.name,
                "role": actor.role.value,
                "surface": surface,
                "city": row.city,
                "proposal_id": row.id,
                "content_hash": row.content_hash,
            }
        )

    def _card(self, row: Proposal, at: datetime | None = None) -> ProposalCard:
        clock, zone = self._clock_of(row.city)
        about = str(row.content.get("about", row.kind))
        title, _, rest = about.partition(": ")
        return ProposalCard(
            proposal_id=row.id,
            kind=row.kind,
            title=title,
            lines=tuple(part for part in rest.split("; ") if part),
            content_hash=row.content_hash,
            expires_at=row.expires_at.astimezone(zone).strftime("%Y-%m-%d %H:%M"),
            may_approve=MAY_APPROVE[row.kind],
            state=EXPIRED if has_expired(row, at or clock()) else row.state,
        )


def effect_key(row: Proposal) -> str:
    """The effect's unique name: one proposal, one effect."""
    return f"{row.kind}:{row.id}"


def require_as_shown(row: Proposal, decision: Decision) -> None:
    """Raises AskAgain unless the stored content is the one that the person saw."""
    if decision.shown_hash != row.content_hash or content_hash(row.content) != row.content_hash:
        raise AskAgain(f"{row.id} is not what you were shown any more; nothing was done. Look at it again.")


def require_right(actor: Actor, row: Proposal) -> None:
    """Managers approve everything; dispatchers tickets of their own zone, or of all when they have none.

    A ticket of which no zone is known is in nobody's own. Raises NotPermitted.
    """
    if actor.role.value not in MAY_APPROVE[row.kind] and f"approve:{row.kind}" not in actor.scopes:
        may = " or ".join(MAY_APPROVE[row.kind])
        raise NotPermitted(f"As {actor.role.value} you may not decide on {row.id}; that takes a {may}.")
    zone = row.content.get("zone")
    if actor.role is Role.dispatcher and actor.zone and zone != actor.zone:
        where = f"is in {zone}" if zone else "has no zone"
        raise NotPermitted(f"{row.id} {where}; your zone is {actor.zone}. A manager can decide on it.")


def _ref_of(effect: OutboxEffect) -> str:
    return str((effect.outcome or {}).get("ref", ""))
