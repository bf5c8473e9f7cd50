"""Histories and fill rates of a city, read and fitted once per state of its records and day, then kept in memory.

What a day's models are fitted on is what had been recorded by midnight, and a digest of it is part of their version:
when such a record comes late, the models fitted without it and those fitted with it are two. A process takes late
records into its models with its next reading of all records, and into the history of a bin at once.

Also who forecasts: `forecaster` is the one place that says which model stands behind every forecast told.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np

from domain.operation import Operation
from domain.store import Store
from engines.forecast.columns import hours
from engines.forecast.ensemble import Ensemble
from engines.forecast.found import FoundModel
from engines.forecast.history import BinHistory, Floats, Times, local_moment
from engines.forecast.horizons import FORM, Horizons, horizons_of
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.learning import windows_to_learn
from engines.forecast.member import Member, Windows
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.records import BinRecords
from engines.forecast.stories import stories_of
from tools.fits import Fits
from tools.generations import Generations
from tools.histories import Believed, histories_of, newest_of, read_records, same_records, state_of
from tools.model_shelf import Chosen, ModelShelf
from tools.outside_forecaster import Outsider

KEPT_FITS = 4


@dataclass(frozen=True)
class Identity:
    """Which model forecasts at a moment, known before anything is fitted; `degraded` when it is not the one meant.

    `beside`: the foundation forecaster that is to take part in it, by its name and share.
    """

    name: str
    version: str
    degraded: str | None = None
    beside: str | None = None

    @property
    def model(self) -> tuple[str, str]:
        """What rows of the table are compared by."""
        return self.name, self.version if self.beside is None else f"{self.version}/{self.beside}"

    @property
    def alone(self) -> Identity:
        """The same when that forecaster has no answer."""
        return replace(self, beside=None)


@dataclass(frozen=True, eq=False)
class Made:
    """Horizons and the model (name, version) that made them; `degraded` when a forecaster had no part in them that was
    to have one."""

    horizons: Horizons
    model: tuple[str, str]
    degraded: str | None = None


@dataclass(frozen=True, eq=False)
class Forecaster:
    """A model ready to forecast, the rates that its forecasts are explained by, and what tells the level that a crew
    finds (None where none is trained). `outsider` takes part beside `member`."""

    identity: Identity
    member: Member
    rates: Rates
    found: FoundModel | None = None
    outsider: Outsider | None = None

    def forecast(self, histories: Sequence[BinHistory], at: Times) -> Made:
        """The horizons of each bin, made at its moment (n,); without the outsider when that has no answer."""
        trouble = None
        if self.outsider is not None:
            heard = self.outsider.beside(self.member)
            made = self._horizons(heard.member, self.identity, histories, at)
            if heard.trouble is None:
                return Made(made, self.identity.model)
            trouble = heard.trouble
        who = self.identity.alone
        return Made(self._horizons(self.member, who, histories, at), who.model, trouble)

    def quantiles(self, windows: Windows) -> tuple[Floats, str | None]:
        """Levels (n, t, 7) at SHARES_OUT, and what is said when the outsider had no part in all of them."""
        if self.outsider is None:
            return self.member.quantiles(windows), None
        heard = self.outsider.beside(self.member)
        return heard.member.quantiles(windows), heard.trouble

    def _horizons(self, member: Member, who: Identity, histories: Sequence[BinHistory], at: Times) -> Horizons:
        return horizons_of(member, histories, at, stories_of(histories, at, self.rates, " ".join(who.model)))


class FillModels:
    """One per process. Rates for a moment are fitted on what was known at the midnight before it, so that the same
    question at the same moment always sees the same rates."""

    def __init__(self, store: Store, shelf: ModelShelf | None = None, outsider: Outsider | None = None) -> None:
        self._store = store
        self._shelf = shelf or ModelShelf(store, ())
        self._outsider = outsider
        self._turn, self._renewing = threading.Lock(), threading.Lock()
        self._pasts: dict[tuple[str, str], _Pasts] = {}
        self._rates: Fits[tuple[str, ...], Rates] = Fits(KEPT_FITS)
        self._moved_by_day: Fits[tuple[str, ...], Ensemble] = Fits(KEPT_FITS)
        self.generations = Generations(store)

    @property
    def unheard(self) -> str | None:
        """What is said of forecasts of the table that the foundation forecaster took no part in; None without one."""
        return None if self._outsider is None else self._outsider.unheard

    @property
    def shelves(self) -> tuple[Path, ...]:
        """The folders that trained models lie on; the first is the one for new ones."""
        return self._shelf.shelves

    def histories(self, city: Operation) -> Mapping[str, BinHistory]:
        """Every bin's whole past, by bin id; bins without any record have an empty one."""
        return self._past(city).histories

    def records(self, city: Operation) -> Mapping[str, BinRecords]:
        """All that came of every bin, by bin id, as it was read last: also what no history takes in."""
        return self._past(city).records

    def believed(self, city: Operation, moment: datetime) -> Believed:
        """What models are given for a moment: the pasts as they could be known at the midnight before it."""
        return self._past(city).believed(local_moment(_midnight(city, moment)))

    def newest_record(self, city: Operation, now: datetime) -> np.datetime64 | None:
        """The newest emptying or reading of any bin at or before a moment; None without any."""
        return self._past(city).newest(local_moment(now.astimezone(city.zone)))

    def rates(self, city: Operation, now: datetime) -> Rates:
        """Fill rates as they could be known at the midnight before `now`."""
        return self._rates_of(self._day(city, now))

    def _rates_of(self, day: _Day) -> Rates:
        believed = day.learnt.believed(local_moment(day.midnight))
        return self._rates.get(
            day.key, lambda: fit_rates([h.until(day.midnight) for h in believed.histories(day.city.bins)])
        )

    def _day(self, city: Operation, at: datetime) -> _Day:
        return _Day(city, _midnight(city, at), self._past(city).learnt)

    def _past(self, city: Operation) -> _Pasts:
        key = (city.name, city.digest)
        with self._turn:
            if key not in self._pasts:
                self._pasts = {key: _Pasts(read_records(self._store, city))}
            return self._pasts[key]

    def identity(self, city: Operation, at: datetime) -> Identity:
        """Who forecasts at a moment."""
        return self._identity(self._day(city, at), self._shelf.choose(city, at))

    def forecaster(self, city: Operation, at: datetime) -> Forecaster:
        """The model of a moment, ready: the trained one with the day's rates, or those rates alone."""
        day, chosen = self._day(city, at), self._shelf.choose(city, at)
        rates = self._rates_of(day)
        member = HourOfWeek(rates) if chosen.ensemble is None else self._moved(day, chosen, rates)
        return Forecaster(self._identity(day, chosen), member, rates, chosen.found, self._outsider)

    def rivals(self, city: Operation, at: datetime) -> tuple[Chosen, Chosen] | None:
        """(the champion, the canary) of a moment, as they were trained; None without a canary."""
        canary = self._shelf.canary(city, at)
        return None if canary is None else (self._shelf.choose(city, at), canary)

    def _identity(self, day: _Day, chosen: Chosen) -> Identity:
        own = _identity(day, chosen)
        return own if self._outsider is None else replace(own, beside=self._outsider.name)

    def _moved(self, day: _Day, chosen: Chosen, rates: Rates) -> Ensemble:
        """The trained model with the day's rates, its bands moved by what came of it up to midnight."""
        assert chosen.ensemble is not None
        assert chosen.trained_until is not None
        histories = list(day.learnt.histories.values())
        since = chosen.trained_until.astimezone(day.city.zone)
        ensemble = chosen.ensemble.with_rates(rates)
        key = (*day.key, chosen.version or "")
        return self._moved_by_day.get(key, lambda: learned(ensemble, histories, since, day.midnight))

    def renew(self, city: Operation, bin_ids: Sequence[str] | None = None) -> None:
        """Reads the records of these bins again, or of all: there may be new ones of them. One renewal at a time, so
        that none takes back what another has read meanwhile; questions go on with what was read before.

        The day's models learn from late records only when all are read: they are then fitted anew."""
        key = (city.name, city.digest)
        with self._renewing:
            fresh = read_records(self._store, city, bin_ids)
            with self._turn:
                old = self._pasts.get(key)
            whole = bin_ids is None
            renewed = _Pasts(fresh) if old is None and whole else (old or self._past(city)).renewed(fresh, whole=whole)
            with self._turn:
                self._pasts = {key: renewed}


