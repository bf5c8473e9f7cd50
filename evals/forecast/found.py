"""How well the level that a crew finds is told where emptyings are all that is known, beside the naive answers.

Trained once on what was known before `test_from`; each later emptying is asked about with what was known before it
(of other bins: before its midnight). Its time is given to every method; its level to none. A point is near enough
when it is at most one step (20 points) from the level reported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import JsonValue

from engines.forecast.found import FoundLevels, FoundModel, fit_found
from engines.forecast.history import Floats
from engines.forecast.outcomes import SHARES
from engines.forecast.predict import Start, level_quantiles
from engines.forecast.rates import fit_rates
from engines.forecast.visits import Visits, past_visits
from evals.forecast.clusters import interval_of_mean
from evals.forecast.emptyings import Emptied

NEAR_PCT = 20.0
RESAMPLES = 400


@dataclass(frozen=True, eq=False)
class Tested:
    """The emptyings asked about: visits, levels found, hours since the emptying before."""

    visits: Visits
    found: Floats
    since: Floats

    def where(self, mask: np.ndarray) -> Tested:
        """Those of a mask."""
        return Tested(self.visits.where(mask), self.found[mask], self.since[mask])


def measure_found(
    data: Emptied, test_from: np.datetime64, unseen: frozenset[str] = frozenset()
) -> tuple[dict[str, JsonValue], dict[str, JsonValue], int]:
    """(figures, baselines, cases). `unseen` bins are never trained on; their emptyings are told apart."""
    visits, found, since = past_visits(data.histories, data.alerted)
    begin = float(test_from.astype("datetime64[s]").astype(np.int64)) / 3600
    new = np.array([history.bin_id in unseen for history in data.histories])[visits.bin]
    later = Tested(visits, found, since).where(visits.at >= begin)
    new = new[visits.at >= begin]
    known = data.until(test_from).without(unseen)
    model = fit_found(known.histories, known.alerted)
    figures, baselines = _scores(data, known, model, later.where(~new))
    if new.any():
        figures["unseen"], baselines["unseen"] = _scores(data, known, model, later.where(new))
    return figures, baselines, int((~new).sum())


def _scores(
    data: Emptied, known: Emptied, model: FoundModel, test: Tested
) -> tuple[dict[str, JsonValue], dict[str, JsonValue]]:
    untold = Visits(test.visits.bin, test.visits.at, np.full(len(test.visits), np.nan))
    said = _naive(data, known, model, test)
    baselines: dict[str, JsonValue] = {name: _point(values, test) for name, values in said.items()}
    levels = model.levels(data.histories, untold)
    figures: dict[str, JsonValue] = dict(_interval(levels, test))
    best = max(said, key=lambda name: _share(_near(said[name], test)))
    figures["best_naive"] = best
    figures["within20_gain"] = round(_share(_near(levels.median, test)) - _share(_near(said[best], test)), 4)
    told = np.isfinite(test.visits.alerted)
    if model.told is not None and told.any():
        part = test.where(told)
        figures["alert_known"] = dict(_interval(model.levels(data.histories, part.visits), part))
    return figures, baselines


def _interval(levels: FoundLevels, test: Tested) -> dict[str, JsonValue]:
    low, high = levels.interval(0.8)
    inside = (test.found >= low) & (test.found <= high)
    return {
        **_point(levels.median, test),
        "likeliest_within20": _share(_near(levels.likeliest, test)),
        "coverage80": _share(inside),
        "coverage80_inside_steps": round(_coverage_inside(levels, test), 4),
        "interval_steps": round(float(np.mean((high - low) / np.diff(levels.steps)[0] + 1)), 2),
        "log_loss": round(_log_loss(levels, test), 4),
    }


def _point(said: Floats, test: Tested) -> dict[str, JsonValue]:
    near = _near(said, test)
    low, high = (round(end, 4) for end in interval_of_mean(near.astype(np.float64), test.visits.bin, RESAMPLES))
    mae = float(np.abs(said - test.found).mean())
    return {"within20": _share(near), "within20_ci95": [low, high], "mae": round(mae, 2), "cases": len(near)}


def _share(true: np.ndarray) -> float:
    return round(float(true.mean()), 4)


def _near(said: Floats, test: Tested) -> np.ndarray:
    return np.abs(said - test.found) <= NEAR_PCT + 1e-9


def _coverage_inside(levels: FoundLevels, test: Tested) -> float:
    """Share of levels between the 10 and 90 % quantiles when each lies somewhere in its step: 0.8 when calibrated.

    A step is wider than an exact quantile, so the band of whole steps above holds more than it says; here a level is
    spread over its step (golden-ratio sequence; the randomised PIT of Czado, Gneiting and Held 2009).
    """
    place = np.searchsorted(levels.steps, test.found + 1e-6, side="right") - 1
    rows = np.arange(len(place))
    upper = np.cumsum(levels.chances, axis=1)[rows, place]
    within = (rows * 0.6180339887498949) % 1.0
    at = upper - within * levels.chances[rows, place]
    return float(((at >= 0.1) & (at <= 0.9)).mean())


def _log_loss(levels: FoundLevels, test: Tested) -> float:
    place = np.searchsorted(levels.steps, test.found + 1e-6, side="right") - 1
    return float(-np.log(levels.chances[np.arange(len(place)), place] + 1e-9).mean())


def _naive(data: Emptied, known: Emptied, model: FoundModel, test: Tested) -> dict[str, Floats]:
    """Each naive answer in percent, rounded to the nearest step (which scores better for them than the last one).

    `bin_mean`: of all levels before `test_from`; `recent_mean`: of the bin's last ten before the visit; `last_value`:
    the one before; `mean_rate`: the bin's mean rate times the hours since; `hour_of_week`: the model of rates.
    """
    names = {history.bin_id: i for i, history in enumerate(known.histories)}
    everywhere = float(np.mean([level for h in known.histories for level in h.levels[np.isfinite(h.levels)]]))
    mean, rate = np.full(len(data.histories), everywhere), np.full(len(data.histories), np.nan)
    past, level, since = past_visits(known.histories)
    for index, history in enumerate(data.histories):
        own = past.bin == names.get(history.bin_id, -1)
        if own.any():
            mean[index], rate[index] = level[own].mean(), level[own].sum() / since[own].sum()
    rate = np.where(np.isfinite(rate), rate, np.nanmedian(rate))
    before = [_levels_before(data, test, i) for i in range(len(test.found))]
    middle = mean[test.visits.bin]
    last = np.array([each[-1] if len(each) else np.nan for each in before])
    recent = np.array([each[-10:].mean() if len(each) else np.nan for each in before])
    said = {
        "bin_mean": middle,
        "recent_mean": np.where(np.isfinite(recent), recent, middle),
        "last_value": np.where(np.isfinite(last), last, middle),
        "mean_rate": np.clip(rate[test.visits.bin] * test.since, 0, 100),
        "hour_of_week": _hour_of_week(data, known, test),
    }
    step = float(np.diff(model.steps)[0])
    return {name: np.round(values / step) * step for name, values in said.items()}


def _levels_before(data: Emptied, test: Tested, row: int) -> Floats:
    history = data.histories[int(test.visits.bin[row])]
    moment = np.datetime64(round(float(test.visits.at[row]) * 3600), "s")
    level = history.levels[: int(np.searchsorted(history.emptied_at, moment))]
    return level[np.isfinite(level)]


def _hour_of_week(data: Emptied, known: Emptied, test: Tested) -> Floats:
    chosen = [data.histories[i] for i in test.visits.bin]
    start = Start(test.visits.at - test.since, np.zeros(len(chosen)), ["found"] * len(chosen))
    levels = level_quantiles(chosen, fit_rates(known.histories), start, test.visits.at[:, None])[0][:, 0, :]
    return np.asarray(levels[:, (len(SHARES) - 1) // 2 : len(SHARES) // 2 + 1].mean(axis=1))
