"""Foundation forecasters by address: both dialects are spoken, and whatever fails is a sentence and never a figure."""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from forecaster_double import Oracle, serving

from domain.errors import BadData
from domain.ports import DECILES
from feeds.forecasters import Chronos, ForecastServer, Patience, TimesFm, forecaster_of

RISING = np.arange(10, dtype=np.float64)
FLAT = np.full(8, 40.0)


@pytest.fixture
def oracle() -> Iterator[Oracle]:
    with serving(Oracle()) as running:
        yield running


def server(oracle: Oracle, kind: str = "chronos", patience: Patience | None = None) -> ForecastServer:
    made = forecaster_of(kind, f"{oracle.url}/{kind}")
    assert isinstance(made, ForecastServer)
    made.patience = patience or Patience(deadline_s=5.0, pause_s=0.0)
    return made


@pytest.mark.parametrize("kind", ["chronos", "timesfm"])
def test_both_dialects_give_the_deciles_of_every_series_and_hour(oracle: Oracle, kind: str) -> None:
    told = server(oracle, kind).foretell([RISING, FLAT], 6)
    assert told.values is not None
    assert told.values.shape == (2, 6, len(DECILES))
    np.testing.assert_allclose(told.values[0, :, 4], np.arange(10, 16))
    np.testing.assert_allclose(told.values[1, 5], 40 + np.arange(-4, 5))
    assert told.degraded is None


def test_more_series_than_a_request_may_hold_are_asked_in_parts(oracle: Oracle) -> None:
    told = server(oracle).foretell([RISING] * 2300, 2)
    assert told.values is not None
    assert len(told.values) == 2300
    assert oracle.asked == [1000, 1000, 300]


def test_deciles_that_cross_are_put_in_order(oracle: Oracle) -> None:
    oracle.crossing = True
    told = server(oracle).foretell([FLAT], 3)
    assert told.values is not None
    assert (np.diff(told.values, axis=-1) >= 0).all()


@pytest.mark.parametrize(
    ("garbage", "why"),
    [
        ("not json", "its answer is no JSON"),
        ("{}", "without predictions"),
        (json.dumps({"predictions": [{"mean": [1.0]}]}), "lack the quantile 0.1"),
        (json.dumps({"predictions": [{f"{s:g}": [1.0] for s in DECILES}]}), "instead of"),
        (json.dumps({"predictions": [{f"{s:g}": [1.0, "x"] for s in DECILES}]}), "not all numbers"),
        (json.dumps({"predictions": [{f"{s:g}": [1.0, float("nan")] for s in DECILES}]}), "not all numbers"),
        (json.dumps({"predictions": [{f"{s:g}": [1.0] * (1 + (s > 0.5)) for s in DECILES}]}), "differ in length"),
        (json.dumps({"predictions": [{f"{s:g}": [1.0, 10**400] for s in DECILES}]}), "not all numbers"),
        ("[" * 200_000, "its answer is no JSON"),
    ],
)
def test_an_answer_that_is_no_forecast_is_a_sentence(oracle: Oracle, garbage: str, why: str) -> None:
    oracle.garbage = garbage
    told = server(oracle).foretell([FLAT], 2)
    assert told.values is None
    assert told.degraded is not None
    assert why in told.degraded
    assert told.degraded.endswith("the forecast is made without it")


def test_a_server_with_a_fault_is_left_alone_for_a_while(oracle: Oracle) -> None:
    oracle.faults = [503]
    asked = server(oracle, patience=Patience(5.0, pause_s=0.3))
    assert "status 503" in (asked.foretell([FLAT], 2).degraded or "")
    assert "a moment ago" in (asked.foretell([FLAT], 2).degraded or "")
    assert len(oracle.tokens) == 1
    time.sleep(0.35)
    assert asked.foretell([FLAT], 2).values is not None


def test_a_slow_server_is_given_up_at_the_deadline(oracle: Oracle) -> None:
    oracle.wait_s = 2.0
    begun = time.monotonic()
    told = server(oracle, patience=Patience(0.3, 0.0)).foretell([FLAT], 2)
    assert time.monotonic() - begun < 1.5
    assert "did not answer in time" in (told.degraded or "")


def test_a_server_that_is_not_there_is_told_without_its_address_or_token() -> None:
    told = forecaster_of("timesfm", "http://127.0.0.1:9/secret-path", "secret-token").foretell([FLAT], 2)
    assert (
        told.degraded == "TimesFM cannot be used (the connection failed, ConnectError): the forecast is made without it"
    )
    assert told.source == "TimesFM at 127.0.0.1"


def test_the_token_goes_to_the_server_and_nowhere_else(oracle: Oracle) -> None:
    asked = forecaster_of("chronos", f"{oracle.url}/chronos", "s3cret")
    asked.foretell([FLAT], 2)
    assert oracle.tokens == ["Bearer s3cret"]
    assert "s3cret" not in repr(asked)


@pytest.mark.parametrize(
    ("series", "hours"), [(FLAT[:4], 2), (np.array([1, 2, 3, 4, np.nan]), 2), (FLAT, 0), (FLAT, 5000)]
)
def test_what_no_forecaster_can_be_asked_is_refused_before_it_is_asked(series: np.ndarray, hours: int) -> None:
    with pytest.raises(BadData):
        ForecastServer(Chronos(), "http://127.0.0.1:9").foretell([series], hours)


def test_a_wrong_setting_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="chronos or timesfm"):
        forecaster_of("moirai", "http://x")
    with pytest.raises(BadData, match=r"config\.json"):
        forecaster_of("chronos", str(tmp_path))
    (tmp_path / "config.json").write_text("{}", "utf-8")
    for kind, package in (("timesfm", "timesfm"), ("chronos", "chronos-forecasting")):
        if importlib.util.find_spec(kind) is None:
            with pytest.raises(BadData, match=f"need the package {package}"):
                forecaster_of(kind, str(tmp_path))


@pytest.mark.parametrize("key", ["cl\u00e9", "two words", "key\n"])
def test_a_key_that_no_request_can_carry_is_refused_without_being_told(key: str) -> None:
    with pytest.raises(BadData, match="key must be of plain ASCII") as refused:
        forecaster_of("chronos", "http://127.0.0.1:9/chronos", key)
    assert key not in str(refused.value)


def test_the_dialects_say_how_many_series_a_request_may_hold() -> None:
    assert (Chronos().most, TimesFm().most) == (1000, 250)
