"""What the surfaces need of the assistant, said once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from assistant.following import OnProgress, never
from assistant.shown import Answer, OnStep, ProposalCard, no_steps
from domain.values import Actor
from tools.use import Used


@dataclass(frozen=True)
class Inquiry:
    """One question: who asks what, in which thread (None opens one), from where, at which moment (None: the clock).

    `ended`, asked from any thread, says whether a long search shall end now with the best it has.
    """

    question: str
    actor: Actor
    thread: str | None = None
    surface: str = "terminal"
    now: datetime | None = None
    ended: Callable[[], bool] = field(default=never, compare=False)


@dataclass(frozen=True)
class Follower:
    """Who follows a tool's search: told how far it is, and asked whether to end it. Both from any thread."""

    told: OnProgress
    ended: Callable[[], bool]


@dataclass(frozen=True)
class Decided:
    """What became of an approval or a rejection. `effect_ref` is the id of what was done ("R-0001"), if anything."""

    proposal_id: str
    state: str
    sentence: str
    effect_ref: str | None = None
    decision_id: str | None = None


@dataclass(frozen=True)
class ToolRun:
    """A tool that ran for a program: its result, its record in the ledger, and the proposal it stored, if any."""

    used: Used
    decision_id: str | None = None
    proposal: ProposalCard | None = None


class Asks(Protocol):
    """Answers questions."""

    async def ask(self, inquiry: Inquiry, on_step: OnStep = no_steps) -> Answer:
        """One question, start to finish. Never raises for what a user can do wrong."""
        ...


@dataclass(frozen=True)
class Decision:
    """A person's word on a proposal: `shown_hash` is the hash of the content that the person saw."""

    proposal_id: str
    verdict: Literal["approve", "reject"]
    actor: Actor
    shown_hash: str
    surface: str = "terminal"
    reason: str = ""


class Decides(Protocol):
    """Approvals (law 1). Raises NotPermitted, AskAgain (unknown, changed, expired, decided already), NotNow."""

    def decide(self, decision: Decision) -> Decided:
        """Record the word and, on approval, do the effect exactly once."""
        ...

    def card(self, proposal_id: str) -> ProposalCard:
        """A proposal as it stands. Raises UnknownName."""
        ...

    def open_cards(self, thread: str | None = None) -> list[ProposalCard]:
        """Open proposals, newest first."""
        ...
