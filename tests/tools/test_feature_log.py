"""The feature store: values of the function that trains and serves, and none before it was known."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from scene import NOW, a_ctx, ask

from domain.clock import fixed_clock
from domain.errors import BadData
from domain.records import Reading
from domain.repositories.features import FeatureRow, add_features, features_as_of
from domain.store import Store
from engines.forecast.boosted import Boosted
from engines.forecast.columns import hours
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import FEATURES_VERSION, NAMES, features
from engines.forecast.history import BinHistory
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.known import BUCKETS, Weeks
from engines.forecast.member import Windows
from engines.forecast.stack import Weights
from tools.context import Ctx
from tools.feature_log import FEATURE, RATES_VERSION, feature_rows, features_repeat, log_features, version_of
from tools.fill_models import FillModels, Forecaster
from tools.refresh import Refresher


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def a_row(event_h: float, known_h: float, value: float) -> FeatureRow:
    event, known = (NOW + timedelta(hours=each) for each in (event_h, known_h))
    return FeatureRow("105", "level", "1", event, known, value)


def test_a_value_is_seen_only_from_when_it_was_known(city_store: Store) -> None:
    with city_store.write() as session:
        add_features(session, "smalltown", [a_row(-2, -2, 10.0), a_row(-1, 5, 99.0)])
    with city_store.read() as session:
        early = features_as_of(session, "smalltown", ("level", "1"), NOW)
        late = features_as_of(session, "smalltown", ("level", "1"), NOW + timedelta(hours=5))
        other = features_as_of(session, "smalltown", ("level", "2"), NOW + timedelta(hours=5))
    assert (early["105"].value, late["105"].value, other) == (10.0, 99.0, {})


def test_a_planted_look_ahead_is_refused(city_store: Store) -> None:
    with pytest.raises(BadData, match="level of 105 cannot be known"), city_store.write() as session:
        add_features(session, "smalltown", [a_row(0, -1, 50.0)])


def test_a_renewal_keeps_what_its_forecasts_were_computed_from_once_a_day(ctx: Ctx, store: Store) -> None:
    models = FillModels(store)
    Refresher(store, models, ctx.city, fixed_clock(NOW)).whole()
    assert log_features(store, models, ctx.city, NOW + timedelta(hours=3)) == 0
    assert log_features(store, models, ctx.city, NOW + timedelta(days=1)) > 0
    with store.read() as session:
        rows = features_as_of(session, "smalltown", (FEATURE, RATES_VERSION), NOW)
        before = features_as_of(session, "smalltown", (FEATURE, RATES_VERSION), NOW - timedelta(seconds=1))
    assert before == {}
    value = rows["105"].value
    assert isinstance(value, dict)
    assert value["age_h"] is not None
    assert rows["105"].known_at == NOW


def test_features_computed_again_are_those_that_were_kept(ctx: Ctx, store: Store) -> None:
    assert features_repeat(store, ctx.fill, ctx.city, NOW) == (0, 0)
    Refresher(store, ctx.fill, ctx.city, fixed_clock(NOW)).whole()
    later = FillModels(store)
    kept, same = features_repeat(store, later, ctx.city, NOW + timedelta(hours=5))
    assert kept == same > 5
    assert features_repeat(store, later, ctx.city, NOW - timedelta(seconds=1)) == (0, 0)


def test_a_record_that_came_late_shows_in_the_features(ctx: Ctx, store: Store) -> None:
    Refresher(store, ctx.fill, ctx.city, fixed_clock(NOW)).whole()
    with store.write() as session:
        late = NOW - timedelta(hours=1)
        session.add(Reading(city="smalltown", bin_id="105", read_at=late, fill_pct=7.0))
    kept, same = features_repeat(store, FillModels(store), ctx.city, NOW)
    assert kept - same == 1
    told = ask(replace(ctx, fill=FillModels(store)), "model_status", model="fill")
    assert (told.facts.features_kept, told.facts.features_same) == (kept, same)
    assert any("as they are computed again" in reason.text for reason in told.why)


def test_the_features_kept_are_those_that_the_trees_look_at(ctx: Ctx) -> None:
    weeks = Weeks(("Waste",), np.ones((2, BUCKETS)))
    trees = Boosted(weeks, np.array([48.0, 48.0]), ("",) * 7, ("",) * 7, "")
    plain = ctx.fill.forecaster(ctx.city, NOW)
    both = Ensemble(
        (HourOfWeek(plain.rates), trees), Weights(("hour_of_week", "boosted"), {(0, ""): np.array([0.5, 0.5])})
    )
    forecaster = Forecaster(replace(plain.identity, name="fill"), both, plain.rates)
    read_at = np.datetime64("2025-08-20T00:00:00") + np.arange(0, 288, 6).astype("timedelta64[h]")
    read = BinHistory("105", "Waste", "s", read_at=read_at, readings=np.arange(48.0) * 2, step_pct=0.0)
    silent = BinHistory("106", "Waste", "s")
    (row,) = feature_rows(forecaster, [read, silent], ctx.city, NOW)
    made = hours(np.array([np.datetime64("2025-09-01T08:00:00")]))
    expected = features(Windows([read], made, np.array([24.0])), weeks, trees.reach_h).rows[0]
    assert version_of(forecaster) == row.version == FEATURES_VERSION
    assert isinstance(row.value, dict)
    assert list(row.value) == list(NAMES)
    for name, value in zip(NAMES, expected, strict=True):
        kept = row.value[name]
        assert (kept is None and np.isnan(value)) or kept == pytest.approx(value, abs=1e-6), name
