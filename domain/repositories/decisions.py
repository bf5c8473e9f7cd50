"""From a proposal or a plan to the decision that the ledger keeps of it."""

from __future__ import annotations

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from domain.work_records import Proposal

__all__ = ["decision_about"]


def decision_about(session: Session, city: str, ref: str) -> str | None:
    """The newest decision about a proposal ("A-0001") or about a plan that was proposed ("P-0001")."""
    query = (
        select(Proposal.decision_id)
        .where(Proposal.city == city, or_(Proposal.id == ref, Proposal.plan_id == ref))
        .where(Proposal.decision_id.is_not(None))
        .order_by(Proposal.made_at.desc(), Proposal.id.desc())
        .limit(1)
    )
    return session.scalar(query)
