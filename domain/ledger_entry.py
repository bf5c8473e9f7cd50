"""What a record of the ledger says, and which part of it is somebody's words and therefore can be erased."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue

__all__ = [
    "ERASED",
    "Approval",
    "EntryKind",
    "LedgerCall",
    "LedgerEntry",
    "Outcome",
    "Versions",
    "body_of",
    "canonical_time",
    "join",
    "words_of",
]

EntryKind = Literal["decision", "proposal", "approval", "intent", "outcome", "erasure"]
ERASED = "(erased)"  # stands where a name was
SAFE_INT = 2**53 - 1  # RFC 8785 knows no larger whole numbers

# Encrypted under the actor's key instead of standing in the body: the name, the question, all that may repeat it.
WORDS: dict[str, Any] = {
    "actor": True,
    "question": True,
    "answer": True,
    "calls": {"__all__": {"parameters", "resolved", "error"}},
    "approval": {"who"},
}
COLUMNS = {"at": True, "kind": True, "decision_id": True, "thread": True, "refers_to": True}  # kept beside the body


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Versions(_Part):
    """Which model, adapter, prompt and tool schema spoke: names and content hashes."""

    model: str | None = None
    model_hash: str | None = None
    adapter_hash: str | None = None
    prompt_hash: str | None = None
    tool_schema_hash: str | None = None


class LedgerCall(_Part):
    """One tool call. `resolved` is what law 5 made of the words; `error` the sentence when it failed, `problem_kind`
    who can repair it: the user ("ask"), nobody without the right, the outside; `ms` its time.

    `result_hash`, `seed` and `data_snapshot` are what a replay needs when the tool is `deterministic`.
    """

    name: str
    parameters: dict[str, JsonValue] = Field(default_factory=dict)
    resolved: dict[str, JsonValue] = Field(default_factory=dict)
    result_hash: str | None = None
    seed: int | None = Field(default=None, ge=-SAFE_INT, le=SAFE_INT)
    data_snapshot: str | None = None
    deterministic: bool = True
    ms: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    error: str | None = None
    problem_kind: Literal["ask", "not_permitted", "not_now"] | None = None


class Approval(_Part):
    """A person's yes or no. `shown_hash` is the hash of exactly what the person saw."""

    who: str
    role: str
    at: AwareDatetime
    shown_hash: str
    surface: str
    approved: bool = True


class Outcome(_Part):
    """What became of an effect; `unknown` after a crash between intent and outcome. `detail` holds no user's words."""

    status: Literal["done", "failed", "unknown"]
    detail: str = ""
    refs: tuple[str, ...] = ()


class LedgerEntry(_Part):
    """One record before it is sealed.

    A question that causes no effect is one `decision` record, written when the answer is ready and before it is shown.
    An effect is an `intent` before and an `outcome` after it (law 4), the outcome's `refers_to` being the intent's seq.
    `decision_id` None asks the ledger for the next one. `actor` is the person whose words these are (`ledger erase`).
    `scopes` are the rights of a program, None for a person, whose role says them. `proposal_ids`: all that a question
    caused where it caused several; `proposal_id` is the last of them.
    """

    kind: EntryKind
    at: AwareDatetime
    thread: str
    actor: str
    role: str
    surface: str
    city: str
    scopes: tuple[str, ...] | None = None
    decision_id: str | None = Field(default=None, pattern=r"^D-\d{4,}$")
    question: str | None = None
    versions: Versions = Versions()
    calls: tuple[LedgerCall, ...] = ()
    answer: str | None = None
    answer_kind: str | None = None
    grounded: bool | None = None
    degraded: tuple[str, ...] = ()
    proposal_id: str | None = None
    proposal_ids: tuple[str, ...] | None = None
    content_hash: str | None = None
    approval: Approval | None = None
    outcome: Outcome | None = None
    refers_to: int | None = Field(default=None, ge=1)


def body_of(entry: LedgerEntry) -> bytes:
    """The part that stays readable for ever, as canonical JSON (RFC 8785)."""
    return rfc8785.dumps(entry.model_dump(mode="json", exclude={**COLUMNS, **WORDS}, exclude_none=True))


def words_of(entry: LedgerEntry) -> bytes:
    """The part that can be erased, as JSON: to be encrypted."""
    return json.dumps(entry.model_dump(mode="json", include=WORDS), sort_keys=True).encode()


def join(columns: dict[str, object], body: bytes, words: bytes | None) -> LedgerEntry:
    """The entry again, from both parts; `words` None is an erased one: names say so, questions and answers are None."""
    fields: dict[str, Any] = {**json.loads(body), **columns}
    said: dict[str, Any] = json.loads(words) if words is not None else {"actor": ERASED}
    calls = said.pop("calls", [{}] * len(fields["calls"]))
    fields["calls"] = [{**call, **spoken} for call, spoken in zip(fields["calls"], calls, strict=True)]
    approval = said.pop("approval", {"who": ERASED})
    if "approval" in fields:
        fields["approval"] |= approval
    return LedgerEntry.model_validate({**fields, **said})


def canonical_time(at: datetime) -> str:
    """A moment as the ledger writes it: UTC, microseconds always."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
