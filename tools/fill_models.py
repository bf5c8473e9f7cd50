"""Histories and fill rates of a city, read and fitted once per state of its records and day, then kept in memory.

Also who forecasts: `forecaster` is the one place that says which model stands behind every forecast told.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.operation import Operation
from domain.store import Store
from engines.forecast.history import BinHistory, Times
from engines.forecast.horizons import FORM, Horizons, horizons_of
from engines.forecast.hour_of_week import HourOfWeek
from engines.forecast.member import Member
from engines.forecast.rates import Rates, fit_rates
from engines.forecast.stories import stories_of
from tools.generations import Generations
from tools.histories import read_histories

KEPT_FITS = 4


@dataclass(frozen=True)
class Identity:
    """Which model forecasts at a moment, known before anything is fitted; `degraded` when it is not the one meant."""

    name: str
    version: str
    degraded: str | None = None

    @property
    def model(self) -> tuple[str, str]:
        """What rows of the table are compared by."""
        return self.name, self.version


@dataclass(frozen=True, eq=False)
class Forecaster:
    """A model ready to forecast, and the rates that its forecasts are explained by."""

    identity: Identity
    member: Member
    rates: Rates

    def horizons(self, histories: Sequence[BinHistory], at: Times) -> Horizons:
        """The horizons of each bin, made at its moment (n,)."""
        stories = stories_of(histories, at, self.rates, " ".join(self.identity.model))
        return horizons_of(self.member, histories, at, stories)


class FillModels:
    """One per process. Rates for a moment are fitted on what was known at the midnight before it, so that the same
    question at the same moment always sees the same rates."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._histories: dict[tuple[str, str], dict[str, BinHistory]] = {}
        self._rates: dict[tuple[str, str, str], Rates] = {}
        self.generations = Generations(store)

    def histories(self, city: Operation) -> Mapping[str, BinHistory]:
        """Every bin's whole past, by bin id; bins without any record have an empty one."""
        key = (city.name, city.digest)
        with self._turn:
            if key not in self._histories:
                self._histories = {key: read_histories(self._store, city)}
            return self._histories[key]

    def rates(self, city: Operation, now: datetime) -> Rates:
        """Fill rates as they could be known at the midnight before `now`."""
        midnight = _midnight(city, now)
        key = (city.name, city.digest, midnight.isoformat())
        histories = self.histories(city)
        with self._turn:
            if key not in self._rates:
                while len(self._rates) >= KEPT_FITS:
                    self._rates.pop(next(iter(self._rates)))
                self._rates[key] = fit_rates([h.until(midnight) for h in histories.values()])
            return self._rates[key]

    def identity(self, city: Operation, at: datetime) -> Identity:
        """Who forecasts at a moment."""
        return Identity("hour_of_week", f"{FORM}/{_midnight(city, at):%Y-%m-%d}")

    def forecaster(self, city: Operation, at: datetime) -> Forecaster:
        """The model of a moment, ready."""
        rates = self.rates(city, at)
        return Forecaster(self.identity(city, at), HourOfWeek(rates), rates)

    def renew(self, city: Operation, bin_ids: Sequence[str]) -> None:
        """Reads the histories of these bins again: there are new records of them."""
        fresh = read_histories(self._store, city, bin_ids)
        known = self.histories(city)
        with self._turn:
            self._histories[city.name, city.digest] = {**known, **fresh}


def _midnight(city: Operation, now: datetime) -> datetime:
    return now.astimezone(city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
