"""What `ours` believes by: the assistant's own forecast, fed with nothing but what had been recorded by then."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from test_operations_world import MONDAY, line_town, steady_world

from engines.forecast.ensemble import predict_all
from engines.forecast.history import BinHistory
from engines.forecast.horizons import origins
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.predict import Ask
from engines.forecast.rates import fit_rates
from engines.routing.worth import FULL_PCT, NEXT_CHANCE_H, REACHED_H
from evals.operations.foresight import Filter, Forecasts, Foretold, cleaned, soon, trained_on
from evals.operations.policies import Known, ours, threshold_tuned
from evals.operations.rounds import Effort, Planner, Wish
from evals.operations.sensors import NO_SENSORS, draw_sensors
from evals.operations.town import DAY_H, WEEK_H, Town, moment_of
from evals.operations.world import View, World, play
from tools.fill_models import Forecaster, Identity
from tools.fill_table import Foreseen

PACE = (10.0, 30.0)  # points a day
MEMBERS = ("hour_of_week",)


@pytest.fixture(scope="module")
def town() -> Town:
    """Two bins in a truck that holds ten of them; their levels are told exactly."""
    return replace(line_town(2), step_pct=0.0)


@pytest.fixture(scope="module")
def past(town: Town) -> list[BinHistory]:
    """Half a year of emptyings every two days, of bins that fill evenly, until the world begins."""
    at = np.array([moment_of(MONDAY - 48.0 * k) for k in range(90, 0, -1)])
    return [
        BinHistory(b, "waste", s, at, np.full(90, 2 * pace), step_pct=0.0)
        for b, s, pace in zip(town.bins, town.sites, PACE, strict=True)
    ]


@pytest.fixture(scope="module")
def forecasts(past: list[BinHistory]) -> Forecasts:
    """The assistant's forecast where emptyings are all that is known."""
    return trained_on(past, moment_of(MONDAY), MEMBERS)


def without_sensors(world: World) -> World:
    """The same world, in which no bin reports."""
    bins, hours = world.grown.shape
    return replace(world, sensors=draw_sensors(bins, hours - 1, 0.0, NO_SENSORS, np.random.default_rng(0)))


def seen_in(world: World) -> list[View]:
    """What is seen day by day when every bin is emptied every fourth day."""
    views: list[View] = []

    def every_fourth(view: View) -> list[Wish]:
        views.append(view)
        return [Wish(i, 100) for i in range(len(view.town.bins))] if view.day % 4 == 0 else []

    play(world, every_fourth, Planner(world.town, Effort(looks=50)))
    return views


# ---------------------------------------------------------------- the assistant's forecast


def test_the_forecast_is_the_one_that_the_assistant_tells(
    town: Town, past: list[BinHistory], forecasts: Forecasts
) -> None:
    """On the first Monday nothing is joined to the records, so the engine's front door must say the very same."""
    view = seen_in(without_sensors(steady_world(town, PACE, weeks=2)))[0]
    ask = Ask(view.now, (REACHED_H, NEXT_CHANCE_H), FULL_PCT)
    joined = [
        replace(old, emptied_at=np.append(old.emptied_at, new.emptied_at), levels=np.append(old.levels, new.levels))
        for old, new in zip(past, view.past(np.inf), strict=True)
    ]
    told = predict_all(joined, None, ask, forecasts.model)
    assert isinstance(forecasts.model.members[0], HourOfWeek)
    found = forecasts.fresh().foretell(view)
    assert found.level == pytest.approx([each.by[0].p50 for each in told], abs=1.0)
    assert found.full == pytest.approx([each.by[1].chance for each in told], abs=0.05)


@pytest.mark.parametrize("minutes", [0, 25, 59])
def test_hours_that_are_not_asked_for_change_nothing_of_those_that_are(
    town: Town, forecasts: Forecasts, minutes: int
) -> None:
    """The assistant keeps 107 hours ahead; what it says of the next two rounds is the same off the few made here."""
    past = seen_in(steady_world(town, PACE, weeks=2))[9].past(np.inf)
    now = moment_of(MONDAY + 9 * DAY_H + 6) + np.timedelta64(minutes, "m")
    rates, at = fit_rates(past), origins(past, now)
    member = forecasts.model.with_rates(rates)
    whole = Forecaster(Identity("fill", "1"), member, rates).forecast(past, at).horizons
    few = soon(member, rates, past, at)
    one, two = (
        Foreseen(h, 0).forecasts(now.astype(datetime), (REACHED_H, NEXT_CHANCE_H), FULL_PCT) for h in (whole, few)
    )
    assert [(f.now, f.by) for f in one] == [(f.now, f.by) for f in two]
    assert all(0 < f.by[0].p50 < 100 for f in two)


