"""The forecast that is told: members weighed by what they earned, bands that hold, silence where nothing is known.

`fit_ensemble` learns from the past alone: members are fitted on the first part of it, weighed and calibrated on the
rest, which none of them had seen, and then fitted again on all of it. `predict_all` answers both questions, "if nobody
comes" and "with the planned collections", from the same members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from domain.errors import BadData
from engines.forecast.boosted import Boosted, fit_boosted
from engines.forecast.columns import hours
from engines.forecast.conformal import DAY_H, Offsets, Told, fit_offsets, keys_of
from engines.forecast.history import BinHistory, Floats, Times, local_moment
from engines.forecast.horizons import HIGH, LOW, Asked, chance_of, forecasts_from, horizons_of
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.hygiene import cleaned_history
from engines.forecast.member import MEDIAN, Member, Windows
from engines.forecast.past_windows import OVERFLOW_PCT, Outcomes, Span, past_windows
from engines.forecast.point import best_level
from engines.forecast.predict import Ask, FillForecast, LevelAt, find_starts
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.records import BinRecords, history_of
from engines.forecast.stack import EVERY, Unseen, Weights, band_of, fit_weights, mixed
from engines.forecast.stories import stories_of

Fit = Callable[[Sequence[BinHistory], int], Member]
"""Fits a member on histories, with a seed. Raises BadData where there is too little to learn from."""
HELD_OUT_SHARE = 0.25  # of the time, at its end: for weights and bands
HELD_OUT_MOST_H = 150 * 24.0
JUDGED_H = {3.0: 12.0, 6.0: 12.0, 12.0: 8.0, 24.0: 4.0, 48.0: 8.0, 72.0: 12.0, 168.0: 12.0, 336.0: 24.0}
"""Lengths of the windows on which members are weighed, each with the least hours between origins."""

WARN_AT = 0.35
"""From which chance of an overflow on a warning is worth it: nine of ten are warned of, of ten warnings six come true.
Chosen on Prague's months July to October 2024, not on those that are reported."""


def _hour_of_week(histories: Sequence[BinHistory], seed: int) -> Member:
    return HourOfWeek(fit_rates(histories))


PATCH_STEPS = 3_000


def patches_in(steps: int) -> Fit:
    """How `patches` is fitted in so many steps of training."""

    def fit(histories: Sequence[BinHistory], seed: int) -> Member:
        from engines.forecast.patch_training import Budget, train_patches  # torch, only where something is trained

        return train_patches([cleaned_history(h)[0] for h in histories], Budget(steps, seed=seed))

    return fit


def prophet_for(days: float | None = None) -> Fit:
    """How `prophet` is fitted for so many days ahead; None for the usual ones."""

    def fit(histories: Sequence[BinHistory], seed: int) -> Member:
        from engines.forecast.seasonal_training import Nights, fit_seasonal  # Prophet, only where it is trained

        nights = Nights(seed=seed) if days is None else Nights(days, seed=seed)
        return fit_seasonal([cleaned_history(h)[0] for h in histories], nights)

    return fit


