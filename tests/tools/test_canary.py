"""A canary is measured beside the champion on the same cases, and answers nothing before it is promoted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from scene import NOW, a_ctx, ask, at
from shelved import a_model
from sqlalchemy import delete

from domain.records import Reading
from domain.repositories.models import point_alias
from domain.store import Store
from engines.forecast.ensemble import Ensemble
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.model_files import FOUND, Label, to_files
from engines.forecast.stack import Weights
from tools.canary import canary_compared
from tools.context import Ctx
from tools.fill import foresee
from tools.fill_models import FillModels
from tools.model_shelf import ModelShelf, model_name

SHIPPED = Path(__file__).parents[2] / "cities" / "berkeley" / "models" / "fill" / "berkeley-1" / FOUND
UNTIL = at("2025-08-20 00:00")


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def tried_out(ctx: Ctx, folder: Path, canary: str = "2") -> Ctx:
    """The city with version 1 as champion and another as canary; its shelf is the folder."""
    shelf = ModelShelf(ctx.store, [folder])
    shelf.stock("smalltown", UNTIL)
    with ctx.store.write() as session:
        point_alias(session, model_name("smalltown"), "canary", canary, UNTIL)
    return replace(ctx, fill=FillModels(ctx.store, ModelShelf(ctx.store, [folder])))


def a_bad_model(ctx: Ctx, folder: Path, until: datetime) -> None:
    """Rates ten times too fast."""
    rates = ctx.fill.rates(ctx.city, until)
    fast = replace(rates, bin_rate={name: 10 * rate for name, rate in rates.bin_rate.items()})
    folder.mkdir(parents=True)
    ensemble = Ensemble((HourOfWeek(fast),), Weights(("hour_of_week",), {(0, ""): np.ones(1)}))
    for name, data in to_files(ensemble, Label(folder.name, until)).items():
        (folder / name).write_bytes(data)


def test_a_worse_canary_is_told_to_be_and_changes_no_answer(ctx: Ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    a_model(ctx.fill.rates(ctx.city, UNTIL), folder / "1", UNTIL, 0.0)
    a_bad_model(ctx, folder / "2", UNTIL - timedelta(days=1))
    bins = list(ctx.city.bins.values())
    alone = tried_out(ctx, folder, "1")
    before = foresee(alone, bins).horizons.levels
    tried = tried_out(ctx, folder)
    told = canary_compared(tried.fill, ctx.city, NOW)
    assert told is not None
    assert told.cases > 20
    assert told.mae is not None
    assert told.champion_mae is not None
    assert told.mae > told.champion_mae + 5
    assert (foresee(tried, bins).horizons.levels == before).all()


def test_the_status_tells_both_errors_of_the_same_cases(ctx: Ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for name in ("1", "2"):
        a_model(ctx.fill.rates(ctx.city, UNTIL), folder / name, UNTIL, 0.0)
    result = ask(tried_out(ctx, folder), "model_status", model="fill")
    assert result.facts.canary_version.startswith("2.")
    assert result.facts.canary_mae_pct == result.facts.champion_same_mae_pct
    assert result.facts.canary_cases > 20
    assert any("The canary 2." in reason.text for reason in result.why)


def test_without_sensors_the_levels_found_are_compared(ctx: Ctx, tmp_path: Path) -> None:
    with ctx.store.write() as session:
        session.execute(delete(Reading))
    fresh = replace(ctx, fill=FillModels(ctx.store))
    for name in ("1", "2"):
        rates = fresh.fill.rates(ctx.city, UNTIL)
        a_model(rates, tmp_path / "models" / name, UNTIL, 0.0, {FOUND: SHIPPED.read_bytes()})
    told = canary_compared(tried_out(fresh, tmp_path / "models").fill, ctx.city, NOW)
    assert told is not None
    assert told.cases > 5
    assert told.mae == told.champion_mae


def test_a_canary_that_cannot_be_used_is_said_to_be(ctx: Ctx, tmp_path: Path) -> None:
    folder = tmp_path / "models"
    for name in ("1", "2"):
        a_model(ctx.fill.rates(ctx.city, UNTIL), folder / name, UNTIL, 0.0)
    tried = tried_out(ctx, folder)
    (folder / "2" / "rates.json").write_text("{}")
    told = canary_compared(tried.fill, ctx.city, NOW)
    assert told is not None
    assert told.why_not is not None
    assert "rates.json is damaged" in told.why_not
    assert "forecasts instead" not in told.why_not
    assert canary_compared(tried.fill, ctx.city, UNTIL - timedelta(seconds=1)) is None


def test_rivals_of_which_one_tells_no_levels_found_are_not_said_to_lack_outcomes(ctx: Ctx, tmp_path: Path) -> None:
    with ctx.store.write() as session:
        session.execute(delete(Reading))
    fresh = replace(ctx, fill=FillModels(ctx.store))
    for name, beside in (("1", {FOUND: SHIPPED.read_bytes()}), ("2", None)):
        a_model(fresh.fill.rates(ctx.city, UNTIL), tmp_path / "models" / name, UNTIL, 0.0, beside)
    told = canary_compared(tried_out(fresh, tmp_path / "models").fill, ctx.city, NOW)
    assert told is not None
    assert told.why_not is not None
    assert told.why_not.startswith("no reading has come since both were trained, and 2.")
    assert told.why_not.endswith("cannot tell the level that a crew finds")
