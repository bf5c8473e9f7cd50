"""The ledger shown, verified and run again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue
from scene import NOW, a_ctx, ask, at
from sqlalchemy import text, update

from domain.errors import MissingPiece, NotPermitted, UnknownName
from domain.ledger import Approval, LedgerCall, LedgerEntry, Outcome, Versions
from domain.records import City
from domain.store import Store
from domain.values import Call, Role
from domain.work_records import Counter, Proposal
from tools.context import Ctx
from tools.registry import registry_version
from tools.replay import replay
from tools.result_bytes import result_hash
from tools.use import use

REPORT: dict[str, JsonValue] = {"measure": "collections", "since": "August"}


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def decide(ctx: Ctx, name: str = "operations_report", key: str = "k1", **changes: Any) -> str:
    """Runs a tool and records it as a decision, as an answer does; the decision's id."""
    parameters = changes.pop("parameters", REPORT)
    found = changes.pop("result_hash", None) or run_hash(ctx, name, parameters)
    call = LedgerCall(
        name=name, parameters=parameters, result_hash=found, seed=0, data_snapshot=ctx.city.digest, **changes,
    )  # fmt: skip
    entry = LedgerEntry(
        kind="decision", at=NOW, thread="t-1", actor="ben", role="dispatcher", surface="slack", city="smalltown",
        question="how many in August?", answer="77 collections", answer_kind="answer", grounded=True, calls=(call,),
        versions=Versions(model="SmolLM2", tool_schema_hash=registry_version()),
    )  # fmt: skip
    return ctx.ledger.append(entry, key).decision_id


def run_hash(ctx: Ctx, name: str, parameters: dict[str, JsonValue]) -> str:
    return result_hash(use(Call(name, parameters), ctx).result)


def test_show_tells_who_asked_when_and_what_was_called(ctx: Ctx) -> None:
    decision = decide(ctx)
    result = ask(ctx, "audit_trail", decision=decision)
    facts = result.facts
    assert (facts.asked_by, facts.role, facts.surface, facts.asked_at) == ("ben", "dispatcher", "slack", NOW)
    assert (facts.question, facts.answer, facts.tools_called) == (
        "how many in August?",
        "77 collections",
        ["operations_report"],
    )
    assert result.why[0].evidence[0].ref == f"decisions:{decision}"
    assert result.table is not None
    assert result.table.rows[1][3] == "measure=collections, since=August"


def test_last_is_the_newest_decision_of_this_conversation(ctx: Ctx) -> None:
    decide(ctx)
    newest = decide(ctx, key="k2")
    assert ask(ctx, "audit_trail").facts.decision_id == newest


def test_before_any_decision_it_asks_which_and_an_unknown_id_is_a_question(ctx: Ctx) -> None:
    with pytest.raises(MissingPiece):
        ask(ctx, "audit_trail")
    with pytest.raises(UnknownName):
        ask(ctx, "audit_trail", decision="D-0999")


def test_approval_and_outcome_are_told_with_who_when_and_what_was_seen(ctx: Ctx) -> None:
    decision = decide(ctx)
    seen = Approval(who="mia", role="manager", at=at("2025-09-01 08:05"), shown_hash="abc", surface="chat")
    about = {
        "thread": "t-1",
        "actor": "mia",
        "role": "manager",
        "surface": "chat",
        "city": "smalltown",
        "decision_id": decision,
    }
    approved = LedgerEntry(kind="approval", at=seen.at, approval=seen, proposal_id="A-0001", **about)
    done = LedgerEntry(kind="outcome", at=seen.at, outcome=Outcome(status="done"), proposal_id="A-0001", **about)
    ctx.ledger.append(approved, "k-approval")
    ctx.ledger.append(done, "k-done")
    facts = ask(ctx, "audit_trail", decision=decision).facts
    assert (facts.asked_by, facts.approved, facts.approved_by, facts.approved_at) == ("ben", True, "mia", seen.at)
    assert (facts.shown_hash, facts.outcome, facts.proposal_id) == ("abc", "done", "A-0001")


def test_a_proposal_leads_to_its_decision(store: Store, ctx: Ctx) -> None:
    decision = decide(ctx)
    with store.write() as session:
        session.add(
            Proposal(
                id="A-0007", city="smalltown", kind="ticket", content={}, content_hash="c", plan_id=None, made_by="ben",
                role="dispatcher", thread="t-1", made_at=NOW, expires_at=NOW, state="open", decision_id=decision,
                surface="slack",
            )
        )  # fmt: skip
    assert ask(ctx, "audit_trail", decision="a-0007").facts.decision_id == decision


