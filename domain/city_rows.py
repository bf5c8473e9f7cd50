"""The rows of a city folder's files: their columns, and how each cell is read. Nothing here touches a disk.

A file is declared once, as a `FileFormat`: name, columns, key, and the function that makes a row of cells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
YES, NO = frozenset({"yes", "true", "1", "ontime"}), frozenset({"no", "false", "0", "overdue"})
FARTHEST_RADIUS_M = 20_037_509.0  # half the way around the earth


class RowProblem(ValueError):
    """A cell that cannot be read; the message says what was found and what is wanted."""


# ---------------------------------------------------------------- rows, named as the columns of their records


class SiteRow(NamedTuple):
    """A row of sites.csv."""

    site_id: str
    name: str
    area: str | None
    lat: float
    lon: float


class PlaceRow(NamedTuple):
    """A row of places.csv."""

    name: str
    kind: str
    lat: float
    lon: float
    radius_m: float | None
    area_of: str | None


class BinRow(NamedTuple):
    """A row of bins.csv. Without a position of its own a bin stands where its site is."""

    bin_id: str
    site_id: str
    stream: str
    capacity_l: float
    lat: float
    lon: float
    status: str
    zone: str | None
    circuit: str | None
    fill_alert_pct: float | None
    age_alert_days: float | None


class RuleRow(NamedTuple):
    """A row of schedule.csv."""

    bin_id: str
    interval_days: float
    weekdays: list[str]


class CircuitRow(NamedTuple):
    """A row of circuits.csv."""

    circuit: str
    shift_words: str | None
    weekdays: list[str]
    shift_start: str | None
    shift_end: str | None


class EmptyingRow(NamedTuple):
    """A row of emptyings.csv.gz."""

    bin_id: str
    emptied_at: datetime
    reason: str
    fill_pct: float | None
    fill_class: str | None


class ReadingRow(NamedTuple):
    """A row of readings.csv.gz."""

    bin_id: str
    read_at: datetime
    fill_pct: float | None
    fill_class: str | None


class RequestRow(NamedTuple):
    """A row of requests.csv.gz."""

    request_id: str
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    on_time: bool | None
    status: str | None
    title: str | None
    kind: str | None
    reason: str | None
    note: str | None
    place: str | None
    area: str | None
    lat: float | None
    lon: float | None
    source: str | None


class TruckRow(NamedTuple):
    """A `[[trucks]]` table of assumptions.toml, with its depot's position."""

    name: str
    position: int
    capacity_l: float
    capacity_kg: float
    compaction_ratio: float
    streams: list[str]
    shift_start: str
    shift_end: str
    cost_per_km: float
    cost_per_hour: float
    g_co2e_per_km: float
    depot: str
    depot_lat: float
    depot_lon: float


# ---------------------------------------------------------------- cells


@dataclass
class LocalTimes:
    """Turns the city's local times into UTC, and counts the hours that a clock change doubles or skips.

    A doubled time is taken as the earlier of the two. A skipped one (no clock showed it) is taken as if the clock had
    not been moved yet, so 02:30 becomes 03:30 of the new time (PEP 495, fold = 0).
    """

    zone: ZoneInfo
    doubled: int = 0
    skipped: int = 0

    def utc(self, local: datetime) -> datetime:
        """The moment of a local time; a time with an offset of its own keeps it. Raises OverflowError at the edges."""
        if local.tzinfo is not None:
            return local.astimezone(UTC)
        moment = local.replace(tzinfo=self.zone).astimezone(UTC)
        if local.replace(tzinfo=self.zone, fold=1).astimezone(UTC) != moment:
            if moment.astimezone(self.zone).replace(tzinfo=None) == local:
                self.doubled += 1
            else:
                self.skipped += 1
        return moment


@dataclass(frozen=True)
class Known:
    """What rows may refer to: the sites and their positions, the bins, and the city's clock."""

    times: LocalTimes
    sites: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    bins: frozenset[str] = frozenset()


