"""The net of patches: never the future, never crossing, the same in numpy as in torch, and it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hourly import PRIOR_RATE, hourly, left_behind
from engines.forecast.member import SHARES_OUT, Windows
from engines.forecast.patches import SHAPES, Patches, asked_of, encode, head, inputs, ordered, parameters

START = np.datetime64("2025-01-06T00:00:00")  # a Monday
FIRST_H = float(START.astype(np.int64)) / 3600


def sensor(name: str, pace: float, days: int = 120, *, night: float = 0.2, every_h: int = 3) -> BinHistory:
    """Fills at `pace` points an hour by day and a share of it by night, emptied at 08:00 once over 80."""
    level, levels, emptied, found = 0.0, [], [], []
    for hour in range(days * 24):
        if hour % 24 == 8 and level > 80:
            emptied.append(hour)
            found.append(level)
            level = 0.0
        level = min(100.0, level + pace * (1.0 if 7 <= hour % 24 < 20 else night))
        levels.append(level)
    at = START + np.arange(0, days * 24, every_h) * np.timedelta64(3600, "s")
    gone = START + np.array(emptied, dtype=np.int64) * np.timedelta64(3600, "s")
    read = np.round(np.array(levels)[::every_h])
    return BinHistory(name, "paper", name, gone, np.round(found), at, read, step_pct=0)


def weights(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        name: (np.ones(shape) if name.endswith("scale") else rng.normal(0, 0.15, shape)).astype(np.float32)
        for name, shape in SHAPES.items()
    }


def windows(histories: list[BinHistory], at_h: float = 60 * 24.0, planned: list[float] | None = None) -> Windows:
    at = np.full(len(histories), FIRST_H + at_h)
    plan = None if planned is None else at[:, None] + np.array(planned)
    return Windows(histories, at, np.array([0.5, 6.0, 24.0, 100.0, 700.0]), plan)


@pytest.fixture(scope="module")
def town() -> list[BinHistory]:
    return [sensor(f"B{i}", pace) for i, pace in enumerate((0.5, 1.0, 2.0, 3.5))]


def test_the_grid_balances_what_came_in_with_what_was_taken_out() -> None:
    history = sensor("B", 1.0)
    at = hours(history.read_at)
    grid = hourly([history], at[:1], at[-1:])
    grown = grid.growth(np.array([0]), at[:1], at[-1:])[0]
    assert grown == pytest.approx(history.levels.sum() + history.readings[-1], rel=0.05)


def test_a_full_bin_goes_on_filling_unseen_at_its_mean() -> None:
    at = START + np.arange(0, 1500, 3) * np.timedelta64(3600, "s")
    level = np.minimum(np.arange(0, 1500, 3) * 0.1, 100.0)
    history = BinHistory("B", "glass", "s", np.empty(0, "datetime64[s]"), np.empty(0), at, level, step_pct=0)
    grid = hourly([history], hours(at[:1]), hours(at[-1:]))
    hidden = grid.growth(np.array([0]), np.array([FIRST_H + 1200]), np.array([FIRST_H + 1400]))[0]
    assert 0.1 <= hidden / 200 < PRIOR_RATE


def test_what_comes_after_the_moment_changes_no_input_and_no_answer(town: list[BinHistory]) -> None:
    asked = windows(town)
    moment = START + np.timedelta64(60, "D")
    net = Patches(weights())
    seen = net.quantiles(asked)
    changed = [replace(each, readings=np.where(each.read_at > moment, 0.0, each.readings)) for each in town]
    np.testing.assert_array_equal(net.quantiles(replace(asked, histories=changed)), seen)
    np.testing.assert_array_equal(net.quantiles(replace(asked, histories=[e.until(moment) for e in town])), seen)


def test_many_bins_are_answered_with_the_very_bytes_of_each_alone(town: list[BinHistory]) -> None:
    many = [replace(town[n % 4].until(START + np.timedelta64(50 + n % 9, "D")), bin_id=str(n)) for n in range(120)]
    net = Patches(weights())
    for ahead in (np.array([24.0]), np.arange(1.0, 40.0)):
        at = np.full(len(many), FIRST_H + 59 * 24.0)
        together = net.quantiles(Windows(many, at, ahead))
        for place, each in enumerate(many):
            assert together[place].tobytes() == net.quantiles(Windows([each], at[:1], ahead))[0].tobytes()


def test_windows_of_many_moments_are_answered_as_one_by_one(town: list[BinHistory]) -> None:
    at = FIRST_H + np.array([10.3, 300.7, 1000.0, 2500.9])
    net, ahead = Patches(weights()), np.array([5.0, 30.0])
    together = net.quantiles(Windows([town[2]] * 4, at, ahead))
    alone = [net.quantiles(Windows([town[2]], at[i : i + 1], ahead))[0] for i in range(4)]
    np.testing.assert_allclose(together, alone, atol=1e-4)


def test_levels_are_in_range_and_never_cross_whatever_the_weights(town: list[BinHistory]) -> None:
    for seed in range(5):
        levels = Patches(weights(seed)).quantiles(windows(town, planned=[30.0]))
        assert ((levels >= 0) & (levels <= 100)).all()
        assert (np.diff(levels, axis=-1) >= 0).all()


def test_a_planned_emptying_starts_the_bin_at_what_emptyings_leave_behind(town: list[BinHistory]) -> None:
    asked, _, _ = asked_of(windows(town, planned=[20.0]))
    left = left_behind(town[3], asked.at[3:])[0]
    assert 0 < left < 15
    np.testing.assert_allclose(asked.base[3, 2:], left)
    np.testing.assert_allclose(asked.ends[:, 2] - asked.begin[:, 2], 4.0)
    assert (asked.base[:, :2] > 0).any()


def test_what_emptyings_leave_is_known_only_once_it_was_read() -> None:
    at = START + np.array([0, 24, 48, 49, 50, 72]) * np.timedelta64(3600, "s")
    history = BinHistory(
        "B", "glass", "s", at[[2]], np.array([60.0]), at, np.array([10, 60, 60, 60, 7, 30.0]), step_pct=0
    )
    late = replace(history, emptied_at=at[[2]] + np.timedelta64(90, "m"))
    known = hours(at[[2, 3, 4, 5]])
    assert left_behind(late, known).tolist() == [0, 0, 7, 7]
    seen = replace(history, emptied_at=at[[4]])  # timed by the reading that shows it: the next one confirms it
    assert left_behind(seen, known).tolist() == [0, 0, 0, 7]


def test_bins_without_a_sensor_or_silent_for_weeks_are_not_told_of(town: list[BinHistory]) -> None:
    silent = town[0].until(START + np.timedelta64(40, "D"))
    unread = replace(town[2], read_at=town[2].read_at[:3], readings=town[2].readings[:3])
    levels = Patches(weights()).quantiles(windows([silent, BinHistory("new", "paper", "s"), unread, town[1]]))
    assert np.isnan(levels[:3]).all()
    assert np.isfinite(levels[3]).all()


def test_the_numpy_net_is_the_torch_net(town: list[BinHistory]) -> None:
    torch = pytest.importorskip("torch")
    from engines.forecast.patch_training import forward

    own = weights(3)
    asked, histories, _ = asked_of(windows(town, planned=[30.0]))
    span = np.full(len(histories), asked.at.max())
    given = inputs(hourly(histories, span, span), asked)
    ours = ordered(head(own, encode(own, given.context), given.query))
    with torch.no_grad():
        tensors = {name: torch.from_numpy(value) for name, value in own.items()}
        theirs = forward(tensors, torch.from_numpy(given.context), torch.from_numpy(given.query)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-3)


def test_the_net_has_at_most_150_thousand_parameters_and_its_bytes_bring_it_back() -> None:
    net = Patches(weights())
    assert parameters() <= 150_000
    again = Patches.from_bytes(net.to_bytes())
    assert all((again.weights[name] == value).all() for name, value in net.weights.items())


def test_weights_that_are_torn_of_another_net_or_no_numbers_are_refused() -> None:
    net = Patches(weights())
    with pytest.raises(BadData, match="cannot be read"):
        Patches.from_bytes(net.to_bytes()[:1000])
    with pytest.raises(BadData, match="another net"):
        Patches.from_bytes(Patches({"place": net.weights["place"]}).to_bytes())
    broken = {**net.weights, "out.shift": np.full(48, np.nan, dtype=np.float32)}
    with pytest.raises(BadData, match="no number"):
        Patches.from_bytes(Patches(broken).to_bytes())


def test_training_draws_ends_that_came_and_starts_that_were_known(town: list[BinHistory]) -> None:
    pytest.importorskip("torch")
    from engines.forecast.patch_training import draw

    drawn = draw(town, 400, 3, seed=1)
    asked = drawn.asked
    assert (asked.ends > asked.at[:, None]).all()
    assert (asked.latest <= asked.at).all()
    for index, history in enumerate(town):
        rows = asked.bins == index
        place = np.searchsorted(hours(history.read_at), asked.ends[rows])
        np.testing.assert_array_equal(history.readings[place], drawn.level[rows])
        planned = asked.begin[rows] > asked.at[rows][:, None]
        assert np.isin(asked.begin[rows][planned], hours(history.emptied_at)).all()
        assert (asked.base[rows][planned] < 20).all()


def test_too_few_readings_to_train_on_are_refused() -> None:
    pytest.importorskip("torch")
    from engines.forecast.patch_training import train_patches

    with pytest.raises(BadData, match="200 readings"):
        train_patches([sensor("B", 1.0, days=10)])


def test_some_training_tells_the_night_from_the_day_and_the_same_seed_gives_the_same_net() -> None:
    pytest.importorskip("torch")
    from engines.forecast.patch_training import Budget, train_patches

    town = [sensor(f"T{i}", pace) for i, pace in enumerate((0.5, 0.8, 1.2, 1.6))]
    known = [each.until(START + np.timedelta64(90, "D")) for each in town]
    error, naive = _errors(train_patches(known, Budget(steps=60, batch=64, ends=2)), town)
    assert error < 0.75 * naive
    first, again = (train_patches(known, Budget(steps=4, batch=16)) for _ in range(2))
    assert all((again.weights[name] == value).all() for name, value in first.weights.items())


def _errors(net: Patches, town: list[BinHistory]) -> tuple[float, float]:
    """Mean pinball loss twelve hours ahead, by day and by night, and that of the last value."""
    at = FIRST_H + 24 * np.arange(95.0, 115.0, 1.0).repeat(2) + np.tile([8.5, 20.5], 20)
    said, last, truth = [], [], []
    for history in town:
        read, emptied = hours(history.read_at), hours(history.emptied_at)
        ends = np.searchsorted(read, at + 12)
        same = np.searchsorted(emptied, at, side="right") == np.searchsorted(emptied, read[ends], side="right")
        levels = net.quantiles(Windows([history] * int(same.sum()), at[same], np.array([12.0])))
        said.append(levels[:, 0])
        last.append(history.readings[np.searchsorted(read, at[same], side="right") - 1])
        truth.append(history.readings[ends[same]])
    found = np.concatenate(truth)
    return _pinball(np.concatenate(said), found), _pinball(np.repeat(np.concatenate(last)[:, None], 7, 1), found)


def _pinball(said: Floats, found: Floats) -> float:
    error, shares = found[:, None] - said, np.array(SHARES_OUT)
    return float(np.maximum(shares * error, (shares - 1) * error).mean())
