"""The figures of serving come from the parts that serve, on the histories of the measurement."""

from __future__ import annotations

import numpy as np
import pytest

from engines.forecast.history import BinHistory
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.rates import fit_rates
from evals.forecast.serving import serving, serving_figures

AT = np.datetime64("2025-03-03T08:00:00")


@pytest.fixture(scope="module")
def histories() -> list[BinHistory]:
    """Five bins read every six hours for three weeks, emptied when full."""
    at = AT - np.arange(84, 0, -1).astype("timedelta64[h]") * 6
    return [
        BinHistory(f"c{n}", "Paper", "s", read_at=at, readings=(np.arange(84) * (n + 3.0)) % 97, step_pct=0.0)
        for n in range(5)
    ]


def test_every_lookup_is_one_and_live_answers_are_timed_beside_it(histories: list[BinHistory]) -> None:
    figures = serving_figures(histories, HourOfWeek(fit_rates(histories)), AT, renewed_bins=12)
    for name in ("lookup", "live", "answer"):
        assert 0 < float(str(figures[f"{name}_p50_ms"])) <= float(str(figures[f"{name}_p99_ms"]))
    assert figures["refresh_bins"] == figures["cold_bins"] == 12
    assert float(str(figures["refresh_cpu_s"])) > 0
    assert float(str(figures["cold_cpu_s"])) > 0
    assert figures["cold_readings"] == 12 * 84


def test_what_is_served_is_the_members_own_forecast(histories: list[BinHistory]) -> None:
    rates = fit_rates(histories)
    with serving(histories, HourOfWeek(rates), AT, rates) as here:
        computed = here.table.foresee(here.city, here.now, ["c3"])
        here.renew()
        served = here.table.foresee(here.city, here.now, ["c3"])
    assert (computed.looked_up, served.looked_up) == (0, 1)
    assert (computed.horizons.levels == served.horizons.levels).all()
