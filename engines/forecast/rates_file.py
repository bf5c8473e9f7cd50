"""Fitted rates as JSON text, and back. The same rates give the same text."""

from __future__ import annotations

import json

import numpy as np

from domain.errors import BadData
from engines.forecast.outcomes import KINDS, Curve, Outcomes
from engines.forecast.rates import BUCKETS, Rates

FORM = 1
PLACES = 5


def rates_to_json(rates: Rates) -> str:
    """The rates as text, rounded to a hundred-thousandth of a point."""
    curves = [
        [stream, kind, _rounded(curve.expected), [_rounded(row) for row in curve.growth], curve.rows]
        for (stream, kind), curve in sorted(rates.outcomes.curves.items())
    ]
    told = {
        "form": FORM,
        "bin_rate": {name: round(rate, PLACES) for name, rate in rates.bin_rate.items()},
        "intervals_of": rates.intervals_of,
        "site_rate": [[*key, round(rate, PLACES)] for key, rate in sorted(rates.site_rate.items())],
        "district_rate": [[*key, round(rate, PLACES)] for key, rate in sorted(rates.district_rate.items())],
        "stream_rate": {name: round(rate, PLACES) for name, rate in rates.stream_rate.items()},
        "overall": round(rates.overall, PLACES),
        "profile": {name: _rounded(each) for name, each in rates.profile.items()},
        "curves": curves,
        "fitted_until": None if rates.fitted_until is None else str(rates.fitted_until),
    }
    return json.dumps(told, sort_keys=True)


def rates_from_json(text: str) -> Rates:
    """Raises BadData for a text that holds no rates of this form."""
    try:
        told = json.loads(text)
        if told["form"] != FORM:
            raise ValueError(f"form {told['form']}")
        curves = {
            (stream, kind): Curve(np.array(expected), np.array(growth), int(rows))
            for stream, kind, expected, growth, rows in told["curves"]
            if kind in KINDS
        }
        profile = {name: np.array(each, dtype=np.float64) for name, each in told["profile"].items()}
        if any(each.shape != (BUCKETS,) for each in profile.values()):
            raise ValueError("a week of another length")
        until = told["fitted_until"]
        return Rates(
            bin_rate=dict(told["bin_rate"]),
            intervals_of=dict(told["intervals_of"]),
            site_rate={(site, stream): rate for site, stream, rate in told["site_rate"]},
            stream_rate=dict(told["stream_rate"]),
            overall=float(told["overall"]),
            profile=profile,
            outcomes=Outcomes(curves),
            district_rate={(name, stream): rate for name, stream, rate in told.get("district_rate", [])},
            fitted_until=None if until is None else np.datetime64(until, "s"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadData(f"the rates cannot be read: {error!s:.120}") from None


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(each), PLACES) for each in values]
