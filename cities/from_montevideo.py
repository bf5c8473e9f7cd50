"""Montevideo: street containers with the collection circuit and shift of each."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from tables import WEEKDAYS, Point, Row, Tables, degrees, mean_point, point_of, read_csv, slug, spread

CAPACITY_L = "2400"  # the usual volume in the source's planning files; see assumptions.toml, operation.bin_capacity_l
DAYS: Mapping[str, str] = {
    "LUNES": "Mon", "MARTES": "Tue", "MIERCOLES": "Wed", "JUEVES": "Thu", "VIERNES": "Fri", "SABADO": "Sat",
    "DOMINGO": "Sun",
}  # fmt: skip


def circuit_of(name: str, shift_words: str) -> Row:
    """One row of circuits.csv from words such as "LUNES Y JUEVES ...: Nocturno (22 a 06 hrs.)".

    `start` and `end` are local; a shift that ends before it starts ends on the next day, and its day is the day it
    starts. Raises ValueError for words without hours.
    """
    hours = re.search(r"\((\d\d) a (\d\d) hrs", shift_words)
    if not hours:
        raise ValueError(f"no hours in the shift {shift_words!r} of {name}")
    named = {day for word, day in DAYS.items() if re.search(rf"\b{word}S?\b", shift_words.partition(":")[0])}
    days = ",".join(day for day in WEEKDAYS if day in named)
    return {
        "circuit": name,
        "shift_words": shift_words,
        "days": days,
        "start": f"{hours[1]}:00",
        "end": f"{hours[2]}:00",
    }


def zone_of(circuit: str) -> str:
    """The municipality whose letters begin the circuit's name: "CH_DU_RM_CL_05" is in Municipio CH."""
    return f"Municipio {circuit.split('_')[0]}"


def distinct(rows: Sequence[Row]) -> list[Row]:
    """The containers once each: the source lists two circuits' containers twice, with the same gid and position."""
    return list({row["gid"]: row for row in rows}.values())


def sites_and_bins(containers: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """A site for each position rounded to four decimals (about 10 m), named by circuit and number, and its bins.

    The source has no street names. Sites are numbered inside their circuit by the smallest gid that stands there.
    """
    stands: defaultdict[tuple[str, float, float], list[Row]] = defaultdict(list)
    for row in sorted(containers, key=lambda r: int(r["gid"])):
        stands[row["circuit"], round(float(row["lat"]), 4), round(float(row["lon"]), 4)].append(row)
    numbers: defaultdict[str, int] = defaultdict(int)
    sites, bins = [], []
    for (circuit, _, _), group in stands.items():
        numbers[circuit] += 1
        name = f"{circuit} stop {numbers[circuit]:03d}"
        at = mean_point([point_of(r) for r in group])
        sites.append({"site_id": slug(name), "name": name, **degrees(at), "area": circuit})
        bins += [
            {
                "bin_id": r["gid"], "site_id": slug(name), "stream": "Mixed", "capacity_l": CAPACITY_L,
                **degrees(point_of(r)), "status": "In Service", "zone": zone_of(circuit), "circuit": circuit,
            }
            for r in group
        ]  # fmt: skip
    return sorted(sites, key=lambda s: s["site_id"]), sorted(bins, key=lambda b: (b["site_id"], b["bin_id"]))


def places_of(containers: Sequence[Row]) -> list[Row]:
    """Each circuit and each municipality, at the median of its containers."""
    circuits: defaultdict[str, list[Point]] = defaultdict(list)
    zones: defaultdict[str, list[Point]] = defaultdict(list)
    for row in containers:
        circuits[row["circuit"]].append(point_of(row))
        zones[zone_of(row["circuit"])].append(point_of(row))
    rows = [{**spread(name, "circuit", at), "area_of": zone_of(name)} for name, at in sorted(circuits.items())]
    return rows + [spread(name, "zone", at) for name, at in sorted(zones.items())]


def schedule_of(bins: Sequence[Row], circuits: Sequence[Row]) -> list[Row]:
    """Each container's rule is its circuit's: the named weekdays, and the mean number of days between them."""
    days = {c["circuit"]: c["days"] for c in circuits}
    return [
        {
            "bin_id": b["bin_id"], "interval_days": str(round(7 / len(days[b["circuit"]].split(",")))),
            "weekdays": days[b["circuit"]],
        }
        for b in bins
    ]  # fmt: skip


def convert(source: Path) -> Tables:
    """4,054 containers in 63 circuits; no levels and no emptyings are known."""
    containers = distinct(read_csv(source / "montevideo_containers.csv"))
    shifts = {row["circuit"]: row["shift"] for row in containers}
    circuits = [circuit_of(name, words) for name, words in sorted(shifts.items())]
    sites, bins = sites_and_bins(containers)
    return {
        "sites.csv": sites,
        "places.csv": places_of(containers),
        "bins.csv": bins,
        "emptyings.csv.gz": [],
        "circuits.csv": circuits,
        "schedule.csv": schedule_of(bins, circuits),
    }
