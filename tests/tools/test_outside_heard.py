"""A foundation forecaster that fails is told of in each answer made without it, and in no other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scene import NOW, a_ctx, ask
from sqlalchemy import select

from domain.clock import fixed_clock
from domain.ports import Foretold
from domain.repositories.predictions import PredictionRow
from domain.store import Store
from domain.work_records import Prediction
from tools.context import Ctx, Tuning
from tools.fill_models import FillModels
from tools.fill_table import FillTable, stays_true
from tools.generations import as_rows
from tools.outside_forecaster import Outsider
from tools.refresh import Refresher

FAILED = "Chronos cannot be used (status 500): the forecast is made without it"
UNHEARD = "Chronos at x was not heard when the table was made: the forecast is made without it"
ASKED = {"forecast_fill": {"by": "tomorrow noon", "bins": ["102"]}, "find_bins": {"bins": ["102"]}}


@dataclass
class Rising:
    """A forecaster that says that each bin gains steadily, or fails."""

    broken: bool = False
    name: str = "Chronos at x"

    def foretell(self, series: Sequence[npt.NDArray[np.float64]], hours: int) -> Foretold:
        if self.broken:
            return Foretold(None, self.name, FAILED)
        path = np.arange(1.0, hours + 1)[:, None] * np.arange(1, 10) / 4
        return Foretold(np.tile(path, (len(series), 1, 1)), self.name)


def models(store: Store, forecaster: Rising) -> FillModels:
    """A process that has just started, with this forecaster beside its model."""
    return FillModels(store, None, Outsider(forecaster, 0.9))


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))


def renewed(ctx: Ctx, forecaster: Rising) -> None:
    Refresher(ctx.store, models(ctx.store, forecaster), ctx.city, fixed_clock(NOW)).whole()


@pytest.mark.parametrize("name", ASKED)
def test_forecasts_of_the_table_that_were_made_without_it_say_so_when_it_is_well_again(ctx: Ctx, name: str) -> None:
    renewed(ctx, Rising(broken=True))
    told = ask(replace(ctx, fill=models(ctx.store, Rising())), name, **ASKED[name]).degraded
    assert told == [UNHEARD]
    assert not stays_true(UNHEARD)


def test_forecasts_made_without_it_are_those_of_the_model_alone(ctx: Ctx) -> None:
    renewed(ctx, Rising(broken=True))
    with ctx.store.read() as session:
        kept = session.execute(select(*(getattr(Prediction, name) for name in PredictionRow._fields))).all()
    alone = FillTable(ctx.store, ctx.fill).computed(ctx.city, NOW, list(ctx.city.bins))
    assert {*kept} == {*as_rows(alone.horizons, ctx.fill.identity(ctx.city, NOW).model, ctx.zone, 80.0)}


def test_forecasts_made_with_it_say_nothing_and_bear_its_name(ctx: Ctx) -> None:
    renewed(ctx, Rising())
    with ctx.store.read() as session:
        versions = set(session.scalars(select(Prediction.model_version)))
    assert all(version.endswith("/Chronos at x 0.9") for version in versions)
    result = ask(replace(ctx, fill=models(ctx.store, Rising(broken=True))), "forecast_fill", **ASKED["forecast_fill"])
    assert result.degraded == []
    assert result.facts.top_level_pct != ask(ctx, "forecast_fill", **ASKED["forecast_fill"]).facts.top_level_pct


@pytest.mark.parametrize("name", [*ASKED, "plan_round", "explain"])
def test_its_failure_stands_in_the_answer_that_was_computed_without_it(ctx: Ctx, name: str) -> None:
    said = {**ASKED, "plan_round": {"when": "tomorrow"}, "explain": {"subject": "last", "bin": "102"}}[name]
    thread = replace(ctx.thread, last_subject="forecast")
    asking = replace(ctx, thread=thread, fill=models(ctx.store, Rising(broken=True)))
    assert FAILED in ask(asking, name, **said).degraded


def test_a_failure_in_one_question_is_not_said_in_another(ctx: Ctx) -> None:
    forecaster = Rising(broken=True)
    asking = replace(ctx, fill=models(ctx.store, forecaster))
    assert ask(asking, "find_bins", bins=["102"]).degraded == [FAILED]
    assert ask(asking, "find_bins", bins=["106"]).degraded == []  # without a sensor: it is not asked of it
    forecaster.broken = False
    assert ask(asking, "find_bins", bins=["102"]).degraded == []


def test_its_failure_over_planned_visits_is_said_beside_their_levels(ctx: Ctx) -> None:
    renewed(ctx, Rising())
    table = FillTable(ctx.store, models(ctx.store, Rising(broken=True)))
    told = table.with_visits(ctx.city, NOW, 24.0, {"102": [NOW + timedelta(hours=3)]})
    assert told.degraded == FAILED
    alone = FillTable(ctx.store, FillModels(ctx.store)).with_visits(
        ctx.city, NOW, 24.0, {"102": [NOW + timedelta(hours=3)]}
    )
    assert told.levels["102"] == pytest.approx(alone.levels["102"])
