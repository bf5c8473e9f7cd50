"""Stored plans (`optimization_results`): written once, never changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import rfc8785
from pydantic import JsonValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.errors import UnknownName
from domain.store import next_id
from domain.work_records import StoredPlan


@dataclass(frozen=True)
class NewPlan:
    """A plan to be stored; `request` holds the call's own words, `problem` and `plan` what was solved and found."""

    city: str
    thread: str
    kind: str
    parent: str | None
    problem_hash: str
    seed: int
    core: str
    request: dict[str, JsonValue]
    problem: dict[str, JsonValue]
    plan: dict[str, JsonValue]
    baseline: dict[str, JsonValue]
    gap: float | None = None


def content_hash(content: dict[str, Any]) -> str:
    """SHA-256 over canonical JSON (RFC 8785): what a person approves."""
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


def store_plan(session: Session, new: NewPlan, at: datetime) -> StoredPlan:
    """Write a plan under the next id."""
    row = StoredPlan(
        city=new.city,
        id=next_id(session, new.city, "P"),
        created_at=at,
        thread=new.thread,
        kind=new.kind,
        parent=new.parent,
        problem_hash=new.problem_hash,
        seed=new.seed,
        core=new.core,
        gap=new.gap,
        baseline=new.baseline,
        request=new.request,
        problem=new.problem,
        plan=new.plan,
        content_hash=content_hash(new.plan),
    )
    session.add(row)
    session.flush()
    return row


def get_plan(session: Session, city: str, plan_id: str) -> StoredPlan:
    """A stored plan. Raises UnknownName with the newest ids."""
    found = session.get(StoredPlan, (city, plan_id))
    if found is None:
        newest = select(StoredPlan.id).where(StoredPlan.city == city).order_by(StoredPlan.created_at.desc()).limit(3)
        raise UnknownName("plan", plan_id, list(session.scalars(newest)))
    return found
