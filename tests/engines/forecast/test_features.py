"""Features: the same for a row whatever comes after it, and a look into the future is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensed import START, sensed

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.features import NAMES, PLACE, features
from engines.forecast.history import BinHistory, emptyings_from_readings
from engines.forecast.known import Known, Tracks, Weeks, fit_weeks
from engines.forecast.member import Windows

NOON = hours(np.array([START + np.timedelta64(13 * 7 * 24 + 12, "h")]))[0]


@pytest.fixture(scope="module")
def weeks(bins: list[BinHistory]) -> Weeks:
    return fit_weeks(bins)


def asked(bins: list[BinHistory], *ahead: float, plan: float | None = None) -> Windows:
    table = None if plan is None else np.full((len(bins), 1), NOON + plan)
    return Windows(bins, np.full(len(bins), NOON), np.array(ahead or (24.0,)), table)


def cut(bins: list[BinHistory]) -> list[BinHistory]:
    return [b.until(np.datetime64(int(NOON * 3600), "s")) for b in bins]


def test_rows_are_the_same_whether_the_future_is_there_or_not(bins: list[BinHistory], weeks: Weeks) -> None:
    whole, past = features(asked(bins, 6, 24, 200), weeks), features(asked(cut(bins), 6, 24, 200), weeks)
    assert np.array_equal(whole.rows, past.rows, equal_nan=True)


def test_a_future_that_says_something_else_changes_no_figure(bins: list[BinHistory], weeks: Weeks) -> None:
    later = [hours(b.read_at) > NOON for b in bins]
    told = [replace(b, readings=np.where(late, 100.0, b.readings)) for b, late in zip(bins, later, strict=True)]
    assert np.array_equal(features(asked(bins), weeks).rows, features(asked(told), weeks).rows, equal_nan=True)


@pytest.mark.parametrize("look", ["grown", "open_grown", "open_hours", "level_at"])
def test_a_look_into_the_future_is_refused(bins: list[BinHistory], weeks: Weeks, look: str) -> None:
    tracks = Tracks.of(bins[:1], weeks)
    newest = np.searchsorted(tracks.at, [NOON], side="right") - 1
    known = Known(tracks, np.array([0]), np.array([NOON]), newest)
    getattr(known, look)(known.settled_at)
    with pytest.raises(BadData, match="future"):
        getattr(known, look)(np.array([NOON + 24]))


def test_an_emptying_seen_in_readings_is_known_once_the_next_reading_confirms_it(weeks: Weeks) -> None:
    bin_ = sensed("fast 1", 0.8, every_h=48)
    fell = hours(bin_.emptied_at)[30]
    at = np.array([fell, fell + 3])
    rows = features(Windows([bin_, bin_], at, np.array([24.0])), weeks).rows
    assert rows[0, PLACE["since_emptied_h"]] > 24
    assert rows[1, PLACE["since_emptied_h"]] == 3


@pytest.mark.parametrize("after_h", [-0.2, 0.1, 2.9])
def test_a_recorded_emptying_tells_nothing_of_readings_that_come_later(
    bins: list[BinHistory], weeks: Weeks, after_h: float
) -> None:
    recorded = replace(bins[0], emptied_at=bins[0].emptied_at - np.timedelta64(20, "m"))  # by the crew's clock
    now = hours(bins[0].emptied_at)[20] + after_h
    late = hours(recorded.read_at) > now
    told = replace(recorded, readings=np.where(late, 100.0, recorded.readings))
    at, plan = np.array([now, now + 50]), np.array([[now + 6], [now + 56]])
    found = [features(Windows([each] * 2, at, np.array([24.0]), plan), weeks).rows[0] for each in (recorded, told)]
    assert np.array_equal(*found, equal_nan=True)


def test_a_recorded_emptying_is_known_once_a_reading_after_it_is_confirmed(
    bins: list[BinHistory], weeks: Weeks
) -> None:
    recorded = replace(bins[0], emptied_at=bins[0].emptied_at - np.timedelta64(20, "m"))
    first = hours(bins[0].emptied_at)[20]
    rows = features(Windows([recorded] * 2, first + np.array([0.1, 3.1]), np.array([24.0])), weeks).rows
    since = rows[:, PLACE["since_emptied_h"]]
    assert since[0] > 24
    assert since[1] == pytest.approx(3 + 1 / 3, abs=1e-3)


def test_an_emptying_not_yet_confirmed_leaves_the_figures_of_other_bins_alone(
    bins: list[BinHistory], weeks: Weeks
) -> None:
    fell = hours(bins[1].emptied_at)[30]
    just = [b.until(np.datetime64(int(fell * 3600), "s")) for b in bins[:4]] * 3
    at = np.full(len(just), fell)
    together = features(Windows([replace(b, bin_id=str(i)) for i, b in enumerate(just)], at, np.array([24.0])), weeks)
    for place, each in enumerate(just):
        alone = features(Windows([each], at[:1], np.array([24.0])), weeks).rows[0]
        assert together.rows[place].tobytes() == alone.tobytes()


def test_a_fall_too_small_for_an_emptying_is_told_by_the_hours_of_the_week_at_which_it_comes(weeks: Weeks) -> None:
    hour = np.arange(0, 13 * 168, 3)
    level = 5.0 + (hour % 168) / 10.5  # up to 21, and down by 16 at midnight of Monday
    at = START + (hour * 3600).astype("timedelta64[s]")
    bin_ = BinHistory("small", "paper", "x", read_at=at, readings=level, step_pct=0.0)
    assert not len(emptyings_from_readings(at, level)[0])
    monday = hours(np.array([START]))[0] + 12 * 168
    rows = features(Windows([bin_] * 2, np.array([monday - 12, monday + 60]), np.array([24.0])), weeks).rows
    for name in ("fell_8w", "fell_26w"):
        assert rows[:, PLACE[name]].tolist() == [1.0, 0.0]
    assert rows[0, PLACE["fell_days"]] == pytest.approx(1 / 7, abs=0.03)
    assert rows[:, PLACE["since_fell_h"]] == pytest.approx([156, 60], abs=3)
    assert rows[:, PLACE["falls_to"]] == pytest.approx(5.0, abs=1.0)
    assert rows[:, PLACE["falls_from"]] == pytest.approx(20.7, abs=1.0)


def test_of_a_bin_whose_level_never_falls_nothing_is_told_of_falls(weeks: Weeks) -> None:
    at = START + (np.arange(0, 1000, 3) * 3600).astype("timedelta64[s]")
    bin_ = BinHistory("still", "paper", "x", read_at=at, readings=np.full(len(at), 30.0), step_pct=0.0)
    row = features(Windows([bin_], hours(at[-1:]), np.array([24.0])), weeks).rows[0]
    assert row[PLACE["fell_8w"]] == 0.0
    assert np.isnan(row[[PLACE[name] for name in ("since_fell_h", "falls_to", "falls_from")]]).all()


def test_a_planned_emptying_starts_the_window_anew(bins: list[BinHistory], weeks: Weeks) -> None:
    told = features(asked(bins, 24, plan=6.0), weeks)
    assert told.rows[:, PLACE["hours"]] == pytest.approx(18)
    assert told.rows[:, PLACE["told"]] == pytest.approx(1)
    assert (told.start <= 15).all()


def test_growth_of_the_same_hours_comes_near_what_a_steady_bin_gains(bins: list[BinHistory], weeks: Weeks) -> None:
    rows = features(asked(bins), weeks).rows
    rates = np.array([0.9, 1.0, 1.1, 1.2, 0.3, 0.35, 0.4, 0.45])
    assert rows[:, PLACE["same_hours_8w"]] == pytest.approx(24 * rates, rel=0.35, abs=2)


def test_the_usual_week_knows_day_from_night(weeks: Weeks) -> None:
    days = weeks.profiles[weeks.number("paper")].reshape(7, 8)
    assert days[:, 3:7].mean() > 1.6
    assert days[:, [0, 1, 7]].mean() < 0.4
    assert weeks.profiles.mean(axis=1) == pytest.approx(1)


def test_bins_with_few_readings_are_not_told_of(bins: list[BinHistory], weeks: Weeks) -> None:
    young = replace(bins[0], read_at=bins[0].read_at[:5], readings=bins[0].readings[:5])
    table = features(asked([young, bins[1], BinHistory("empty", "paper", "x")]), weeks)
    assert table.able.tolist() == [False, True, False]
    assert np.isnan(table.rows[0]).all()


@pytest.mark.parametrize("ahead", [(24.0,), (6.0, 47.3)])
def test_four_hundred_bins_at_once_give_the_very_bytes_of_each_alone(
    bins: list[BinHistory], weeks: Weeks, ahead: tuple[float, ...]
) -> None:
    many = [replace(bins[n % len(bins)], bin_id=str(n)) for n in range(400)]
    together = features(asked(many, *ahead), weeks).rows.reshape(len(many), len(ahead), len(NAMES))
    for place in [*range(8), *range(391, 400)]:
        alone = features(asked([many[place]], *ahead), weeks).rows
        assert together[place].tobytes() == alone.tobytes()


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 100), min_size=1, max_size=40), st.integers(1, 400))
def test_whatever_was_read_the_figures_are_numbers_or_gaps(levels: list[float], gap_h: int) -> None:
    at = START + (np.arange(len(levels)) * gap_h * 3600).astype("timedelta64[s]")
    bin_ = BinHistory("any", "paper", "x", read_at=at, readings=np.array(levels), step_pct=0.0)
    flat = Weeks(("paper",), np.ones((2, 56)))
    table = features(Windows([bin_], hours(at)[-1:] + 0.5, np.array([1.0, 24.0, 700.0])), flat)
    assert not np.isinf(table.rows).any()
    assert np.isfinite(table.start).all() == table.able.all()
