"""What a proposal holds: until when it can be done, whom it is about, what it rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import a_ctx, ask

from domain.errors import AskAgain
from domain.store import Store
from domain.work_records import Proposal
from tools.context import Ctx, ThreadView, Tuning


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def planned(ctx: Ctx, when: str) -> tuple[Ctx, datetime]:
    """The thread after a plan, and when its round leaves."""
    facts = ask(ctx, "plan_round", when=when, serve="all").facts
    leaves = datetime.strptime(facts.round_starts, "%Y-%m-%d %H:%M").replace(tzinfo=ctx.zone)
    return replace(ctx, thread=ThreadView("t-1", last_plan=facts.plan_id)), leaves


def stored(ctx: Ctx, proposal_id: str) -> Proposal:
    with ctx.store.read() as session:
        return session.get_one(Proposal, proposal_id)


# ---------------------------------------------------------------- dispatches and the clock


def test_a_dispatch_stays_open_until_its_round_leaves_and_no_longer(ctx: Ctx) -> None:
    thread, leaves = planned(ctx, "tomorrow")
    late = replace(thread, now=leaves - timedelta(hours=2))
    facts = ask(late, "propose_dispatch").facts
    assert facts.expires == f"{leaves:%Y-%m-%d %H:%M}"
    assert stored(ctx, facts.proposal_id).expires_at == leaves


def test_a_dispatch_far_ahead_of_its_round_is_open_for_half_a_day(ctx: Ctx) -> None:
    thread, leaves = planned(ctx, "Thursday")
    assert leaves - ctx.now > timedelta(hours=12)
    proposal = stored(ctx, ask(thread, "propose_dispatch").facts.proposal_id)
    assert proposal.expires_at == ctx.now + timedelta(hours=12)


@pytest.mark.parametrize("late_by_s", [0, 1, 86_400])
def test_a_round_that_should_have_left_is_asked_back_and_nothing_is_stored(ctx: Ctx, late_by_s: int) -> None:
    thread, leaves = planned(ctx, "tomorrow")
    with pytest.raises(AskAgain, match="is over"):
        ask(replace(thread, now=leaves + timedelta(seconds=late_by_s)), "propose_dispatch")
    with ctx.store.read() as session:
        assert session.get(Proposal, "A-0001") is None
