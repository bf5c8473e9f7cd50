"""Which bins a round is planned for, and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx
from sqlalchemy import delete, update

from domain.records import CollectionRule, Emptying
from domain.store import Store
from domain.values import BinSet, Call
from tools.context import Ctx, Tuning
from tools.planning import Wish, due_bins, make_round
from tools.resolve import Setting, resolve


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.05))


@pytest.mark.parametrize("weekdays", [[], ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]])
def test_the_fixed_schedule_passes_by_a_bin_until_its_interval_is_over(ctx: Ctx, weekdays: list[str]) -> None:
    bins = list(ctx.city.bins.values())
    emptied = {bin_.bin_id: NOW - timedelta(days=number) for number, bin_ in enumerate(bins, 1)}
    with ctx.store.write() as session:
        session.execute(update(CollectionRule).values(interval_days=9, weekdays=weekdays))
        session.execute(delete(Emptying))
        session.add_all(
            Emptying(city="smalltown", bin_id=bin_id, emptied_at=at, fill_pct=None, reason="")
            for bin_id, at in emptied.items()
        )
    due = due_bins(ctx, bins, NOW)
    in_service = {bin_.bin_id for bin_ in bins if bin_.in_service}
    assert due == {bin_id for bin_id, at in emptied.items() if bin_id in in_service and at <= NOW - timedelta(days=9)}
    assert due


def test_bins_that_must_be_served_stand_in_the_order_in_which_they_were_named(ctx: Ctx) -> None:
    named = tuple(sorted(ctx.city.bins, reverse=True))
    when = resolve(Call("plan_round", {"when": "tomorrow"}), Setting(ctx.city, ctx.now)).values["when"]
    wish = Wish(when=when, serve="min_fill", min_fill_pct=0, stream="nothing", must_serve=BinSet(named, named))
    assert tuple(stop.id for stop in make_round(wish, ctx).problem.stops) == named
