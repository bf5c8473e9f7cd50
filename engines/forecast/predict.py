"""How full is a bin now and later, how sure is that, and when does it reach a threshold.

A forecast says what happens IF NOBODY COMES: it starts at the last emptying (level 0) or at the last reading, adds the
growth that the fitted rates expect, and shows the spread that past forecasts of that stream really had. Nothing is
drawn by chance: the same histories, rates and ask give the same bytes.

Known bias: that a bin has not been emptied yet also tells that it gave no alert. That is not used, so bins long
untouched are shown somewhat too full. `Ask(as_found=True)` asks another question: what a crew finds if it comes as
it used to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.history import BinHistory, Floats, local_moment
from engines.forecast.outcomes import SHARES, Kind, chance_at_least, widen
from engines.forecast.rates import Rates

P10, P50, P90 = (float(share) for share in (0.1, 0.5, 0.9))
GRID_H = np.concatenate([np.arange(0.0, 72.0, 3.0), np.arange(72.0, 336.0, 12.0), np.array([336.0, 504.0, 672.0])])
OLDEST_H = 60 * 24.0  # a bin without news for longer is not forecast: it may be out of use or emptied unrecorded
SILENT_H = 72.0  # a sensor that reports often and is silent for longer is not guessed at
SILENT_GAPS = 6.0  # "often": so many of its usual gaps are shorter than its silence
FEWEST_OF_A_SENSOR = 20
BASIS_WORDS = {
    "bin": "the bin's own past",
    "site": "bins of the same stream at its site (this bin has no full interval yet)",
    "district": "bins of the same stream nearby (neither bin nor site has a past): interval widened",
    "stream": "its stream only (neither bin nor site nor the bins nearby have a past): interval widened",
    "all": "all bins (its stream has no past): interval widened",
}


@dataclass(frozen=True)
class Ask:
    """What is asked: the moment (local wall clock), hours ahead of it, and the level that matters.

    `as_found`: not "if nobody comes" but "what the crew finds then, coming as it used to".
    """

    at: datetime | np.datetime64
    horizon_hours: tuple[float, ...] = (24.0,)
    threshold_pct: float = 80.0
    as_found: bool = False

    def __post_init__(self) -> None:
        if not all(0 <= each <= 8760 for each in self.horizon_hours):
            raise BadData("hours ahead must be numbers from 0 to 8,760")
        if not 0 < self.threshold_pct <= 100:
            raise BadData("the threshold must be above 0 and at most 100 percent")


@dataclass(frozen=True)
class LevelAt:
    """Level in percent some hours after `Ask.at`, 0 <= p10 <= p50 <= p90 <= 100, and P(level >= threshold) as 0..1;
    where a model was trained to tell overflows and the threshold is theirs, P(overflow by then).

    `likely`: the one level to say where only one is asked for (`point.py`); None where it was not worked out.
    """

    hours_ahead: float
    p10: float
    p50: float
    p90: float
    chance: float
    likely: float | None = None


@dataclass(frozen=True)
class HoursTo:
    """Hours until the threshold is reached with 10, 50, 90 % chance; None when that is more than 28 days away."""

    p10: float | None
    p50: float | None
    p90: float | None


@dataclass(frozen=True)
class FillForecast:
    """A bin's forecast if nobody comes, or `abstained` with the reason and nothing else.

    `by` has one entry per asked hour. `data_age_hours` is the age of the last emptying or reading. `rate_pct_per_hour`
    is the mean over the week; `basis` says in words what rate and spread rest on.

    `planned`: the same hours with the planned collections, where a plan was told. `overflow_by`: by each asked hour,
    the chance that a bin now below 80 has two readings in a row at 80 or above; empty without a model of it.
    """

    bin_id: str
    stream: str
    threshold_pct: float
    now: LevelAt | None = None
    by: tuple[LevelAt, ...] = ()
    hours_to: HoursTo | None = None
    data_age_hours: float | None = None
    starts_from: str = ""
    rate_pct_per_hour: float | None = None
    basis: str = ""
    abstained: str | None = None
    planned: tuple[LevelAt, ...] = ()
    overflow_by: tuple[float, ...] = ()


@dataclass(frozen=True, eq=False)
class Start:
    """Where each of n forecasts begins: hour (1970 local), level, and which kind of curve goes on from there."""

    at: Floats
    level: Floats
    kind: Sequence[Kind]


@dataclass(frozen=True, eq=False)
class Starts:
    """Where each forecast begins: hour, level, whether that is a reading; `why_not` where nothing is known."""

    at: Floats
    level: Floats
    from_reading: npt.NDArray[np.bool_]
    why_not: list[str | None]


def predict(history: BinHistory, rates: Rates, ask: Ask) -> FillForecast:
    """One bin's forecast from what was known at `ask.at`; later rows of the history are not looked at."""
    return predict_all([history], rates, ask)[0]


