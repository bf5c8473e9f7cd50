"""An assistant at work on the small city: real records, tools, ledger and approvals; only the model is scripted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from doubles import ScriptedModel
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from pydantic import JsonValue
from sqlalchemy import func, select

from assistant.answer import Assistant, Limits
from assistant.approvals import Approvals
from assistant.decide import Speaker
from assistant.memory import Memory
from assistant.ports import Decision, Inquiry
from assistant.recording import Recorder
from assistant.shown import Answer, ProposalCard
from domain.ledger import Ledger, load_keys
from domain.operation import load_operation
from domain.ports import LanguageModel
from domain.store import Store
from domain.values import Actor, Role
from domain.work_records import Dispatch, OutboxEffect, Proposal, Ticket, Watch
from engines.routing.distances import HaversineMatrix
from retrieval.sqlite_store import SqliteSearch
from tools.context import Ctx, ThreadView, Tuning
from tools.fill_models import FillModels
from tools.request_encoder import RequestParts

ZONE = ZoneInfo("America/Los_Angeles")
NOW = datetime(2025, 9, 1, 8, 0, tzinfo=ZONE)  # a Monday
ANA = Actor("ana", Role.manager)
BEN = Actor("ben", Role.dispatcher)
SCOPES = frozenset({"read", "propose"})
Answers = Sequence[str | Mapping[str, JsonValue] | Exception]


def call(name: str, **parameters: JsonValue) -> dict[str, JsonValue]:
    """A call as the model says it."""
    return {"name": name, "parameters": parameters}


def reply(text: str = "{{results}}") -> dict[str, JsonValue]:
    """The model's last word of a turn."""
    return call("reply", text=text)


TICKET = call("propose_ticket", kind="maintenance", bin="101", note="the lid is stuck")


@dataclass
class Moving:
    """A clock that a test moves."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **spans: float) -> None:
        """Let time pass."""
        self.at += timedelta(**spans)


@dataclass
class Desk:
    """The assistant's parts over one store and one folder."""

    store: Store
    folder: Path
    ledger: Any
    approvals: Approvals
    clock: Moving
    ctx: Ctx
    limits: Limits

    def assistant(
        self,
        model: LanguageModel,
        *,
        copying: bool = False,
        deadline_s: float = 5.0,
        requests: RequestParts | None = None,
    ) -> Assistant:
        """An assistant that speaks with this model, in the words of a larger one."""
        recorder = Recorder(self.ledger, Memory(self.store), self.approvals, "small")
        speaker = Speaker(model, "small", True, deadline_s, copying, requests=requests, apart_s=30.0)
        return Assistant(speaker, self._surroundings, recorder, self._checkpoints, self.limits)

    async def ask(self, question: str, answers: Answers, actor: Actor = ANA, thread: str | None = None) -> Answer:
        """One question with a script of its own."""
        return await self.assistant(ScriptedModel(answers)).ask(Inquiry(question, actor, thread))

    async def proposed(self, said: Mapping[str, JsonValue] = TICKET, actor: Actor = ANA) -> ProposalCard:
        """The card of a proposal that the model called for."""
        answer = await self.ask("the lid of 101 is stuck", [said, reply()], actor)
        assert answer.proposal is not None, answer.text
        return answer.proposal

    def effects(self) -> int:
        """Rows of everything that an approval can bring about."""
        with self.store.read() as session:
            return sum(
                session.scalar(select(func.count()).select_from(table)) or 0
                for table in (Dispatch, Ticket, Watch, OutboxEffect)
            )

    def products(self) -> int:
        """Dispatches, tickets and watches."""
        with self.store.read() as session:
            return sum(
                session.scalar(select(func.count()).select_from(table)) or 0 for table in (Dispatch, Ticket, Watch)
            )

    def change(self, proposal_id: str, **fields: Any) -> None:
        """Somebody changes a stored proposal behind our back."""
        with self.store.write() as session:
            row = session.get_one(Proposal, proposal_id)
            for name, value in fields.items():
                setattr(row, name, value)

    def _surroundings(self, actor: Actor, now: datetime | None) -> Ctx:
        return replace(self.ctx, actor=actor, now=(now or self.clock()).astimezone(ZONE))

    def _checkpoints(self) -> AbstractAsyncContextManager[Any]:
        return AsyncSqliteSaver.from_conn_string(str(self.folder / "checkpoints.db"))


def a_desk(
    store: Store,
    folder: Path,
    *,
    limits: Limits = Limits(question_s=30.0),  # noqa: B008  frozen
    around: Callable[[Ledger], Any] = lambda ledger: ledger,
    store_of_approvals: Any = None,
) -> Desk:
    """A desk; `around` wraps the ledger, `store_of_approvals` stands where the approvals write."""
    clock = Moving()
    ledger = around(Ledger(store, load_keys(folder), folder / "checkpoints", clock))
    approvals = Approvals(store_of_approvals or store, ledger, lambda _city: (clock, ZONE))
    ctx = Ctx(
        city=load_operation(store, "smalltown"), store=store, search=SqliteSearch(folder / "search.db", "smalltown"),
        distances=HaversineMatrix(), fill=FillModels(store), ledger=ledger, model=ScriptedModel([]).identity,
        actor=ANA, now=NOW, thread=ThreadView(""), tuning=Tuning(solve_seconds=0.1),
    )  # fmt: skip
    return Desk(store, folder, ledger, approvals, clock, ctx, limits)


def approve(card: ProposalCard, actor: Actor = ANA, **changes: Any) -> Decision:
    """A person's yes to exactly what the card shows."""
    return replace(Decision(card.proposal_id, "approve", actor, card.content_hash), **changes)