FITS: dict[str, Fit] = {
    "hour_of_week": _hour_of_week, "boosted": fit_boosted, "patches": patches_in(PATCH_STEPS), "prophet": prophet_for(),
}  # fmt: skip
"""Every member that is fitted from histories alone, by name."""
USUAL = ("hour_of_week", "boosted", "patches")
"""The members of an ensemble where none are named: two that earn weights, and the rates, which answer for every bin."""


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The members with their weights and offsets; itself a member."""

    members: tuple[Member, ...]
    weights: Weights
    offsets: Offsets = field(default_factory=lambda: Offsets({}))
    warn_at: float = WARN_AT
    name: str = "ensemble"

    @property
    def trees(self) -> Boosted | None:
        """The member of trees, which also gives reasons and chances of an overflow; None without one."""
        return next((member for member in self.members if isinstance(member, Boosted)), None)

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7), calibrated; NaN where no member can tell."""
        return calibrated(self.mixed(windows), windows, self.offsets)

    def mixed(self, windows: Windows) -> Floats:
        """The weighted members before calibration: what `Offsets.after` wants to learn from."""
        table = self.weights.table([h.stream for h in windows.histories], windows.ahead_h)
        used = [i for i in range(len(self.members)) if (table[..., i] > 0).any()]
        levels = [self.members[i].quantiles(windows) for i in used]
        gaps = ~np.isfinite(levels[0]).all(axis=2) if len(levels) == 1 else ~_any_known(levels)
        if gaps.any() and len(used) < len(self.members):
            rest = [i for i in range(len(self.members)) if i not in used]
            used, levels = used + rest, [*levels, *(self.members[i].quantiles(windows) for i in rest)]
        return mixed(levels, table[..., used])

    def chances(self, windows: Windows, levels: Floats | None = None) -> Floats:
        """Chance (n, t) of an overflow by each hour from the overflow model; NaN where there is none.

        Further ahead than that has seen without an emptying, at least the chance that the level is that high then:
        `levels` are those of the windows, asked for where they are not given.
        """
        boosted = self.trees
        if boosted is None:
            return np.full((len(windows), len(windows.ahead_h)), np.nan)
        chances = boosted.chances(windows)
        reach = np.array([boosted.reach_h[boosted.weeks.number(h.stream)] for h in windows.histories])
        far = (windows.ahead_h > reach[:, None]) & ~np.isfinite(windows.last_emptied()) & np.isfinite(chances)
        if far.any():
            high = chance_of(self.quantiles(windows) if levels is None else levels, OVERFLOW_PCT)
            chances = np.where(far, np.maximum(chances, high), chances)
        return np.asarray(np.maximum.accumulate(chances, axis=1))

    def with_rates(self, rates: Rates) -> Ensemble:
        """The same with rates that were fitted since."""
        members = tuple(HourOfWeek(rates) if isinstance(m, HourOfWeek) else m for m in self.members)
        return replace(self, members=members)

    def beside(self, other: Member, share: float) -> Ensemble:
        """The same with another member beside its own, at a stated share of the weight; where that cannot tell, its
        own answer as before."""
        names = (*self.weights.members, other.name)
        of = {key: np.append(each * (1 - share), share) for key, each in self.weights.of.items()}
        if not of:
            own = len(self.members)
            of = {(0, EVERY): np.append(np.full(own, (1 - share) / own), share)}
        return replace(self, members=(*self.members, other), weights=Weights(names, of))

    def told(self, parts: Sequence[Outcomes]) -> Told:
        """What the members say of past windows, NaN where none can tell, and how these ended."""
        levels = np.concatenate([self.mixed(part.windows)[:, 0] for part in parts])
        columns = [(part.found, part.windows.ends[:, 0], _ahead(part), part.level, part.emptied) for part in parts]
        found, ends, ahead, level, emptied = (np.concatenate(each) for each in zip(*columns, strict=True))
        streams = np.concatenate([part.streams for part in parts])
        return Told(levels, found, ends, keys_of(ahead, streams.tolist(), level, emptied))

    def learned(self, parts: Sequence[Outcomes]) -> Ensemble:
        """The same with offsets moved, day by day, by outcomes that have come since."""
        return replace(self, offsets=self.offsets.carried(self.told(parts)))


def predict(history: BinHistory, plan: Times | None, ask: Ask, ensemble: Ensemble) -> FillForecast:
    """One bin's forecast; `plan` holds its planned emptyings, None where nothing is planned or known."""
    return predict_all([history], None if plan is None else [plan], ask, ensemble)[0]


