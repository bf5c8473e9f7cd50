"""Drivers: every figure has one, all that are named move the level told, and what is usual names none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sensed import MORNING, START, sensed

from domain.errors import BadData
from engines.forecast.boosted import fit_boosted
from engines.forecast.columns import hours
from engines.forecast.drivers import (
    COLUMNS,
    DRIVERS,
    LEAST_POINTS,
    MOST_DRIVERS,
    USUAL_H,
    Told,
    faithful,
    named,
    usual_windows,
)
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import NAMES
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import Windows
from engines.forecast.past_windows import Span, past_windows
from engines.forecast.rates import fit_rates
from engines.forecast.stack import Weights


@pytest.fixture(scope="module")
def ensemble(bins: list[BinHistory]) -> Ensemble:
    """Trees that count six tenths beside rates."""
    known = [b.until(MORNING) for b in bins]
    members = (HourOfWeek(fit_rates(known)), fit_boosted(known, rounds=60))
    return Ensemble(members, Weights(("hour_of_week", "boosted"), {(2, ""): np.array([0.4, 0.6])}))


@pytest.fixture(scope="module")
def later(bins: list[BinHistory]) -> Windows:
    outcomes = past_windows(bins, 24.0, Span(float(hours(np.array([MORNING]))[0]), every_h=6.0))
    return outcomes.windows.without_plan()


def test_every_figure_has_one_driver_that_speaks_for_it() -> None:
    spoken_for = [each for each_of in DRIVERS.values() for each in each_of]
    assert sorted(spoken_for) == sorted(NAMES)


def test_all_drivers_that_are_named_move_the_level_as_said_when_asked_again(ensemble: Ensemble, later: Windows) -> None:
    found = faithful(ensemble, later)
    assert found.named > 50
    assert found.named > found.told  # not the first alone
    assert found.share >= 0.9


def test_with_its_own_figures_a_window_is_told_the_level_that_the_ensemble_tells(
    ensemble: Ensemble, later: Windows
) -> None:
    told = Told.of(ensemble, later)
    assert told.again(np.arange(len(later)), told.own.rows) == pytest.approx(told.said)


def test_what_a_driver_adds_is_what_is_missing_without_its_figures(ensemble: Ensemble, later: Windows) -> None:
    told = Told.of(ensemble, later.where(np.array([3])))
    usual = ensemble.trees
    assert usual is not None
    rows = usual.table(usual_windows(told.windows, USUAL_H[:1])).rows
    for number, columns in enumerate(COLUMNS.values()):
        changed = told.own.rows.copy()
        changed[:, columns] = rows[:, columns]
        without = told.again(np.array([0]), changed)
        assert told.without(USUAL_H[:1])[0, number, 0] == pytest.approx(told.said[0] - without[0])


def added(*points: list[float]) -> Floats:
    """What drivers add in one window, one list a driver; the others nothing."""
    table = np.zeros((1, len(COLUMNS), len(points[0])))
    table[0, : len(points)] = points
    return table


def test_a_driver_that_moves_less_than_a_point_or_now_up_now_down_is_not_named() -> None:
    weak, split, sure = [0.9] * 8, [9.0] * 3 + [-1.0] * 5, [-3.0] * 8
    (found,) = named(added(weak, split, sure))
    assert found is not None
    (only,) = found
    assert (only.words, only.points) == (list(DRIVERS)[2], -3.0)


def test_the_strongest_are_named_first_and_no_more_than_are_read() -> None:
    (found,) = named(added([1.5] * 8, [-4.0] * 8, [2.0] * 8, [3.0] * 8))
    assert found is not None
    assert [each.points for each in found] == [-4.0, 3.0, 2.0]
    assert len(found) == MOST_DRIVERS
    assert all(abs(each.points) >= LEAST_POINTS for each in found)


def test_without_enough_of_a_past_no_driver_is_named(ensemble: Ensemble) -> None:
    young = sensed("young", 1.0, weeks=3)
    told = Told.of(ensemble, Windows.of([young], START + np.timedelta64(20, "D"), (24.0,)))
    assert told.own.able.all()
    assert named(told.without(USUAL_H)) == [None]


def test_usual_windows_are_past_and_begin_as_long_after_a_reading(bins: list[BinHistory]) -> None:
    asked = Windows.of(bins, MORNING + np.timedelta64(1, "h"), (24.0,))
    past = usual_windows(asked, USUAL_H)
    assert (past.at.reshape(len(bins), -1) < asked.at[:, None] - 24).all()
    for row, history in enumerate(past.histories):
        read = hours(history.read_at)
        age = asked.at[0] - read[read <= asked.at[0]].max()
        assert past.at[row] - read[read <= past.at[row]].max() == pytest.approx(age)


def test_what_comes_later_names_no_other_driver(bins: list[BinHistory], ensemble: Ensemble) -> None:
    found = [
        named(Told.of(ensemble, Windows.of(histories, MORNING, (24.0,))).without(USUAL_H))
        for histories in (bins, [b.until(MORNING) for b in bins])
    ]
    assert found[0] == found[1]


def test_the_drivers_of_a_bin_do_not_depend_on_which_others_are_asked_about(
    bins: list[BinHistory], ensemble: Ensemble
) -> None:
    together = named(Told.of(ensemble, Windows.of(bins, MORNING, (24.0,))).without(USUAL_H))
    for each, drivers in zip(bins, together, strict=True):
        assert named(Told.of(ensemble, Windows.of([each], MORNING, (24.0,))).without(USUAL_H)) == [drivers]


def test_where_the_trees_count_for_nothing_they_drive_nothing(ensemble: Ensemble, later: Windows) -> None:
    weights = replace(ensemble.weights, of={(2, ""): np.array([1.0, 0.0])})
    assert faithful(replace(ensemble, weights=weights), later.where(np.arange(20))).named == 0


def test_an_ensemble_without_trees_has_no_drivers(bins: list[BinHistory]) -> None:
    rates = Ensemble((HourOfWeek(fit_rates(bins)),), Weights(("hour_of_week",), {}))
    with pytest.raises(BadData, match="has none"):
        Told.of(rates, Windows.of(bins, MORNING, (24.0,)))
