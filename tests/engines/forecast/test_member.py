"""What every member of the ensemble is asked, and what `hour_of_week` answers."""

from __future__ import annotations

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, emptyings_from_readings
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import MEDIAN, SHARES_OUT, Member, Windows, at_shares
from engines.forecast.rates import fit_rates

START = np.datetime64("2025-01-06T00:00:00")
EARLIER = np.datetime64("2025-03-03T06:00:00")
NOW = np.datetime64("2025-04-07T06:00:00")


def sensed(name: str, rate: float, every_h: int, *, stream: str = "paper", weeks: int = 14) -> BinHistory:
    """A bin read every three hours that fills evenly and is emptied every `every_h` hours."""
    hour = np.arange(0, weeks * 168, 3)
    level = np.round(np.minimum(rate * (hour % every_h), 100))
    at = START + (hour * 3600).astype("timedelta64[s]")
    emptied, found = emptyings_from_readings(at, level)
    return BinHistory(name, stream, name, emptied, found, at, level, 0.0)


@pytest.fixture(scope="module")
def bins() -> list[BinHistory]:
    return [sensed("fast", 1.5, 60), sensed("slow", 0.4, 240, stream="glass"), BinHistory("new", "paper", "x")]


@pytest.fixture(scope="module")
def member(bins: list[BinHistory]) -> Member:
    return HourOfWeek(fit_rates([b.until(NOW) for b in bins]))


def test_levels_rise_with_their_shares_and_stay_within_0_and_100(bins: list[BinHistory], member: Member) -> None:
    levels = member.quantiles(Windows.of(bins[:2], NOW, (6, 24, 72, 168)))
    assert levels.shape == (2, 4, len(SHARES_OUT))
    assert (np.diff(levels, axis=2) >= 0).all()
    assert levels.min() >= 0
    assert levels.max() <= 100


def test_a_window_that_a_member_cannot_tell_of_is_nan_throughout(bins: list[BinHistory], member: Member) -> None:
    levels = member.quantiles(Windows.of(bins, NOW, (24,)))
    assert np.isnan(levels[2]).all()
    assert np.isfinite(levels[:2]).all()


def test_a_planned_emptying_starts_a_fresh_cycle(bins: list[BinHistory], member: Member) -> None:
    plan = [np.array(["2025-04-07T12:00"], "datetime64[s]"), np.array([], "datetime64[s]")]
    told = member.quantiles(Windows.of(bins[:2], NOW, (3, 24), plan))[..., MEDIAN]
    alone = member.quantiles(Windows.of(bins[:2], NOW, (3, 24)))[..., MEDIAN]
    assert told[0, 0] == alone[0, 0]
    fresh = Windows([bins[0]], np.array([hours(bins[0].emptied_at)[-1]]), np.array([18.0]))
    assert told[0, 1] == pytest.approx(member.quantiles(fresh)[0, 0, MEDIAN], abs=3)
    assert told[0, 1] < alone[0, 1]
    assert told[1].tolist() == alone[1].tolist()


def test_what_comes_after_the_origin_is_not_looked_at(bins: list[BinHistory], member: Member) -> None:
    early = Windows.of(bins[:2], EARLIER, (24,))
    cut = Windows([b.until(EARLIER) for b in bins[:2]], early.at, early.ahead_h)
    assert member.quantiles(early).tolist() == member.quantiles(cut).tolist()


def test_the_last_planned_emptying_before_each_end_is_found() -> None:
    windows = Windows([BinHistory("a", "s", "a")], np.array([100.0]), np.array([5.0, 24.0, 60.0]),
                      np.array([[110.0, 150.0, np.nan]]))  # fmt: skip
    assert windows.last_emptied()[0].tolist() == pytest.approx([np.nan, 110.0, 150.0], nan_ok=True)


@pytest.mark.parametrize(
    ("at", "ahead", "planned"),
    [
        ([np.nan], [24.0], None),
        ([1.0, 2.0], [24.0], None),
        ([1.0], [0.0], None),
        ([1.0], [24.0, 12.0], None),
        ([1.0], [24.0], [[0.5]]),
        ([1.0], [24.0], [[9.0, 8.0]]),
    ],
)
def test_windows_that_do_not_fit_are_refused(at: list[float], ahead: list[float], planned: object) -> None:
    table = None if planned is None else np.array(planned)
    with pytest.raises(BadData):
        Windows([BinHistory("a", "s", "a")], np.array(at), np.array(ahead), table)


def test_levels_are_read_off_at_the_shares_between_those_kept() -> None:
    shares = (np.arange(40) + 0.5) / 40
    assert at_shares(100 * shares, shares) == pytest.approx(100 * np.array(SHARES_OUT))