def predict_all(
    histories: Sequence[BinHistory], plan: Sequence[Times] | None, ask: Ask, ensemble: Ensemble
) -> list[FillForecast]:
    """One forecast a bin, in order: if nobody comes, and beside it with each bin's planned emptyings after the moment.

    Later rows of a history are not looked at. The same histories, plan, ask and ensemble give the same bytes.
    """
    moment = local_moment(ask.at)
    now = float(hours(np.array([moment]))[0])
    rates = next((m.rates for m in ensemble.members if isinstance(m, HourOfWeek)), fit_rates([]))
    at = np.full(len(histories), moment)
    told = horizons_of(ensemble, histories, at, stories_of(histories, at, rates, ensemble.name))
    found = forecasts_from(told, Asked(now, ask.horizon_hours, ask.threshold_pct))
    able = [row for row, each in enumerate(found) if each.abstained is None]
    if not able or not ask.horizon_hours:
        return found
    order = np.unique(np.asarray(ask.horizon_hours, dtype=np.float64).clip(1e-3))
    place = np.searchsorted(order, np.asarray(ask.horizon_hours).clip(1e-3))
    alone = Windows.of([histories[row] for row in able], moment, order.tolist())
    chances = ensemble.chances(alone)[:, place]
    said = best_level(ensemble.quantiles(alone))[:, place]
    for row, chance, level in zip(able, chances, said, strict=True):
        by = tuple(replace(each, likely=float(likely)) for each, likely in zip(found[row].by, level, strict=True))
        overflow = tuple(round(float(each), 6) for each in chance) if np.isfinite(chance).all() else ()
        found[row] = replace(found[row], by=by, overflow_by=overflow)
    if plan is not None:
        levels = ensemble.quantiles(Windows.of(alone.histories, moment, order.tolist(), [plan[row] for row in able]))
        for row, table in zip(able, levels[:, place], strict=True):
            found[row] = replace(found[row], planned=_levels(table, ask))
    return found


def _levels(table: Floats, ask: Ask) -> tuple[LevelAt, ...]:
    """Levels (t, 7) at the asked hours as they are told."""
    chance, said = chance_of(table, ask.threshold_pct), best_level(table)
    found = []
    for row, ahead in enumerate(ask.horizon_hours):
        low, middle, high = (round(float(table[row, share]), 2) for share in (LOW, MEDIAN, HIGH))
        found.append(LevelAt(ahead, low, middle, high, round(float(chance[row]), 6), float(said[row])))
    return tuple(found)


def calibrated(levels: Floats, windows: Windows, offsets: Offsets) -> Floats:
    """Mixed levels (n, t, 7) with their cells' offsets."""
    start = find_starts(windows.histories, windows.at).level
    n, steps = len(windows), len(windows.ahead_h)
    streams = [h.stream for h in windows.histories for _ in range(steps)]
    emptied = np.isfinite(windows.last_emptied()).ravel()
    keys = keys_of(np.tile(windows.ahead_h, n), streams, np.repeat(start, steps), emptied)
    moved = offsets.applied(levels.reshape(n * steps, -1), keys)
    return np.where(np.isfinite(levels), moved.reshape(levels.shape), np.nan)


@dataclass(frozen=True, eq=False)
class Trained:
    """An ensemble and the figures of its test, told of the windows that none of its members had seen."""

    ensemble: Ensemble
    figures: Mapping[str, float] = field(default_factory=dict)


def fit_ensemble(
    histories: Sequence[BinHistory],
    fits: Mapping[str, Fit] | None = None,
    seed: int = 0,
    records: Sequence[BinRecords] = (),
) -> Ensemble:
    """The ensemble of `train_ensemble`."""
    return train_ensemble(histories, fits, seed, records).ensemble


def train_ensemble(
    histories: Sequence[BinHistory],
    fits: Mapping[str, Fit] | None = None,
    seed: int = 0,
    records: Sequence[BinRecords] = (),
) -> Trained:
    """Members, weights and offsets from everything in the histories; cut them with `until` first.

    `records`: what the histories of the same bins were made from. With them the early members learn from readings
    cleaned as could be judged when their part ended, and are judged on readings as they came, spikes included, as they
    are asked and found out in use; without them histories are taken as they are.

    A member with too little to learn from is left out. Without sensors there is nothing to weigh on: the first member
    that can be fitted answers alone, without figures. Raises BadData when none can.
    """
    chosen: Mapping[str, Fit] = {name: FITS[name] for name in USUAL} if fits is None else fits
    came = [history_of(each)[0] for each in records] or histories
    sensed = [h for h in came if len(h.readings)]
    cut = held_out_from(sensed) if sensed else np.inf
    judged = [past_windows(sensed, length, Span(cut, np.inf, every)) for length, every in JUDGED_H.items()]
    judged = [part for part in judged if len(part)]
    if not judged:
        members = _fitted(chosen, histories, seed)[:1]
        return Trained(Ensemble(tuple(members), Weights(tuple(m.name for m in members), {})))
    until = np.datetime64(int(cut * 3600), "s")
    known = [history_of(each.until(until), until)[0] for each in records] or [h.until(until) for h in histories]
    early = _fitted(chosen, [h for h in known if len(h.readings) or len(h.emptied_at)], seed)
    asked = Judged.of(early, judged)
    weights, offsets = weighed(asked)
    names = {member.name for member in early}
    members = _fitted({name: fit for name, fit in chosen.items() if name in names}, histories, seed)
    return Trained(Ensemble(tuple(members), weights, offsets), figures_of_test(asked, weights))