def test_only_managers_and_auditors_read_the_ledger(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted):
        ask(a_ctx(store, tmp_path, role=Role.dispatcher), "audit_trail")


def test_erased_words_are_not_shown_to_anybody(ctx: Ctx) -> None:
    decision = decide(ctx)
    ctx.ledger.erase("ben")
    result = ask(ctx, "audit_trail", decision=decision)
    assert (result.facts.question, result.facts.answer, result.facts.erased) == ("(erased)", "(erased)", True)
    assert "August" not in result.model_dump_json()
    assert "ben" not in result.facts.model_dump_json()


def test_verify_says_that_the_chain_is_whole(ctx: Ctx) -> None:
    decide(ctx)
    facts = ask(ctx, "audit_trail", check="verify").facts
    assert (facts.chain_whole, facts.records) == (True, 1)


def test_verify_names_the_first_record_that_was_changed(store: Store, ctx: Ctx) -> None:
    decide(ctx)
    decide(ctx, key="k2")
    with store.write() as session:
        session.execute(text("DROP TRIGGER ledger_no_update"))
        session.execute(text("UPDATE ledger SET thread = 'other' WHERE seq = 1"))
    result = ask(ctx, "audit_trail", check="verify", decision="D-0002")
    assert (result.facts.chain_whole, result.facts.first_bad_record, result.facts.fault) == (False, 1, "edit")
    assert "NOT whole" in result.sentence()


def test_replay_gives_the_same_bytes_from_the_same_records(ctx: Ctx) -> None:
    facts = ask(ctx, "audit_trail", decision=decide(ctx), check="replay").facts
    assert (facts.calls, facts.calls_same, facts.calls_different, facts.calls_gone) == (1, 1, 0, 0)


def test_replay_runs_at_the_recorded_moment_and_not_now(store: Store, tmp_path: Path, ctx: Ctx) -> None:
    decision = decide(ctx, parameters={"measure": "collections", "since": "last 7 days"})
    later = a_ctx(store, tmp_path, now=at("2025-09-20 08:00"))
    assert ask(later, "audit_trail", decision=decision, check="replay").facts.calls_same == 1


def test_replay_shows_a_result_that_differs(ctx: Ctx) -> None:
    result = ask(ctx, "audit_trail", decision=decide(ctx, result_hash="0" * 64), check="replay")
    assert result.facts.calls_different == 1
    assert result.degraded == ["operations_report: other bytes from the same records."]


def test_replay_names_changed_records_as_the_part_that_is_gone(store: Store, tmp_path: Path, ctx: Ctx) -> None:
    decision = decide(ctx)
    with store.write() as session:
        session.execute(update(City).values(digest="other"))
    result = ask(a_ctx(store, tmp_path), "audit_trail", decision=decision, check="replay")
    assert result.facts.calls_gone == 1
    assert "the records have changed" in result.degraded[0]


def test_replay_names_a_tool_that_was_not_deterministic(ctx: Ctx) -> None:
    result = ask(ctx, "audit_trail", decision=decide(ctx, deterministic=False), check="replay")
    assert "not deterministic" in result.degraded[0]


def test_replay_names_a_tool_that_is_no_longer_there(ctx: Ctx) -> None:
    verdict = replay(ctx.ledger.find(decide(ctx))[0], ctx, tools={})
    assert [(call.outcome, call.why) for call in verdict.calls] == [("gone", "the tool is no longer declared")]


def test_replay_of_erased_words_says_that_they_are_gone(ctx: Ctx) -> None:
    decision = decide(ctx)
    ctx.ledger.erase("ben")
    result = ask(ctx, "audit_trail", decision=decision, check="replay")
    assert "erased" in result.degraded[0]


def test_what_a_tool_writes_in_a_replay_does_not_stay(store: Store, ctx: Ctx) -> None:
    from tools.replay import _Rehearsal

    with _Rehearsal(store).write() as session:
        session.add(Counter(city="smalltown", letter="X", last=9))
    with store.read() as session:
        assert session.get(Counter, ("smalltown", "X")) is None


def test_result_bytes_leave_out_times_taken_and_nothing_else(ctx: Ctx) -> None:
    result = use(Call("operations_report", REPORT), ctx).result
    timed = result.model_copy(update={"map": {"ms": 12.5, "solve_ms": 3}})
    assert result_hash(timed) == result_hash(result.model_copy(update={"map": {}}))
    assert result_hash(timed) != result_hash(result)
