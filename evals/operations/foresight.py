"""What `ours` believes of bins when a day's rounds are planned: the assistant's own forecast, or a filter beside it.

`Forecasts` goes the way of `plan_round`: the same models, horizons and reading-off (`tools/fill_table.py`), fed with
what had been recorded by then. The trained members are those of the cut; rates are fitted, and readings judged, anew
each Monday, which a running assistant does every night. `Filter` is the grid filter over level and pace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import numpy as np

from engines.forecast import belief
from engines.forecast.columns import hours
from engines.forecast.ensemble import FITS, Ensemble, train_ensemble
from engines.forecast.history import BinHistory, Times
from engines.forecast.horizons import HOURS, UNKNOWN, Horizons, origins, packed
from engines.forecast.member import SHARES_OUT, Member, Windows
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.records import BinRecords, history_of
from engines.forecast.stories import stories_of
from engines.routing.worth import FULL_PCT, NEXT_CHANCE_H, REACHED_H
from evals.operations.town import Floats, moment_of, monday_before
from evals.operations.world import View
from tools.fill_table import Foreseen

ASKED = np.flatnonzero((HOURS <= REACHED_H + 1) | ((HOURS >= NEXT_CHANCE_H - 1) & (HOURS <= NEXT_CHANCE_H + 1)))
"""Places of the hours ahead that a round's planning looks at."""
SECOND = np.timedelta64(1, "s")
MEMBERS = ("hour_of_week", "boosted")
"""Of the assistant's usual members: `patches` adds some minutes of training to each measurement, and is left out."""


class Belief(StrEnum):
    """By what `ours` chooses: the product's forecast, or the filter."""

    product = "product"
    filter = "filter"


@dataclass(frozen=True, eq=False)
class Foretold:
    """Of each bin (n,) the level in percent when it is reached, and the chance that it is full before the next round
    can come; NaN where neither can be told."""

    level: Floats
    full: Floats


class Foresight(Protocol):
    """A way of foretelling in one run; what it keeps from day to day is that run's own."""

    def foretell(self, view: View) -> Foretold:
        """What is believed when a day's rounds are planned, from nothing but the view and what was learned before."""
        ...

    def fresh(self) -> Foresight:
        """The same at the beginning of another run."""
        ...


@dataclass(frozen=True, eq=False)
class Filter:
    """The grid filter (`engines/forecast/belief.py`) over the rates of the cut."""

    rates: Rates

    def foretell(self, view: View) -> Foretold:
        """Mean level and chance off the filter's grid; it can tell of every bin."""
        past = view.past(belief.WINDOW_H)
        soon = belief.believed(past, self.rates, view.now, (REACHED_H, NEXT_CHANCE_H))
        return Foretold(soon.mean[:, 0], soon.chance_at_least(FULL_PCT)[:, 1])

    def fresh(self) -> Filter:
        """Nothing is kept."""
        return self


@dataclass(frozen=True, eq=False)
class _Monday:
    """What was worked out at a Monday's midnight (an hour of 1970 local): rates, and readings not to be believed."""

    hour: int
    rates: Rates
    ignored: tuple[Times, ...]


