"""audit_trail: what was decided, on what evidence, and whether the record is whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from domain.errors import MissingPiece, UnknownName
from domain.ledger import LedgerCall, LedgerRecord
from domain.repositories.decisions import decision_about
from domain.values import Evidence, Facts, Reason, Result, Table
from tools.arguments import RefArg, words
from tools.context import Ctx
from tools.plan_replay import repeat_plan
from tools.planning import ROUND_BUDGET_S
from tools.registry import READERS_OF_THE_LEDGER, Example, tool
from tools.replay import CallVerdict, replay

ERASED = "(erased)"
Row = list[str | int | float | None]


class AuditFacts(Facts):
    """A decision as the ledger keeps it; the chain's state when it was verified; the replay's when it was run.

    `question`, `answer` and names are "(erased)" once the person was erased. Hashes are hexadecimal.
    """

    decision_id: str | None = None
    record: int | None = None
    record_hash: str | None = None
    asked_by: str | None = None
    role: str | None = None
    asked_at: datetime | None = None
    surface: str | None = None
    question: str | None = None
    answer: str | None = None
    answer_kind: str | None = None
    grounded: bool | None = None
    language_model: str | None = None
    tools_called: list[str] | None = None
    erased: bool = False
    proposal_id: str | None = None
    proposal_ids: list[str] | None = None
    approved: bool | None = None
    approved_by: str | None = None
    approved_as: str | None = None
    approved_at: datetime | None = None
    approved_on: str | None = None
    shown_hash: str | None = None
    outcome: str | None = None
    chain_whole: bool | None = None
    records: int | None = None
    records_under_checkpoint: int | None = None
    first_bad_record: int | None = None
    fault: str | None = None
    verdict: str | None = None
    calls: int | None = None
    calls_same: int | None = None
    calls_different: int | None = None
    calls_gone: int | None = None
    plan_id: str | None = None
    problem_hash: str | None = None
    plan_hash: str | None = None


@tool(
    budget_s=ROUND_BUDGET_S,  # a replay plans the round again
    examples=[
        Example("replay D-0012", {"decision": "D-0012", "check": "replay"}),
    ],
    roles=READERS_OF_THE_LEDGER,
)
def audit_trail(
    decision: RefArg = words("last"),
    check: Literal["show", "verify", "replay"] = "show",
    *,
    ctx: Ctx,
) -> Result[AuditFacts]:
    """Show, verify or replay a recorded decision.

    For managers and auditors.

    Args:
        decision: Id of the decision; the one before this turn when not named.
        check: Show the record, verify the whole chain, or run the decision's tools again and compare.
    """
    if check == "verify":
        return _verify(decision, ctx)
    if check == "replay" and decision.startswith("P-"):
        return _replay_plan(decision, ctx)
    records = _find(decision, ctx)
    return _show(records, ctx) if check == "show" else _replay(records, ctx)


def _find(ref: str, ctx: Ctx) -> list[LedgerRecord]:
    """All records of the decision. Raises MissingPiece when there is none yet, UnknownName for a strange id."""
    decision_id: str | None = ref
    if ref == "last":
        newest = ctx.ledger.last(ctx.thread.thread_id) if ctx.thread.last_decision is None else None
        decision_id = ctx.thread.last_decision or (newest.entry.decision_id if newest else None)
        if decision_id is None:
            raise MissingPiece("decision", "Nothing was decided in this conversation yet. Which decision, by its id?")
    elif not ref.startswith("D-"):
        with ctx.store.read() as session:
            decision_id = decision_about(session, ctx.city.name, ref)
    records = ctx.ledger.find(decision_id) if decision_id else []
    if not records:
        raise UnknownName("recorded decision", ref)
    return records


# ---------------------------------------------------------------- show


def _show(records: Sequence[LedgerRecord], ctx: Ctx) -> Result[AuditFacts]:
    facts = AuditFacts.model_validate(_told(records, ctx))
    return Result[AuditFacts](
        headline=_headline(facts),
        facts=facts,
        why=[Reason(text="This is what the ledger keeps of the decision.", evidence=_evidence(records))],
        understood={"decision": facts.decision_id or ""},
        data_age=_data_age(ctx),
        table=_table(records, ctx),
        degraded=["The asker was erased: names, question and answer can no longer be read."] if facts.erased else [],
    )


def _told(records: Sequence[LedgerRecord], ctx: Ctx) -> dict[str, object]:
    """The facts of a decision: the question's own, and the newest approval and outcome that belong to it."""
    first = _question(records)
    entry, erased = first.entry, first.erased
    said = {"question": entry.question, "answer": entry.answer}
    approval = next((r.entry.approval for r in reversed(records) if r.entry.approval), None)
    outcome = next((r.entry.outcome for r in reversed(records) if r.entry.outcome), None)
    proposal = next((r.entry.proposal_id for r in reversed(records) if r.entry.proposal_id), None)
    told: dict[str, object] = {
        "decision_id": entry.decision_id, "record": first.seq, "record_hash": first.hash, "asked_by": entry.actor,
        "role": entry.role, "asked_at": entry.at.astimezone(ctx.zone), "surface": entry.surface,
        "answer_kind": entry.answer_kind, "grounded": entry.grounded, "language_model": entry.versions.model,
        "tools_called": [call.name for call in entry.calls], "calls": len(entry.calls), "erased": erased,
        "proposal_id": proposal, "proposal_ids": entry.proposal_ids, "outcome": outcome.status if outcome else None,
        **(dict.fromkeys(said, ERASED) if erased else said),
    }  # fmt: skip
    if approval:
        told |= {
            "approved": approval.approved, "approved_by": approval.who, "approved_as": approval.role,
            "approved_at": approval.at.astimezone(ctx.zone), "approved_on": approval.surface,
            "shown_hash": approval.shown_hash,
        }  # fmt: skip
    return told


