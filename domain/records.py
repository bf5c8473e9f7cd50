"""What is known of a city: its sites, bins, trucks, and what happened to them.

Every table of a city begins its key with `city`. Moments are UTC; `_l` litres, `_pct` percent of capacity, `_m` metres.
"""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from domain.columns import Base, Json, Located, MaybeLocated, UtcTime, reference, references, spatial_indexes

__all__ = [
    "Base",
    "Bin",
    "Circuit",
    "City",
    "CityFile",
    "CollectionRule",
    "Emptying",
    "Place",
    "Reading",
    "Request",
    "Site",
    "Truck",
]


class City(Base):
    """One operation. `digest` covers every file that was loaded: it names this state of the records.

    `now_local` is the demo moment, local ISO without zone; `assumptions` is assumptions.toml.

    `aliases` is the table of city.toml: `{"streams": {name: [other words]}, "places": {...}}`.
    """

    __tablename__ = "cities"
    name: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    description: Mapped[str] = mapped_column(default="")
    timezone: Mapped[str]
    now_local: Mapped[str]
    currency: Mapped[str]
    assumptions: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    aliases: Mapped[dict[str, JsonValue]] = mapped_column(Json)
    loaded_at: Mapped[datetime] = mapped_column(UtcTime)
    digest: Mapped[str]

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def now(self) -> datetime:
        """`now_local` as an aware moment in the city's zone."""
        return datetime.fromisoformat(self.now_local).replace(tzinfo=self.zone)


class CityFile(Base):
    """A file of the city folder as it was loaded last. The same digest is not loaded again, unless rows had faults."""

    __tablename__ = "city_files"
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    file: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str]
    rows: Mapped[int]
    faults: Mapped[int]
    loaded_at: Mapped[datetime] = mapped_column(UtcTime)


class Site(Located, Base):
    """A spot where bins stand together. `area` is the neighbourhood, when known."""

    __tablename__ = "sites"
    __table_args__ = spatial_indexes("sites")
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    site_id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    area: Mapped[str | None]


class Place(Located, Base):
    """A named area, street or landmark with a middle and a radius. `area_of` is the larger place it belongs to."""

    __tablename__ = "places"
    __table_args__ = spatial_indexes("places")
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    radius_m: Mapped[float | None]
    area_of: Mapped[str | None]


class Bin(Located, Base):
    """One bin. `status` is the operator's word ("In Service"); alerts are the sensor's own thresholds."""

    __tablename__ = "bins"
    __table_args__ = (
        references(["city", "site_id"], ["sites.city", "sites.site_id"]),
        Index("ix_bins_city_site_id", "city", "site_id"),
        *spatial_indexes("bins"),
    )
    city: Mapped[str] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    site_id: Mapped[str]
    stream: Mapped[str]
    capacity_l: Mapped[float]
    status: Mapped[str]
    zone: Mapped[str | None]
    circuit: Mapped[str | None]
    fill_alert_pct: Mapped[float | None]
    age_alert_days: Mapped[float | None]


class CollectionRule(Base):
    """The fixed schedule of a bin: every `interval_days`, on `weekdays` (["Mon", "Thu"], empty when any day)."""

    __tablename__ = "collection_rules"
    __table_args__ = (references(["city", "bin_id"], ["bins.city", "bins.bin_id"]),)
    city: Mapped[str] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    interval_days: Mapped[float]
    weekdays: Mapped[list[str]] = mapped_column(Json)


class Truck(Base):
    """A truck; `position` is its place in the fleet's list, from 1.

    Shifts are local "HH:MM"; a shift that ends before it starts runs past midnight.
    `out_of_service_until` is set by the operation, never by a city folder.
    """

    __tablename__ = "trucks"
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    capacity_l: Mapped[float]
    capacity_kg: Mapped[float]
    compaction_ratio: Mapped[float] = mapped_column(default=1.0)
    streams: Mapped[list[str]] = mapped_column(Json)
    shift_start: Mapped[str]
    shift_end: Mapped[str]
    cost_per_km: Mapped[float]
    cost_per_hour: Mapped[float]
    g_co2e_per_km: Mapped[float]
    depot: Mapped[str]
    depot_lat: Mapped[float]
    depot_lon: Mapped[float]
    out_of_service_until: Mapped[datetime | None] = mapped_column(UtcTime)


class Circuit(Base):
    """A standing round of bins. `shift_words` is the operator's own text; shifts are local "HH:MM", as a truck's."""

    __tablename__ = "circuits"
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    circuit: Mapped[str] = mapped_column(primary_key=True)
    shift_words: Mapped[str | None]
    weekdays: Mapped[list[str]] = mapped_column(Json)
    shift_start: Mapped[str | None]
    shift_end: Mapped[str | None]


class Emptying(Base):
    """A bin was emptied. `fill_pct` or `fill_class` is the level found, both None when unknown; `reason` may be ""."""

    __tablename__ = "emptyings"
    __table_args__ = (
        references(["city", "bin_id"], ["bins.city", "bins.bin_id"]),
        CheckConstraint("fill_pct BETWEEN 0 AND 100", name="fill"),
        Index("ix_emptyings_city_emptied_at", "city", "emptied_at"),
    )
    city: Mapped[str] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    emptied_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    reason: Mapped[str] = mapped_column(primary_key=True, default="")
    fill_pct: Mapped[float | None]
    fill_class: Mapped[str | None]


class Reading(Base):
    """What a sensor said about a bin's level."""

    __tablename__ = "readings"
    __table_args__ = (
        references(["city", "bin_id"], ["bins.city", "bins.bin_id"]),
        CheckConstraint("fill_pct BETWEEN 0 AND 100", name="fill"),
        Index("ix_readings_city_read_at", "city", "read_at"),
    )
    city: Mapped[str] = mapped_column(primary_key=True)
    bin_id: Mapped[str] = mapped_column(primary_key=True)
    read_at: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    fill_pct: Mapped[float | None]
    fill_class: Mapped[str | None]


class Request(MaybeLocated, Base):
    """A resident's or a worker's request. `kind` is the city's category, `note` the crew's closing note."""

    __tablename__ = "requests"
    __table_args__ = (Index("ix_requests_city_opened_at", "city", "opened_at"), *spatial_indexes("requests"))
    city: Mapped[str] = mapped_column(reference("cities.name"), primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    opened_at: Mapped[datetime] = mapped_column(UtcTime)
    due_at: Mapped[datetime | None] = mapped_column(UtcTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcTime)
    on_time: Mapped[bool | None]
    status: Mapped[str | None]
    title: Mapped[str | None]
    kind: Mapped[str | None]
    reason: Mapped[str | None]
    note: Mapped[str | None]
    place: Mapped[str | None]
    area: Mapped[str | None]
    source: Mapped[str | None]
