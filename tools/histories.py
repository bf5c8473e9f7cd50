"""What the records hold of bins' pasts, as the forecast engine takes it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from sqlalchemy import DateTime, Select, select, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from domain.operation import BinInfo, Operation
from domain.records import Emptying, Reading
from domain.store import Store
from engines.forecast.districts import district_of
from engines.forecast.history import BinHistory, Floats, Times, no_levels, no_times
from engines.forecast.records import BinRecords, history_of
from engines.forecast.wall_clock import local_times

Told = tuple[str, datetime, float | None, str | None]


@dataclass(frozen=True, eq=False)
class _Levels:
    """Levels of a bin at their moments, and whether all were told in percent, none as a class."""

    at: Times = field(default_factory=no_times)
    level: Floats = field(default_factory=no_levels)
    in_percent: bool = True


NOTHING = _Levels()


def read_records(store: Store, city: Operation, bin_ids: Sequence[str] | None = None) -> dict[str, BinRecords]:
    """All that came of every bin, or of these; by bin id, and empty where the records hold nothing."""
    classes = _class_middles(city)
    with store.read() as session:
        emptied = _by_bin(
            session.execute(_levels_of(Emptying, Emptying.emptied_at, city, bin_ids)).all(), city, classes
        )
        read = _by_bin(session.execute(_levels_of(Reading, Reading.read_at, city, bin_ids)).all(), city, classes)
    step = city.assumed("fill_step_pct", 0.0)
    return {
        bin_id: _records(info, emptied.get(bin_id, NOTHING), read.get(bin_id, NOTHING), step)
        for bin_id, info in city.bins.items()
        if bin_ids is None or bin_id in bin_ids
    }


def _records(info: BinInfo, emptied: _Levels, read: _Levels, step: float) -> BinRecords:
    return BinRecords(
        info.bin_id, info.stream, info.site_id, emptied.at, emptied.level, read.at, read.level, step_pct=step,
        in_percent=read.in_percent, district=district_of(info.lat, info.lon),
    )  # fmt: skip


def read_histories(store: Store, city: Operation, bin_ids: Sequence[str] | None = None) -> dict[str, BinHistory]:
    """The whole past of every bin, or of these; by bin id, and empty where the records hold nothing."""
    return histories_of(read_records(store, city, bin_ids))


def histories_of(records: Mapping[str, BinRecords]) -> dict[str, BinHistory]:
    """Histories by bin id, of which only what was seen on arrival is left out."""
    return {bin_id: history_of(each)[0] for bin_id, each in records.items()}


class Believed:
    """The histories of bins as they could be known at a midnight of the city's clock, made when first asked for.

    `before`: those of the same midnight from older records; what did not change is taken from there.
    """

    def __init__(
        self, records: Mapping[str, BinRecords], midnight: np.datetime64, before: Believed | None = None
    ) -> None:
        self._records, self._midnight = records, midnight
        old = {} if before is None else dict(before._made)  # questions go on adding to it
        self._made: dict[str, tuple[BinHistory, tuple[str, ...]]] = {
            name: made for name, made in old.items() if before and before._records[name] is records[name]
        }

    def history(self, bin_id: str) -> BinHistory:
        """The history of a bin."""
        return self._of(bin_id)[0]

    def notes(self, bin_id: str) -> tuple[str, ...]:
        """Which readings of a bin are ignored, a sentence a kind."""
        return self._of(bin_id)[1]

    def histories(self, bin_ids: Iterable[str]) -> list[BinHistory]:
        """The histories of some bins, in order."""
        return [self.history(bin_id) for bin_id in bin_ids]

    def _of(self, bin_id: str) -> tuple[BinHistory, tuple[str, ...]]:
        if bin_id not in self._made:
            self._made[bin_id] = history_of(self._records[bin_id], self._midnight)
        return self._made[bin_id]


def same_records(one: BinRecords, other: BinRecords) -> bool:
    """Whether two say the same of a bin."""
    columns = ("emptied_at", "levels", "read_at", "readings")
    return one.in_percent == other.in_percent and all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in columns
    )


def state_of(records: Iterable[BinRecords], until: np.datetime64) -> str:
    """Eight hex digits over all that was recorded of some bins by a moment of the city's clock (inclusive)."""
    found = hashlib.blake2b(digest_size=4)
    for each in records:
        emptied, read = each.emptied_at <= until, each.read_at <= until
        columns = (each.emptied_at[emptied], each.levels[emptied], each.read_at[read], each.readings[read])
        found.update(f"{each.bin_id} {each.in_percent} {[len(column) for column in columns]}".encode())
        for column in columns:
            found.update(column.tobytes())
    return found.hexdigest()


def newest_of(history: BinHistory | BinRecords, moment: np.datetime64) -> np.datetime64 | None:
    """The newest emptying or reading of a bin at or before a moment of the city's clock."""
    counts = (
        (times, int(np.searchsorted(times, moment, side="right"))) for times in (history.emptied_at, history.read_at)
    )
    return max((times[count - 1] for times, count in counts if count), default=None)


def _levels_of(
    record: type[Emptying] | type[Reading],
    at: InstrumentedAttribute[datetime],
    city: Operation,
    bin_ids: Sequence[str] | None,
) -> Select[str, datetime, float | None, str | None]:
    moment = type_coerce(at, DateTime())  # as the database gives it: millions are read
    query = (
        select(record.bin_id, moment, record.fill_pct, record.fill_class)
        .where(record.city == city.name)
        .order_by(record.bin_id, at)
    )
    return query if bin_ids is None else query.where(record.bin_id.in_(bin_ids))


def _by_bin(rows: Sequence[Told], city: Operation, classes: Mapping[str, float]) -> dict[str, _Levels]:
    """Levels by bin, from rows of bin, moment, percent, class in order of bins and moments."""
    if not rows:
        return {}
    names = [row[0] for row in rows]
    utc = [row[1] if row[1].tzinfo is None else row[1].astimezone(UTC).replace(tzinfo=None) for row in rows]
    at = local_times(np.array(utc, dtype="datetime64[s]"), city.zone)
    exact = np.array([row[2] is not None for row in rows], dtype=np.bool_)
    unknown = float("nan")
    level = np.array(
        [classes.get(row[3] or "", unknown) if row[2] is None else row[2] for row in rows], dtype=np.float64
    )
    first = [0, *(place for place in range(1, len(names)) if names[place] != names[place - 1])]
    return {
        names[begin]: _Levels(at[begin:end], level[begin:end], bool(exact[begin:end].all()))
        for begin, end in zip(first, [*first[1:], len(names)], strict=True)
    }


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
