"""Replay: run a recorded decision's deterministic tools again and compare bytes, or name the part that is gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from domain.errors import NotNow, NotPermitted, RoundsmanError
from domain.ledger import LedgerCall, LedgerEntry, LedgerRecord
from domain.store import Store
from domain.values import Actor, Call, Effect, Role
from tools.context import AskedFor, Ctx, ThreadView
from tools.registry import TOOLS, Tool, registry_version
from tools.resolve import COUNTED_FROM, SAID_BEFORE
from tools.result_bytes import result_hash
from tools.use import require_permission, use

Outcome = Literal["same", "different", "gone"]
GROWING = frozenset({"audit_trail"})  # asks the ledger, which has grown since


@dataclass(frozen=True)
class CallVerdict:
    """One call run again. `why` says what differs or what is gone; hashes are SHA-256, None where there is none."""

    name: str
    outcome: Outcome
    why: str
    recorded_hash: str | None = None
    replayed_hash: str | None = None


@dataclass(frozen=True)
class ReplayVerdict:
    """All calls of a decision run again, in their order."""

    calls: tuple[CallVerdict, ...]

    def count(self, outcome: Outcome) -> int:
        """How many calls came out so."""
        return sum(each.outcome == outcome for each in self.calls)

    @property
    def reproduced(self) -> bool:
        """Whether every call gave the same bytes."""
        return all(each.outcome == "same" for each in self.calls)


def replay(record: LedgerRecord, ctx: Ctx, tools: Mapping[str, Tool] = TOOLS) -> ReplayVerdict:
    """Runs the calls of a record at its own moment and seed. Nothing is kept: whatever a tool writes is undone."""
    return ReplayVerdict(tuple(_again(record, call, ctx, tools) for call in record.entry.calls))


def _again(record: LedgerRecord, call: LedgerCall, ctx: Ctx, tools: Mapping[str, Tool]) -> CallVerdict:
    refused = _refused_again(record, call, ctx, tools)
    if refused:
        return CallVerdict(call.name, "same", refused)
    gone = _gone(record, call, ctx, tools)
    if gone:
        return CallVerdict(call.name, "gone", gone, call.result_hash)
    try:
        used = use(Call(call.name, call.parameters), _then(record.entry, call, ctx), tools)
    except NotNow as error:
        return CallVerdict(call.name, "gone", f"an outside part fails now: {error}", call.result_hash)
    except RoundsmanError as error:
        same = call.error is not None and call.error == str(error)
        return CallVerdict(call.name, "same" if same else "different", str(error), call.result_hash)
    if call.error is not None:
        why = f"it runs now, and was told then: {call.error}"
        return CallVerdict(call.name, "different", why, None, result_hash(used.result))
    found = result_hash(used.result)
    if found == call.result_hash:
        return CallVerdict(call.name, "same", "the same bytes", call.result_hash, found)
    recorded = record.entry.versions.tool_schema_hash
    if recorded is not None and recorded != registry_version(tools):
        why = f"the tools were declared otherwise (version {recorded} then, {registry_version(tools)} now)"
        return CallVerdict(call.name, "gone", why, call.result_hash, found)
    return CallVerdict(call.name, "different", "other bytes from the same records", call.result_hash, found)


def _refused_again(record: LedgerRecord, call: LedgerCall, ctx: Ctx, tools: Mapping[str, Tool]) -> str:
    """The sentence of a refusal by right that the recorded rights bring about again; empty for all else."""
    declared = tools.get(call.name)
    if call.problem_kind != "not_permitted" or record.erased or declared is None:
        return ""
    try:
        require_permission(_then(record.entry, call, ctx).actor, declared)
    except NotPermitted as error:
        return str(error) if str(error) == call.error else ""
    return ""


def _gone(record: LedgerRecord, call: LedgerCall, ctx: Ctx, tools: Mapping[str, Tool]) -> str:
    """What a replay needs and no longer has; empty when all is there."""
    declared = tools.get(call.name)
    if record.erased:
        return "the asker's words were erased, and the arguments with them"
    if call.problem_kind == "not_now":
        return f"an outside part failed then: {call.error}"
    if declared is None:
        return "the tool is no longer declared"
    if not call.deterministic:
        return "the tool was recorded as not deterministic"
    if call.name in GROWING:
        return "it read the ledger, which has grown since"
    if declared.effect is Effect.propose:
        return "a proposal is made once and is not made again"
    if record.entry.city != ctx.city.name:
        return f"it was asked of the records of {record.entry.city}"
    if call.data_snapshot is not None and call.data_snapshot != ctx.city.digest:
        return f"the records have changed (snapshot {call.data_snapshot[:12]} then, {ctx.city.digest[:12]} now)"
    if call.result_hash is None and call.error is None:
        return "no hash of its result was recorded"
    return ""


def _then(entry: LedgerEntry, call: LedgerCall, ctx: Ctx) -> Ctx:
    """The surroundings of the recorded call: its moment, its question, its seed, its asker with the rights of then.

    A program's rights are in the record; where they are not, it has just this one.
    """
    scopes = frozenset({call.name} if entry.scopes is None else entry.scopes)
    return replace(
        ctx,
        now=entry.at.astimezone(ctx.zone),
        question=entry.question or "",
        actor=Actor(entry.actor, Role(entry.role), scopes=scopes),
        thread=_thread_then(entry, call, ctx),
        tuning=replace(
            ctx.tuning, seed=ctx.tuning.seed if call.seed is None else call.seed, watching=None, replaying=True
        ),
        store=_Rehearsal(ctx.store),
    )


def _thread_then(entry: LedgerEntry, call: LedgerCall, ctx: Ctx) -> ThreadView:
    """What `last`, "the day after" and a carried time stood for, as the record says that they were understood."""
    plan, subject, time, named = (call.resolved.get(name) for name in ("plan", "subject", COUNTED_FROM, "bin"))
    before = call.resolved.get(SAID_BEFORE)
    return ThreadView(
        entry.thread,
        last_plan=str(plan) if plan else None,
        last_subject=str(subject) if subject else None,
        earlier_time=datetime.fromisoformat(str(time)).replace(tzinfo=ctx.zone) if time else None,
        first_bin=str(named).split()[0] if named and "bin" not in call.parameters else None,
        forecast=_forecast_then(call, ctx),
        said=(str(before),) if before else (),
    )


def _forecast_then(call: LedgerCall, ctx: Ctx) -> AskedFor | None:
    """What the forecast was asked for that an `explain` was about; None where the record says none."""
    by, threshold = call.resolved.get("by"), call.resolved.get("threshold_pct")
    if call.name != "explain" or not by or not threshold:
        return None
    return AskedFor(datetime.fromisoformat(str(by)).replace(tzinfo=ctx.zone), int(str(threshold)))


class _Undo(Exception):
    """Ends a transaction without keeping it."""


class _Rehearsal(Store):
    """A store in which nothing that is written stays."""

    def __init__(self, real: Store) -> None:
        self.__dict__.update(real.__dict__)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that is undone at its end."""
        try:
            with super().write() as session:
                yield session
                session.flush()
                raise _Undo
        except _Undo:
            return
