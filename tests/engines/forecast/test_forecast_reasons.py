"""Reasons: what they say, and that like days and like emptyings are past."""

from __future__ import annotations

import numpy as np
import pytest
from sensed import MORNING, START

from domain.errors import BadData
from engines.forecast.boosted import fit_boosted
from engines.forecast.drivers import Driver
from engines.forecast.ensemble import Ensemble
from engines.forecast.history import BinHistory
from engines.forecast.member import Windows
from engines.forecast.reasons import LikeDay, Why, reasons_of, why_found
from engines.forecast.stack import Weights


@pytest.fixture(scope="module")
def trees(bins: list[BinHistory]) -> Ensemble:
    return Ensemble((fit_boosted([b.until(MORNING) for b in bins], rounds=25),), Weights(("boosted",), {}))


def test_like_days_lie_in_the_past_and_apart(bins: list[BinHistory], trees: Ensemble) -> None:
    for why in reasons_of(trees, Windows.of(bins[4:], MORNING, (24.0,))):
        assert why is not None
        days = [day.at for day in why.like_days]
        assert len(days) == 3
        assert all(day + np.timedelta64(24, "h") <= MORNING for day in days)
        assert len({str(day)[:10] for day in days}) >= 2


def test_a_bin_without_readings_has_no_reasons_of_the_trees(trees: Ensemble) -> None:
    assert reasons_of(trees, Windows.of([BinHistory("empty", "paper", "x")], MORNING, (24.0,))) == [None]


def test_reasons_are_of_one_hour_ahead(bins: list[BinHistory], trees: Ensemble) -> None:
    with pytest.raises(BadData, match="one hour"):
        reasons_of(trees, Windows.of(bins, MORNING, (6.0, 24.0)))


def test_the_sentences_say_which_way_and_how_much() -> None:
    day = LikeDay(np.datetime64("2025-01-06T09:00:00"), 40.0, 21.0)
    why = Why((Driver("the hour and the weekday", -6.2), Driver("the time of the year", 1.3)), 1.6, (day,))
    assert why.sentences() == [
        "against its usual, the hour and the weekday takes 6 points off what it gains",
        "the time of the year adds 1 point to what it gains",
        "over the last two days it filled faster than usual (1.6 times its usual pace)",
        "on the days most like this one it gained 21 points (2025-01-06)",
    ]


def test_where_nothing_stands_out_that_is_said_and_where_nobody_knows_it_is_not() -> None:
    (said,) = Why((), 1.0, ()).sentences()
    assert said.startswith("nothing that is known of it surely moves the forecast")
    assert Why(None, 1.0, ()).sentences() == []


@pytest.mark.parametrize("pace", [0.0, -8.3])
def test_a_bin_whose_level_stood_or_fell_is_not_told_a_multiple_of_its_pace(pace: float) -> None:
    assert Why(None, pace, ()).sentences() == ["over the last two days it hardly filled"]


# ---------------------------------------------------------------- where only emptyings are known


def emptied(levels: list[float], every_h: int = 24) -> BinHistory:
    """A bin emptied every so many hours, always with these levels, one after the other."""
    at = START + np.timedelta64(every_h, "h") * np.arange(len(levels))
    return BinHistory("E", "paper", "s", at.astype("datetime64[s]"), np.array(levels))


def test_a_bin_that_lately_fills_faster_is_said_to() -> None:
    history = emptied([20.0] * 100 + [60.0] * 28)
    now = history.emptied_at[-1] + np.timedelta64(1, "h")
    why = why_found(history, now, now + np.timedelta64(24, "h"))
    assert why.pace is not None
    assert why.pace > 1.5
    assert why.sentences()[0].startswith("over the last four weeks it filled faster than usual")


def test_like_emptyings_came_after_about_as_long_and_are_known() -> None:
    short, long = emptied([20.0] * 40, 24), emptied([80.0] * 40, 72)
    at = np.concatenate([short.emptied_at, short.emptied_at[-1] + (long.emptied_at[1:] - START)])
    history = BinHistory("E", "paper", "s", at, np.concatenate([short.levels, long.levels[1:]]))
    now = at[60]
    for ahead_h, level in ((24, 20.0), (72, 80.0)):
        like = why_found(history, now, now + np.timedelta64(ahead_h, "h")).like_visits
        assert [each.level_pct for each in like] == [level] * 3
        assert all(each.at <= now for each in like)


def test_a_bin_left_longer_than_ever_is_said_to_be_and_nothing_is_said_to_be_like_it() -> None:
    history = emptied([20.0] * 40)
    now = history.emptied_at[-1] + np.timedelta64(400, "h")
    why = why_found(history, now, now + np.timedelta64(24, "h"))
    assert why.like_visits == ()
    assert why.sentences() == ["it was never left for so long: the longest before was 24 h"]


def test_what_comes_later_does_not_change_the_reasons() -> None:
    history = emptied([20.0, 40.0, 60.0] * 30)
    now = history.emptied_at[50]
    at = now + np.timedelta64(30, "h")
    assert why_found(history, now, at) == why_found(history.until(now), now, at)


def test_a_bin_without_levels_has_no_reasons() -> None:
    why = why_found(BinHistory("E", "paper", "s"), MORNING, MORNING)
    assert (why.pace, why.like_visits, why.sentences()) == (None, (), [])
