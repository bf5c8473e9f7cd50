"""The naive answers, and a backtest that puts the model beside them.

`last_plus_mean_rate`: last known level plus the bin's mean rate over its whole past; `always_no`: no bin ever reaches
the threshold. The backtest asks, before each emptying of the test time, what level will be found; it never trains on
what it tests, and what it counts is the level AS REPORTED (in steps), because nothing finer was ever seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Intervals, hours, intervals
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.outcomes import SHARES, Kind
from engines.forecast.predict import Ask, Start, level_quantiles
from engines.forecast.rates import Rates, fit_rates


@dataclass(frozen=True)
class Score:
    """Mean absolute error in points, share within 20 points (one BigBelly step), and number of cases."""

    mae: float
    within20: float
    cases: int


@dataclass(frozen=True)
class Backtest:
    """Scores by method, and of the model's 80 % interval the share of found levels inside it."""

    scores: dict[str, Score]
    coverage80: float
    refits: int


def always_no(histories: Sequence[BinHistory], ask: Ask) -> list[float]:
    """The chance that a bin reaches the threshold: 0 for every bin."""
    return [0.0 for _ in histories]


def last_plus_mean_rate(history: BinHistory, ask: Ask) -> list[float | None]:
    """Level at each asked hour: last reading (or 0 after an emptying) plus the bin's mean rate; None without a past."""
    known = history.until(ask.at)
    now = float(hours(np.array([local_moment(ask.at)]))[0])
    emptied, read = hours(known.emptied_at), hours(known.read_at)
    if not len(emptied) and not len(read):
        return [None for _ in ask.horizon_hours]
    rate = _mean_rate(known, emptied)
    from_reading = len(read) > 0 and (not len(emptied) or read[-1] > emptied[-1])
    start, level = (read[-1], known.readings[-1]) if from_reading else (emptied[-1], 0.0)
    if rate is None or not np.isfinite(level):
        return [None for _ in ask.horizon_hours]
    return [float(np.clip(level + rate * (now + ahead - start), 0, 100)) for ahead in ask.horizon_hours]


def _mean_rate(history: BinHistory, emptied: Floats) -> float | None:
    seen = np.isfinite(history.levels[1:])
    length = np.diff(emptied)[seen].sum()
    return float(history.levels[1:][seen].sum() / length) if length > 0 else None


def backtest(histories: Sequence[BinHistory], since: datetime | np.datetime64, every_hours: float) -> Backtest:
    """Errors at the emptyings after `since`, refitting every `every_hours` on what was known by then.

    Methods: `model` (median of what crews find), `unattended` (median if nobody had come, for comparison), `bin_mean`
    (the bin's mean level so far), `last_value` (level at its last emptying), `mean_rate` (mean rate times hours
    since). The time of the emptying is given to all; its level to none.
    """
    start = float(hours(np.array([local_moment(since)]))[0])
    rows = intervals(histories)
    rows = rows.where(~rows.from_reading & (rows.start >= start))
    said: dict[str, list[Floats]] = {"model": [], "unattended": [], "bin_mean": [], "last_value": [], "mean_rate": []}
    found, inside, refits = [], [], 0
    cut = start
    while len(rows) and cut <= rows.start.max():
        part = rows.where((rows.start >= cut) & (rows.start < cut + every_hours))
        if len(part):
            refits += 1
            known = [history.until(np.datetime64(int(cut * 3600), "s")) for history in histories]
            rates = fit_rates(known)
            levels = _model_levels(known, rates, part, "found")
            alone = _model_levels(known, rates, part, "unattended")
            said["unattended"].append(as_reported(np.median(alone, axis=1), histories, part.bin))
            said["model"].append(as_reported(np.median(levels, axis=1), histories, part.bin))
            inside.append(_inside(levels, part))
            for name, values in _naive(known, histories, part).items():
                said[name].append(values)
            found.append(part.low)
        cut += every_hours
    if not found:
        return Backtest({}, 0.0, 0)
    truth = np.concatenate(found)
    scores = {name: _score(np.concatenate(values), truth) for name, values in said.items()}
    return Backtest(scores, float(np.concatenate(inside).mean()), refits)


def _model_levels(known: Sequence[BinHistory], rates: Rates, part: Intervals, kind: Kind) -> Floats:
    chosen = [known[i] for i in part.bin]
    start = Start(part.start, np.zeros(len(part)), [kind] * len(part))
    return level_quantiles(chosen, rates, start, part.end[:, None])[0][:, 0, :]


def as_reported(level: Floats, histories: Sequence[BinHistory], bins: npt.NDArray[np.int64]) -> Floats:
    """The level as the bin would report it: the last step reached."""
    step = np.array([history.step_pct for history in histories])[bins]
    return np.asarray(np.where(step > 0, np.floor(level / np.maximum(step, 1e-9)) * step, level))


def _inside(levels: Floats, part: Intervals) -> npt.NDArray[np.bool_]:
    """Whether the step found touches the p10..p90 interval."""
    edge = len(SHARES) // 10
    return np.asarray((part.high > levels[:, edge]) & (part.low <= levels[:, -edge - 1]))


def _naive(known: Sequence[BinHistory], full: Sequence[BinHistory], part: Intervals) -> dict[str, Floats]:
    mean = np.array([np.nanmean(h.levels) if np.isfinite(h.levels).any() else np.nan for h in known])
    everywhere = float(np.nanmean(mean)) if np.isfinite(mean).any() else 50.0
    mean = np.where(np.isfinite(mean), mean, everywhere)
    rate = np.array([_mean_rate(h, hours(h.emptied_at)) or np.nan for h in known])
    rate = np.where(np.isfinite(rate), rate, np.nanmedian(rate) if np.isfinite(rate).any() else 0.0)
    last = np.array([_level_at(full[b], s) for b, s in zip(part.bin, part.start, strict=True)])
    return {
        "bin_mean": mean[part.bin],
        "last_value": np.where(np.isfinite(last), last, mean[part.bin]),
        "mean_rate": np.clip(rate[part.bin] * (part.end - part.start), 0, 100),
    }


def _level_at(history: BinHistory, hour: float) -> float:
    index = int(np.searchsorted(history.emptied_at, np.datetime64(round(hour * 3600), "s")))
    return float(history.levels[index])


def _score(said: Floats, found: Floats) -> Score:
    error = np.abs(said - found)
    return Score(round(float(error.mean()), 2), round(float((error <= 20).mean()), 4), len(error))
