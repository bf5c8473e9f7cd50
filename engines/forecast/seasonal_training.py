"""How the member `prophet` is made: Prophet on each cluster's growth, in training only, turned into hourly tables.

Imported only where it is trained: Prophet takes seconds to import and a second or so a cluster to fit.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engines.forecast.columns import intervals
from engines.forecast.history import BinHistory, Floats
from engines.forecast.hourly import FEWEST_READINGS, growth_line
from engines.forecast.outcomes import Outcomes, learn_outcomes
from engines.forecast.seasonal import PACE_H, Seasonal, SeasonCurve, clusters, own_pace, span_of

STEP_H = 3.0  # of the series Prophet sees, where bins have sensors
DAY_H = 24.0
LONGEST_DAYS = 400.0  # older growth is not fitted: the season of the year is in each bin's own pace
LATELY_DAYS = 56.0  # the last part, forecast from what was before it, tells the spread
LEAST, MOST = 0.05, 4.0  # a relative growth outside these is the fit's, not the bins'
MONDAY_SHIFT_H = 72.0


@dataclass(frozen=True)
class Nights:
    """What a fit covers: `days` ahead; clusters of a site need `fewest` bins; whole `holidays` (local days)."""

    days: float = 190.0
    fewest: int = 6
    holidays: tuple[np.datetime64, ...] = ()
    seed: int = 0


def fit_seasonal(histories: Sequence[BinHistory], plan: Nights | None = None) -> Seasonal:
    """The member, from all that the histories hold (cut them with `until` first). Raises BadData without any record."""
    how = plan or Nights()
    _, until = span_of(histories)
    spread = _spread(histories, until, how)
    return Seasonal(_fit(histories, until, how), spread, until)


def _spread(histories: Sequence[BinHistory], until: float, how: Nights) -> Outcomes:
    """What forecasts of the last weeks, made from what was before them, missed by."""
    begin = until - LATELY_DAYS * DAY_H
    before = [history.until(np.datetime64(int(begin * 3600), "s")) for history in histories]
    if not any(len(history.emptied_at) or len(history.read_at) for history in before):
        return Outcomes({})
    curves = _fit(before, begin, Nights(LATELY_DAYS, how.fewest, how.holidays, how.seed))
    told = Seasonal(curves, Outcomes({}), begin)
    rows = intervals(histories)
    rows = rows.where(rows.start >= begin)
    expected = np.zeros(len(rows))
    for index, history in enumerate(histories):
        mine, curve = np.flatnonzero(rows.bin == index), told.curve_of(history)
        if len(mine) and curve is not None:
            pace = own_pace(growth_line(history), curve, rows.start[mine])
            expected[mine] = pace * curve.between(rows.start[mine], rows.end[mine])
    return learn_outcomes(rows, np.maximum(expected, 0.0), [histories[i].stream for i in rows.bin])


def _fit(histories: Sequence[BinHistory], until: float, how: Nights) -> dict[str, SeasonCurve]:
    found = {}
    for name, bins in clusters(histories, how.fewest).items():
        at, growth, pace = growth_series(bins, until)
        if len(at):
            found[name] = _curve(at, growth, pace, (until, how))
    return found


def growth_series(bins: Sequence[BinHistory], until: float) -> tuple[Floats, Floats, float]:
    """(hours, growth relative to the mean, mean points an hour) of a cluster, in steps of 3 hours where a bin has a
    sensor, of days otherwise. Each bin counts as much as any other: what is averaged is relative to its own mean."""
    step = STEP_H if any(len(each.readings) >= FEWEST_READINGS for each in bins) else DAY_H
    first = np.floor((until - LONGEST_DAYS * DAY_H) / DAY_H) * DAY_H
    edges = np.arange(first, until, step)
    total, count, paces = np.zeros(len(edges) - 1), np.zeros(len(edges) - 1), []
    for each in bins:
        heard, grown = growth_line(each)
        inside = (edges >= heard[0]) & (edges <= heard[-1]) if len(heard) > 1 else np.zeros(len(edges), dtype=np.bool_)
        if inside.sum() < 14 * DAY_H / step:
            continue
        line = np.interp(edges, heard, grown)
        mean = float((line[inside][-1] - line[inside][0]) / (inside.sum() - 1) / step)
        if mean > 0:
            both = inside[1:] & inside[:-1]
            total[both] += np.diff(line)[both] / step / mean
            count[both] += 1
            paces.append(mean)
    some = count > 0
    return edges[:-1][some] + step / 2, total[some] / count[some], float(np.mean(paces)) if paces else 0.0


def _curve(at: Floats, growth: Floats, pace: float, when: tuple[float, Nights]) -> SeasonCurve:
    """Prophet's expectation for every hour from eight weeks before the end of the series to `days` after it."""
    until, how = when
    first = int(np.floor(until - PACE_H - 7 * DAY_H))
    ahead = np.arange(first + 0.5, int(until + how.days * DAY_H) + 1.5, dtype=np.float64)
    weekly = _prophet(at, np.asarray(np.clip(growth, -MOST, 2 * MOST), dtype=np.float64), ahead, how)
    # A table of relative growth: the trend up to now is in each bin's own pace already.
    relative = np.clip(weekly, LEAST, MOST)
    recent = relative[: int(until) - first]
    relative = relative / max(float(recent.mean()), LEAST)
    return SeasonCurve(first, np.concatenate([[0.0], np.cumsum(relative)]), pace)


def _prophet(at: Floats, growth: Floats, ahead: Floats, how: Nights) -> Floats:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Prophet's own, of pandas
        import pandas
        from prophet import Prophet

        for name in ("cmdstanpy", "prophet"):
            logging.getLogger(name).disabled = True  # they tell of every fit, and set their level anew themselves
        fine = len(at) > 1 and float(np.diff(at).min()) < DAY_H
        holidays = None
        if how.holidays:
            holidays = pandas.DataFrame({"holiday": "holiday", "ds": [pandas.Timestamp(day) for day in how.holidays]})
        model = Prophet(
            growth="linear", yearly_seasonality=False, weekly_seasonality=False, daily_seasonality=False,
            uncertainty_samples=0, changepoint_prior_scale=0.02, holidays=holidays,
        )  # fmt: skip
        model.add_seasonality("weekly", period=7, fourier_order=10 if fine else 3)
        if fine:
            model.add_seasonality("daily", period=1, fourier_order=3)
        model.fit(pandas.DataFrame({"ds": _moments(at), "y": growth}), seed=how.seed)
        told = model.predict(pandas.DataFrame({"ds": _moments(ahead)}))["yhat"]
    return np.asarray(told.to_numpy(dtype=np.float64))


def _moments(at: Floats) -> np.ndarray:
    return np.asarray((at * 3600).astype(np.int64).astype("datetime64[s]"))
