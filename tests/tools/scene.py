"""A tool's surroundings for tests: the small city, its own clock, a manager, an empty ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from domain.clock import fixed_clock
from domain.ledger import Ledger, load_keys
from domain.ledger_records import LedgerHead, LedgerRow, SubjectKey
from domain.operation import load_operation
from domain.ports import ModelIdentity
from domain.store import Store
from domain.values import Actor, Call, Result, Role
from domain.work_records import Dispatch, OutboxEffect, Proposal
from engines.routing.distances import HaversineMatrix
from retrieval.sqlite_store import SqliteSearch
from tools.context import Ctx, ThreadView
from tools.fill_models import FillModels
from tools.use import use

ZONE = ZoneInfo("America/Los_Angeles")
NOW = datetime(2025, 9, 1, 8, 0, tzinfo=ZONE)  # a Monday; the newest emptying is of Sunday 06:36


def at(text: str) -> datetime:
    """A local time of the small city: "2025-08-30 05:19"."""
    return datetime.fromisoformat(text).replace(tzinfo=ZONE)


def a_ctx(store: Store, folder: Path, now: datetime = NOW, role: Role = Role.manager) -> Ctx:
    """A context on the small city; `folder` keeps the ledger's keys and the search file."""
    _make_ledger(store)
    return Ctx(
        city=load_operation(store, "smalltown"),
        store=store,
        search=SqliteSearch(folder / "search.db", "smalltown"),
        distances=HaversineMatrix(),
        fill=FillModels(store),
        ledger=Ledger(store, load_keys(folder), folder / "checkpoints", fixed_clock(now)),
        model=ModelIdentity("SmolLM2-135M", adapter="rounds-3", engine="test"),
        actor=Actor("ana", role),
        now=now,
        thread=ThreadView("t-1"),
    )


def _make_ledger(store: Store) -> None:
    """The ledger's tables, where the store does not have them."""
    tables = [record.metadata.tables[record.__tablename__] for record in (LedgerRow, LedgerHead, SubjectKey)]
    LedgerRow.metadata.create_all(store.engine, tables)


def ask(ctx: Ctx, name: str, question: str = "", **parameters: JsonValue) -> Result[Any]:
    """The result of a call in the user's words."""
    return use(Call(name, parameters), replace(ctx, question=question)).result


def send_round(store: Store, truck: str, starts_at: datetime, part: dict[str, JsonValue], number: int = 1) -> None:
    """A dispatched round as an approval leaves it: proposal, effect, dispatch."""
    with store.write() as session:
        session.add(
            Proposal(
                id=f"A-{number:04d}", city="smalltown", kind="dispatch", content={}, content_hash="c", plan_id=None,
                made_by="ana", role="manager", thread="t-1", made_at=starts_at, expires_at=starts_at,
                state="approved", surface="terminal",
            )
        )  # fmt: skip
        session.add(
            OutboxEffect(
                effect_key=f"e-{number}", city="smalltown", proposal_id=f"A-{number:04d}", kind="dispatch", content={},
                state="done", created_at=starts_at,
            )
        )  # fmt: skip
        session.add(
            Dispatch(
                id=f"R-{number:04d}", city="smalltown", effect_key=f"e-{number}", proposal_id=f"A-{number:04d}",
                created_at=at("2025-06-02 09:00"), plan_id=f"P-{number:04d}", trucks=[truck],
                starts_at=starts_at,
                content={"starts_at": starts_at.isoformat(), "rounds": [{"truck": truck, **part}]},
            )
        )  # fmt: skip
