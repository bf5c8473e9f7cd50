"""Renewing the table of forecasts: all bins after a load and at each full hour, single bins after a new record.

A renewal is one generation. It is written in parts, and comes in force with its last part in one transaction, so a
renewal that dies at any moment leaves the last complete one in force. Whatever it left is removed by the next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from domain.clock import Clock
from domain.errors import NotNow, RoundsmanError
from domain.operation import Operation
from domain.repositories.outcomes import newest_between
from domain.repositories.predictions import (
    NewGeneration,
    add_predictions,
    begin_generation,
    held_generation,
    kept_at,
    put_in_force,
    thin_out,
)
from domain.store import Store
from engines.forecast.history import local_moment
from engines.forecast.records import BinRecords
from tools.feature_log import log_features
from tools.fill_models import FillModels
from tools.fill_table import FillTable, Standing
from tools.generations import as_rows
from tools.histories import newest_of
from tools.outcomes import Joining, join_outcomes
from tools.unemptied import left_at

BINS_A_PART = 500
SETTLE = timedelta(seconds=1)
"""A generation counts from a second after its last row: who asked before it was visible was before it came in force."""
JOINED_BACK = timedelta(days=2)
LOOKED_BACK = timedelta(hours=6)
LOOK_S, RETRY_S = 60.0, 60.0
FAULTS_OF_A_MODEL = (RoundsmanError, ArithmeticError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Renewal:
    """What a renewal did: the generation now in force (None: it could not be completed), and bins it computed."""

    generation: int | None
    bins: int


class Refresher:
    """Renews one city's table. `clock` is the operation's."""

    def __init__(self, store: Store, models: FillModels, city: Operation, clock: Clock) -> None:
        self._store, self._models, self._city, self._clock = store, models, city, clock
        self._table = FillTable(store, models)
        self._joined_until: datetime | None = None

    @property
    def shelves(self) -> tuple[Path, ...]:
        """The folders that the city's trained models lie on; the first is the one for new ones."""
        return self._models.shelves

    def whole(self) -> Renewal:
        """Renews all bins from the records as they are now, unless the table holds this very renewal already: of this
        moment, by this model, learnt from these records.

        Raises StoreUnavailable.
        """
        self._models.renew(self._city)
        new = self._new(tuple(self._city.bins), whole=True)
        with self._store.read() as session:
            held = held_generation(session, new)
        if held is not None:
            return Renewal(held, 0)
        renewal = self._write(new, tuple(self._city.bins))
        self.join(new.moment, new.moment - JOINED_BACK)  # some records come late
        log_features(self._store, self._models, self._city, new.moment)
        self._thin_out(new.moment)
        return renewal

    def some(self, bin_ids: Sequence[str]) -> Renewal:
        """Renews bins of which there is a new record. Raises StoreUnavailable."""
        self._models.renew(self._city, bin_ids)
        new = self._new(bin_ids, whole=False)
        renewal = self._write(new, bin_ids)
        self.join(new.moment)
        return renewal

    def arrived(self) -> Renewal | None:
        """Renews the bins of which a newer record has come since theirs were read; None when there is none.

        Looks at the records of the last hours only: older ones that come late wait for the hour. Raises
        StoreUnavailable.
        """
        city, now = self._city, self._clock()
        with self._store.read() as session:
            newest = newest_between(session, city.name, now - LOOKED_BACK, now)
        records, moment = self._models.records(city), local_moment(now.astimezone(city.zone))
        fresh = [
            bin_id for bin_id, at in newest.items() if bin_id in records and _is_news(records[bin_id], at, city, moment)
        ]
        return self.some(sorted(fresh)) if fresh else None

    def join(self, until: datetime, since: datetime | None = None) -> int:
        """Puts the levels found since a moment, or since the last time (at first: in two days), beside their forecasts;
        how many were new."""
        since = since or self._joined_until or until - JOINED_BACK
        known_from = _since(until, self._clock())
        joined = join_outcomes(self._store, self._models, self._city, Joining(since, until, known_from))
        self._joined_until = until
        return joined

    def stands(self) -> Standing:
        """What the table holds for this moment. Raises StoreUnavailable."""
        return self._table.standing(self._city, self._clock())

    def _new(self, bin_ids: Sequence[str], *, whole: bool) -> NewGeneration:
        city, now = self._city, self._clock()
        name, version = self._models.identity(city, now).model
        return NewGeneration(city.name, now, city.digest, name, version, whole, len(bin_ids), now)

    def _write(self, new: NewGeneration, bin_ids: Sequence[str]) -> Renewal:
        city = self._city
        threshold = city.assumed("overflow_threshold_pct", 80.0)
        self._models.forecaster(
            city, new.moment
        )  # the day's first fit takes long: nobody shall take it for a dead writer
        with self._store.write() as session:
            generation = begin_generation(session, new)
        for first in range(0, len(bin_ids), BINS_A_PART):
            part = bin_ids[first : first + BINS_A_PART]
            made = self._table.computed(city, new.moment, part)
            left = left_at(self._models, city, new.moment, part)
            guessed = {bin_id: each.why for bin_id, each in left.items()}
            rows = as_rows(made.horizons, made.model, city.zone, threshold, guessed)
            with self._store.write() as session:
                add_predictions(session, generation, city.name, rows)
        with self._store.write() as session:
            complete = put_in_force(session, generation, _since(new.begun_at, self._clock()))
        return Renewal(generation if complete else None, len(bin_ids))

    def _thin_out(self, moment: datetime) -> None:
        """Forecasts older than what outcomes are compared with; but never those in force."""
        with self._store.write() as session:
            kept = kept_at(session, self._city.name, self._city.digest, moment)
            standing = [each for each in (kept.whole, *kept.parts) if each is not None]
            thin_out(session, self._city.name, moment, standing)


