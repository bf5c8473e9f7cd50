"""A record of before midnight that comes after it: what it changes has another version, and no process says otherwise.

The models of a day learn from what had been recorded by midnight, so such a record makes them other models.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx, ask, at
from sqlalchemy import update

from domain.clock import fixed_clock
from domain.records import Emptying
from domain.store import Store
from domain.work_records import Generation
from tools.context import Ctx
from tools.fill_models import FillModels
from tools.refresh import Refresher
from tools.result_bytes import result_bytes

MIDNIGHT = at("2025-09-02 00:00")
LATE = MIDNIGHT - timedelta(minutes=10)
MORNING = MIDNIGHT + timedelta(hours=8)


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def emptied(ctx: Ctx, bin_id: str, when: datetime) -> None:
    with ctx.store.write() as session:
        session.add(Emptying(city="smalltown", bin_id=bin_id, emptied_at=when, fill_pct=100.0))


def told(ctx: Ctx, models: FillModels, now: datetime = MORNING) -> bytes:
    """The forecast of a stream as these models tell it."""
    asking = replace(ctx, now=now, fill=models)
    return result_bytes(ask(asking, "forecast_fill", by="tomorrow noon", stream=ctx.city.bins["106"].stream))


def forget_the_table(ctx: Ctx) -> None:
    with ctx.store.write() as session:
        session.execute(update(Generation).values(in_force_from=None))


def test_the_table_of_a_server_that_fitted_at_midnight_says_what_is_computed_from_the_records(ctx: Ctx) -> None:
    server = FillModels(ctx.store)
    before = server.rates(ctx.city, MIDNIGHT)
    emptied(ctx, "106", LATE)
    Refresher(ctx.store, server, ctx.city, fixed_clock(MORNING)).whole()
    assert server.rates(ctx.city, MORNING) is not before
    looked_up = told(ctx, FillModels(ctx.store))
    forget_the_table(ctx)
    assert told(ctx, FillModels(ctx.store)) == looked_up


def test_after_records_that_come_late_a_server_and_a_new_process_forecast_alike(ctx: Ctx) -> None:
    server = FillModels(ctx.store)
    server.rates(ctx.city, NOW)
    first = server.identity(ctx.city, NOW).model
    for days in range(1, 12):
        emptied(ctx, "105", at("2025-08-31 20:00") - timedelta(hours=7 * days))
    assert FillModels(ctx.store).identity(ctx.city, NOW).model != first
    server.renew(ctx.city)
    assert server.identity(ctx.city, NOW).model == FillModels(ctx.store).identity(ctx.city, NOW).model
    assert told(ctx, server, NOW) == told(ctx, FillModels(ctx.store), NOW)


def test_until_the_next_whole_renewal_a_late_record_counts_for_its_bin_and_not_for_the_models(ctx: Ctx) -> None:
    server = FillModels(ctx.store)
    refresher = Refresher(ctx.store, server, ctx.city, fixed_clock(MIDNIGHT))
    refresher.whole()
    fitted, model = server.rates(ctx.city, MIDNIGHT), server.identity(ctx.city, MIDNIGHT).model
    emptied(ctx, "106", LATE)
    refresher.some(["106"])
    soon = MIDNIGHT + timedelta(minutes=10)
    assert server.histories(ctx.city)["106"].emptied_at[-1].item().minute == 50
    assert (server.rates(ctx.city, soon) is fitted, server.identity(ctx.city, soon).model == model) == (True, True)
    other = told(ctx, FillModels(ctx.store), soon)  # of another model: takes no row of the table
    forget_the_table(ctx)
    assert told(ctx, FillModels(ctx.store), soon) == other


def test_a_table_learnt_without_a_late_record_is_made_anew_at_the_same_moment(ctx: Ctx) -> None:
    def renewed() -> int:
        return Refresher(ctx.store, FillModels(ctx.store), ctx.city, fixed_clock(MORNING)).whole().bins

    assert (renewed(), renewed()) == (len(ctx.city.bins), 0)
    emptied(ctx, "106", LATE)
    assert (renewed(), renewed()) == (len(ctx.city.bins), 0)


def test_a_record_of_after_midnight_leaves_the_models_of_the_day_as_they_are(ctx: Ctx) -> None:
    models = FillModels(ctx.store)
    fitted, model = models.rates(ctx.city, MORNING), models.identity(ctx.city, MORNING).model
    emptied(ctx, "106", MIDNIGHT + timedelta(minutes=1))
    models.renew(ctx.city)
    assert (models.rates(ctx.city, MORNING) is fitted, models.identity(ctx.city, MORNING).model) == (True, model)
