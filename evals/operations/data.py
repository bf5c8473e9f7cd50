"""Reads what is replayed: a city folder with emptyings or readings, or a csv of readings alone.

A csv of readings (`container,time_utc,fill_pct`) has no positions, trucks or costs: they are made up here, and said.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from domain.city_cells import Known, LocalTimes
from domain.city_folder import CityFacts, find_file, read_city, read_rows
from domain.city_rows import BINS, EMPTYINGS, READINGS, SITES, BinRow, EmptyingRow, FileFormat, ReadingRow, TruckRow
from domain.errors import BadData
from engines.forecast.history import BinHistory, emptyings_from_readings
from engines.routing.distances import HaversineMatrix
from engines.routing.problem import Place, Truck
from evals.operations.growth import SHORTEST_H
from evals.operations.town import Floats, Records, Town

FEWEST_INTERVALS = 10  # of a bin in all its records
RADIUS_M = 4_000.0  # of the invented map: containers lie evenly in a disc of this radius around the depot
CENTRE = (50.0875, 14.4213)  # Prague's old town; only the shape of the map matters
CONTAINER_L, KG_PER_L = 1_100, 0.06  # a usual street container (EN 840); loose paper and plastic
ANY = "all"  # the stream of containers of which none is told
Pairs = Mapping[str, Sequence[tuple[datetime, float]]]


def read_records(path: Path) -> Records:
    """The records at a path. Raises BadData with one line that says what is missing or cannot be read."""
    if path.is_dir():
        return _city(path)
    if not path.exists():
        raise BadData(f"{path} does not exist. Give a city folder, or a csv of readings (container,time_utc,fill_pct).")
    return _readings(path)


# ---------------------------------------------------------------- a city folder


def _city(folder: Path) -> Records:
    facts = read_city(folder)
    known = Known(LocalTimes(facts.zone))
    sites = {site.site_id: (site.lat, site.lon) for site in _rows(folder, SITES, known)}
    known = Known(known.times, sites)
    bins = cast("list[BinRow]", [b for b in _rows(folder, BINS, known) if "service" in b.status.casefold()])
    known = Known(known.times, sites, frozenset(b.bin_id for b in bins))
    emptied = _pairs(facts, "emptied_at", _rows(folder, EMPTYINGS, known))
    read = _pairs(facts, "read_at", _rows(folder, READINGS, known))
    step = _number(facts, "fill_step_pct", 0.0)
    found = [(b, _history(b.bin_id, b.stream, b.site_id, emptied, read, step)) for b in bins]
    kept = [(b, h) for b, h in found if _enough(h)]
    if not kept:
        raise BadData(
            f"{folder} has no bin with {FEWEST_INTERVALS} emptyings or readings that state a level: "
            "nothing can be replayed"
        )
    if not facts.trucks:
        raise BadData(f"{folder / 'assumptions.toml'} names no truck to collect with. Add [[depots]] and [[trucks]].")
    left = len(bins) - len(kept)
    notes = (f"{left} bins in service have too few records to be replayed",) if left else ()
    return _recorded(_town(facts, [b for b, _ in kept], notes), [h for _, h in kept])


def _rows(folder: Path, format_: FileFormat, known: Known) -> Sequence[Any]:
    path = find_file(folder, format_)
    if path is None:
        if format_.needed:
            raise BadData(f"{format_.name} is missing in {folder}. Every city folder needs one.")
        return []
    found = read_rows(path.read_bytes(), path, format_, known)
    if not found.rows and found.faults:
        raise BadData(f"{path}: {found.faults[0]}")
    return found.rows


def _pairs(facts: CityFacts, column: str, rows: Sequence[EmptyingRow | ReadingRow]) -> Pairs:
    made: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for row in rows:
        local = getattr(row, column).astimezone(facts.zone).replace(tzinfo=None)
        made[row.bin_id].append((local, np.nan if row.fill_pct is None else row.fill_pct))
    return made


def _history(bin_id: str, stream: str, site: str, emptied: Pairs, read: Pairs, step: float) -> BinHistory:  # noqa: PLR0913
    return BinHistory(bin_id, stream, site, *_columns(emptied.get(bin_id, ())), *_columns(read.get(bin_id, ())), step)


def _columns(pairs: Sequence[tuple[datetime, float]]) -> tuple[np.ndarray, Floats]:
    times = np.array([at for at, _ in pairs], dtype="datetime64[s]")
    return times, np.array([level for _, level in pairs], dtype=np.float64)


def _enough(history: BinHistory) -> bool:
    levels = history.readings if len(history.readings) > len(history.levels) else history.levels
    return bool(np.isfinite(levels).sum() > FEWEST_INTERVALS)


def _number(facts: CityFacts, name: str, otherwise: float) -> float:
    """`operation.name.value` of assumptions.toml."""
    table = facts.assumptions.get("operation")
    said = table.get(name) if isinstance(table, dict) else None
    value = said.get("value") if isinstance(said, dict) else None
    return float(value) if isinstance(value, int | float) else otherwise


def _town(facts: CityFacts, bins: Sequence[BinRow], notes: tuple[str, ...]) -> Town:
    depots = list(dict.fromkeys((t.depot, t.depot_lat, t.depot_lon) for t in facts.trucks))
    tables = facts.assumptions.get("dumps")
    dumps = [table for table in tables if isinstance(table, dict)] if isinstance(tables, list) else []
    places = [(f"dump {d.get('name')}", float(cast(float, d["lat"])), float(cast(float, d["lon"]))) for d in dumps]
    dump_s = round(_number(facts, "dump_s", 900.0))
    positions = np.array([(b.lat, b.lon) for b in bins])
    distances = HaversineMatrix(_number(facts, "detour_factor", 1.3), _number(facts, "speed_kmh", 25.0))
    metres, seconds = distances.matrix([*(p[1:] for p in (*depots, *places)), *map(tuple, positions.tolist())])
    weights = facts.assumptions.get("kg_per_l")
    heavy = weights if isinstance(weights, dict) else {}
    kg_per_l = [float(w) if isinstance(w := heavy.get(b.stream), int | float) else 0.1 for b in bins]
    return Town(
        name=facts.title, bins=tuple(b.bin_id for b in bins), streams=tuple(b.stream for b in bins),
        sites=tuple(b.site_id for b in bins), capacity_l=np.array([b.capacity_l for b in bins]),
        kg_per_l=np.array(kg_per_l), positions=positions, trucks=tuple(_truck(t, depots) for t in facts.trucks),
        depots=tuple(Place(*each) for each in depots), dumps=tuple(Place(*each, dump_s) for each in places),
        metres=metres, seconds=seconds, service_s=round(_number(facts, "service_s_per_bin", 120.0)),
        step_pct=_number(facts, "fill_step_pct", 0.0), currency=facts.currency,
        notes=(f"distances: {distances.name}", *notes),
    )  # fmt: skip


def _truck(row: TruckRow, depots: Sequence[tuple[str, float, float]]) -> Truck:
    start, end = (int(clock[:2]) * 3600 + int(clock[3:]) * 60 for clock in (row.shift_start, row.shift_end))
    return Truck(
        name=row.name, capacity_l=round(row.capacity_l * row.compaction_ratio), capacity_kg=round(row.capacity_kg),
        streams=frozenset(row.streams), shift_start_s=start, shift_end_s=end if end > start else end + 86_400,
        cost_per_km=row.cost_per_km, cost_per_hour=row.cost_per_hour, g_co2e_per_km=row.g_co2e_per_km,
        depot=depots.index((row.depot, row.depot_lat, row.depot_lon)),
    )  # fmt: skip


def _recorded(town: Town, histories: Sequence[BinHistory]) -> Records:
    times = np.concatenate([each for h in histories for each in (h.emptied_at, h.read_at)]).astype(np.int64) / 3600
    return Records(town, tuple(histories), float(times.min()), float(times.max()))


# ---------------------------------------------------------------- readings alone


def _readings(path: Path) -> Records:
    by_bin: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for line, row in _csv(path, ("container", "time_utc", "fill_pct")):
        try:
            at, level = datetime.fromisoformat(row["time_utc"]).replace(tzinfo=None), float(row["fill_pct"])
        except ValueError:
            raise BadData(f"{path}, line {line}: no time or no number in {dict(row)!r:.80}") from None
        if not 0 <= level <= 100:
            raise BadData(f"{path}, line {line}: fill_pct is {level:g}, not within 0 to 100")
        by_bin[row["container"]].append((at, level))
    streams = _streams(path)
    found = [_with_emptyings(_history(c, streams.get(c) or ANY, c, {}, by_bin, 0.0)) for c in sorted(by_bin)]
    kept = [h for h in found if _enough(h) and len(h.emptied_at) >= 3]
    if not kept:
        raise BadData(f"{path} has no container with {FEWEST_INTERVALS} readings and three emptyings to replay")
    return _recorded(_invented_town(path, kept, len(found) - len(kept)), kept)


def _with_emptyings(history: BinHistory) -> BinHistory:
    at, levels = emptyings_from_readings(history.read_at, history.readings)
    fresh = np.concatenate([[True], np.diff(at).astype(np.int64) / 3600 >= SHORTEST_H])[: len(at)]
    return BinHistory(
        history.bin_id, history.stream, history.site_id, at[fresh], levels[fresh],
        history.read_at, history.readings, history.step_pct,
    )  # fmt: skip


def _csv(path: Path, wanted: tuple[str, ...]) -> list[tuple[int, dict[str, str]]]:
    """(line, cells) of a csv, packed or not. Raises BadData when it is none or lacks a column."""
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise BadData(f"{path} cannot be read: {error!s:.120}") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    missing = [name for name in wanted if name not in (reader.fieldnames or ())]
    if missing:
        raise BadData(f"{path}: the first line must name the columns {', '.join(wanted)}; {missing[0]} is missing")
    return [(reader.line_num, {name: row[name] or "" for name in wanted}) for row in reader]


def _streams(path: Path) -> dict[str, str]:
    """Streams by container from the `..._containers.csv` beside `..._readings.csv`, when there is one."""
    beside = path.with_name(path.name.removesuffix(".gz").replace("readings", "containers"))
    if beside == path or not beside.exists():
        return {}
    return {row["container"]: row["stream"] for _, row in _csv(beside, ("container", "stream"))}


def _invented_town(path: Path, histories: Sequence[BinHistory], left: int) -> Town:
    """One depot with its dump in the middle, a truck for each stream, containers drawn evenly in a disc."""
    rng = np.random.default_rng(0)
    out, turn = RADIUS_M * np.sqrt(rng.random(len(histories))), 2 * np.pi * rng.random(len(histories))
    lat = CENTRE[0] + out * np.sin(turn) / 111_200
    lon = CENTRE[1] + out * np.cos(turn) / (111_200 * np.cos(np.radians(CENTRE[0])))
    positions = np.stack([lat, lon], axis=1)
    metres, seconds = HaversineMatrix().matrix([CENTRE, CENTRE, *map(tuple, positions.tolist())])
    ids, streams = tuple(h.bin_id for h in histories), sorted({h.stream for h in histories})
    notes = [
        "positions, trucks and costs are invented: the file has none"
        f" (a disc of {RADIUS_M / 1000:g} km, a truck for each stream)",
        "the file's UTC is taken as the town's clock",
    ]
    notes += [f"{left} containers have too few readings or emptyings to be replayed"] if left else []
    notes += ["no file of containers tells their streams: all are taken as one stream"] if streams == [ANY] else []
    return Town(
        name=path.name, bins=ids, streams=tuple(h.stream for h in histories), sites=ids,
        capacity_l=np.full(len(ids), float(CONTAINER_L)), kg_per_l=np.full(len(ids), KG_PER_L), positions=positions,
        trucks=tuple(_invented_truck(stream) for stream in streams), depots=(Place("depot", *CENTRE),),
        dumps=(Place("dump", *CENTRE, 900),), metres=metres, seconds=seconds, service_s=180, step_pct=0.0,
        notes=tuple(notes),
    )  # fmt: skip


def _invented_truck(stream: str) -> Truck:
    """Recyclables are collected apart, so a truck takes one stream."""
    name = f"Truck for {stream}"
    return Truck(name, 24_000, 8_000, frozenset({stream}), 6 * 3600, 14 * 3600, cost_per_km=1.0, cost_per_hour=45.0)
