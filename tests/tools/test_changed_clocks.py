"""Nights in which the clocks are changed: what is told for an hour of the wall clock is the forecast of that hour."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import ZONE, a_ctx, ask, send_round

from domain.records import Reading
from domain.store import Store
from tools.context import Ctx
from tools.fill import foresee, hours_ahead
from tools.fill_models import FillModels
from tools.fill_table import FillTable
from tools.fill_visits import visits_by

AUTUMN, SPRING = (datetime(2025, 11, 1, 22, tzinfo=ZONE), datetime(2026, 3, 7, 22, tzinfo=ZONE))
NOON_H = 14.0  # from 22:00 to noon, as the clock shows it


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def filling(ctx: Ctx, now: datetime) -> Ctx:
    """The city in an evening in which a bin was emptied that gains four points an hour every day."""
    with ctx.store.write() as session:
        for hour in range(24 * 20):
            level = 4.0 * (hour % 24)
            session.add(Reading(city="smalltown", bin_id="102", read_at=_wall(now, hour - 24 * 20), fill_pct=level))
        session.add(Reading(city="smalltown", bin_id="102", read_at=now, fill_pct=0.0))
    return replace(ctx, now=now, fill=FillModels(ctx.store))


def _wall(now: datetime, hours: int) -> datetime:
    return now + timedelta(hours=hours)  # by the wall clock: the zone stays


@pytest.mark.parametrize("now", [AUTUMN, SPRING])
def test_the_forecast_for_noon_is_that_of_noon_by_the_citys_clock(ctx: Ctx, now: datetime) -> None:
    ctx = filling(ctx, now)
    result = ask(ctx, "forecast_fill", by="tomorrow noon", threshold_pct=50, bins=["102"])
    row = dict(zip(result.table.columns, result.table.rows[0], strict=True))
    foreseen = foresee(ctx, [ctx.city.bins["102"]])
    (told,) = foreseen.forecasts(now, (NOON_H,), 50)
    assert (row["low_pct"], row["high_pct"]) == (round(told.by[0].p10), round(told.by[0].p90))
    assert row["chance_pct"] == round(100 * told.by[0].chance)
    (passed,) = foreseen.forecasts(now, ((_wall(now, 14).timestamp() - now.timestamp()) / 3600,), 50)
    assert round(passed.by[0].p90) != round(told.by[0].p90)


@pytest.mark.parametrize(("now", "passes_h"), [(AUTUMN, 15.0), (SPRING, 13.0)])
def test_hours_ahead_are_those_of_the_wall_clock(ctx: Ctx, now: datetime, passes_h: float) -> None:
    noon = _wall(now, 14)
    assert noon.timestamp() - now.timestamp() == passes_h * 3600
    assert hours_ahead(replace(ctx, now=now), noon) == NOON_H


def test_a_bin_emptied_in_the_night_is_as_full_at_noon_as_the_hours_of_the_clock_since_make_it(ctx: Ctx) -> None:
    ctx, noon = filling(ctx, AUTUMN), _wall(AUTUMN, 14)
    visits = [{"stop_id": "102", "arrival_s": 7 * 3600}]
    send_round(ctx.store, "Truck 1", _wall(AUTUMN, 7), {"seconds": 7200, "visits": visits})
    pairs = [(ctx.city.bins["102"], foresee(ctx, [ctx.city.bins["102"]]).forecasts(AUTUMN, (NOON_H,), 80)[0])]
    told = visits_by(ctx, pairs, noon, 80)
    table = FillTable(ctx.store, ctx.fill)
    by_the_clock, by_what_passes = (
        table.with_visits(ctx.city, AUTUMN, hours, told.at).levels["102"] for hours in (NOON_H, NOON_H + 1)
    )
    assert (told.levels["102"] == by_the_clock).all()
    assert (by_the_clock != by_what_passes).any()
