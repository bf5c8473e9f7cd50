"""Idempotency-Key: a POST that is sent again gets the answer of the first time, and nothing happens twice.

draft-ietf-httpapi-idempotency-key-header: the same key with another body is refused with 422, a repetition while the
first is still running with 409.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete

from domain.store import Store
from domain.work_records import IdempotencyKey

KEPT_FOR = timedelta(hours=24)
GIVEN_UP_AFTER = timedelta(minutes=2)
"""A first try that has not ended by then was killed; trying again is safe, because effects are exactly once."""
KEY_SHAPE = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Attempt:
    """One keyed request: whose, which key, and what it asks (method, path and body, hashed)."""

    actor: str
    key: str
    body_hash: str
    at: datetime


@dataclass(frozen=True)
class Stored:
    """What the first request with the key was answered."""

    status: int
    body: dict[str, Any]


class KeyReused(Exception):
    """The key stands for another request."""


class StillRunning(Exception):
    """The first request with the key has no answer yet."""


def body_hash(method: str, path: str, body: bytes) -> str:
    """What makes two requests the same."""
    return hashlib.sha256(f"{method} {path}\n".encode() + body).hexdigest()


def is_key(text: str) -> bool:
    """1 to 255 printable ASCII characters."""
    return KEY_SHAPE.fullmatch(text) is not None


def begin(store: Store, attempt: Attempt) -> Stored | None:
    """Takes the key; None when this is the first time, else the stored answer. Raises KeyReused, StillRunning."""
    with store.write() as session:
        session.execute(delete(IdempotencyKey).where(IdempotencyKey.at < attempt.at - KEPT_FOR))
        found = session.get(IdempotencyKey, (attempt.actor, attempt.key))
        if found is None:
            session.add(
                IdempotencyKey(actor=attempt.actor, key=attempt.key, body_hash=attempt.body_hash, at=attempt.at)
            )
            return None
        if found.body_hash != attempt.body_hash:
            raise KeyReused
        if found.status is not None:
            return Stored(found.status, found.response or {})
        if attempt.at - found.at < GIVEN_UP_AFTER:
            raise StillRunning
        found.at = attempt.at
        return None


def finish(store: Store, attempt: Attempt, stored: Stored) -> None:
    """Keeps the answer."""
    with store.write() as session:
        found = session.get(IdempotencyKey, (attempt.actor, attempt.key))
        if found is not None:
            found.status, found.response = stored.status, stored.body


def give_back(store: Store, attempt: Attempt) -> None:
    """Frees the key after a failure that a later try may not meet."""
    with store.write() as session:
        mine = (IdempotencyKey.actor == attempt.actor) & (IdempotencyKey.key == attempt.key)
        session.execute(delete(IdempotencyKey).where(mine))