class Cells:
    """One row's cells by column; each method reads one as a type and raises RowProblem."""

    def __init__(self, cells: Mapping[str, str], known: Known) -> None:
        self._cells, self.known = cells, known

    def maybe(self, column: str) -> str | None:
        """Text, or None when blank or when the file has no such column."""
        value = self._cells.get(column, "").strip()
        if "\0" in value:
            raise RowProblem(f"{column} holds a NUL character")
        return value or None

    def text(self, column: str) -> str:
        """Text that must be there."""
        value = self.maybe(column)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def maybe_number(self, column: str, least: float, most: float) -> float | None:
        """A number from `least` to `most`, or None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            raise RowProblem(f"{column} is {value!r:.60}, not a number") from None
        if not isfinite(number) or not least <= number <= most:
            raise RowProblem(f"{column} is {value:.60}, not within {least:g} to {most:g}")
        return number

    def number(self, column: str, least: float, most: float) -> float:
        """A number that must be there."""
        value = self.maybe_number(column, least, most)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def maybe_point(self) -> tuple[float, float] | None:
        """`lat` and `lon` in degrees; both or neither."""
        lat, lon = self.maybe_number("lat", -90, 90), self.maybe_number("lon", -180, 180)
        if (lat is None) != (lon is None):
            raise RowProblem("lat and lon must both be given, or neither")
        return None if lat is None or lon is None else (lat, lon)

    def point(self) -> tuple[float, float]:
        """`lat` and `lon` that must be there."""
        found = self.maybe_point()
        if found is None:
            raise RowProblem("lat and lon are empty")
        return found

    def maybe_moment(self, column: str) -> datetime | None:
        """An ISO time, local unless it has an offset; None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        try:
            return self.known.times.utc(datetime.fromisoformat(value))
        except (ValueError, OverflowError):
            raise RowProblem(f"{column} is {value!r:.60}, not a time like 2025-08-31T23:55") from None

    def moment(self, column: str) -> datetime:
        """A time that must be there."""
        value = self.maybe_moment(column)
        if value is None:
            raise RowProblem(f"{column} is empty")
        return value

    def clock_time(self, column: str) -> str | None:
        """A local "HH:MM", or None when blank."""
        value = self.maybe(column)
        if value is not None and not CLOCK_TIME.fullmatch(value):
            raise RowProblem(f"{column} is {value!r:.60}, not a time of day like 06:00")
        return value

    def weekdays(self, column: str) -> list[str]:
        """Days as ["Mon", "Thu"], in the week's order, from "Mon,Thu" or "Thu Mon"."""
        said = {day[:3].capitalize() for day in re.split(r"[\s,;/]+", self.maybe(column) or "") if day}
        if not said <= set(WEEKDAYS):
            raise RowProblem(f"{column} is {self.maybe(column)!r:.60}, not days like Mon,Thu")
        return [day for day in WEEKDAYS if day in said]

    def yes_no(self, column: str) -> bool | None:
        """True, False, or None when blank."""
        value = self.maybe(column)
        if value is None:
            return None
        if value.lower() not in YES | NO:
            raise RowProblem(f"{column} is {value!r:.60}, neither yes nor no")
        return value.lower() in YES

    def one_of(self, column: str, known: Mapping[str, object] | frozenset[str], where: str) -> str:
        """Text that must be one of the known ids."""
        value = self.text(column)
        if value not in known:
            raise RowProblem(f"{column} {value!r:.60} is not in {where}")
        return value


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class FileFormat:
    """One file of a city folder: a row is made by `parse` and known by its `key` columns.

    `whole`: the file says everything there is, so what it no longer names is removed from the records.
    """

    name: str
    required: tuple[str, ...]
    key: tuple[str, ...]
    parse: Callable[[Cells], Any]
    needed: bool = False
    whole: bool = False

    @property
    def stem(self) -> str:
        """The name without its ending: `emptyings`."""
        return self.name.partition(".")[0]


def _site(c: Cells) -> SiteRow:
    return SiteRow(c.text("site_id"), c.text("name"), c.maybe("area"), *c.point())