def _fitted(fits: Mapping[str, Fit], histories: Sequence[BinHistory], seed: int) -> list[Member]:
    found: list[Member] = []
    why: list[str] = []
    for name, fit in fits.items():
        try:
            found.append(fit(histories, seed))
        except BadData as error:
            why.append(f"{name}: {error}")
    if not found:
        raise BadData(f"no member of the forecast can be fitted ({'; '.join(why)})")
    return found


@dataclass(frozen=True, eq=False)
class Judged:
    """What each member said of k windows that it had not seen, (k, 7) each, and how they ended, (k,) each."""

    names: tuple[str, ...]
    said: tuple[Floats, ...]
    truth: Floats
    ahead_h: Floats
    streams: np.ndarray
    level: Floats
    emptied: np.ndarray

    @classmethod
    def of(cls, members: Sequence[Member], parts: Sequence[Outcomes]) -> Judged:
        """The members asked about the windows of all parts."""
        said = tuple(np.concatenate([m.quantiles(part.windows)[:, 0] for part in parts]) for m in members)
        columns = [(part.found, _ahead(part), part.streams, part.level, part.emptied) for part in parts]
        truth, ahead, streams, level, emptied = (np.concatenate(each) for each in zip(*columns, strict=True))
        return cls(tuple(member.name for member in members), said, truth, ahead, streams, level, emptied)

    def mixed(self, weights: Weights) -> Floats:
        """The levels (k, 7) of all members by their weights."""
        streams = self.streams.tolist()
        table = np.stack([weights.at(int(b), s) for b, s in zip(band_of(self.ahead_h), streams, strict=True)])
        return mixed([each[:, None, :] for each in self.said], table[:, None, :])[:, 0]


def weighed(judged: Judged) -> tuple[Weights, Offsets]:
    """Weights and offsets from windows that the members have not seen."""
    weights = fit_weights(judged.names, Unseen(judged.said, judged.truth, judged.ahead_h, judged.streams))
    keys = keys_of(judged.ahead_h, judged.streams.tolist(), judged.level, judged.emptied)
    return weights, fit_offsets(judged.mixed(weights), judged.truth, keys)


def figures_of_test(judged: Judged, weights: Weights) -> dict[str, float]:
    """Of the windows of a day without an emptying: mean error in points, shares within ten and twenty, cases.

    `baseline_mae` is the error of `hour_of_week`, or of the last value where that is no member, of the same windows.
    The weights were chosen on them, the members not.
    """
    levels = judged.mixed(weights)
    rows = (judged.ahead_h == DAY_H) & ~judged.emptied & np.isfinite(levels).all(axis=1)
    rates = dict(zip(judged.names, judged.said, strict=True)).get("hour_of_week")
    naive = judged.level if rates is None else best_level(rates)
    rows &= np.isfinite(naive)
    if not rows.any():
        return {}
    error = np.abs(best_level(levels[rows]) - judged.truth[rows])
    told = {"mae": error.mean(), "within10": (error <= 10).mean(), "within20": (error <= 20).mean()}
    told["baseline_mae"] = np.abs(naive[rows] - judged.truth[rows]).mean()
    return {**{name: round(float(value), 4) for name, value in told.items()}, "cases": int(rows.sum())}


def held_out_from(histories: Sequence[BinHistory]) -> float:
    """Where the part for weighing begins (hours since 1970 local): the last quarter, at most 150 days."""
    ends = [each for h in histories for each in (hours(h.read_at[[0, -1]]) if len(h.read_at) else np.empty(0))]
    first, last = min(ends), max(ends)
    return float(last - min(HELD_OUT_SHARE * (last - first), HELD_OUT_MOST_H))


def _ahead(part: Outcomes) -> Floats:
    return np.full(len(part), float(part.windows.ahead_h[0]))


def _any_known(levels: Sequence[Floats]) -> np.ndarray:
    return np.asarray(np.any([np.isfinite(each).all(axis=2) for each in levels], axis=0))