@dataclass(eq=False)
class Forecasts:
    """The assistant's forecast. `before`: each bin's records of the time before the first world's week, as cleaned."""

    model: Ensemble
    before: Sequence[BinHistory]
    _monday: _Monday | None = field(default=None, init=False)
    _known: tuple[int, list[BinHistory]] | None = field(default=None, init=False)

    def foretell(self, view: View) -> Foretold:
        """Median level and chance as `plan_round` takes them; a bin that the forecast abstains from is not told."""
        since = view.past(np.inf)
        monday = self._of_week(view, since)
        past = self._joined(view, since, monday.ignored)
        horizons = soon(self.model.with_rates(monday.rates), monday.rates, past, origins(past, view.now))
        now: datetime = view.now.astype(datetime)
        told = Foreseen(horizons, 0).forecasts(now, (REACHED_H, NEXT_CHANCE_H), FULL_PCT)
        found = np.array([(f.by[0].p50, f.by[1].chance) if f.by else (np.nan, np.nan) for f in told])
        return Foretold(found[:, 0], found[:, 1])

    def fresh(self) -> Forecasts:
        """The same model; what was fitted on a run's records stays with that run."""
        return Forecasts(self.model, self.before)

    def _of_week(self, view: View, since: Sequence[BinHistory]) -> _Monday:
        hour = monday_before(view.first_h + view.now_h)
        if self._monday is None or self._monday.hour != hour:
            midnight = moment_of(hour)
            ignored = tuple(_not_believed(each, midnight) for each in since)
            past = [each.until(midnight) for each in self._joined(view, since, ignored)]
            self._monday = _Monday(hour, fit_rates(past), ignored)
        return self._monday

    def _joined(self, view: View, since: Sequence[BinHistory], ignored: Sequence[Times]) -> list[BinHistory]:
        """All that is known of each bin: what was recorded before the world began, and in it."""
        if self._known is None or self._known[0] != view.first_h:
            begin = moment_of(view.first_h) - SECOND
            self._known = (view.first_h, [each.until(begin) for each in self.before])
        parts = zip(self._known[1], since, ignored, strict=True)
        return [_together(old, new, dropped) for old, new, dropped in parts]


def soon(member: Member, rates: Rates, past: Sequence[BinHistory], at: Times) -> Horizons:
    """The horizons that the assistant makes of the bins, but only as far as a round asks for: the hours around
    REACHED_H and NEXT_CHANCE_H after a moment less than an hour after `at`. All others are unknown."""
    stories = stories_of(past, at, rates, member.name)
    levels = np.full((len(past), len(HOURS), len(SHARES_OUT)), UNKNOWN, dtype=np.uint16)
    able = np.array([row for row, story in enumerate(stories) if story.abstained is None], dtype=np.int64)
    if len(able):
        found = member.quantiles(Windows([past[row] for row in able], hours(at)[able], HOURS[ASKED]))
        known = np.isfinite(found).all(axis=(1, 2))
        levels[np.ix_(able[known], ASKED)] = packed(found[known])
        for row in able[~known].tolist():
            stories[row] = replace(stories[row], abstained="no member of the forecast can tell of this bin")
    return Horizons(tuple(each.bin_id for each in past), hours(at), levels, tuple(stories))


def _together(old: BinHistory, new: BinHistory, ignored: Times) -> BinHistory:
    kept = ~np.isin(new.read_at, ignored)
    return replace(
        old,
        emptied_at=np.concatenate([old.emptied_at, new.emptied_at]),
        levels=np.concatenate([old.levels, new.levels]),
        read_at=np.concatenate([old.read_at, new.read_at[kept]]),
        readings=np.concatenate([old.readings, new.readings[kept]]),
    )


def _not_believed(history: BinHistory, midnight: np.datetime64) -> Times:
    """The moments of readings up to a midnight that could not be true, as could be judged then."""
    past = history.until(midnight).read_at
    kept = cleaned(history, midnight).read_at
    return np.asarray(past[~np.isin(past, kept)])


def cleaned(history: BinHistory, until: np.datetime64) -> BinHistory:
    """The history as models are given it: readings cleaned as could be judged at a moment."""
    if not len(history.readings):
        return history
    records = BinRecords(
        history.bin_id, history.stream, history.site_id, history.emptied_at, history.levels, history.read_at,
        history.readings, history.step_pct,
    )  # fmt: skip
    return history_of(records, until)[0]


def trained_on(past: Sequence[BinHistory], until: np.datetime64, members: Sequence[str]) -> Forecasts:
    """The assistant's forecast, its members trained on what was known at a moment. Raises BadData for too little."""
    known = [cleaned(each, until) for each in past]
    return Forecasts(train_ensemble(known, {name: FITS[name] for name in members}).ensemble, known)
