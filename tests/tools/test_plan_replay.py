"""A stored plan is found again byte for byte from what is stored of it, or it is told why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scene import a_ctx, ask
from sqlalchemy import func, select, update

from domain.errors import NotPermitted, UnknownName
from domain.store import Store
from domain.values import Role
from domain.work_records import StoredPlan
from engines.routing.distances import HaversineMatrix
from tools.context import Ctx, ThreadView, Tuning, Watching
from tools.plan_replay import repeat_plan


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def planned(ctx: Ctx, **wish: Any) -> str:
    plan_id: str = ask(ctx, "plan_round", **{"when": "tomorrow", **wish}).facts.plan_id
    return plan_id


def changed(ctx: Ctx, plan_id: str, **wish: Any) -> str:
    thread = ThreadView("t-1", last_plan=plan_id, last_subject=plan_id)
    new_id: str = ask(replace(ctx, thread=thread), "what_if", **wish).facts.plan_id
    return new_id


def plans_of(ctx: Ctx) -> int | None:
    with ctx.store.read() as session:
        return session.scalar(select(func.count()).select_from(StoredPlan))


def test_a_stored_plan_is_found_again_byte_for_byte_at_another_hour_with_another_seed(ctx: Ctx) -> None:
    plan_id = planned(ctx)
    later = replace(ctx, now=ctx.now.replace(hour=23), tuning=Tuning(seed=5, solve_seconds=3.0))
    before = plans_of(ctx)
    result = ask(later, "audit_trail", decision=plan_id, check="replay")
    assert result.facts.verdict == "same"
    assert result.table is not None
    assert result.table.rows[0][3] == result.table.rows[0][4] == result.facts.plan_hash
    assert not result.degraded
    assert plans_of(ctx) == before


def test_a_plan_that_went_on_from_another_is_found_again_from_that_one(ctx: Ctx) -> None:
    first = planned(ctx, serve="all")
    skipped = next(iter(ctx.city.bins))
    plan_id = changed(ctx, first, skip=[skipped])
    found = repeat_plan(plan_id, ctx)
    assert found.stored.problem["went_on"]
    assert found.verdict.outcome == "same"


def test_another_seed_than_the_stored_one_shows(ctx: Ctx) -> None:
    plan_id = planned(ctx, serve="all")
    with ctx.store.write() as session:
        session.execute(update(StoredPlan).values(seed=StoredPlan.seed + 1))
    found = repeat_plan(plan_id, ctx)
    assert found.verdict.outcome == "different"  # the seed is part of the plan
    assert found.verdict.recorded_hash != found.verdict.replayed_hash


def test_a_plan_whose_search_a_person_ended_is_told_not_to_be_repeatable(ctx: Ctx) -> None:
    impatient = replace(ctx, tuning=Tuning(solve_seconds=30.0, watching=Watching(lambda _: None, lambda: True)))
    result = ask(ctx, "audit_trail", decision=planned(impatient, serve="all"), check="replay")
    assert result.facts.verdict == "gone"
    assert "ended early on request" in result.degraded[0]
    assert "cannot be solved again" in result.sentence()


def test_a_repetition_that_a_person_ends_says_nothing_about_the_plan(ctx: Ctx) -> None:
    plan_id = planned(ctx, serve="all")
    impatient = replace(ctx, tuning=Tuning(watching=Watching(lambda _: None, lambda: True)))
    assert repeat_plan(plan_id, impatient).verdict.outcome == "gone"


def test_other_distances_or_records_are_named_as_what_is_gone(ctx: Ctx) -> None:
    plan_id = planned(ctx, serve="all")
    slower = replace(ctx, distances=HaversineMatrix(speed_kmh=20))
    fewer = replace(ctx, city=replace(ctx.city, bins=dict(list(ctx.city.bins.items())[1:])))
    for other in (slower, fewer):
        found = repeat_plan(plan_id, other)
        assert found.verdict.outcome == "gone"
        assert "other records or distances" in found.verdict.why


def test_a_plan_that_is_not_stored_is_asked_for_again_and_only_readers_of_the_ledger_may(ctx: Ctx) -> None:
    with pytest.raises(UnknownName):
        ask(ctx, "audit_trail", decision="P-0999", check="replay")
    viewer = replace(ctx, actor=replace(ctx.actor, role=Role.viewer))
    with pytest.raises(NotPermitted):
        ask(viewer, "audit_trail", decision=planned(ctx), check="replay")
