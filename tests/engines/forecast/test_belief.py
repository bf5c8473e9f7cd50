"""Many coarse and noisy readings together tell level and pace closer than the newest one alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engines.forecast.belief import CELLS, WINDOW_H, believed
from engines.forecast.history import BinHistory
from engines.forecast.rates import Rates, fit_rates

START_H = 480_000
NOW = np.datetime64(START_H * 3600, "s")


def moments(ago_h: Sequence[float]) -> np.ndarray:
    """Moments so many hours before NOW."""
    return np.array([NOW - np.timedelta64(round(h * 3600), "s") for h in ago_h], dtype="datetime64[s]")


def bin_with(
    emptied: Sequence[float], read: Sequence[float] = (), levels: Sequence[float] = (), step: float = 20.0
) -> BinHistory:
    """A bin emptied and read so many hours ago."""
    return BinHistory(
        "b", "waste", "s", moments(emptied), np.full(len(emptied), np.nan), moments(read), np.array(levels), step
    )  # fmt: skip


@pytest.fixture(scope="module")
def rates() -> Rates:
    """A bin that grows half a point an hour, as fifty emptyings tell."""
    at = moments([100.0 * k for k in range(50, 0, -1)])
    return fit_rates([BinHistory("b", "waste", "s", at, np.full(50, 50.0), step_pct=0.0)])


def level(history: BinHistory, rates: Rates, ahead: float = 0.0) -> float:
    """The expected level."""
    return float(believed([history], rates, NOW, (ahead,)).mean[0, 0])


def spread(history: BinHistory, rates: Rates) -> float:
    """Standard deviation of the level now."""
    share = believed([history], rates, NOW, (0.0,)).share[0, 0]
    return float(np.sqrt(share @ CELLS**2 - (share @ CELLS) ** 2))


def test_without_readings_a_bin_grows_from_its_last_emptying_at_its_usual_pace(rates: Rates) -> None:
    assert level(bin_with([80.0]), rates) == pytest.approx(45.0, abs=5.0)
    assert level(bin_with([0.0]), rates) == 0.0


def test_probabilities_add_up_and_a_higher_level_is_never_likelier(rates: Rates) -> None:
    soon = believed([bin_with([80.0], [30.0, 6.0], [20.0, 40.0])], rates, NOW, (0.0, 24.0, 48.0))
    assert soon.share.sum(axis=2) == pytest.approx(np.ones((1, 3)))
    chances = np.stack([soon.chance_at_least(each)[0] for each in (20.0, 60.0, 100.0)])
    assert (np.diff(chances, axis=0) <= 1e-12).all()
    assert (np.diff(chances, axis=1) >= -1e-12).all()


def test_a_step_that_has_just_changed_tells_more_than_one_that_stands(rates: Rates) -> None:
    changed = bin_with([80.0], [18.0, 12.0, 6.0, 0.5], [20.0, 20.0, 20.0, 40.0])
    alone = bin_with([80.0], [0.5], [40.0])
    assert spread(changed, rates) < 0.8 * spread(alone, rates)
    assert level(changed, rates) == pytest.approx(42.0, abs=4.0)


def test_a_bin_that_fills_twice_as_fast_this_time_is_foreseen_to_go_on_so(rates: Rates) -> None:
    """Read 20, 40 and 60 within 60 hours of its emptying: a point an hour, not half of one."""
    read, levels = [36.0, 30.0, 18.0, 12.0, 6.0, 1.0], [20.0, 20.0, 40.0, 40.0, 40.0, 60.0]
    fast = bin_with([60.0], read, levels)
    grows = level(fast, rates, 24.0) - level(fast, rates)
    assert grows > 1.3 * 12.0
    assert level(bin_with([60.0]), rates, 24.0) - level(bin_with([60.0]), rates) < grows


def test_a_pace_is_remembered_over_an_emptying_but_not_wholly(rates: Rates) -> None:
    read, levels = [96.0, 90.0, 78.0, 72.0, 66.0, 61.0], [20.0, 20.0, 40.0, 40.0, 40.0, 60.0]
    after = bin_with([120.0, 60.0], read, levels)
    assert level(bin_with([60.0]), rates) < level(after, rates) < 60.0


def test_one_wrong_echo_does_not_overturn_what_many_readings_told(rates: Rates) -> None:
    steady = [36.0, 30.0, 24.0, 18.0, 12.0]
    wrong = bin_with([60.0], [*steady, 3.0], [0.0, 0.0, 0.0, 20.0, 20.0, 100.0])
    assert level(wrong, rates) < 60.0


def test_reports_after_the_moment_and_long_before_it_are_not_looked_at(rates: Rates) -> None:
    plain = bin_with([80.0], [6.0], [40.0])
    more = bin_with([WINDOW_H + 500.0, 80.0, -5.0], [WINDOW_H + 480.0, 6.0, -1.0], [100.0, 40.0, 80.0])
    assert level(more, rates) == level(plain, rates)


def test_a_last_emptying_just_before_the_window_counts_like_one_just_inside_it(rates: Rates) -> None:
    inside, outside = (
        believed([bin_with([WINDOW_H + off], read, levels)], rates, NOW, (2.0, 26.0))
        for off, (read, levels) in ((-0.5, ([8.0], [60.0])), (0.5, ([8.0], [60.0])))
    )
    assert outside.mean == pytest.approx(inside.mean, abs=1.0)
    slow = believed([bin_with([WINDOW_H + 1.0])], rates, NOW, (0.0,)), believed([bin_with([])], rates, NOW, (0.0,))
    assert slow[0].mean[0, 0] != pytest.approx(slow[1].mean[0, 0], abs=1.0)


def test_exact_readings_are_believed_within_their_noise(rates: Rates) -> None:
    assert level(bin_with([80.0], [6.0, 0.5], [50.0, 52.0], step=0.0), rates) == pytest.approx(52.0, abs=4.0)


def test_a_bin_that_says_nothing_fills_as_the_city_around_it_does(rates: Rates) -> None:
    """Thirty bins are read at a third of their usual pace for six days; the silent one among them is no exception."""
    ago = [float(h) for h in range(140, 0, -6)]
    slow = [bin_with([144.0], ago, [float((144 - h) / 6 // 20 * 20) for h in ago]) for _ in range(30)]
    silent = bin_with([72.0])
    among = believed([*slow, silent], rates, NOW, (0.0, 24.0)).mean[-1]
    alone = believed([silent], rates, NOW, (0.0, 24.0)).mean[0]
    assert among[0] < 0.75 * alone[0]
    assert among[1] - among[0] < 0.75 * (alone[1] - alone[0])


def test_a_city_at_its_usual_pace_changes_nothing_much_and_few_bins_are_no_city(rates: Rates) -> None:
    ago = [float(h) for h in range(70, 0, -6)]
    usual = [bin_with([72.0], ago, [float((72 - h) / 2 // 20 * 20) for h in ago]) for _ in range(30)]
    silent = bin_with([72.0])
    alone = believed([silent], rates, NOW, (0.0,)).mean[0, 0]
    assert believed([*usual, silent], rates, NOW, (0.0,)).mean[-1, 0] == pytest.approx(alone, rel=0.12)
    assert believed([*usual[:5], silent], rates, NOW, (0.0,)).mean[-1, 0] == alone


def test_a_few_bins_are_believed_as_each_alone(rates: Rates) -> None:
    bins = [bin_with([80.0]), bin_with([30.0], [6.0], [20.0]), bin_with([], [9.0, 3.0], [60.0, 60.0])]
    together = believed(bins, rates, NOW, (2.0, 26.0)).share
    for index, each in enumerate(bins):
        assert np.array_equal(together[index], believed([each], rates, NOW, (2.0, 26.0)).share[0])


def test_a_bin_beside_one_that_fills_twenty_times_as_fast_is_believed_as_alone() -> None:
    slow = BinHistory(
        "b", "waste", "s", moments([100.0 * k for k in range(50, 0, -1)]), np.full(50, 50.0), step_pct=0.0
    )
    fast = BinHistory(
        "f", "waste", "t", moments([10.0 * k for k in range(200, 0, -1)]), np.full(200, 90.0), step_pct=0.0
    )
    rates = fit_rates([slow, fast])
    each, beside = bin_with([100.0], [8.0], [80.0]), BinHistory("f", "waste", "t", moments([5.0]), np.array([np.nan]))
    alone = believed([each], rates, NOW, (2.0, 26.0)).share[0]
    assert np.array_equal(believed([each, beside], rates, NOW, (2.0, 26.0)).share[0], alone)
