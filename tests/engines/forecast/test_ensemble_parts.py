"""The parts of the ensemble: the level that is said, the weights, the bands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.forecast.conformal import Offsets, Told, fit_offsets, keys_of
from engines.forecast.member import MEDIAN, SHARES_OUT
from engines.forecast.point import PRICE_PCT, best_level
from engines.forecast.stack import BANDS, EVERY, Unseen, Weights, band_of, fit_weights, mixed

RNG = np.random.default_rng(1)


def spread(middle: np.ndarray, width: float) -> np.ndarray:
    """Levels (k, 7) of a normal distribution, cut at 0 and 100."""
    z = np.array([-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645])
    return np.clip(middle[:, None] + width * z, 0, 100)


def test_of_an_even_distribution_the_middle_is_said() -> None:
    assert best_level(spread(np.array([50.0]), 8.0)) == pytest.approx(50, abs=2)


def test_near_full_a_level_is_said_that_is_within_ten_of_most() -> None:
    levels = np.array([[60.0, 75.0, 90.0, 100.0, 100.0, 100.0, 100.0]])
    assert 89 <= best_level(levels)[0] < 100


def test_of_two_heaps_the_said_level_lies_by_one_of_them_not_between() -> None:
    levels = np.array([[10.0, 11.0, 12.0, 14.0, 70.0, 72.0, 74.0]])
    assert best_level(levels)[0] < 24


@pytest.mark.parametrize("scale", [3.0, 5.0, 8.0, 12.0])
def test_of_a_skewed_distribution_the_said_level_costs_hardly_more_than_the_best_one(scale: float) -> None:
    rng = np.random.default_rng(0)
    truth = np.minimum(np.round(20 + rng.gamma(2.0, scale, 4000)), 100)
    off = rng.normal(0, 1.0, (30, len(SHARES_OUT)))
    told = np.sort(np.clip(np.quantile(truth, SHARES_OUT) + off, 0, 100), axis=1)

    def cost(level: float) -> float:
        error = np.abs(truth - level)
        return float(error.mean() - PRICE_PCT * (error <= 10).mean())

    least = min(cost(level) for level in range(101))
    assert np.mean([cost(level) for level in best_level(told)]) <= least + 0.1


def test_a_window_without_levels_has_no_level_to_say() -> None:
    assert np.isnan(best_level(np.full((1, 1, 7), np.nan))).all()


# ---------------------------------------------------------------- weights


def unseen(count: int = 3000) -> Unseen:
    """A member that knows nothing, and one that comes near."""
    said = RNG.uniform(20, 80, count)
    truth = said + RNG.normal(0, 4, count)
    good, bad = spread(said, 4.0), spread(RNG.uniform(0, 100, count), 4.0)
    return Unseen((bad, good), truth, np.full(count, 24.0), np.full(count, "paper", dtype=object))


def test_a_member_that_does_not_help_gets_nothing() -> None:
    weights = fit_weights(["bad", "good"], unseen())
    assert weights.at(2, "paper").tolist() == [0.0, 1.0]


def test_two_members_that_err_apart_share_the_weight() -> None:
    truth = RNG.uniform(20, 80, 4000)
    one, other = (spread(truth + RNG.normal(0, 8, 4000), 6.0) for _ in range(2))
    found = fit_weights(["one", "other"], Unseen((one, other), truth, np.full(4000, 6.0), np.full(4000, "", object)))
    assert found.at(0, "glass") == pytest.approx([0.5, 0.5], abs=0.12)
    assert found.at(0, "glass").sum() == pytest.approx(1)


def test_a_streams_weights_are_drawn_towards_those_of_all_streams() -> None:
    rng = np.random.default_rng(3)
    truth = rng.uniform(10.0, 90.0, 4000)
    paper = np.arange(4000) % 4 == 0
    off_on_paper, off_elsewhere = (np.where(rows, rng.normal(0, 8, 4000), 0.5) for rows in (paper, ~paper))
    said = tuple((truth + off)[:, None] + np.linspace(-1, 1, 7) for off in (off_on_paper, off_elsewhere))
    streams = np.where(paper, "paper", "glass").astype(object)
    found = fit_weights(["one", "other"], Unseen(said, truth, np.full(4000, 6.0), streams))
    every, own = found.at(0, EVERY), found.at(0, "paper")
    assert every[0] > every[1] > 0.0  # glass is most of the windows
    assert own[1] > 0.6  # paper's own answer is the other member
    assert own[0] >= 0.2 * every[0]


def test_streams_and_bands_without_weights_of_their_own_take_the_nearest() -> None:
    weights = Weights(("a", "b"), {(2, EVERY): np.array([0.2, 0.8]), (2, "paper"): np.array([1.0, 0.0])})
    assert weights.at(4, "paper").tolist() == [1.0, 0.0]
    assert weights.at(0, "glass").tolist() == [0.2, 0.8]
    assert Weights(("a", "b"), {}).at(0, "x").tolist() == [0.5, 0.5]


def test_a_member_that_cannot_tell_leaves_its_weight_to_the_others() -> None:
    one, other = np.full((2, 1, 7), 40.0), np.full((2, 1, 7), 60.0)
    one[1] = np.nan
    found = mixed([one, other], np.tile([0.75, 0.25], (2, 1, 1)))
    assert found[:, 0, MEDIAN].tolist() == [45.0, 60.0]


def test_where_only_a_member_without_weight_can_tell_it_tells() -> None:
    one, other = np.full((1, 1, 7), np.nan), np.full((1, 1, 7), 60.0)
    assert mixed([one, other], np.array([[[1.0, 0.0]]]))[0, 0, MEDIAN] == 60.0
    assert np.isnan(mixed([one, one], np.array([[[1.0, 0.0]]]))).all()


def test_every_hour_ahead_has_its_band() -> None:
    assert [BANDS[i] for i in band_of(np.array([1.0, 8.0, 24.0, 96.0, 700.0]))] == [
        "up to 8 h", "up to 8 h", "16 to 30 h", "30 to 96 h", "beyond 96 h",
    ]  # fmt: skip


# ---------------------------------------------------------------- bands


def held(levels: np.ndarray, truth: np.ndarray) -> float:
    return float(((truth >= levels[:, 1]) & (truth <= levels[:, 5])).mean())


@pytest.mark.parametrize("width", [2.0, 20.0])
def test_bands_that_are_too_narrow_or_too_wide_are_put_right(width: float) -> None:
    truth = RNG.uniform(30, 70, 6000)
    levels = spread(truth + RNG.normal(0, 8, 6000), width)
    keys = keys_of(np.full(6000, 24.0), ["paper"] * 6000, truth, np.zeros(6000, dtype=np.bool_))
    offsets = fit_offsets(levels[:3000], truth[:3000], keys[:3000])
    assert held(offsets.applied(levels[3000:], keys[3000:]), truth[3000:]) == pytest.approx(0.8, abs=0.03)


def test_after_a_change_in_the_world_outcomes_bring_the_band_back() -> None:
    truth = RNG.uniform(30, 70, 6000)
    levels = spread(truth + RNG.normal(0, 12, 6000), 5.0)
    keys = keys_of(np.full(6000, 24.0), ["paper"] * 6000, np.full(6000, 50.0), np.zeros(6000, dtype=np.bool_))
    offsets, inside = Offsets({}), []
    for begin in range(0, 6000, 60):
        rows = slice(begin, begin + 60)
        inside.append(held(offsets.applied(levels[rows], keys[rows]), truth[rows]))
        offsets = offsets.after(levels[rows], truth[rows], keys[rows])
    assert inside[0] < 0.6
    assert np.mean(inside[20:]) == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("copies", [8, 40])
def test_a_city_of_many_bins_learns_the_same_offsets_as_one_of_few(copies: int) -> None:
    truth = RNG.uniform(30, 70, 400)
    levels = spread(truth + RNG.normal(0, 12, 400), 5.0)
    ends = np.repeat(np.arange(20), 20) * 24.0 + 12
    cells = keys_of(np.full(400, 24.0), ["paper"] * 400, np.full(400, 50.0), np.zeros(400, dtype=np.bool_))
    few = Offsets({}).carried(Told(levels, truth, ends, cells))
    many = Offsets({}).carried(
        Told(np.tile(levels, (copies, 1)), np.tile(truth, copies), np.tile(ends, copies), cells * copies)
    )
    assert few.at(cells[0])[1] > 2
    np.testing.assert_allclose(many.at(cells[0]), few.at(cells[0]), rtol=0.35)
    assert held(many.applied(levels, cells), truth) == pytest.approx(0.8, abs=0.06)


def test_outcomes_are_learnt_in_the_order_of_their_days_whatever_the_order_they_are_given_in() -> None:
    truth = RNG.uniform(30, 70, 400)
    levels = spread(truth + RNG.normal(0, 12, 400), 5.0)
    ends = np.repeat(np.arange(20), 20) * 24.0 + 12
    cells = keys_of(np.full(400, 24.0), ["paper"] * 400, np.full(400, 50.0), np.zeros(400, dtype=np.bool_))
    told = Told(levels, truth, ends, cells)
    mixed = RNG.permutation(400)
    other = Told(levels[mixed], truth[mixed], ends[mixed], [cells[row] for row in mixed])
    by_halves = Offsets({}).carried(told, until=240.0).carried(told, since=240.0)
    assert Offsets({}).carried(other).at(cells[0]).tolist() == pytest.approx(by_halves.at(cells[0]).tolist())


def test_a_bin_that_is_emptied_meanwhile_has_offsets_of_its_own() -> None:
    truth = RNG.uniform(30, 70, 4000)
    levels = spread(truth + RNG.normal(0, 8, 4000), 8.0)
    emptied = np.arange(4000) % 2 == 1
    levels[emptied] = spread(truth[emptied] + RNG.normal(0, 25, 2000), 8.0)
    cells = keys_of(np.full(4000, 24.0), ["paper"] * 4000, np.full(4000, 50.0), emptied)
    offsets = fit_offsets(levels, truth, cells)
    moved = offsets.applied(levels, cells)
    for part in (emptied, ~emptied):
        assert held(moved[part], truth[part]) == pytest.approx(0.8, abs=0.02)


def test_a_cell_of_few_outcomes_moves_with_all_windows_of_its_length_and_kind() -> None:
    none = np.zeros(101, dtype=np.bool_)
    streams, truth = ["paper"] * 100 + ["glass"], np.full(101, 90.0)
    levels = spread(np.full(101, 50.0), 8.0)
    cells = keys_of(np.full(101, 24.0), streams, np.full(101, 50.0), none)
    known = Offsets({(cells[0][0], stream, 2, 0): np.zeros(3) for stream in ("paper", "glass", "plastic")})
    moved = known.after(levels, truth, cells)
    paper, glass, plastic = (float(moved.of[2, stream, 2, 0][1]) for stream in ("paper", "glass", "plastic"))
    assert glass == pytest.approx(paper, rel=0.01)
    assert plastic == pytest.approx(paper, rel=0.01)
    hit = known.after(levels, np.append(truth[:100], 50.0), cells)
    assert 0.8 * paper < hit.of[2, "glass", 2, 0][1] < hit.of[2, "plastic", 2, 0][1]


def test_bands_hold_at_two_days_and_at_three_at_one_week_and_at_two() -> None:
    rng = np.random.default_rng(7)
    spreads = {48.0: 3.0, 72.0: 9.0, 168.0: 5.0, 336.0: 15.0}
    ahead = np.repeat(list(spreads), 1500)
    truth = rng.uniform(40, 60, len(ahead))
    levels = spread(truth + rng.normal(0, 1, len(ahead)) * np.array([spreads[each] for each in ahead]), 8.0)
    cells = keys_of(ahead, ["glass"] * len(ahead), np.full(len(ahead), 50.0), np.zeros(len(ahead), dtype=np.bool_))
    told = fit_offsets(levels, truth, cells).applied(levels, cells)
    for length in spreads:
        assert held(told[ahead == length], truth[ahead == length]) == pytest.approx(0.8, abs=0.04)


def test_hours_ahead_that_nothing_was_learnt_for_take_the_offsets_of_the_nearest_that_something_was() -> None:
    day, three = {(2, "", -1, 0): np.full(3, 4.0)}, {(4, "paper", 1, 0): np.full(3, 9.0)}
    cells = keys_of(np.array([48.0, 336.0]), ["paper"] * 2, np.full(2, 30.0), np.zeros(2, dtype=np.bool_))
    assert [Offsets(day).at(cell)[1] for cell in cells] == [4.0, 4.0]
    assert Offsets(day | three).at(cells[1])[1] == 9.0


def test_outcomes_that_come_after_two_weeks_move_their_bands_further_a_day_than_those_of_a_week() -> None:
    truth, streams = np.full(60, 90.0), ["paper"] * 60
    levels, emptied = spread(np.full(60, 50.0), 8.0), np.zeros(60, dtype=np.bool_)
    week, two = (keys_of(np.full(60, each), streams, np.full(60, 50.0), emptied) for each in (168.0, 336.0))
    soon, late = (Offsets({}).after(levels, truth, cells).at(cells[0])[1] for cells in (week, two))
    assert late > 1.4 * soon > 1.0


def test_outcomes_are_forgotten_by_length_where_each_has_its_own_time() -> None:
    truth, ends = np.full(40, 90.0), np.full(40, 100.0)
    levels, emptied = spread(np.full(40, 50.0), 8.0), np.zeros(40, dtype=np.bool_)
    ahead = np.repeat([24.0, 336.0], 20)
    cells = keys_of(ahead, ["paper"] * 40, np.full(40, 50.0), emptied)
    moved = Offsets({}).carried(Told(levels, truth, ends, cells), np.where(ahead == 24.0, 100.0, 0.0))
    assert {key[0] for key in moved.of} == {cells[-1][0]}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 100), min_size=7, max_size=7),
    st.lists(st.floats(-40, 40), min_size=3, max_size=3),
)
def test_levels_never_cross_or_leave_0_to_100(levels: list[float], offsets: list[float]) -> None:
    moved = Offsets({(2, "", -1, -1): np.array(offsets)}).applied(np.sort([levels]), [(2, "paper", 3, 0)])
    assert (np.diff(moved) >= 0).all()
    assert moved.min() >= 0
    assert moved.max() <= 100
    assert moved[0, MEDIAN] == np.sort(levels)[MEDIAN]


def test_shares_and_their_bands_belong_together() -> None:
    assert SHARES_OUT[MEDIAN] == 0.5