def predict_all(histories: Sequence[BinHistory], rates: Rates, ask: Ask) -> list[FillForecast]:
    """One forecast per history, in order. Vectorised over bins and times."""
    now = float(hours(np.array([local_moment(ask.at)]))[0])
    starts = find_starts(histories, np.full(len(histories), now))
    usable = [i for i, why in enumerate(starts.why_not) if why is None]
    forecasts = [
        FillForecast(h.bin_id, h.stream, ask.threshold_pct, abstained=why)
        for h, why in zip(histories, starts.why_not, strict=True)
    ]
    if usable:
        for index, forecast in zip(usable, _forecast(histories, rates, ask, (now, starts, usable)), strict=True):
            forecasts[index] = forecast
    return forecasts


def level_quantiles(
    histories: Sequence[BinHistory], rates: Rates, start: Start, ends: Floats
) -> tuple[Floats, list[str], list[str]]:
    """(levels (n, t, 40) at SHARES, rate bases, spread words) for the hours `ends` of shape (n, t)."""
    begin, base, kinds = start.at, start.level, start.kind
    found = [rates.rate_of(history) for history in histories]
    rate = np.array([each[0] for each in found])
    bases = [each[1] for each in found]
    expected = rates.expected_growth(rate[:, None], [h.stream for h in histories], begin[:, None], ends)
    growth = np.zeros((*expected.shape, len(SHARES)))
    spread = [""] * len(histories)
    keys = [(h.stream, kind) for h, kind in zip(histories, kinds, strict=True)]
    for key in dict.fromkeys(keys):
        rows = [i for i, each in enumerate(keys) if each == key]
        curve, words = rates.outcomes.curve(*key)
        growth[rows] = curve.at(expected[rows])
        for row in rows:
            spread[row] = words
    floor = base[:, None, None]
    levels = np.clip(widen(floor + growth, floor, bases), 0.0, 100.0)
    return levels, bases, spread


def find_starts(histories: Sequence[BinHistory], now: Floats) -> Starts:
    """The last emptying or reading of each bin at or before its moment `now` (n,), hours since 1970 local."""
    at, level = np.zeros(len(histories)), np.zeros(len(histories))
    reading = np.zeros(len(histories), dtype=np.bool_)
    why_not: list[str | None] = [None] * len(histories)
    moments = (now * 3600).astype(np.int64).astype("datetime64[s]")
    for index, (history, moment) in enumerate(zip(histories, moments, strict=True)):
        emptied = int(np.searchsorted(history.emptied_at, moment, side="right"))
        read = int(np.searchsorted(history.read_at, moment, side="right"))
        if not emptied and not read:
            why_not[index] = "there is neither an emptying nor a reading of this bin up to then"
            continue
        last = history.emptied_at[emptied - 1].astype(np.int64) / 3600 if emptied else -np.inf
        seen = history.read_at[read - 1].astype(np.int64) / 3600 if read else -np.inf
        reading[index] = seen > last or (seen == last and _is_after(history, emptied - 1, read - 1))
        at[index] = max(last, seen)
        level[index] = history.readings[read - 1] if reading[index] else 0.0
        if not np.isfinite(level[index]):
            at[index], level[index], reading[index] = (last, 0.0, False) if emptied else (now[index], 0.0, True)
            why_not[index] = None if emptied else "its last reading has no level and there is no emptying"
        if why_not[index] is None:
            why_not[index] = _silent(history, read, float(now[index] - at[index]))
    return Starts(at, level, reading, why_not)