@pytest.mark.parametrize("sensed", [True, False])
def test_steady_bins_are_foretold_as_they_are(town: Town, forecasts: Forecasts, sensed: bool) -> None:
    world = steady_world(town, PACE, weeks=2)
    foresight = forecasts.fresh()
    for view in seen_in(world if sensed else without_sensors(world)):
        true = world.level_at(view.now_h + REACHED_H, view.emptied_h)
        assert foresight.foretell(view).level == pytest.approx(np.minimum(true, 100), abs=12)


def test_the_forecast_learns_from_what_was_emptied_since(town: Town, forecasts: Forecasts) -> None:
    """The bins fill three times as fast as they used to: after some weeks the forecast has come nearer."""
    world = without_sensors(steady_world(town, (30.0, 90.0), weeks=8))
    views = seen_in(world)
    foresight = forecasts.fresh()
    early, late = (foresight.foretell(view).level for view in (views[2], views[-2]))
    assert (views[2].now_h - views[2].emptied_h == views[-2].now_h - views[-2].emptied_h).all()
    assert late[0] > early[0] + 5


def test_nothing_that_comes_later_changes_what_was_foretold(town: Town, forecasts: Forecasts) -> None:
    world = steady_world(town, PACE, weeks=3)
    wild = replace(world, grown=np.where(np.arange(world.grown.shape[1]) > 8.5 * DAY_H, 5 * world.grown, world.grown))
    calm, other = seen_in(world)[8], seen_in(wild)[8]
    one, two = forecasts.fresh().foretell(calm), forecasts.fresh().foretell(other)
    assert np.array_equal(one.level, two.level)
    assert np.array_equal(one.full, two.full)
    late = seen_in(wild)[12]
    assert not np.array_equal(
        forecasts.fresh().foretell(late).level, forecasts.fresh().foretell(seen_in(world)[12]).level
    )


def test_a_run_keeps_nothing_of_another(town: Town, forecasts: Forecasts) -> None:
    """Two worlds of the same weeks: what was fitted on the first one's emptyings does not reach the second."""
    slow, fast = (seen_in(without_sensors(steady_world(town, p, weeks=6)))[-2] for p in (PACE, (30.0, 90.0)))
    alone = forecasts.fresh().foretell(fast)
    forecasts.fresh().foretell(slow)
    assert np.array_equal(forecasts.fresh().foretell(fast).level, alone.level)


def test_readings_that_could_not_be_true_are_not_given_to_the_models(town: Town, past: list[BinHistory]) -> None:
    """One single echo at 95 % between readings of 10 %, as the assistant drops it at the next midnight."""
    hours = MONDAY + 3.0 * np.arange(40)
    readings = np.full(40, 10.0) + np.arange(40) / 10
    readings[20] = 95.0
    noisy = replace(past[0], read_at=np.array([moment_of(h) for h in hours]), readings=readings)
    assert 95.0 not in cleaned(noisy, moment_of(MONDAY + WEEK_H)).readings


# ---------------------------------------------------------------- choosing


class Silent:
    """A foresight that cannot tell of the first bin, and is sure of the second."""

    def foretell(self, view: View) -> Foretold:
        """The same every day."""
        return Foretold(np.array([np.nan, 95.0]), np.array([np.nan, 1.0]))

    def fresh(self) -> Silent:
        """Nothing is kept."""
        return self


def known_with(town: Town, foresight: Silent | Filter, sensed: bool = True) -> Known:
    """What planners know of two bins that fill by 10 and 30 points a day."""
    grown = np.array(PACE)[:, None] / DAY_H * np.arange(12 * WEEK_H + 1)
    return Known(town, foresight, np.array(PACE) / DAY_H, grown, sensed=sensed)


def test_a_bin_of_which_nothing_can_be_told_stays_off_the_round(town: Town) -> None:
    view = seen_in(steady_world(town, PACE))[1]
    assert [wish.bin for wish in ours(view, known_with(town, Silent()), 10.0)] == [1]


def test_without_sensors_the_threshold_goes_by_the_mean_pace_since_the_last_emptying(town: Town) -> None:
    world = without_sensors(steady_world(town, PACE))
    known = known_with(town, Silent(), sensed=False)
    served = [[wish.bin for wish in threshold_tuned(view, known, 60.0)] for view in seen_in(world)]
    assert served == [[], [], [1], [1], [1], [], [1]]  # it is emptied every fourth day, the slow bin too


def test_without_sensors_nothing_is_read_and_what_bins_tell_when_emptied_is_all(town: Town) -> None:
    views = seen_in(without_sensors(steady_world(town, PACE, weeks=2)))
    assert all(np.isnan(view.read_pct).all() for view in views)
    past = views[-1].past(np.inf)
    assert all(len(each.readings) == 0 for each in past)
    assert [len(each.levels) for each in past] == [5, 5]
    assert past[1].levels[2:] == pytest.approx(np.full(3, 100.0), abs=20)  # four days at 30 points
    assert past[0].levels[2:] == pytest.approx(np.full(3, 40.0), abs=20)
