"""Forecasts for a question: looked up in the table where it holds them, else computed, and either way the same.

Which forecasts answer a question is a function of the records, the log of generations and the moment: those made at
the newest full hour or newer record of a bin (`origins`). Until the hour's renewal is in force the last complete one
stands instead, for up to a day; when that takes longer than a minute (its writer died or hangs, nobody renews) the
answer says its age. Bins with a newer record are computed all the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from domain.operation import Operation
from domain.repositories.predictions import LONGEST_RENEWAL, Kept, kept_at
from domain.store import Store
from engines.forecast.columns import hours
from engines.forecast.history import Floats, Times, local_moment
from engines.forecast.horizons import Asked, Horizons, forecasts_from, later_of, levels_at, newest_records, origins
from engines.forecast.member import Windows, padded
from engines.forecast.point import best_level
from engines.forecast.predict import FillForecast
from tools.fill_models import FillModels, Made
from tools.generations import Generation, hour_of
from tools.model_shelf import INSTEAD
from tools.outside_forecaster import WITHOUT

OLDEST_STANDING = timedelta(hours=24)
RENEWED_EVERY = timedelta(hours=1)
DAMAGED = "cannot be read and had to be computed anew"


@dataclass(frozen=True, eq=False)
class Foreseen:
    """Horizons of the bins asked about, in their order; how many came out of the table; sentences for the answer."""

    horizons: Horizons
    looked_up: int
    degraded: tuple[str, ...] = ()

    def forecasts(self, at: datetime, ahead_h: Sequence[float], threshold_pct: float) -> list[FillForecast]:
        """Read off for a moment of the city's own clock: one forecast a bin."""
        moment = float(hours(np.array([local_moment(at)]))[0])
        return forecasts_from(self.horizons, Asked(moment, tuple(ahead_h), threshold_pct))

    def said(self, at: datetime, ahead_h: float, bin_ids: Sequence[str]) -> dict[str, float]:
        """Bin id -> the one level to say for some hours after a moment of the city's clock, in percent.

        It weighs being off against being far off (`engines/forecast/point.py`), so it is not the median.
        """
        row_of = {bin_id: row for row, bin_id in enumerate(self.horizons.bins)}
        rows = [row_of[bin_id] for bin_id in bin_ids]
        since = float(hours(np.array([local_moment(at)]))[0]) - self.horizons.at[rows] + ahead_h
        levels = best_level(levels_at(self.horizons.where(rows), since[:, None])[:, 0])
        return {bin_id: float(level) for bin_id, level in zip(bin_ids, levels, strict=True)}


@dataclass(frozen=True)
class Standing:
    """The moment whose forecasts answer, the generations that may hold them (newest first), and what is said of it.

    `renewed`: the moment that the table was last renewed for, `age` how long ago that is; None when it holds nothing of
    these records.
    """

    moment: datetime
    generations: tuple[int, ...] = ()
    degraded: tuple[str, ...] = ()
    renewed: datetime | None = None
    age: timedelta | None = None


@dataclass(frozen=True, eq=False)
class WithVisits:
    """Bin id -> levels (7,) at SHARES_OUT when it is emptied at its visits, without bins that cannot be forecast; and
    what is said when a forecaster had no part in them that was to have one."""

    levels: Mapping[str, Floats]
    degraded: str | None = None


@dataclass(frozen=True, eq=False)
class _Found:
    """Place of a bin asked about -> where the table has its forecast; how many rows are damaged, and how many were made
    without the foundation forecaster."""

    rows: dict[int, tuple[Generation, int]]
    damaged: int
    unheard: int


