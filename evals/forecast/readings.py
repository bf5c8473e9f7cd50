"""Reads a csv of sensor readings (`container,time_utc,fill_pct`), and cuts it into what was known when.

What cannot be a reading (a level of 300 %, a clock that jumped, a second reading of one moment) is left out and
counted: that is seen on arrival. Spikes stay in, for members as in the truth: that one is a spike shows only later.
What members are trained on (`cleaned`) is cleaned as it could be at its end, as answers are given it
(`engines/forecast/records.py`).
"""

from __future__ import annotations

import csv
import functools
import gzip
import io
import zlib
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from domain.errors import BadData
from engines.forecast.history import BinHistory
from engines.forecast.hygiene import on_arrival
from engines.forecast.records import BinRecords, history_of
from engines.forecast.wall_clock import local_times

COLUMNS = ("container", "time_utc", "fill_pct")
FEWEST = 50  # readings of a container; fewer tell nothing about a forecast
NO_STREAM = "unstated"


@dataclass(frozen=True, eq=False)
class Readings:
    """What came of each container, in order, and what was left out, in sentences."""

    records: tuple[BinRecords, ...]
    notes: tuple[str, ...] = ()
    believed_until: np.datetime64 | None = None

    @functools.cached_property
    def histories(self) -> tuple[BinHistory, ...]:
        """The history of each container."""
        return tuple(history_of(each, self.believed_until)[0] for each in self.records)

    def without(self, bins: Collection[str]) -> Readings:
        """All but these."""
        return replace(self, records=tuple(each for each in self.records if each.bin_id not in bins))

    def only(self, bins: Collection[str]) -> Readings:
        """None but these."""
        return replace(self, records=tuple(each for each in self.records if each.bin_id in bins))

    def until(self, at: np.datetime64) -> Readings:
        """What was known at a moment; containers without a reading by then are left out."""
        cut = (each.until(at) for each in self.records)
        return Readings(tuple(each for each in cut if len(each.readings)), self.notes)

    def cleaned(self, at: np.datetime64 | None = None) -> Readings:
        """The same, cleaned as could be known at a moment, or at the end of all."""
        end = max(each.read_at.max() for each in self.records) if at is None else at
        return replace(self, believed_until=end)


def is_readings(path: Path) -> bool:
    """Whether the first line of a csv names the columns of readings. Raises BadData when it cannot be read."""
    head = _text(path).split("\n", 1)[0]
    return set(COLUMNS) <= {name.strip().strip('"') for name in head.split(",")}


def read_readings(path: Path, zone: ZoneInfo | None = None) -> Readings:
    """The readings of a csv, packed or not, on the wall clock of a zone (None: of UTC). Raises BadData with the line
    that cannot be read."""
    rows: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for line, row in _rows(path, COLUMNS):
        rows[row["container"]].append((_moment(row["time_utc"], path, line), _level(row["fill_pct"], path, line)))
    streams = streams_beside(path)
    found = [_records(bin_id, streams.get(bin_id, NO_STREAM), rows[bin_id], zone) for bin_id in sorted(rows)]
    arrived = [on_arrival(each.read_at, each.readings) for each in found]
    kept = [each for each, left in zip(found, arrived, strict=True) if len(left.readings) >= FEWEST]
    if not kept:
        raise BadData(f"{path} has no container with {FEWEST} readings: no forecast can be measured on it")
    left = sum(len(each.marks) for each in arrived)
    notes = [f"{left} readings left out: no level from 0 to 100, a clock that jumped, or a second one of a moment"]
    notes += [f"{len(found) - len(kept)} containers left out: fewer than {FEWEST} readings"]
    return Readings(tuple(kept), tuple(note for note in notes if not note.startswith("0 ")))


def _records(bin_id: str, stream: str, pairs: Sequence[tuple[datetime, float]], zone: ZoneInfo | None) -> BinRecords:
    at = np.array([when for when, _ in pairs], dtype="datetime64[s]")
    at = at if zone is None else local_times(at, zone)
    level = np.array([value for _, value in pairs], dtype=np.float64)
    return BinRecords(bin_id, stream, bin_id, read_at=at, readings=level, step_pct=0.0)


def _moment(words: str, path: Path, line: int) -> datetime:
    try:
        at = datetime.fromisoformat(words)
    except ValueError:
        raise BadData(f"{path}, line {line}: {words!r:.40} is no time such as 2025-03-01 06:30:00") from None
    return at if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)


def _level(words: str, path: Path, line: int) -> float:
    try:
        return float(words)
    except ValueError:
        raise BadData(f"{path}, line {line}: {words!r:.40} is no fill level in percent") from None


def streams_beside(path: Path) -> dict[str, str]:
    """Streams by container from the `..._containers.csv` beside a `..._readings.csv`, when there is one."""
    beside = path.with_name(path.name.removesuffix(".gz").replace("readings", "containers"))
    if beside == path or not beside.exists():
        return {}
    return {row["container"]: row["stream"] for _, row in _rows(beside, ("container", "stream"))}


def _rows(path: Path, wanted: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(_text(path), newline=""))
    missing = [name for name in wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise BadData(f"{path}: the first line must name the columns {', '.join(wanted)}; {missing[0]} is missing")
    return [(reader.line_num, {name: row[name] or "" for name in wanted}) for row in reader]


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read: {error!s:.120}") from None