def _silent(history: BinHistory, read: int, age_h: float) -> str | None:
    """Why a bin's news are too old to go on from; None where they are not."""
    if age_h > OLDEST_H:
        return "no emptying or reading for more than 60 days: it may be out of use"
    if read < FEWEST_OF_A_SENSOR or age_h <= SILENT_H:
        return None
    last = history.read_at[max(0, read - FEWEST_OF_A_SENSOR) : read].astype(np.int64) / 3600
    if age_h <= SILENT_GAPS * float(np.median(np.diff(last))):
        return None
    return f"cannot tell: no reading for {age_h / 24:.0f} days, and this sensor usually reports far more often"


def _is_after(history: BinHistory, emptied: int, read: int) -> bool:
    """Whether a reading of the same moment shows the emptied bin: an emptying seen in readings is timed by the first
    reading after it."""
    return bool(history.readings[read] < history.levels[emptied])


def _forecast(
    histories: Sequence[BinHistory], rates: Rates, ask: Ask, begin: tuple[float, Starts, list[int]]
) -> list[FillForecast]:
    now, starts, usable = begin
    chosen = [histories[i] for i in usable]
    at, level, reading = starts.at[usable], starts.level[usable], starts.from_reading[usable]
    ahead = np.array([0.0, *ask.horizon_hours])
    ends = np.broadcast_to(now + ahead, (len(chosen), len(ahead)))
    emptied: Kind = "found" if ask.as_found else "unattended"
    start = Start(at, level, ["reading" if each else emptied for each in reading])
    levels, bases, spread = level_quantiles(chosen, rates, start, ends)
    grid = np.broadcast_to(now + GRID_H, (len(chosen), len(GRID_H)))
    later = level_quantiles(chosen, rates, start, grid)[0]
    reach = _hours_to(np.maximum.accumulate(chance_at_least(later, ask.threshold_pct), axis=1))
    chance = chance_at_least(levels, ask.threshold_pct)
    marks = np.clip(_quantiles(levels), 0.0, 100.0)
    return [
        FillForecast(
            bin_id=history.bin_id,
            stream=history.stream,
            threshold_pct=ask.threshold_pct,
            now=_level_at(0.0, marks[i, 0], chance[i, 0]),
            by=tuple(_level_at(float(ahead[t]), marks[i, t], chance[i, t]) for t in range(1, len(ahead))),
            hours_to=HoursTo(*(None if np.isnan(h) else round(float(h), 1) for h in reach[i])),
            data_age_hours=round(now - float(at[i]), 2),
            starts_from=f"a reading of {level[i]:.0f} %" if reading[i] else "its last emptying",
            rate_pct_per_hour=round(rates.rate_of(history)[0], 4),
            basis=basis_words(bases[i], spread[i]),
        )
        for i, history in enumerate(chosen)
    ]


def basis_words(basis: str, spread: str) -> str:
    """What a forecast's rate and spread rest on."""
    return f"rate from {BASIS_WORDS[basis]}; spread from {spread}"


def _level_at(ahead: float, marks: Floats, chance: np.float64) -> LevelAt:
    return LevelAt(
        ahead, round(float(marks[0]), 2), round(float(marks[1]), 2), round(float(marks[2]), 2), float(chance)
    )


def _quantiles(levels: Floats) -> Floats:
    """p10, p50, p90 of quantiles kept at SHARES, shape (..., 3)."""
    place = np.array([P10, P50, P90]) * len(SHARES) - 0.5
    left = np.floor(place).astype(np.int64)
    part = place - left
    return np.asarray(levels[..., left] * (1 - part) + levels[..., left + 1] * part)


def _hours_to(chance: Floats) -> Floats:
    """First hour at which a rising chance (n, len(GRID_H)) reaches 10, 50 and 90 %; NaN beyond the grid."""
    result = np.full((len(chance), 3), np.nan)
    for column, wanted in enumerate((P10, P50, P90)):
        reached = chance >= wanted
        first = np.argmax(reached, axis=1)
        rows = np.flatnonzero(reached.any(axis=1))
        step = first[rows]
        before = np.maximum(step - 1, 0)
        low, high = chance[rows, before], chance[rows, step]
        part = np.where(step > 0, (wanted - low) / np.maximum(high - low, 1e-12), 1.0)
        result[rows, column] = GRID_H[before] + part * (GRID_H[step] - GRID_H[before])
    return np.asarray(np.maximum.accumulate(result, axis=1))
