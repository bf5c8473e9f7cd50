"""What the records hold of bins' pasts, as the forecast engine takes it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute

from domain.operation import Operation
from domain.records import Emptying, Reading
from domain.store import Store
from engines.forecast.history import BinHistory


def read_histories(store: Store, city: Operation, bin_ids: Sequence[str] | None = None) -> dict[str, BinHistory]:
    """The whole past of every bin, or of these; by bin id, and empty where the records hold nothing."""
    classes = _class_middles(city)
    with store.read() as session:
        levels = _by_bin(session.execute(_levels_of(Emptying, Emptying.emptied_at, city, bin_ids)), city, classes)
        readings = _by_bin(session.execute(_levels_of(Reading, Reading.read_at, city, bin_ids)), city, classes)
    step = city.assumed("fill_step_pct", 0.0)
    return {
        bin_id: BinHistory(
            bin_id, info.stream, info.site_id, *_columns(levels[bin_id]), *_columns(readings[bin_id]), step_pct=step
        )
        for bin_id, info in city.bins.items()
        if bin_ids is None or bin_id in bin_ids
    }


def _levels_of(
    record: type[Emptying] | type[Reading],
    at: InstrumentedAttribute[datetime],
    city: Operation,
    bin_ids: Sequence[str] | None,
) -> Select[str, datetime, float | None, str | None]:
    query = select(record.bin_id, at, record.fill_pct, record.fill_class).where(record.city == city.name)
    return query if bin_ids is None else query.where(record.bin_id.in_(bin_ids))


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
