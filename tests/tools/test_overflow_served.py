"""The trained chance of an overflow: kept in the table, told where it was trained, and worth a warning from where."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from scene import NOW, a_ctx, ask, at
from sqlalchemy import select

from domain.clock import fixed_clock
from domain.records import Reading
from domain.store import Store
from domain.work_records import Prediction
from engines.forecast.boosted import fit_boosted
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory
from engines.forecast.horizons import WARNED_H
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.model_files import Label, to_files
from engines.forecast.stack import Weights
from tools.context import Ctx
from tools.fill import foresee
from tools.fill_models import FillModels
from tools.model_shelf import ModelShelf
from tools.refresh import Refresher

HOURS = tuple(float(each) for each in WARNED_H)


def filling(number: int) -> BinHistory:
    """A bin read every three hours for 20 weeks; it is emptied when it is full, once in three to nine days."""
    hour = np.arange(0, 20 * 168, 3)
    level = np.minimum(hour * (0.5 + 0.1 * number) % 115, 100.0)
    start = np.datetime64("2025-03-01T00:00:00")
    read_at = start + hour.astype("timedelta64[h]")
    fell = np.flatnonzero(np.diff(level) < -25) + 1
    stream = ("Waste", "Compostables", "Bottles/Cans")[number % 3]
    return BinHistory(
        f"f{number}", stream, "s", read_at[fell], level[fell - 1], read_at.astype("datetime64[s]"), level, 0.0
    )


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    """The small city, every bin read lately, forecast by a model with trees."""
    with store.write() as session:
        for bin_id, level in (("101", 30.0), ("102", 60.0), ("103", 70.0)):
            session.add_all(
                Reading(
                    city="smalltown", bin_id=bin_id, fill_pct=level - hour / 10, read_at=NOW - timedelta(hours=hour)
                )
                for hour in range(1, 60, 3)
            )
    plain = a_ctx(store, tmp_path)
    trees = fit_boosted([filling(number) for number in range(9)], rounds=40)
    rates = HourOfWeek(plain.fill.rates(plain.city, NOW))
    weights = Weights(("hour_of_week", "boosted"), {(0, ""): np.array([0.5, 0.5])})
    until = at("2025-08-25 00:00")
    folder = tmp_path / "models" / "1"
    folder.mkdir(parents=True)
    for name, data in to_files(Ensemble((rates, trees), weights), Label("1", until)).items():
        (folder / name).write_bytes(data)
    shelf = ModelShelf(store, [tmp_path / "models"])
    shelf.stock("smalltown", until)
    return replace(plain, fill=FillModels(store, shelf))


def test_what_is_looked_up_is_what_is_computed(ctx: Ctx) -> None:
    bins = list(ctx.city.bins.values())
    computed = foresee(ctx, bins)
    Refresher(ctx.store, ctx.fill, ctx.city, fixed_clock(NOW)).whole()
    looked_up = foresee(ctx, bins)
    assert (computed.looked_up, looked_up.looked_up) == (0, len(bins))
    assert looked_up.degraded == ()
    told = looked_up.forecasts(NOW, HOURS, 80)
    assert told == computed.forecasts(NOW, HOURS, 80)
    assert sum(bool(each.overflow_by) for each in told) >= 3


def test_the_chance_told_is_the_trained_one_for_its_threshold_and_the_levels_for_others(ctx: Ctx) -> None:
    seen = foresee(ctx, [ctx.city.bins[each] for each in ("101", "102", "103")])
    trained, other = seen.forecasts(NOW, HOURS, 80), seen.forecasts(NOW, HOURS, 79.9)
    for mine, levels in zip(trained, other, strict=True):
        assert [each.chance for each in mine.by] == list(mine.overflow_by)
        assert list(mine.overflow_by) == sorted(mine.overflow_by)
        assert [each.p50 for each in mine.by] == [each.p50 for each in levels.by]
    assert [each.chance for each in trained[0].by] != [each.chance for each in other[0].by]


def test_the_tables_own_column_holds_it(ctx: Ctx) -> None:
    told = foresee(ctx, [ctx.city.bins["102"]])
    Refresher(ctx.store, ctx.fill, ctx.city, fixed_clock(NOW)).whole()
    with ctx.store.read() as session:
        (row,) = session.scalars(select(Prediction).where(Prediction.bin_id == "102"))
    origin = NOW - timedelta(hours=0)
    assert row.p_overflow == pytest.approx(told.forecasts(origin, (24.0,), 80)[0].by[0].chance, abs=1e-4)


def test_the_answer_names_the_chance_from_which_a_warning_is_worth_it(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=["101", "102", "103"])
    chances = [dict(zip(result.table.columns, row, strict=True))["chance_pct"] for row in result.table.rows]
    assert result.facts.warn_from_pct == 35
    assert result.facts.bins_to_warn_of == sum(chance >= 35 for chance in chances)
    assert "from which a warning is worth it" in result.sentence()
    assert "from 35 % on a warning is worth it" in ask(ctx, "model_status", model="overflow").why[0].text
    elsewhere = ask(ctx, "forecast_fill", by="tomorrow noon", bins=["101"], threshold_pct=60)
    assert (elsewhere.facts.warn_from_pct, elsewhere.facts.bins_to_warn_of) == (None, None)


def test_days_like_it_are_told_of_a_bin_with_a_sensor_and_without_a_past_no_driver(ctx: Ctx) -> None:
    for result in (
        ask(ctx, "forecast_fill", by="tomorrow noon", bins=["102"]),
        ask(replace(ctx, thread=replace(ctx.thread, last_subject="forecast")), "explain", bin="102"),
    ):
        (why,) = [each for each in result.why if any("trees" in evidence.label for evidence in each.evidence)]
        assert "on the days most like this one it gained" in why.text
        assert "against its usual" not in why.text  # two days of readings do not say what is usual


def test_what_drives_a_bin_that_lately_fills_otherwise_is_told_against_its_usual(ctx: Ctx) -> None:
    with ctx.store.write() as session:
        for hour in range(61, 16 * 168, 3):
            level = min((16 * 168 - hour) * 1.2 % 115, 100.0) if hour > 160 else 40.0
            session.add(
                Reading(city="smalltown", bin_id="102", fill_pct=level, read_at=ctx.now - timedelta(hours=hour))
            )
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=["102"])
    (why,) = [each for each in result.why if any("trees" in evidence.label for evidence in each.evidence)]
    assert re.search(r"against its usual, .* (adds \d+ points? to|takes \d+ points? off) what it gains", why.text)