class _Pasts:
    """The pasts of a city's bins from one reading of its records, and those believed at some midnights.

    `learnt`: the pasts that the day's models are fitted on, those of the last reading of all records: itself, or an
    earlier one where single bins were read again since.
    """

    def __init__(
        self,
        records: dict[str, BinRecords],
        histories: dict[str, BinHistory] | None = None,
        learnt: _Pasts | None = None,
    ) -> None:
        self.records = records
        self.histories = histories_of(records) if histories is None else histories
        self._learnt = learnt
        self._states: dict[np.datetime64, str] = {}
        self._believed: dict[np.datetime64, Believed] = {}
        self._newest: tuple[np.datetime64, np.datetime64 | None] | None = None

    @property
    def learnt(self) -> _Pasts:
        """What the day's models are fitted on."""
        return self._learnt or self

    def state(self, midnight: np.datetime64) -> str:
        """A digest of all records up to a midnight of the city's clock."""
        if midnight not in self._states:
            self._states = {midnight: state_of(self.records.values(), midnight)}
        return self._states[midnight]

    def believed(self, midnight: np.datetime64) -> Believed:
        """As could be known at a midnight of the city's clock."""
        held = self._believed.get(midnight)
        if held is None:
            kept = list(self._believed.items())[1 - KEPT_FITS :]
            held = Believed(self.records, midnight)
            self._believed = {**dict(kept), midnight: held}
        return held

    def newest(self, moment: np.datetime64) -> np.datetime64 | None:
        """The newest record of any bin; kept for the moment asked last, as one answer asks often."""
        held = self._newest
        if held is None or held[0] != moment:
            each = (newest_of(history, moment) for history in self.histories.values())
            held = self._newest = (moment, max((at for at in each if at is not None), default=None))
        return held[1]

    def renewed(self, fresh: Mapping[str, BinRecords], *, whole: bool) -> _Pasts:
        """The same with these bins' records (`whole`: of all) in place of the older ones; what did not change stays as
        it was made."""
        changed = {name: each for name, each in fresh.items() if not _held(self.records, name, each)}
        if not changed and (self.learnt is self or not whole):
            return self
        learnt = None if whole else self.learnt
        made = _Pasts({**self.records, **changed}, {**self.histories, **histories_of(changed)}, learnt)
        made._believed = {day: Believed(made.records, day, old) for day, old in self._believed.items()}
        return made


