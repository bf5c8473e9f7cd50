"""The rows of a city folder's files. Nothing here touches a disk.

A file is declared once, as a `FileFormat`: its name, its columns, and the function that makes a row of their cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime
from typing import Any, NamedTuple

from domain.city_cells import Cells, RowProblem

FARTHEST_RADIUS_M = 20_037_509.0  # half the way around the earth

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


# ---------------------------------------------------------------- files


@dataclass(frozen=True)
class FileFormat:
    """One file of a city folder: `parse` makes a row of its columns, and the `key` columns tell rows apart.

    Columns are words with spaces between. `needed`: no city without it. `whole`: the file says everything there is, so
    what it no longer names is removed from the records.
    """

    name: str
    parse: Callable[[Cells], Any]
    required: str
    optional: str
    _: KW_ONLY
    key: str
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


SITES = FileFormat("sites.csv", _site, "site_id name lat lon", "area", key="site_id", needed=True)
BINS = FileFormat(
    "bins.csv",
    _bin,
    "bin_id site_id stream capacity_l status",
    "lat lon zone circuit fill_alert_pct age_alert_days",
    key="bin_id",
    needed=True,
)
PLACES = FileFormat("places.csv", _place, "name kind lat lon", "radius_m area_of", key="name kind", whole=True)
RULES = FileFormat("schedule.csv", _rule, "bin_id interval_days", "weekdays", key="bin_id", whole=True)
CIRCUITS = FileFormat("circuits.csv", _circuit, "circuit", "shift_words days start end", key="circuit", whole=True)
EMPTYINGS = FileFormat(
    "emptyings.csv.gz", _emptying, "bin_id emptied_at", "fill_pct fill_class reason", key="bin_id emptied_at reason"
)
READINGS = FileFormat("readings.csv.gz", _reading, "bin_id read_at", "fill_pct fill_class", key="bin_id read_at")
REQUESTS = FileFormat(
    "requests.csv.gz",
    _request,
    "request_id opened_at",
    "due_at closed_at on_time status title kind reason note place area lat lon source",
    key="request_id",
)
FORMATS: Sequence[FileFormat] = (SITES, BINS, PLACES, RULES, CIRCUITS, EMPTYINGS, READINGS, REQUESTS)
