"""Which model is champion of a city on its first start, and since when: none that has learnt what is still to come."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx, ask, at
from shelved import a_model

from domain.repositories.models import aliases_at, is_registered, point_alias
from domain.store import Store
from tools.context import Ctx
from tools.fill_models import FillModels, stocked_models
from tools.model_shelf import ModelShelf, model_name

NAME = model_name("smalltown")
UNTIL, LATE = at("2025-08-10 00:00"), at("2026-08-25 00:00")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def test_a_model_that_comes_with_a_new_city_forecasts_for_every_moment_after_its_training(
    ctx: Ctx, tmp_path: Path
) -> None:
    a_model(ctx.fill.rates(ctx.city, UNTIL), tmp_path / "shipped" / "1", UNTIL, 5.0)
    fill = stocked_models(ctx.store, "smalltown", (tmp_path / "shipped",), NOW)
    moments = (UNTIL, UNTIL + timedelta(days=3), NOW)
    assert [fill.identity(ctx.city, moment).name for moment in moments] == ["fill"] * 3
    before = fill.identity(ctx.city, UNTIL - timedelta(seconds=1))
    assert (before.name, before.degraded) == ("hour_of_week", None)


def test_a_model_that_has_learnt_from_later_than_the_clock_is_no_champion_and_each_answer_says_why(
    ctx: Ctx, tmp_path: Path
) -> None:
    a_model(ctx.fill.rates(ctx.city, UNTIL), tmp_path / "models" / "9", LATE, 5.0)
    shelves = (tmp_path / "models",)
    for _ in range(2):  # a first start and a second one
        fill = stocked_models(ctx.store, "smalltown", shelves, NOW)
        (told,) = ask(replace(ctx, fill=fill), "forecast_fill", by="tomorrow noon").degraded
        assert told == (
            "version 9 cannot be used: it has learnt from records up to 2026-08-25 00:00, later than this moment; "
            "the hour-of-week rate forecasts instead"
        )
    with ctx.store.read() as session:
        assert is_registered(session, NAME, "9")
        assert aliases_at(session, NAME, LATE) == {}


def test_of_two_models_the_one_that_knows_nothing_later_than_the_clock_is_champion(ctx: Ctx, tmp_path: Path) -> None:
    for version, until in (("1", UNTIL), ("9", LATE)):
        a_model(ctx.fill.rates(ctx.city, UNTIL), tmp_path / "models" / version, until, 5.0)
    fill = stocked_models(ctx.store, "smalltown", (tmp_path / "models",), NOW)
    assert (fill.identity(ctx.city, NOW).degraded, fill.identity(ctx.city, NOW).version[:2]) == (None, "1.")


def test_a_champion_promoted_before_the_end_of_its_training_gives_way_until_then(ctx: Ctx, tmp_path: Path) -> None:
    for version, until in (("1", UNTIL), ("9", LATE)):
        a_model(ctx.fill.rates(ctx.city, UNTIL), tmp_path / "models" / version, until, 5.0)
    shelf = ModelShelf(ctx.store, (tmp_path / "models",))
    shelf.stock("smalltown", NOW)
    with ctx.store.write() as session:
        point_alias(session, NAME, "champion", "9", NOW)
    models = FillModels(ctx.store, shelf)
    assert models.identity(ctx.city, LATE).version.startswith("9.")
    identity = models.identity(ctx.city, NOW)
    assert identity.version.startswith("1.")
    assert "later than this moment; version 1 forecasts instead" in (identity.degraded or "")
