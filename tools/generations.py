"""The table of forecasts: generations as they were written, unpacked once and kept in memory."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from domain.operation import Operation
from domain.repositories.predictions import PredictionRow, predictions_of
from domain.store import Store
from engines.forecast.columns import hours
from engines.forecast.history import local_moment, moment_at
from engines.forecast.horizons import (
    HIGH,
    HOURS,
    LOW,
    SURE,
    UNKNOWN,
    WARNED_H,
    Horizons,
    Packed,
    Story,
    chance_by,
    levels_at,
    overflow_at,
)
from engines.forecast.member import MEDIAN, SHARES_OUT

MOST_ROWS = 60_000  # kept in memory, about 1.5 kB each
DAY_H = 24.0
SHAPE = (len(HOURS), len(SHARES_OUT))
NOTHING = np.full(SHAPE, UNKNOWN, dtype="<u2").tobytes()
NO_CHANCES = np.full(len(WARNED_H), UNKNOWN, dtype="<u2").tobytes()
"""A row's bytes are its levels and, behind them, its chances of an overflow; without those, none are known."""


@dataclass(frozen=True, eq=False)
class Generation:
    """A generation's forecasts, the row of each bin, by whom each was made, and bins whose row cannot be read."""

    horizons: Horizons
    row_of: dict[str, int]
    model_of: tuple[tuple[str, str], ...]
    damaged: frozenset[str]


class Generations:
    """One per process. What was in force does not change, so what was read stays true."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turn = threading.Lock()
        self._held: dict[int, Generation] = {}

    def get(self, generation: int, city: Operation) -> Generation:
        """A generation that is or was in force; its forecasts may have been thinned out since. StoreUnavailable."""
        with self._turn:
            if generation not in self._held:
                with self._store.read() as session:
                    rows = predictions_of(session, generation)
                self._held[generation] = _unpacked(rows, city)
                while sum(len(each.horizons) for each in self._held.values()) > MOST_ROWS and len(self._held) > 1:
                    self._held.pop(next(iter(self._held)))
            return self._held[generation]


def as_rows(
    horizons: Horizons,
    model: tuple[str, str],
    zone: ZoneInfo,
    threshold_pct: float,
    guessed: Mapping[str, str] | None = None,
) -> list[PredictionRow]:
    """Horizons as the table keeps them; the chance of an overflow is the trained one where there is one.

    `guessed`: why nothing is told of some bins, by bin id. Rounds go by their levels, which are kept; the level and
    chance a day ahead are not.
    """
    ahead = np.full((len(horizons), 1), DAY_H)
    day = levels_at(horizons, ahead)[:, 0, :]
    chance = chance_by(horizons, overflow_at(horizons, ahead), day[:, None], threshold_pct)[:, 0]
    rows = [
        _as_row(horizons, row, model, zone, tuple(float(day[row, share]) for share in (LOW, MEDIAN, HIGH)), chance[row])
        for row in range(len(horizons))
    ]
    return [_untold(row, (guessed or {}).get(row.bin_id)) for row in rows]


def moment_of(at_h: float, zone: ZoneInfo) -> datetime:
    """Hours since 1970 of the city's wall clock as a moment."""
    wall = datetime(1970, 1, 1) + timedelta(seconds=round(at_h * 3600))  # noqa: DTZ001
    return moment_at(wall, zone)


def hour_of(moment: datetime, zone: ZoneInfo) -> float:
    """A moment as hours since 1970 of the city's wall clock."""
    return float(hours(np.array([local_moment(moment.astimezone(zone))]))[0])


def _as_row(
    horizons: Horizons, row: int, model: tuple[str, str], zone: ZoneInfo, told: tuple[float, ...], chance: float
) -> PredictionRow:
    story, at = horizons.stories[row], float(horizons.at[row])
    known = story.abstained is None
    low, middle, high = (round(each, 2) if known else None for each in told)
    return PredictionRow(
        bin_id=horizons.bins[row],
        made_at=moment_of(at, zone),
        horizon_at=moment_of(at + DAY_H, zone),
        model_name=model[0],
        model_version=model[1],
        features_hash=story.features_hash,
        data_as_of=None if story.starts_at is None else moment_of(story.starts_at, zone),
        p10=low,
        p50=middle,
        p90=high,
        p_overflow=round(float(chance), 6) if known else None,
        rate_pct_per_hour=story.rate_pct_per_hour,
        starts_from=story.starts_from,
        basis=story.basis,
        abstained=story.abstained,
        levels=_as_bytes(horizons, row) if known else b"",
    )


def _untold(row: PredictionRow, why: str | None) -> PredictionRow:
    if why is None or row.abstained is not None:
        return row
    return row._replace(p10=None, p50=None, p90=None, p_overflow=None, abstained=why)


def _as_bytes(horizons: Horizons, row: int) -> bytes:
    levels: bytes = horizons.levels[row].astype("<u2").tobytes()
    overflow: bytes = horizons.overflow[row].astype("<u2").tobytes()
    return levels if overflow == NO_CHANCES else levels + overflow


def _unpacked(rows: Sequence[PredictionRow], city: Operation) -> Generation:
    ours = [row for row in rows if row.bin_id in city.bins]
    whole = [row for row in ours if _fits(row)]
    at = np.array([hour_of(row.made_at, city.zone) for row in whole], dtype=np.float64)
    packed = b"".join((row.levels or NOTHING)[: len(NOTHING)] for row in whole)
    levels = np.frombuffer(packed, dtype="<u2").reshape(len(whole), *SHAPE)
    chances = b"".join((row.levels or b"")[len(NOTHING) :] or NO_CHANCES for row in whole)
    overflow = np.frombuffer(chances, dtype="<u2").reshape(len(whole), len(WARNED_H))
    bins, stories = tuple(row.bin_id for row in whole), tuple(_story(row, city) for row in whole)
    horizons = Horizons(bins, at, levels.astype(np.uint16), stories, overflow.astype(np.uint16))
    damaged = frozenset(row.bin_id for row in ours) - {row.bin_id for row in whole}
    models = tuple((row.model_name, row.model_version) for row in whole)
    return Generation(horizons, {bin_id: i for i, bin_id in enumerate(horizons.bins)}, models, damaged)


def levels_of(levels: bytes) -> Packed | None:
    """A row's table of levels; None when it is damaged: not 0 to 100 %, crossing, or cut, its chances included."""
    if len(levels) not in (len(NOTHING), len(NOTHING) + len(NO_CHANCES)):
        return None
    table = np.frombuffer(levels[: len(NOTHING)], dtype="<u2").reshape(SHAPE).astype(np.uint16)
    chances = np.frombuffer(levels[len(NOTHING) :], dtype="<u2")
    whole = (table <= 10_000).all() and (table[:, 1:] >= table[:, :-1]).all()
    return table if whole and (chances <= SURE).all() and (chances[1:] >= chances[:-1]).all() else None


def _fits(row: PredictionRow) -> bool:
    """Whether the row is whole: a table of levels, or an empty one and why nothing is told."""
    if row.levels == b"":
        return row.abstained is not None
    return row.levels is not None and levels_of(row.levels) is not None


def _story(row: PredictionRow, city: Operation) -> Story:
    return Story(
        stream=city.bins[row.bin_id].stream,
        starts_at=None if row.data_as_of is None else hour_of(row.data_as_of, city.zone),
        starts_from=row.starts_from,
        rate_pct_per_hour=row.rate_pct_per_hour,
        basis=row.basis,
        features_hash=row.features_hash,
        abstained=None if row.levels else row.abstained,  # with levels: they are only guessed, see `as_rows`
    )
