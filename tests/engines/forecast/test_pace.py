"""A bin's pace of late follows what crews found last; sensors and later records have no part in it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.forecast.columns import hours, intervals
from engines.forecast.history import BinHistory
from engines.forecast.pace import LAST, pace_before, pace_of, recent_intervals
from engines.forecast.predict import Ask, predict
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.rates_file import rates_from_json, rates_to_json

START = np.datetime64("2025-01-06T06:00:00", "s")
WEEK = np.timedelta64(7, "D")
NOW = START + 31 * WEEK


def a_bin(bin_id: str, levels: list[float], readings: bool = False) -> BinHistory:
    """A bin emptied each week, found at these levels; with `readings`, one a day before each emptying."""
    at = START + np.arange(len(levels)) * WEEK
    read = at[1:] - np.timedelta64(1, "D") if readings else at[:0]
    return BinHistory(
        bin_id, "Paper", "s", at, np.array(levels), read, np.full(len(read), 20.0), 20.0
    )  # fmt: skip


USUAL, SLOWED, FASTER = [60.0] * 31, [60.0] * 27 + [20.0] * 4, [60.0] * 27 + [100.0] * 4


@pytest.fixture(scope="module")
def town() -> list[BinHistory]:
    return [a_bin("usual", USUAL), a_bin("slowed", SLOWED), a_bin("faster", FASTER)]


@pytest.fixture(scope="module")
def rates(town: list[BinHistory]) -> Rates:
    return fit_rates(town, paced=True)


def paces(rates: Rates, histories: list[BinHistory], now: np.datetime64 = NOW) -> list[float]:
    return rates.pace_of(histories, np.full(len(histories), hours(np.array([now]))[0])).tolist()


def test_what_crews_found_last_makes_a_bin_slower_or_faster(town: list[BinHistory], rates: Rates) -> None:
    usual, slowed, faster = paces(rates, town)
    assert usual == pytest.approx(1.0, abs=0.1)
    assert slowed < 0.7
    assert faster > 1.2


def test_a_slowed_bin_is_forecast_lower_than_by_its_usual_rate_and_the_basis_says_so(
    town: list[BinHistory], rates: Rates
) -> None:
    ask = Ask(NOW + np.timedelta64(3, "D"), (24.0,))
    slow, usual = predict(town[1], rates, ask), predict(town[1], replace(rates, paced=False), ask)
    assert slow.by[0].p50 < usual.by[0].p50 - 10
    assert slow.by[0].chance <= usual.by[0].chance
    assert "the bin's own past, after its last emptyings 0." in slow.basis
    assert "last emptyings" not in predict(town[0], rates, ask).basis


def test_one_emptying_moves_the_pace_less_than_several(rates: Rates) -> None:
    once, often = paces(rates, [a_bin("slowed", [60.0] * 30 + [20.0]), a_bin("slowed", SLOWED)])
    assert often < once < 1.0


def test_records_after_the_moment_do_not_change_the_pace(rates: Rates) -> None:
    then = START + 26 * WEEK + np.timedelta64(1, "h")
    assert paces(rates, [a_bin("slowed", SLOWED)], then) == paces(rates, [a_bin("slowed", SLOWED[:27])], then)


def test_a_bin_with_readings_is_at_its_usual_pace(rates: Rates) -> None:
    assert paces(rates, [a_bin("slowed", SLOWED, readings=True)]) == [1.0]
    assert paces(rates, [a_bin("slowed", SLOWED[:1])]) == [1.0]


def test_fitting_and_answering_follow_the_same_pace(town: list[BinHistory], rates: Rates) -> None:
    rows = intervals(town)
    rate = np.array([rates.rate_of(h)[0] for h in town])[rows.bin]
    expected = rates.expected_growth(rate, ["Paper"] * len(rows), rows.start, rows.end)
    fitted = pace_before(rows, expected)
    for row in (3, 29, 40, 75):
        history, known = town[rows.bin[row]], rows.start[[row]]
        assert rates.pace_of([history], known)[0] == pytest.approx(fitted[row])


def test_levels_that_are_not_known_are_passed_over(rates: Rates) -> None:
    holed = a_bin("slowed", [*SLOWED[:-1], np.nan])
    rows = recent_intervals([holed], hours(np.array([NOW])))
    assert len(rows) == LAST
    assert pace_of(rows, np.full(LAST, 60.0))[0] < 0.8


def test_rates_of_before_paces_were_followed_are_asked_as_they_were_learnt(rates: Rates) -> None:
    text = rates_to_json(rates)
    assert rates_from_json(text).paced
    older = rates_from_json(text.replace(', "paced": true', ""))
    assert not older.paced
    assert paces(older, [a_bin("slowed", SLOWED)]) == [1.0]
