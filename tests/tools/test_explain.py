"""explain: the calls behind an answer are told in sentences, to its asker and to the readers of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import NOW, a_ctx, ask

from domain.errors import AskAgain, NotPermitted
from domain.ledger import LedgerCall, LedgerEntry
from domain.store import Store
from domain.values import Actor, Role
from tools.context import AskedFor, Ctx, ThreadView
from tools.plan_reasons import ExplanationFacts

SAID: dict[str, JsonValue] = {"when": "tonight", "truck_count": 2, "skip": ["Soda Hall", "bin 101"]}


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def decided(ctx: Ctx, actor: str = "ben", city: str = "smalltown", error: str | None = None) -> str:
    """A dispatcher's plan in the ledger; its decision's id."""
    call = LedgerCall(name="plan_round", parameters=SAID, resolved={"when": "2025-09-01 22:00"}, error=error)
    entry = LedgerEntry(
        kind="decision", at=NOW, thread="t-1", actor=actor, role="dispatcher", surface="slack", city=city,
        question="plan it", answer="planned", answer_kind="answer", calls=(call,),
    )  # fmt: skip
    return ctx.ledger.append(entry, f"{actor}-{city}-{error}").decision_id


def explained(ctx: Ctx, decision: str, name: str, role: Role) -> str:
    """The reason that this person is told."""
    actor = Actor(name, role, scopes=frozenset({"read"}))
    return ask(replace(ctx, actor=actor), "explain", subject=decision).why[0].text


@pytest.mark.parametrize("role", [Role.viewer, Role.dispatcher, Role.api])
def test_what_others_asked_is_kept_from_all_but_readers_of_the_ledger(ctx: Ctx, role: Role) -> None:
    with pytest.raises(NotPermitted, match="managers and auditors"):
        explained(ctx, decided(ctx), "mallory", role)


@pytest.mark.parametrize(("name", "role"), [("ben", Role.dispatcher), ("ana", Role.manager), ("al", Role.auditor)])
def test_the_asker_and_readers_of_the_ledger_are_told_in_sentences(ctx: Ctx, name: str, role: Role) -> None:
    assert explained(ctx, decided(ctx), name, role) == (
        "It called plan_round with skip “Soda Hall” and “bin 101”, truck count 2, when “tonight”. "
        "Understood was when: 2025-09-01 22:00."
    )


def forecast_told(ctx: Ctx, asked: AskedFor | None) -> ExplanationFacts:
    """What explain says of bin 105's forecast in a conversation whose forecast was asked for this."""
    return ask(
        replace(ctx, thread=ThreadView("t-1", last_subject="forecast", forecast=asked)), "explain", bin="105"
    ).facts


def test_a_forecast_that_is_over_is_explained_for_the_next_day_and_the_city_s_level(ctx: Ctx) -> None:
    over = forecast_told(ctx, AskedFor(NOW - timedelta(hours=1), 40))
    assert over == forecast_told(ctx, None)
    assert over.by == (NOW + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
    assert forecast_told(ctx, AskedFor(NOW + timedelta(days=2), 40)) != over


def test_a_call_that_failed_says_why(ctx: Ctx) -> None:
    told = explained(ctx, decided(ctx, error="Which night do you mean?"), "ben", Role.dispatcher)
    assert told.endswith("It did not run: Which night do you mean?")


def test_a_decision_of_another_city_is_unknown_here(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="no decision"):
        explained(ctx, decided(ctx, city="elsewhere"), "ana", Role.manager)


def test_erased_words_are_told_to_nobody(ctx: Ctx) -> None:
    decision = decided(ctx)
    ctx.ledger.erase("ben")
    assert explained(ctx, decision, "ana", Role.manager) == "It called plan_round; the words were erased."
    with pytest.raises(NotPermitted):
        explained(ctx, decision, "(erased)", Role.viewer)
