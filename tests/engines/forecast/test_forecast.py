"""What a forecast promises: sane rates, ordered quantiles, time that only fills, and silence without a past."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.errors import BadData
from engines.forecast.baselines import always_no, backtest, last_plus_mean_rate
from engines.forecast.history import BinHistory, emptyings_from_readings
from engines.forecast.predict import Ask, FillForecast, predict, predict_all
from engines.forecast.rates import Rates, fit_rates

START = np.datetime64("2025-01-06T06:00:00")  # a Monday
NOW = np.datetime64("2025-06-02T06:00:00")


def cycle(
    name: str, rate: float, every_h: float, *, stream: str = "Waste", site: str = "a", count: int = 60
) -> BinHistory:
    """A bin that fills at a constant rate, emptied every so often; levels reported in steps of 20."""
    rng = np.random.default_rng(sum(name.encode()))
    gaps = np.maximum(every_h * rng.uniform(0.6, 1.4, count), 6)
    at = START + np.cumsum(gaps * 3600).astype("timedelta64[s]")
    levels = np.floor(np.minimum(gaps * rate, 100) / 20) * 20
    levels[0] = np.nan
    return BinHistory(name, stream, site, at, levels)


def town() -> list[BinHistory]:
    fast = [cycle(f"fast {i}", 1.5, 48, site=f"site {i}") for i in range(6)]
    return fast + [cycle(f"slow {i}", 0.3, 72, stream="Glass", site=f"site {i}", count=40) for i in range(6)]


@pytest.fixture(scope="module")
def rates() -> Rates:
    return fit_rates(town())


def asked(history: BinHistory, rates: Rates, hours_after: float, *ahead: float, threshold: float = 80) -> FillForecast:
    at = history.emptied_at[-1] + np.timedelta64(int(hours_after * 3600), "s")
    return predict(history, rates, Ask(at, ahead or (24.0,), threshold))


def test_rates_come_near_the_truth_in_spite_of_steps_and_overfull_bins(rates: Rates) -> None:
    assert rates.bin_rate["fast 0"] == pytest.approx(1.5, rel=0.2)
    assert rates.bin_rate["slow 0"] == pytest.approx(0.3, rel=0.2)


def test_a_bin_with_two_emptyings_gets_a_rate_near_its_streams() -> None:
    wild = BinHistory(
        "new", "Glass", "z", START + np.array([0, 10 * 3600], "timedelta64[s]"), np.array([np.nan, 100.0])
    )
    fitted = fit_rates([*town(), wild])
    assert 0.3 < fitted.bin_rate["new"] < 1.5


def test_the_hour_of_the_week_is_learnt_from_readings() -> None:
    hours = np.arange(24 * 7 * 12)
    weekday = (hours // 24) % 7 < 5
    level = np.zeros(len(hours))
    for i in range(1, len(hours)):
        level[i] = 0 if i % 72 == 0 else min(100.0, level[i - 1] + (1.2 if weekday[i] else 0.1))
    at = np.datetime64("2025-01-06T00:00:00") + hours.astype("timedelta64[h]")
    emptied, found = emptyings_from_readings(at, level)
    fitted = fit_rates([BinHistory("p", "Paper", "s", emptied, found, at, level, step_pct=0)])
    week = fitted.profile["Paper"]
    assert week[:20].mean() > 2 * week[20:].mean()
    assert (week >= 0).all()


def test_a_bin_emptied_a_minute_ago_is_near_empty(rates: Rates) -> None:
    forecast = asked(town()[0], rates, 1 / 60)
    assert forecast.now is not None
    assert forecast.now.p90 < 2
    assert forecast.now.chance == 0


def test_more_time_never_lowers_the_chance_or_a_quantile(rates: Rates) -> None:
    forecast = asked(town()[0], rates, 5, *np.arange(0, 400, 7.0))
    for field in ("p10", "p50", "p90", "chance"):
        values = [getattr(each, field) for each in forecast.by]
        assert values == sorted(values), field
    assert forecast.by[-1].chance > 0.9


def test_the_threshold_is_reached_when_the_fill_rate_says(rates: Rates) -> None:
    reach = asked(town()[0], rates, 10).hours_to
    assert reach is not None
    assert reach.p10 is not None
    assert reach.p90 is not None
    assert reach.p10 < 80 / 1.5 - 10 < reach.p90


def test_a_reading_is_where_the_forecast_starts(rates: Rates) -> None:
    bare = town()[0]
    last = bare.emptied_at[-1]
    seen = BinHistory(
        "fast 0",
        "Waste",
        "site 0",
        bare.emptied_at,
        bare.levels,
        np.array([last + np.timedelta64(3600, "s")]),
        np.array([70.0]),
    )
    forecast = asked(seen, rates, 1)
    assert forecast.now is not None
    assert forecast.now.p50 == pytest.approx(70, abs=1)
    assert forecast.starts_from == "a reading of 70 %"


def test_the_future_is_not_looked_at(rates: Rates) -> None:
    history = town()[0]
    at = history.emptied_at[20] + np.timedelta64(7200, "s")
    assert predict(history, rates, Ask(at)) == predict(history.until(at), rates, Ask(at))


def test_without_any_past_the_forecast_abstains_with_the_reason(rates: Rates) -> None:
    forecast = predict(BinHistory("x", "Waste", "s"), rates, Ask(NOW))
    assert forecast.abstained is not None
    assert (forecast.now, forecast.by) == (None, ())


def test_a_bin_silent_for_months_is_not_forecast(rates: Rates) -> None:
    assert asked(town()[0], rates, 24 * 90).abstained is not None


def test_an_unknown_bin_of_a_known_stream_is_shown_with_a_wider_interval(rates: Rates) -> None:
    known, at = town()[0], town()[0].emptied_at[-1:]
    new = BinHistory("new", "Waste", "elsewhere", at, np.array([np.nan]))
    own, other = asked(known, rates, 10, 10.0), asked(new, rates, 10, 10.0)
    assert "interval widened" in other.basis
    assert other.by[0].p90 - other.by[0].p10 > own.by[0].p90 - own.by[0].p10


def test_nobody_s_past_gives_a_wide_guess_that_says_so() -> None:
    lone = BinHistory("x", "Waste", "s", np.array([NOW]), np.array([np.nan]))
    forecast = predict(lone, fit_rates([lone]), Ask(NOW, (48.0,)))
    assert "assumed" in forecast.basis
    assert forecast.by[0].p10 < forecast.by[0].p50 < forecast.by[0].p90


def test_the_same_question_gives_the_same_bytes() -> None:
    assert predict_all(town(), fit_rates(town()), Ask(NOW)) == predict_all(town(), fit_rates(town()), Ask(NOW))


def test_a_batch_says_what_single_forecasts_say(rates: Rates) -> None:
    assert predict_all(town(), rates, Ask(NOW)) == [predict(history, rates, Ask(NOW)) for history in town()]


def test_the_backtest_puts_the_model_ahead_of_the_bins_mean_where_filling_is_regular() -> None:
    result = backtest(town(), datetime(2025, 4, 1), 24 * 60)  # noqa: DTZ001  local wall clock
    assert result.scores["model"].mae < result.scores["bin_mean"].mae
    assert result.scores["model"].cases > 50
    assert 0.7 <= result.coverage80 <= 1


def test_the_naive_answers_are_naive() -> None:
    history = BinHistory(
        "x", "Waste", "s", NOW + np.array([-48, -24], "timedelta64[h]"), np.array([np.nan, 48.0]), step_pct=0
    )
    assert last_plus_mean_rate(history, Ask(NOW, (0.0, 12.0))) == pytest.approx([48.0, 72.0])
    assert last_plus_mean_rate(BinHistory("y", "Waste", "s"), Ask(NOW)) == [None]
    assert always_no([history], Ask(NOW)) == [0.0]


def test_a_single_spike_is_no_emptying() -> None:
    at = START + np.arange(6).astype("timedelta64[h]")
    assert len(emptyings_from_readings(at, np.array([40.0, 95.0, 41.0, 42.0, 43.0, 44.0]))[0]) == 0
    assert len(emptyings_from_readings(at, np.array([80.0, 82.0, 5.0, 81.0, 83.0, 84.0]))[0]) == 0
    times, levels = emptyings_from_readings(at, np.array([80.0, 82.0, 5.0, 6.0, 7.0, 8.0]))
    assert (times.tolist(), levels.tolist()) == ([at[2].item()], [82.0])


def test_levels_and_questions_that_make_no_sense_are_refused() -> None:
    with pytest.raises(BadData):
        BinHistory("x", "Waste", "s", np.array([NOW]), np.array([140.0]))
    with pytest.raises(BadData):
        BinHistory("x", "Waste", "s", np.array([NOW]), np.array([]))
    with pytest.raises(BadData):
        Ask(NOW, (float("nan"),))
    with pytest.raises(BadData):
        Ask(NOW, (1.0,), 120)


@settings(max_examples=30, deadline=None)
@given(
    gaps=st.lists(st.floats(0, 2000), min_size=0, max_size=12),
    levels=st.lists(st.sampled_from([0.0, 20.0, 60.0, 100.0, float("nan")]), min_size=12, max_size=12),
    ahead=st.lists(st.floats(0, 2000), min_size=1, max_size=6),
    threshold=st.floats(1, 100),
)
def test_whatever_the_past_quantiles_stay_in_order_and_in_range(
    gaps: list[float], levels: list[float], ahead: list[float], threshold: float
) -> None:
    at = START + np.cumsum(np.array(gaps) * 3600).astype("timedelta64[s]")
    history = BinHistory("x", "Waste", "s", at, np.array(levels[: len(gaps)]))
    moment = at[-1] if len(at) else NOW
    forecast = predict(history, fit_rates([history]), Ask(moment, tuple(sorted(ahead)), threshold))
    assert (forecast.abstained is None) == bool(gaps)
    for each in forecast.by:
        assert 0 <= each.p10 <= each.p50 <= each.p90 <= 100
        assert 0 <= each.chance <= 1
    assert [each.chance for each in forecast.by] == sorted(each.chance for each in forecast.by)