def _is_news(records: BinRecords, at: datetime, city: Operation, now: np.datetime64) -> bool:
    """Whether a record's moment is after all that was read of its bin by now, also of what no history takes in."""
    known = newest_of(records, now)
    return known is None or bool(local_moment(at.astimezone(city.zone)) > known)


def _since(begun: datetime, done: datetime) -> datetime:
    """From when a generation counts: on a clock that stands still at once, else when everybody can see it."""
    return begun if done == begun else done + SETTLE


class Ticking:
    """A thread that renews the table at once, at each full hour, and within a minute after new records, until it is
    stopped."""

    def __init__(self, refresher: Refresher, clock: Clock) -> None:
        self.refresher, self._clock = refresher, clock
        self._wake = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="forecast table", daemon=True)
        self.trouble: str | None = None

    @property
    def died(self) -> bool:
        """Whether the thread was started and ended without being told to."""
        return self._thread.ident is not None and not self._thread.is_alive() and not self._stopped

    def begin(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stands(self) -> Standing:
        """What the table holds for this moment. Raises StoreUnavailable."""
        return self.refresher.stands()

    def stop(self) -> None:
        """Ends the thread; what it was writing is completed first."""
        self._stopped = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout=30)

    def _run(self) -> None:
        due: datetime | None = None
        renewed = False
        while not self._stopped:
            now = self._clock()
            if due is None or now >= due:
                renewed = self._tried(self.refresher.whole)
                due = _next_hour(now) if renewed else now + timedelta(seconds=RETRY_S)
            elif renewed:
                self._tried(self.refresher.arrived)
            self._wake.wait(max(min((due - self._clock()).total_seconds(), LOOK_S), 0.0))

    def _tried(self, renew: Callable[[], Renewal | None]) -> bool:
        """Whether it went well. Whatever went wrong is kept as trouble and tried again: the thread lives on."""
        try:
            renewal = renew()
            done = renewal is None or renewal.generation is not None
        except NotNow as error:
            self.trouble = str(error)
            return False
        except FAULTS_OF_A_MODEL as error:
            self.trouble = f"the renewal failed ({type(error).__name__}: {error})"
            return False
        self.trouble = None if done else "another writer renews the same table"
        return done


def _next_hour(now: datetime) -> datetime:
    return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
