"""A pretrained forecaster as a member: asked without the future, put on top of the level now, silent where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from domain.ports import Foretold
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory
from engines.forecast.member import SHARES_OUT, Windows
from engines.forecast.outside import Outside
from engines.forecast.stack import Weights

START = np.datetime64("2025-01-06T00:00:00")
FIRST_H = float(START.astype(np.int64)) / 3600


@dataclass
class Steady:
    """Says that each series goes on by its last day's mean growth an hour, deciles a tenth of it apart."""

    fails: str | None = None
    seen: list[npt.NDArray[np.float64]] = field(default_factory=list)
    name: str = "Steady"

    def foretell(self, series: Sequence[npt.NDArray[np.float64]], hours: int) -> Foretold:
        self.seen.extend(series)
        if self.fails:
            return Foretold(None, self.name, self.fails)
        pace = np.array([(each[-1] - each[-25]) / 24 for each in series])
        hour = np.arange(1, hours + 1)[None, :, None]
        return Foretold(pace[:, None, None] * hour * (1 + np.arange(-4, 5) / 10), self.name)


@dataclass
class Flat:
    """Says the same level of every bin at every hour."""

    level: float
    name: str = "flat"

    def quantiles(self, windows: Windows) -> npt.NDArray[np.float64]:
        return np.full((len(windows), len(windows.ahead_h), len(SHARES_OUT)), self.level)


def sensor(pace: float = 0.5) -> BinHistory:
    """Fills at a steady pace, emptied every fifth day at noon."""
    hour = np.arange(0, 40 * 24, 2)
    level = (hour - 12) % 120 * pace
    emptied = np.arange(132, 40 * 24, 120)
    return BinHistory(
        "B", "glass", "s", START + emptied * np.timedelta64(3600, "s"), np.full(len(emptied), 119 * pace),
        START + hour * np.timedelta64(3600, "s"), level, step_pct=0,
    )  # fmt: skip


def windows(ahead: list[float], planned: float | None = None, bins: int = 1) -> Windows:
    at = np.full(bins, FIRST_H + 30 * 24.0)
    plan = None if planned is None else at[:, None] + planned
    return Windows([sensor()] * bins, at, np.array(ahead), plan)


def test_the_growth_foretold_comes_on_top_of_the_level_now() -> None:
    levels = Outside(Steady()).quantiles(windows([1.0, 24.0]))
    now = (30 * 24 - 12) % 120 * 0.5
    np.testing.assert_allclose(levels[0, :, 3], [now + 0.5, now + 12], atol=0.2)
    np.testing.assert_allclose(levels[0, 1, 1], now + 12 * 0.6, atol=0.2)
    assert (np.diff(levels, axis=-1) >= 0).all()


def test_after_a_planned_emptying_only_the_growth_since_then_counts() -> None:
    levels = Outside(Steady()).quantiles(windows([6.0, 30.0], planned=10.0))
    np.testing.assert_allclose(levels[0, 1, 3], 20 * 0.5, atol=1.5)
    assert levels[0, 0, 3] > 20


def test_emptyings_leave_no_trace_in_what_is_asked_and_the_future_is_not_in_it() -> None:
    forecaster = Steady()
    Outside(forecaster).quantiles(windows([5.0]))
    series = forecaster.seen[0]
    assert series[-1] == 0
    assert (np.diff(series) >= -1e-9).all()
    cut = sensor().until(START + np.timedelta64(30, "D"))
    again = Steady()
    Outside(again).quantiles(Windows([cut], np.array([FIRST_H + 30 * 24.0]), np.array([5.0])))
    np.testing.assert_array_equal(again.seen[0], series)


def test_a_forecaster_that_fails_leaves_the_window_to_the_others_with_its_sentence() -> None:
    levels, told = Outside(Steady(fails="Chronos cannot be used")).answer(windows([5.0]))
    assert np.isnan(levels).all()
    assert told == "Chronos cannot be used"


def test_weeks_beyond_its_reach_and_bins_without_a_sensor_are_not_asked_for() -> None:
    forecaster = Steady()
    assert np.isnan(Outside(forecaster).quantiles(windows([400.0]))).all()
    assert forecaster.seen == []
    both = Outside(Steady()).quantiles(windows([24.0, 400.0]))
    assert np.isfinite(both[:, 0]).all()
    assert np.isnan(both[:, 1]).all()
    bare = BinHistory("new", "glass", "s")
    assert np.isnan(Outside(forecaster).quantiles(Windows([bare], np.array([FIRST_H]), np.array([5.0])))).all()
    assert forecaster.seen == []


def test_every_window_has_its_seven_levels_in_range() -> None:
    levels = Outside(Steady()).quantiles(windows([1 / 60, 300.0], bins=3))
    assert levels.shape == (3, 2, len(SHARES_OUT))
    assert ((levels >= 0) & (levels <= 100)).all()


# ---------------------------------------------------------------- beside the members


def test_its_levels_count_by_the_share_that_is_stated() -> None:
    alone = Ensemble((Flat(20.0),), Weights(("flat",), {}))
    both = alone.beside(Outside(Steady()), 0.25)
    asked = windows([24.0, 400.0])
    outside = Outside(Steady()).quantiles(asked)
    np.testing.assert_allclose(both.quantiles(asked)[:, 0], 0.75 * 20.0 + 0.25 * outside[:, 0])
    np.testing.assert_allclose(both.quantiles(asked)[:, 1], 20.0)


def test_where_it_fails_the_members_answer_as_if_it_were_not_there() -> None:
    both = Ensemble((Flat(20.0),), Weights(("flat",), {})).beside(Outside(Steady(fails="down")), 0.25)
    np.testing.assert_array_equal(both.quantiles(windows([24.0])), np.full((1, 1, len(SHARES_OUT)), 20.0))
