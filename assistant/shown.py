"""What a person or program gets back: the answer, its calls, the open proposal, and the steps on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import JsonValue

from domain.values import Result

Kind = Literal["answer", "clarify", "decline", "proposal"]


@dataclass(frozen=True)
class ShownCall:
    """One call of the turn. `result` is None when it did not run; then `problem` says why, in the user's language."""

    name: str
    parameters: dict[str, JsonValue]
    understood: dict[str, str]
    result: Result[Any] | None
    ms: float
    problem: str | None = None

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json`, the API and the ledger."""
        result = self.result.model_dump(mode="json") if self.result else None
        return {
            "name": self.name,
            "parameters": self.parameters,
            "understood": dict(self.understood),
            "result": result,
            "problem": self.problem,
            "ms": round(self.ms, 1),
        }


@dataclass(frozen=True)
class ProposalCard:
    """An open proposal as a person sees it. `content_hash` names exactly what approving it would do."""

    proposal_id: str
    kind: str
    title: str
    lines: tuple[str, ...]
    content_hash: str
    expires_at: str
    may_approve: tuple[str, ...]
    state: str = "open"

    def as_json(self) -> dict[str, JsonValue]:
        """For `--json` and the API."""
        return {
            "proposal_id": self.proposal_id,
            "kind": self.kind,
            "title": self.title,
            "lines": list(self.lines),
            "content_hash": self.content_hash,
            "expires_at": self.expires_at,
            "may_approve": list(self.may_approve),
            "state": self.state,
        }


@dataclass(frozen=True)
class Answer:
    """The whole answer to one question. `text` is grounded: every number in it comes from a result of the thread.

    `proposals`: those that it made and that are open, in their order; where it made none and tells how to decide on
    what was proposed, all open ones of the thread.
    """

    text: str
    kind: Kind
    thread: str
    decision_id: str | None
    calls: tuple[ShownCall, ...] = ()
    choices: tuple[str, ...] = ()
    reason: str | None = None
    proposals: tuple[ProposalCard, ...] = ()
    grounded: bool = True
    degraded: tuple[str, ...] = ()
    ms: float = 0.0

    @property
    def proposal(self) -> ProposalCard | None:
        """The newest."""
        return self.proposals[-1] if self.proposals else None

    def as_json(self) -> dict[str, JsonValue]:
        """The shape of `roundsman ask --json` and of POST /api/chat."""
        return {
            "answer": self.text,
            "calls": [call.as_json() for call in self.calls],
            "kind": self.kind,
            "reason": self.reason,
            "choices": list(self.choices),
            "proposal": self.proposal.as_json() if self.proposal else None,
            "proposals": [card.as_json() for card in self.proposals],
            "decision_id": self.decision_id,
            "thread": self.thread,
            "grounded": self.grounded,
            "degraded": list(self.degraded),
            "ms": round(self.ms, 1),
        }


@dataclass(frozen=True)
class StepEvent:
    """Something that happened on the way to the answer, for live display.

    `progress` may come between `calling` and `called`: how far a long search is (`share` 0..1, `unserved`, `seconds`).
    """

    kind: Literal["deciding", "calling", "progress", "called", "problem", "answering"]
    name: str = ""
    detail: dict[str, JsonValue] = field(default_factory=dict)


OnStep = Callable[[StepEvent], None]


def no_steps(_event: StepEvent) -> None:
    """For callers that do not show steps."""