@dataclass(frozen=True, eq=False)
class _Day:
    """What the models of a day are fitted on: the pasts `learnt`, up to the midnight before it."""

    city: Operation
    midnight: datetime
    learnt: _Pasts

    @functools.cached_property
    def state(self) -> str:
        """A digest of what had been recorded by midnight."""
        return self.learnt.state(local_moment(self.midnight))

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What its fits are kept by."""
        return self.city.name, self.city.digest, self.midnight.isoformat(), self.state


def _held(records: Mapping[str, BinRecords], name: str, each: BinRecords) -> bool:
    return name in records and same_records(records[name], each)


def stocked_models(
    store: Store, city: str, shelves: Sequence[Path], at: datetime, outsider: Outsider | None = None
) -> FillModels:
    """The models of a city with those on its shelves registered, at a moment of its clock. Raises StoreUnavailable."""
    shelf = ModelShelf(store, shelves)
    shelf.stock(city, at)
    return FillModels(store, shelf, outsider)


def learned(ensemble: Ensemble, histories: Sequence[BinHistory], since: datetime, until: datetime) -> Ensemble:
    """Bands moved by the outcomes between two local moments (of the last weeks, evenly taken): drift shows there.

    The same histories and moments give the same bands, so a replay has those of its own day.
    """
    end, trained = (float(hours(np.array([local_moment(each)]))[0]) for each in (until, since))
    known = [cut for h in histories if len((cut := h.until(until)).readings)]
    come = windows_to_learn(known, end, trained) if end > trained else []
    return ensemble.learned(come) if come else ensemble


def _identity(day: _Day, chosen: Chosen) -> Identity:
    version = f"{FORM}/{day.midnight:%Y-%m-%d}/{day.state}"
    if chosen.version is None:
        return Identity("hour_of_week", version, chosen.degraded)
    return Identity("fill", f"{chosen.version}/{version}", chosen.degraded)


def _midnight(city: Operation, now: datetime) -> datetime:
    return now.astimezone(city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
