"""Histories and fill rates of a city, read and fitted once per state of its records and day, then kept in memory."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime

import numpy as np
from sqlalchemy import select

from domain.operation import Operation
from domain.records import Emptying, Reading
from domain.store import Store
from engines.forecast.history import BinHistory
from engines.forecast.rates import Rates, fit_rates

KEPT_FITS = 4


class FillModels:
    """One per process. Rates for a moment are fitted on what was known at the midnight before it, so that the same
    question at the same moment always sees the same rates."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._histories: dict[tuple[str, str], dict[str, BinHistory]] = {}
        self._rates: dict[tuple[str, str, str], Rates] = {}

    def histories(self, city: Operation) -> Mapping[str, BinHistory]:
        """Every bin's whole past, by bin id; bins without any record have an empty one."""
        key = (city.name, city.digest)
        with self._turn:
            if key not in self._histories:
                self._histories = {key: _read(self._store, city)}
            return self._histories[key]

    def rates(self, city: Operation, now: datetime) -> Rates:
        """Fill rates as they could be known at the midnight before `now`."""
        midnight = now.astimezone(city.zone).replace(hour=0, minute=0, second=0, microsecond=0)
        key = (city.name, city.digest, midnight.isoformat())
        histories = self.histories(city)
        with self._turn:
            if key not in self._rates:
                while len(self._rates) >= KEPT_FITS:
                    self._rates.pop(next(iter(self._rates)))
                self._rates[key] = fit_rates([h.until(midnight) for h in histories.values()])
            return self._rates[key]


def _read(store: Store, city: Operation) -> dict[str, BinHistory]:
    classes = _class_middles(city)
    with store.read() as session:
        emptied = session.execute(
            select(Emptying.bin_id, Emptying.emptied_at, Emptying.fill_pct, Emptying.fill_class).where(
                Emptying.city == city.name
            )
        )
        levels = _by_bin(emptied, city, classes)
        read = session.execute(
            select(Reading.bin_id, Reading.read_at, Reading.fill_pct, Reading.fill_class).where(
                Reading.city == city.name
            )
        )
        readings = _by_bin(read, city, classes)
    step = city.assumed("fill_step_pct", 0.0)
    return {
        bin_id: BinHistory(
            bin_id, info.stream, info.site_id, *_columns(levels[bin_id]), *_columns(readings[bin_id]), step_pct=step
        )
        for bin_id, info in city.bins.items()
    }


def _by_bin(
    rows: object, city: Operation, classes: Mapping[str, float]
) -> defaultdict[str, list[tuple[datetime, float]]]:
    found: defaultdict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for bin_id, at, fill_pct, fill_class in rows:  # type: ignore[attr-defined]  # a Result of four columns
        level = fill_pct if fill_pct is not None else classes.get(fill_class or "", float("nan"))
        found[bin_id].append((at.astimezone(city.zone).replace(tzinfo=None), level))
    return found


def _columns(pairs: list[tuple[datetime, float]]) -> tuple[np.ndarray, np.ndarray]:
    times = np.array([at for at, _ in pairs], dtype="datetime64[s]")
    return times, np.array([level for _, level in pairs], dtype=np.float64)


def _class_middles(city: Operation) -> dict[str, float]:
    """Stated fill classes (GREEN = [0, 60]) as the middle of their range."""
    stated = city.assumptions.get("fill_classes")
    if not isinstance(stated, dict):
        return {}
    return {
        name: (float(pair[0]) + float(pair[1])) / 2  # type: ignore[arg-type]
        for name, pair in stated.items()
        if isinstance(pair, list) and len(pair) == 2
    }
