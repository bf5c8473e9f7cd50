"""The seasonal member: Prophet's curve as a table, followed at each bin's own pace, never fitted when asked."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory
from engines.forecast.hourly import growth_line
from engines.forecast.member import Windows
from engines.forecast.outcomes import Outcomes
from engines.forecast.seasonal import Seasonal, SeasonCurve, clusters, own_pace
from engines.forecast.seasonal_training import Nights, fit_seasonal, growth_series

START = np.datetime64("2025-01-06T00:00:00")  # a Monday
FIRST_H = float(START.astype(np.int64)) / 3600
DAYS = 150


def sensor(name: str, pace: float, *, site: str = "s", stream: str = "paper", days: int = DAYS) -> BinHistory:
    """Fills by day only, on Saturday and Sunday half as fast; emptied at six in the morning after 85 %."""
    level, levels, emptied, found = 0.0, [], [], []
    for hour in range(days * 24):
        if hour % 24 == 6 and level > 85:
            emptied.append(hour)
            found.append(level)
            level = 0.0
        weekend = (hour // 24) % 7 >= 5
        level = min(100.0, level + (pace * (0.5 if weekend else 1.0) if 8 <= hour % 24 < 20 else 0.0))
        levels.append(level)
    at = START + np.arange(0, days * 24, 3) * np.timedelta64(3600, "s")
    gone = START + np.array(emptied, dtype=np.int64) * np.timedelta64(3600, "s")
    return BinHistory(name, stream, site, gone, np.array(found), at, np.array(levels)[::3], step_pct=0)


def without_sensor(history: BinHistory) -> BinHistory:
    floor = np.floor(history.levels / 20) * 20
    return BinHistory(history.bin_id, history.stream, history.site_id, history.emptied_at, floor)


@pytest.fixture(scope="module")
def town() -> list[BinHistory]:
    return [sensor(f"B{i}", pace) for i, pace in enumerate((1.0, 1.6, 2.4))]


@pytest.fixture(scope="module")
def member(town: list[BinHistory]) -> Seasonal:
    return fit_seasonal([each.until(START + np.timedelta64(120, "D")) for each in town], Nights(days=30))


def test_the_curve_knows_the_day_from_the_night_and_the_week_from_its_end(member: Seasonal) -> None:
    curve = member.curves["paper"]
    monday = FIRST_H + 126 * 24  # 2025-05-12, within the table
    day, night, sunday = (
        float(curve.between(np.array([monday + a]), np.array([monday + b]))[0])
        for a, b in ((9, 18), (22, 31), (6 * 24 + 9, 6 * 24 + 18))
    )
    assert day > 4 * night
    assert day > 1.4 * sunday


def test_a_bin_follows_the_curve_at_its_own_pace(town: list[BinHistory], member: Seasonal) -> None:
    at = FIRST_H + 121 * 24 + 7.0  # a morning just after the round
    levels = member.quantiles(Windows(town, np.full(3, at), np.array([10.0])))[:, 0, 3]
    base = np.array([each.readings[np.searchsorted(hours(each.read_at), at, side="right") - 1] for each in town])
    grown = levels - base
    truth = np.array([9 * 1.0, 9 * 1.6, 9 * 2.4])
    room = 100 - base
    np.testing.assert_allclose(grown, np.minimum(truth, room), rtol=0.35, atol=2)


def test_levels_never_cross_and_stay_in_range_with_and_without_a_plan(town: list[BinHistory], member: Seasonal) -> None:
    at = np.full(3, FIRST_H + 122 * 24)
    for plan in (None, at[:, None] + np.array([[5.0, 60.0]])):
        levels = member.quantiles(Windows(town, at, np.array([0.5, 24.0, 100.0, 300.0]), plan))
        assert ((levels >= 0) & (levels <= 100)).all()
        assert (np.diff(levels, axis=-1) >= 0).all()


def test_what_comes_after_the_moment_is_not_looked_at(town: list[BinHistory], member: Seasonal) -> None:
    moment = START + np.timedelta64(125, "D")
    asked = Windows(town, np.full(3, FIRST_H + 125 * 24), np.array([24.0]))
    cut = Windows([each.until(moment) for each in town], asked.at, asked.ahead_h)
    np.testing.assert_array_equal(member.quantiles(cut), member.quantiles(asked))


def test_bins_with_emptyings_alone_have_a_curve_and_a_forecast(town: list[BinHistory]) -> None:
    bare = [without_sensor(each) for each in town]
    told = fit_seasonal([each.until(START + np.timedelta64(120, "D")) for each in bare], Nights(days=20))
    at = hours(bare[2].emptied_at[bare[2].emptied_at > START + np.timedelta64(121, "D")])[0]
    levels = told.quantiles(Windows([bare[2]], np.array([at]), np.array([12.0, 72.0])))[0]
    assert levels[1, 3] > levels[0, 3] > 0


def test_beyond_the_table_after_long_silence_and_without_a_curve_there_is_no_answer(
    town: list[BinHistory], member: Seasonal
) -> None:
    def said(history: BinHistory, day: float, ahead: float = 24.0) -> bool:
        asked = Windows([history], np.array([FIRST_H + day * 24]), np.array([ahead]))
        return bool(np.isfinite(member.quantiles(asked)).all())

    assert said(town[0], 125)
    assert not said(town[0], 149.8)
    assert not said(town[0], 125, 28 * 24.0)
    assert not said(replace(town[0], stream="batteries"), 125)
    assert not said(BinHistory("new", "paper", "s"), 125)
    assert not said(town[0].until(START + np.timedelta64(50, "D")), 125)


def test_its_text_brings_it_back_and_other_texts_are_refused(town: list[BinHistory], member: Seasonal) -> None:
    again = Seasonal.from_json(member.to_json())
    asked = Windows(town, np.full(3, FIRST_H + 123 * 24), np.array([30.0]))
    np.testing.assert_allclose(again.quantiles(asked), member.quantiles(asked), atol=0.3)
    assert Seasonal.from_json(again.to_json()).to_json() == again.to_json()
    with pytest.raises(BadData, match="version 0"):
        Seasonal.from_json(json.dumps(json.loads(member.to_json()) | {"seasonal_version": 0}))
    with pytest.raises(BadData, match="cannot be read"):
        Seasonal.from_json("[]")


def test_the_same_records_give_the_same_curves(town: list[BinHistory], member: Seasonal) -> None:
    again = fit_seasonal([each.until(START + np.timedelta64(120, "D")) for each in town], Nights(days=30))
    assert again.to_json() == member.to_json()


def test_a_site_with_enough_bins_of_a_stream_has_a_curve_of_its_own(town: list[BinHistory]) -> None:
    other = [replace(each, site_id="t", bin_id=f"{each.bin_id} t") for each in town[:2]]
    assert set(clusters([*town, *other], 3)) == {"paper", "s | paper"}


def test_a_bins_pace_is_its_own_however_much_more_the_others_fill(town: list[BinHistory]) -> None:
    flat = SeasonCurve(int(FIRST_H), np.arange(DAYS * 24 + 1.0), 1.0)
    paces = [own_pace(growth_line(each), flat, np.array([FIRST_H + 100 * 24.0]))[0] for each in town]
    np.testing.assert_allclose(paces, np.array([1.0, 1.6, 2.4]) * 12 * 6 / 168, rtol=0.3)
    assert paces[0] < paces[1] < paces[2]


def test_a_fast_bin_counts_no_more_in_the_curve_than_a_slow_one(town: list[BinHistory]) -> None:
    _, growth, pace = growth_series(town, FIRST_H + 100 * 24)
    assert growth.mean() == pytest.approx(1.0, abs=0.1)
    assert 12 * 6 / 168 < pace < 2.4 * 12 * 6 / 168


def test_without_any_record_there_is_nothing_to_fit() -> None:
    with pytest.raises(BadData, match="no season to learn"):
        fit_seasonal([BinHistory("new", "paper", "s")])


def test_asking_the_member_needs_no_prophet() -> None:
    program = "import sys, engines.forecast.seasonal; print([n for n in ('prophet', 'pandas') if n in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_no_outcome_known_yet_gives_a_wide_spread(town: list[BinHistory], member: Seasonal) -> None:
    bare = Seasonal(member.curves, Outcomes({}), member.fitted_until)
    asked = Windows(town[:1], np.array([FIRST_H + 121 * 24 + 7.0]), np.array([12.0]))
    levels = bare.quantiles(asked)[0, 0]
    assert levels[5] - levels[1] > 5