class FillTable:
    """The table of a store and the models behind it. Cheap to make: what is kept is kept by the models."""

    def __init__(self, store: Store, models: FillModels) -> None:
        self._store, self._models = store, models

    def foresee(self, city: Operation, now: datetime, bin_ids: Sequence[str]) -> Foreseen:
        """The horizons of these bins for a question at `now`. Raises StoreUnavailable."""
        standing = self.standing(city, now)
        at = self._origins(city, now, standing.moment, bin_ids)
        found = self._looked_up(city, standing, bin_ids, at)
        horizons, trouble = self._completed(city, standing.moment, bin_ids, at, found.rows)
        unheard = trouble or (self._models.unheard if found.unheard else None)
        notes = (*standing.degraded, self._models.identity(city, standing.moment).degraded, unheard)
        return Foreseen(horizons, len(found.rows), (*filter(None, notes), *_damage(found.damaged)))

    def standing(self, city: Operation, now: datetime) -> Standing:
        """Which moment's forecasts answer a question at `now`."""
        with self._store.read() as session:
            kept = kept_at(session, city.name, city.digest, now)
        if kept.whole is None or kept.moment is None:
            return Standing(now)
        generations = (*reversed(kept.parts), kept.whole)
        age = now - kept.moment
        if age > OLDEST_STANDING or _same_hour(kept, city, now):
            return Standing(now, generations, (), kept.moment, age)
        return Standing(kept.moment, generations, _age_told(kept, city, now), kept.moment, age)

    def computed(self, city: Operation, moment: datetime, bin_ids: Sequence[str], at: Times | None = None) -> Made:
        """Horizons computed now, as a refresh does it; `at` are their moments when they are not those of `moment`."""
        if at is None:
            whole = [self._models.histories(city)[bin_id] for bin_id in bin_ids]
            at = origins(whole, local_moment(moment.astimezone(city.zone)))
        histories = self._models.believed(city, moment).histories(bin_ids)
        return self._models.forecaster(city, moment).forecast(histories, at)

    def with_visits(
        self, city: Operation, now: datetime, ahead_h: float, visits: Mapping[str, Sequence[datetime]]
    ) -> WithVisits:
        """Levels some hours ahead of bins that are emptied at their visits. Computed, never stored."""
        moment = self.standing(city, now).moment
        bin_ids = list(visits)
        at = hours(self._origins(city, now, moment, bin_ids))
        planned = [np.array([local_moment(v.astimezone(city.zone)) for v in visits[b]]) for b in bin_ids]
        forecaster = self._models.forecaster(city, moment)
        believed = self._models.believed(city, moment)
        until = hour_of(now, city.zone) + ahead_h
        found: dict[str, Floats] = {}
        degraded = None
        for origin in np.unique(at):
            rows = np.flatnonzero(at == origin).tolist()
            plan = padded([np.sort(hours(planned[row])) for row in rows], float(origin))
            chosen = believed.histories(bin_ids[row] for row in rows)
            windows = Windows(chosen, np.full(len(rows), origin), np.array([until - origin]), plan)
            levels, trouble = forecaster.quantiles(windows)
            degraded = degraded or trouble
            lines = zip(rows, levels[:, 0, :], strict=True)
            found |= {bin_ids[row]: line for row, line in lines if np.isfinite(line).all()}
        return WithVisits(found, degraded)

    def _origins(self, city: Operation, now: datetime, moment: datetime, bin_ids: Sequence[str]) -> Times:
        """When the forecast of each bin is made: as of `moment`, but as of `now` for bins with a record since."""
        histories = [self._models.histories(city)[bin_id] for bin_id in bin_ids]
        local, then = (local_moment(each.astimezone(city.zone)) for each in (now, moment))
        newest = newest_records(histories, local)
        return later_of(origins(histories, then), np.where(newest > then, newest, np.datetime64("NaT")))

    def _looked_up(self, city: Operation, standing: Standing, bin_ids: Sequence[str], at: Times) -> _Found:
        """Where the table has the bins' forecasts of their moments."""
        identity = self._models.identity(city, standing.moment)
        models = {identity.alone.model, identity.model}
        wanted = hours(at)
        open_places = {bin_id: place for place, bin_id in enumerate(bin_ids)}
        found: dict[int, tuple[Generation, int]] = {}
        damaged = unheard = 0
        for each in standing.generations:
            generation = self._models.generations.get(each, city)
            damaged += len(generation.damaged & open_places.keys())
            few = generation.row_of if len(generation.row_of) < len(open_places) else open_places
            for bin_id in [bin_id for bin_id in few if bin_id in open_places and bin_id in generation.row_of]:
                place, row = open_places[bin_id], generation.row_of[bin_id]
                if generation.horizons.at[row] == wanted[place] and generation.model_of[row] in models:
                    found[place] = (generation, row)
                    unheard += generation.model_of[row] != identity.model
                    del open_places[bin_id]
        return _Found(found, damaged, unheard)

    def _completed(
        self,
        city: Operation,
        moment: datetime,
        bin_ids: Sequence[str],
        at: Times,
        found: dict[int, tuple[Generation, int]],
    ) -> tuple[Horizons, str | None]:
        """The rows found and, for all other bins, computed ones; in order. And what is said of those computed."""
        missing = [place for place in range(len(bin_ids)) if place not in found]
        if not missing and len({id(generation) for generation, _ in found.values()}) == 1:
            generation = found[0][0]
            return generation.horizons.where([found[place][1] for place in range(len(bin_ids))]), None
        trouble = None
        rows = {place: (generation.horizons, row) for place, (generation, row) in found.items()}
        if missing:
            made = self.computed(city, moment, [bin_ids[place] for place in missing], at[missing])
            trouble = made.degraded
            rows |= {place: (made.horizons, row) for row, place in enumerate(missing)}
        return Horizons.joined([rows[place] for place in range(len(bin_ids))]), trouble


def _same_hour(kept: Kept, city: Operation, now: datetime) -> bool:
    """Whether the generation in force is of this very hour: a second one of the same hour would say the same."""
    return kept.moment is not None and int(hour_of(kept.moment, city.zone)) == int(hour_of(now, city.zone))


def _age_told(kept: Kept, city: Operation, now: datetime) -> tuple[str, ...]:
    """What an answer says of a table older than a renewal takes: how old, and why."""
    assert kept.moment is not None
    age = now - kept.moment
    late = kept.tried is not None and now - kept.tried > LONGEST_RENEWAL
    if not late and age <= RENEWED_EVERY + LONGEST_RENEWAL:
        return ()
    minutes = int(age.total_seconds() // 60)
    told = f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"
    why = "a later renewal of the table was not completed" if late else "the table has not been renewed since"
    return (f"the forecasts are those of {kept.moment.astimezone(city.zone):%Y-%m-%d %H:%M}, {told} old: {why}",)


def _damage(rows: int) -> tuple[str, ...]:
    told = "1 forecast" if rows == 1 else f"{rows:,} forecasts"
    return (f"{told} of the table {DAMAGED}",) if rows else ()


def stays_true(told: str) -> bool:
    """Whether a sentence of an answer would be said again at the same moment: not of what somebody will repair."""
    return not told.endswith((DAMAGED, INSTEAD, WITHOUT))