def _question(records: Sequence[LedgerRecord]) -> LedgerRecord:
    """The record of the question itself."""
    return next((each for each in records if each.entry.kind == "decision"), records[0])


def _headline(facts: AuditFacts) -> str:
    text = "{decision_id}: asked by {asked_by} ({role}) on {asked_at} through {surface}; tools called: {tools_called}"
    if facts.approved is not None:
        text += (
            "; " + ("approved" if facts.approved else "rejected") + " by {approved_by} ({approved_as}) on {approved_at}"
        )
    text += "; outcome: {outcome}" if facts.outcome else ""
    return text + "."


def _table(records: Sequence[LedgerRecord], ctx: Ctx) -> Table:
    """One row a record or call, in order."""
    columns = ["record", "at", "what", "detail", "result_hash"]
    rows: list[Row] = []
    for each in records:
        at = f"{each.entry.at.astimezone(ctx.zone):%Y-%m-%d %H:%M:%S}"
        rows.append([each.seq, at, each.entry.kind, _detail(each), each.hash])
        rows += [
            [each.seq, at, f"call {call.name}", _arguments(each, call), call.result_hash] for call in each.entry.calls
        ]
    return Table(columns=columns, rows=rows)


def _detail(record: LedgerRecord) -> str | None:
    entry = record.entry
    if entry.approval:
        verb = "approved" if entry.approval.approved else "rejected"
        return f"{verb} by {entry.approval.who} ({entry.approval.role}), shown {entry.approval.shown_hash}"
    if entry.outcome:
        return f"{entry.outcome.status} {entry.outcome.detail}".strip()
    return ERASED if record.erased else entry.question


def _arguments(record: LedgerRecord, call: LedgerCall) -> str:
    if record.erased:
        return ERASED
    said = ", ".join(f"{name}={value}" for name, value in call.parameters.items())
    return f"{said} (failed: {call.error})" if call.error else said


# ---------------------------------------------------------------- verify


def _verify(ref: str, ctx: Ctx) -> Result[AuditFacts]:
    """The whole chain; a decision that was named is told with it."""
    records = [] if ref == "last" and not _has_last(ctx) else _find(ref, ctx)
    found = ctx.ledger.verify()
    told = {
        **(_told(records, ctx) if records else {}),
        "chain_whole": found.ok, "records": found.records, "records_under_checkpoint": found.covered,
        "first_bad_record": found.first_bad_seq, "fault": found.kind, "verdict": found.sentence,
    }  # fmt: skip
    text = "Every record's seal and link was computed again, and held against the head and the signed checkpoints."
    ledger = Evidence(label="the ledger", ref="decisions:ledger")
    broken = not found.ok and found.first_bad_seq is not None
    return Result[AuditFacts](
        headline=_chain_headline(found.ok, broken),
        facts=AuditFacts.model_validate(told),
        why=[Reason(text=text, evidence=[*_evidence(records), ledger])],
        data_age=_data_age(ctx),
        degraded=[] if found.ok else [found.sentence],
    )


