"""A bin of a site that has no past is told from the bins nearby, before all bins of its stream are asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.forecast.districts import SIDE_M, district_of
from engines.forecast.history import BinHistory
from engines.forecast.predict import Ask, predict
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.rates_file import rates_from_json, rates_to_json

NOW = np.datetime64("2025-08-04T06:00:00", "s")
WEEK = np.timedelta64(7, "D")
M = 1 / 111_320.0


def a_bin(bin_id: str, level: float, district: str, weeks: int = 30) -> BinHistory:
    """A bin of its own site that is emptied each week and found at a level."""
    at = NOW - np.arange(weeks, 0, -1) * WEEK
    return BinHistory(bin_id, "Paper", bin_id, at, np.full(weeks, level), district=district)


@pytest.fixture(scope="module")
def rates() -> Rates:
    return fit_rates(
        [a_bin(f"{name}-{n}", level, name) for name, level in (("busy", 80), ("calm", 20)) for n in range(5)]
    )


def test_a_bin_of_a_new_site_fills_as_the_bins_near_it_and_the_basis_says_so(rates: Rates) -> None:
    ask = Ask(NOW, (72.0,))
    busy, calm, nowhere = (predict(a_bin("new", 50.0, name, 1), rates, ask) for name in ("busy", "calm", "far"))
    assert busy.rate_pct_per_hour is not None
    assert calm.rate_pct_per_hour is not None
    assert busy.rate_pct_per_hour > 2 * calm.rate_pct_per_hour
    assert "bins of the same stream nearby" in busy.basis
    assert "its stream only" in nowhere.basis
    assert nowhere.rate_pct_per_hour is not None
    assert calm.rate_pct_per_hour < nowhere.rate_pct_per_hour < busy.rate_pct_per_hour


def test_where_no_district_is_known_a_bin_is_told_from_its_stream(rates: Rates) -> None:
    assert rates.rate_of(a_bin("new", 50.0, "", 1))[1] == "stream"
    nameless = fit_rates([a_bin(f"bin-{n}", 40.0, "") for n in range(5)])
    assert nameless.district_rate == {}


def test_the_file_brings_districts_back_and_one_from_before_them_has_none(rates: Rates) -> None:
    text = rates_to_json(rates)
    again = rates_from_json(text)
    assert again.district_rate == pytest.approx(rates.district_rate, abs=1e-4)
    assert set(again.district_rate) == {("busy", "Paper"), ("calm", "Paper")}
    older = replace(again, district_rate={})
    assert older.rate_of(a_bin("new", 50.0, "busy", 1))[1] == "stream"


def test_points_of_one_square_share_a_district_and_farther_ones_do_not() -> None:
    lat, lon = 37.8701, -122.2601
    near = {district_of(lat + 10 * M * step, lon) for step in range(5)}
    assert len(near) <= 2
    assert district_of(lat, lon) != district_of(lat + 1.1 * SIDE_M * M, lon)
    assert district_of(lat, lon) != district_of(lat, lon + 1.5 * SIDE_M * M)
    assert district_of(float("nan"), lon) == ""
