"""One city's operation as the tools see it: its names, its zone, its assumptions. Built once from the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from pydantic import JsonValue
from sqlalchemy import select

from domain.errors import BadData
from domain.places import AreaName, BinName, Gazetteer, SiteName
from domain.records import Bin, City, Place, Site, Truck
from domain.store import Store


@dataclass(frozen=True)
class BinInfo:
    """A bin as the records know it. `capacity_l` litres; `zone`, `circuit` None where the records have none."""

    bin_id: str
    site_id: str
    site: str
    stream: str
    capacity_l: float
    lat: float
    lon: float
    status: str
    zone: str | None
    circuit: str | None

    @property
    def label(self) -> str:
        """How a person tells it from others: number, site, stream."""
        return f"{self.bin_id} {self.site} {self.stream}"

    @property
    def in_service(self) -> bool:
        """Bins in storage or damaged are not collected."""
        return self.status.casefold() in {"", "in service", "active"}


@dataclass(frozen=True)
class TruckInfo:
    """A truck of the fleet; shifts are local "HH:MM", `streams` empty when it takes all."""

    name: str
    capacity_l: float
    capacity_kg: float
    compaction_ratio: float
    streams: frozenset[str]
    shift_start: str
    shift_end: str
    cost_per_km: float
    cost_per_hour: float
    g_co2e_per_km: float
    depot: str
    depot_lat: float
    depot_lon: float
    out_of_service_until: datetime | None


@dataclass(frozen=True)
class Operation:
    """A loaded city. `digest` names the state of its records; `assumptions` is the city's assumptions.toml."""

    name: str
    title: str
    zone: ZoneInfo
    currency: str
    demo_now: datetime
    digest: str
    gazetteer: Gazetteer
    bins: Mapping[str, BinInfo]
    trucks: Mapping[str, TruckInfo]
    sites: Mapping[str, str]
    assumptions: Mapping[str, JsonValue] = field(repr=False)

    def assumed(self, name: str, default: float) -> float:
        """A number of the `[operation]` part of assumptions.toml; `default` where the city does not state it."""
        part = self.assumptions.get("operation")
        entry = part.get(name) if isinstance(part, dict) else None
        value = entry.get("value") if isinstance(entry, dict) else None
        return float(value) if isinstance(value, int | float) else default

    def kg_per_l(self, stream: str) -> float:
        """Weight of a litre of a stream; 0.12 where the city does not state it (loose municipal waste)."""
        part = self.assumptions.get("kg_per_l")
        value = part.get(stream) if isinstance(part, dict) else None
        return float(value) if isinstance(value, int | float) else 0.12

    def dumps(self) -> list[dict[str, JsonValue]]:
        """The stated dumps: name, lat, lon, service_s."""
        stated = self.assumptions.get("dumps")
        return cast(list[dict[str, JsonValue]], stated) if isinstance(stated, list) else []


def load_operation(store: Store, city: str) -> Operation:
    """Read a city from the records. Raises BadData naming the cities that are loaded when it is not among them."""
    with store.read() as session:
        found = session.get(City, city)
        if found is None:
            loaded = list(session.scalars(select(City.name).order_by(City.name)))
            raise BadData(
                f"no city {city!r} is loaded (loaded: {', '.join(loaded) or 'none'}); run roundsman load FOLDER"
            )
        sites = list(session.scalars(select(Site).where(Site.city == city).order_by(Site.site_id)))
        areas = list(session.scalars(select(Place).where(Place.city == city).order_by(Place.name)))
        bins = list(session.scalars(select(Bin).where(Bin.city == city).order_by(Bin.bin_id)))
        trucks = list(session.scalars(select(Truck).where(Truck.city == city).order_by(Truck.position)))
        zone = found.zone
        names = {site.site_id: site.name for site in sites}
        return Operation(
            name=found.name,
            title=found.title,
            zone=zone,
            currency=found.currency,
            demo_now=datetime.fromisoformat(found.now_local).replace(tzinfo=zone),
            digest=found.digest,
            gazetteer=_gazetteer(found, (sites, areas, bins), [t.name for t in trucks]),
            bins={b.bin_id: _bin_info(b, names) for b in bins},
            trucks={t.name: _truck_info(t) for t in trucks},
            sites=names,
            assumptions=found.assumptions,
        )


def _gazetteer(city: City, records: tuple[list[Site], list[Place], list[Bin]], trucks: list[str]) -> Gazetteer:
    sites, areas, bins = records
    spoken = _lists(city.aliases.get("places"))
    streams = _lists(city.aliases.get("streams"))
    for stream in {b.stream for b in bins}:
        streams.setdefault(stream, [])
    return Gazetteer(
        [SiteName(s.site_id, s.name, s.lat, s.lon, tuple(spoken.get(s.name, ()))) for s in sites],
        [_area(a, sites, bins, tuple(spoken.get(a.name, ()))) for a in areas],
        [BinName(b.bin_id, b.site_id, b.stream) for b in bins],
        trucks,
        streams,
    )


def _area(area: Place, sites: list[Site], bins: list[Bin], aliases: tuple[str, ...]) -> AreaName:
    """An area with the sites that the records put in it: by the site's own area, or its bins' zone or circuit."""
    members = {s.site_id for s in sites if s.area == area.name}
    members |= {b.site_id for b in bins if area.name in {b.zone, b.circuit}}
    return AreaName(area.name, area.kind, area.lat, area.lon, area.radius_m, tuple(sorted(members)), aliases)


def _lists(table: JsonValue) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    if isinstance(table, dict):
        for name, words in table.items():
            found[name] = [str(word) for word in words] if isinstance(words, list) else []
    return dict(found)


def _bin_info(row: Bin, sites: Mapping[str, str]) -> BinInfo:
    return BinInfo(
        row.bin_id, row.site_id, sites.get(row.site_id, row.site_id), row.stream, row.capacity_l, row.lat, row.lon,
        row.status, row.zone, row.circuit,
    )  # fmt: skip


def _truck_info(row: Truck) -> TruckInfo:
    return TruckInfo(
        row.name, row.capacity_l, row.capacity_kg, row.compaction_ratio, frozenset(row.streams), row.shift_start,
        row.shift_end, row.cost_per_km, row.cost_per_hour, row.g_co2e_per_km, row.depot, row.depot_lat, row.depot_lon,
        row.out_of_service_until,
    )  # fmt: skip