def _chain_headline(ok: bool, broken: bool) -> str:
    if ok:
        return "The ledger is whole: {records} records, {records_under_checkpoint} of them under a signed checkpoint."
    return "The ledger is NOT whole ({fault})" + (", from record {first_bad_record} on." if broken else ".")


def _has_last(ctx: Ctx) -> bool:
    return ctx.thread.last_decision is not None or ctx.ledger.last(ctx.thread.thread_id) is not None


# ---------------------------------------------------------------- replay


def _replay(records: Sequence[LedgerRecord], ctx: Ctx) -> Result[AuditFacts]:
    done = replay(_question(records), ctx)
    told = _told(records, ctx) | {
        "calls_same": done.count("same"), "calls_different": done.count("different"), "calls_gone": done.count("gone"),
    }  # fmt: skip
    text = "The recorded calls ran again at the recorded moment and seed, and the bytes of their results were compared."
    return Result[AuditFacts](
        headline=_replay_headline(done.calls),
        facts=AuditFacts.model_validate(told),
        why=[Reason(text=text, evidence=_evidence(records))],
        understood={"decision": str(told["decision_id"])},
        data_age=_data_age(ctx),
        table=_compared(done.calls),
        degraded=[f"{each.name}: {each.why}." for each in done.calls if each.outcome != "same"],
    )


def _compared(calls: Sequence[CallVerdict]) -> Table:
    rows: list[Row] = [[c.name, c.outcome, c.why, c.recorded_hash, c.replayed_hash] for c in calls]
    return Table(columns=["tool", "outcome", "why", "recorded_hash", "replayed_hash"], rows=rows)


PLAN_HEADLINES = {
    "same": "Plan {plan_id} solved again from what is stored of it is the same, byte for byte.",
    "different": "Plan {plan_id} solved again from what is stored of it is another one.",
    "gone": "Plan {plan_id} cannot be solved again as it was.",
}


def _replay_plan(plan_id: str, ctx: Ctx) -> Result[AuditFacts]:
    """A stored plan searched for again; nothing of it is stored."""
    done = repeat_plan(plan_id, ctx)
    stored, verdict = done.stored, done.verdict
    looks = stored.problem["looks"]
    how = f"{looks:,} looks" if isinstance(looks, int) else "a search that a clock or a person ended"
    text = f"The plan is of problem {stored.problem_hash[:12]}, seed {stored.seed}, core {stored.core}, {how}"
    text += f", gone on from {stored.parent}: {verdict.why}." if stored.problem.get("went_on") else f": {verdict.why}."
    return Result[AuditFacts](
        headline=PLAN_HEADLINES[verdict.outcome],
        facts=AuditFacts(
            plan_id=plan_id, problem_hash=stored.problem_hash, plan_hash=stored.content_hash, verdict=verdict.outcome
        ),
        why=[Reason(text=text, evidence=[Evidence(label=f"plan {plan_id}", ref=f"plans:{plan_id}")])],
        understood={"plan": plan_id},
        data_age=f"stored {stored.created_at.astimezone(ctx.zone):%Y-%m-%d %H:%M}",
        table=_compared([verdict]),
        degraded=[] if verdict.outcome == "same" else [f"{verdict.name}: {verdict.why}."],
    )


def _replay_headline(calls: Sequence[CallVerdict]) -> str:
    if not calls:
        return "{decision_id} called no tool, so there is nothing to run again."
    text = "{decision_id} run again: {calls_same} of {calls} calls gave the same bytes"
    text += ", {calls_different} gave others" if any(c.outcome == "different" for c in calls) else ""
    return text + (", {calls_gone} cannot be repeated." if any(c.outcome == "gone" for c in calls) else ".")


def _evidence(records: Sequence[LedgerRecord]) -> list[Evidence]:
    ids = dict.fromkeys(each.entry.decision_id or "" for each in records)
    return [Evidence(label=decision_id, ref=f"decisions:{decision_id}") for decision_id in ids]


def _data_age(ctx: Ctx) -> str:
    return f"ledger as of {ctx.now.astimezone(ctx.zone):%Y-%m-%d %H:%M}"