def _place(c: Cells) -> PlaceRow:
    radius_m = c.maybe_number("radius_m", 0, FARTHEST_RADIUS_M)
    return PlaceRow(c.text("name"), c.text("kind"), *c.point(), radius_m, c.maybe("area_of"))


def _bin(c: Cells) -> BinRow:
    site_id = c.one_of("site_id", c.known.sites, "sites.csv")
    return BinRow(
        c.text("bin_id"),
        site_id,
        c.text("stream"),
        c.number("capacity_l", 1, 100_000),
        *(c.maybe_point() or c.known.sites[site_id]),
        c.text("status"),
        c.maybe("zone"),
        c.maybe("circuit"),
        c.maybe_number("fill_alert_pct", 0, 100),
        c.maybe_number("age_alert_days", 0, 3_660),
    )


def _rule(c: Cells) -> RuleRow:
    bin_id = c.one_of("bin_id", c.known.bins, "bins.csv")
    return RuleRow(bin_id, c.number("interval_days", 0.01, 3_660), c.weekdays("weekdays"))


def _circuit(c: Cells) -> CircuitRow:
    shift = (c.clock_time("start"), c.clock_time("end"))
    return CircuitRow(c.text("circuit"), c.maybe("shift_words"), c.weekdays("days"), *shift)


def _emptying(c: Cells) -> EmptyingRow:
    bin_id, at = c.one_of("bin_id", c.known.bins, "bins.csv"), c.moment("emptied_at")
    return EmptyingRow(bin_id, at, c.maybe("reason") or "", c.maybe_number("fill_pct", 0, 100), c.maybe("fill_class"))


def _reading(c: Cells) -> ReadingRow:
    bin_id, at = c.one_of("bin_id", c.known.bins, "bins.csv"), c.moment("read_at")
    level, word = c.maybe_number("fill_pct", 0, 100), c.maybe("fill_class")
    if level is None and word is None:
        raise RowProblem("fill_pct and fill_class are both empty")
    return ReadingRow(bin_id, at, level, word)


def _request(c: Cells) -> RequestRow:
    lat, lon = c.maybe_point() or (None, None)
    return RequestRow(
        request_id=c.text("request_id"),
        opened_at=c.moment("opened_at"),
        due_at=c.maybe_moment("due_at"),
        closed_at=c.maybe_moment("closed_at"),
        on_time=c.yes_no("on_time"),
        status=c.maybe("status"),
        title=c.maybe("title"),
        kind=c.maybe("kind"),
        reason=c.maybe("reason"),
        note=c.maybe("note"),
        place=c.maybe("place"),
        area=c.maybe("area"),
        lat=lat,
        lon=lon,
        source=c.maybe("source"),
    )


SITES = FileFormat("sites.csv", ("site_id", "name", "lat", "lon"), ("site_id",), _site, needed=True)
BINS = FileFormat(
    "bins.csv", ("bin_id", "site_id", "stream", "capacity_l", "status"), ("bin_id",), _bin, needed=True
)  # fmt: skip
PLACES = FileFormat("places.csv", ("name", "kind", "lat", "lon"), ("name", "kind"), _place, whole=True)
RULES = FileFormat("schedule.csv", ("bin_id", "interval_days"), ("bin_id",), _rule, whole=True)
CIRCUITS = FileFormat("circuits.csv", ("circuit",), ("circuit",), _circuit, whole=True)
EMPTYINGS = FileFormat(
    "emptyings.csv.gz", ("bin_id", "emptied_at"), ("bin_id", "emptied_at", "reason"), _emptying
)  # fmt: skip
READINGS = FileFormat("readings.csv.gz", ("bin_id", "read_at"), ("bin_id", "read_at"), _reading)
REQUESTS = FileFormat("requests.csv.gz", ("request_id", "opened_at"), ("request_id",), _request)
FORMATS: Sequence[FileFormat] = (SITES, BINS, PLACES, RULES, CIRCUITS, EMPTYINGS, READINGS, REQUESTS)
