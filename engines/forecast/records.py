"""From what the records hold of a bin to the history that models are given: one way for training, measuring, answering.

    history, notes = history_of(records, believed_until=midnight)

What is seen on arrival goes at once: no level from 0 to 100 %, a clock that jumped, a second reading of one moment.
That a reading was a spike, or that a sensor stands still, shows only later. So up to `believed_until` (the end of a
training part, the midnight before a question) readings are cleaned as they could be judged then; later ones stay as
they came, but for those that only go on repeating what a sensor stands at. A moment's history is a function of the
records up to it and of that midnight, so a replay is given the same one.

Where the records hold no emptying of a bin yet, its emptyings are read off falls between readings in percent.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field, replace

import numpy as np

from engines.forecast.history import (
    BinHistory,
    Floats,
    Times,
    emptyings_from_readings,
    local_moment,
    no_levels,
    no_times,
)
from engines.forecast.hygiene import Cleaned, judged, on_arrival

GOES_ON_PCT = 0.5  # a sensor that stands still gives the same level to the half point


@dataclass(frozen=True, eq=False)
class BinRecords:
    """One bin's emptyings and readings in the order in which they came; times of the city's wall clock, percent.

    `in_percent`: levels read are percentages; False for classes (GREEN, RED), whose falls tell of no emptying.
    `district`: as of a history.
    """

    bin_id: str
    stream: str
    site_id: str
    emptied_at: Times = field(default_factory=no_times)
    levels: Floats = field(default_factory=no_levels)
    read_at: Times = field(default_factory=no_times)
    readings: Floats = field(default_factory=no_levels)
    step_pct: float = 20.0
    in_percent: bool = True
    district: str = ""

    @functools.cached_property
    def arrived(self) -> Cleaned:
        """The readings without what is seen on arrival."""
        return on_arrival(self.read_at, self.readings)

    def until(self, at: np.datetime64) -> BinRecords:
        """What had been recorded by a moment (inclusive)."""
        moment = local_moment(at)
        emptied, read = self.emptied_at <= moment, self.read_at <= moment
        return replace(
            self,
            emptied_at=self.emptied_at[emptied],
            levels=self.levels[emptied],
            read_at=self.read_at[read],
            readings=self.readings[read],
        )


def history_of(records: BinRecords, believed_until: np.datetime64 | None = None) -> tuple[BinHistory, tuple[str, ...]]:
    """The history, and a sentence for each kind of reading that was ignored. Raises BadData for levels of emptyings
    outside 0 to 100."""
    arrived = records.arrived
    at, level, notes = arrived.read_at, arrived.readings, arrived.sentences(records.bin_id)
    if believed_until is not None and len(at):
        at, level, found = _believed(at, level, local_moment(believed_until), records.step_pct)
        notes += found.sentences(records.bin_id)
    seen, before = _seen(records, at, level)
    history = BinHistory(
        records.bin_id, records.stream, records.site_id, np.concatenate([seen, records.emptied_at]),
        np.concatenate([before, records.levels]), at, level, records.step_pct, len(seen), records.district,
    )  # fmt: skip
    return history, tuple(notes)


def _believed(at: Times, level: Floats, until: np.datetime64, step_pct: float) -> tuple[Times, Floats, Cleaned]:
    """Readings up to a moment without what could not be true as was known then, and all later ones but repetitions."""
    past = int(np.searchsorted(at, until, side="right"))
    found = judged(at[:past], level[:past], step_pct)
    if not found.marks:
        return at, level, found
    begin = past + (_repeated(level[past:], found, at[:past]) if past else 0)
    return np.concatenate([found.read_at, at[begin:]]), np.concatenate([found.readings, level[begin:]]), found


def _repeated(later: Floats, found: Cleaned, past: Times) -> int:
    """How many readings go on with the level that the sensor stood at, where it stood still to the last."""
    newest = max(found.marks, key=lambda mark: mark.at)
    if newest.kind != "stuck" or newest.at != past[-1]:
        return 0
    moved = np.flatnonzero(np.abs(later - newest.level_pct) > GOES_ON_PCT)
    return int(moved[0]) if len(moved) else len(later)


def _seen(records: BinRecords, at: Times, level: Floats) -> tuple[Times, Floats]:
    """Emptyings read off the readings, from before the first recorded one; a fall counts once a reading followed it."""
    if not records.in_percent or not len(at):
        return no_times(), no_levels()
    seen, before = emptyings_from_readings(at, level)
    counts = seen < at[-1]
    if len(records.emptied_at):
        counts &= seen < records.emptied_at.min()
    return seen[counts], before[counts]
