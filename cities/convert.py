"""Turns an open-data source folder into a city folder, byte for byte the same every time.

    python cities/convert.py berkeley --source FOLDER [--out FOLDER]

FOLDER holds the files that the city's SOURCES.md names. The output folder (default: `cities/NAME`) must already hold
`city.toml`, whose `[counts]` table, always the last one, is rewritten. What people wrote by hand (`assumptions.toml`,
`handbook/`, the aliases) is never touched. Nothing is measured or guessed here: every column is copied from the source
or computed from it by the rule in the docstring of the function that makes it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import statistics
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import combinations, pairwise
from math import cos, hypot, radians
from pathlib import Path

Row = dict[str, str]
Point = tuple[float, float]

METRES_PER_DEGREE = 111_195.0
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "sites.csv": ("site_id", "name", "lat", "lon", "area"),
    "places.csv": ("name", "kind", "lat", "lon", "radius_m", "area_of"),
    "bins.csv": (
        "bin_id", "site_id", "stream", "capacity_l", "lat", "lon", "status", "zone", "circuit", "fill_alert_pct",
        "age_alert_days",
    ),
    "emptyings.csv.gz": ("bin_id", "emptied_at", "fill_pct", "fill_class", "reason"),
    "schedule.csv": ("bin_id", "interval_days", "weekdays"),
}  # fmt: skip

BIGBELLY_CAPACITY_L = "568"  # 150 US gallons; the reasoning is in assumptions.toml, operation.bin_capacity_l
BERKELEY_ZONES = {"E": "East zone", "U": "Upper zone", "W": "West zone"}
BERKELEY_PLACES: tuple[tuple[str, str, str], ...] = (  # name, kind, pattern over the site names
    ("Campanile Way", "street", r"Campanile Way"),
    ("Bancroft Way", "street", r"Bancroft Way"),
    ("Berkeley Way", "street", r"Berkeley Way"),
    ("University Drive", "street", r"University Drive"),
    ("South Path Drive", "street", r"South Path Drive"),
    ("South Hall Road", "street", r"South Hall Rd"),
    ("Memorial Glade", "landmark", r"Glade"),
    ("Sproul", "landmark", r"Sproul"),
    ("Dwinelle", "landmark", r"Dwinelle"),
    ("MLK Union", "landmark", r"MLK"),
    ("VLSB", "landmark", r"VLSB"),
    ("Sutardja Dai Hall", "landmark", r"Sutardja"),
    ("Bechtel", "landmark", r"Bechtel"),
    ("Tan Hall", "landmark", r"\bTan\b"),
    ("Cheit Hall", "landmark", r"Ch(?:ei|ie)t Hall"),
    ("Hearst Gym", "landmark", r"Hearst Gym"),
    ("Stadium", "landmark", r"Stadium"),
    ("Anthropology and Art Practice", "landmark", r"Anthropology and Art"),
    ("Recreational Sport Facility", "landmark", r"Recreational Sport"),
    ("Golden Bear Walkway", "landmark", r"Golden ?Bear Walkway"),
)  # fmt: skip
LANDMARK_MARGIN_M = 50.0
LANDMARK_RADIUS_M = 100.0


def clean(text: str) -> str:
    """The text with every run of white space made one space."""
    return " ".join(text.split())


def slug(name: str) -> str:
    """A lower-case ASCII id: letters, digits and single hyphens."""
    plain = unicodedata.normalize("NFKD", name.replace("’", "'")).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower().replace("'", "")).strip("-")


def mean_point(points: Sequence[Point]) -> Point:
    """The mean latitude and longitude in degrees; fine over a few kilometres."""
    return statistics.fmean(lat for lat, _ in points), statistics.fmean(lon for _, lon in points)


def distance_m(one: Point, other: Point) -> float:
    """Metres between two points, equirectangular; the error is under 0.1 % inside a city."""
    north = (one[0] - other[0]) * METRES_PER_DEGREE
    return hypot(north, (one[1] - other[1]) * METRES_PER_DEGREE * cos(radians(one[0])))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0..1) of the values do not pass, nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def point_of(row: Mapping[str, str]) -> Point:
    """The row's `lat` and `lon` in degrees."""
    return float(row["lat"]), float(row["lon"])


def degrees(point: Point) -> Row:
    """`lat` and `lon` written with six decimals (0.1 m)."""
    return {"lat": f"{point[0]:.6f}", "lon": f"{point[1]:.6f}"}


def read_csv(path: Path) -> list[Row]:
    """All rows of a csv or csv.gz file with a header line."""
    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    return list(csv.DictReader(io.StringIO(text.decode("utf-8"), newline="")))


def write_csv(path: Path, rows: Iterable[Row], columns: Sequence[str]) -> int:
    """Writes the rows, missing fields blank, and returns how many; a .gz carries no time and no name."""
    buffer = io.StringIO(newline="")
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    listed = list(rows)
    writer.writerows(listed)
    data = buffer.getvalue().encode("utf-8")
    path.write_bytes(gzip.compress(data, 9, mtime=0) if path.suffix == ".gz" else data)
    return len(listed)


def write_counts(city_toml: Path, counts: Mapping[str, int]) -> None:
    """Replaces the `[counts]` table at the end of city.toml. Raises ValueError when there is none."""
    head, mark, _ = city_toml.read_text(encoding="utf-8").partition("[counts]\n")
    if not mark:
        raise ValueError(f"{city_toml} has no [counts] table")
    lines = [f'"{name}" = {count}' for name, count in sorted(counts.items())]
    city_toml.write_text(head + mark + "\n".join(lines) + "\n", encoding="utf-8")


def around(name: str, kind: str, points: Sequence[Point]) -> Row:
    """A place for sites whose names share a word: their mean, and the farthest plus 50 m (at least 100 m)."""
    centre = mean_point(points)
    reach = max(distance_m(centre, p) for p in points) + LANDMARK_MARGIN_M
    return {"name": name, "kind": kind, **degrees(centre), "radius_m": f"{max(reach, LANDMARK_RADIUS_M):.0f}"}


def spread(name: str, kind: str, points: Sequence[Point]) -> Row:
    """An area known only by its members: their mean, and the distance that 80 % of them do not pass."""
    centre = mean_point(points)
    radius = percentile([distance_m(centre, p) for p in points], 0.8)
    return {"name": name, "kind": kind, **degrees(centre), "radius_m": f"{max(radius, LANDMARK_RADIUS_M):.0f}"}


def usual_interval(days: Sequence[date]) -> int:
    """The median gap in days between emptying days; above a week, the nearest number of whole weeks."""
    gap = statistics.median((b - a).days for a, b in pairwise(days))
    return max(1, round(gap)) if gap <= 7 else 7 * max(1, round(gap / 7))


def widest_gap(weekdays: Sequence[int]) -> int:
    """The longest wait in days between visits when these weekdays (0 is Monday) repeat every week."""
    return max((after - day - 1) % 7 + 1 for day, after in zip(weekdays, (*weekdays[1:], weekdays[0]), strict=True))


def usual_weekdays(days: Iterable[date], interval: int) -> str:
    """The weekdays of a fixed rule in week order ("Mon,Wed,Fri").

    As many as come nearest to the interval; of those the set with the shortest longest wait, then the one most used.
    A weekday used less than a quarter as often as the busiest one (the campus Sunday) is not a service day.
    """
    used = Counter(day.weekday() for day in days)
    service = [d for d in range(7) if 4 * used[d] >= max(used.values())]
    size = min(range(1, len(service) + 1), key=lambda n: (abs(7 / n - interval), n))
    best = min(combinations(service, size), key=lambda c: (widest_gap(c), -sum(used[d] for d in c), c))
    return ",".join(WEEKDAYS[d] for d in best)


def schedule(bins: Sequence[Row], emptyings: Iterable[Row], until: date) -> list[Row]:
    """Each bin's fixed rule from its emptyings before `until`; with under nine of them, its stream's usual rule.

    Days with several emptyings count once. Later emptyings are not looked at, so that a comparison with this
    schedule on later data is fair.
    """
    days: defaultdict[str, set[date]] = defaultdict(set)
    for row in emptyings:
        day = datetime.fromisoformat(row["emptied_at"]).date()
        if day < until:
            days[row["bin_id"]].add(day)
    known = {b["bin_id"]: usual_interval(sorted(days[b["bin_id"]])) for b in bins if len(days[b["bin_id"]]) >= 9}
    rows = []
    for item in bins:
        peers = [b["bin_id"] for b in bins if b["stream"] == item["stream"] and b["bin_id"] in known]
        interval = known.get(item["bin_id"]) or round(statistics.median(known[p] for p in peers))
        used = days[item["bin_id"]] if item["bin_id"] in known else [d for p in peers for d in days[p]]
        weekdays = usual_weekdays(used, interval)
        rows.append({"bin_id": item["bin_id"], "interval_days": str(interval), "weekdays": weekdays})
    return rows


def berkeley_zone(site_name: str) -> str:
    """The zone that the letter of a site code such as "U15" stands for; blank for a site without a code."""
    code = re.match(r"([EUW])\d\d", site_name)
    return BERKELEY_ZONES[code[1]] if code else ""


def berkeley_bin(asset: Row) -> Row:
    """One row of bins.csv from one row of the vendor's asset export."""
    name = clean(asset["description"])
    days = re.match(r"(\d+) days", asset["age_threshold"])
    return {
        "bin_id": asset["serial"], "site_id": slug(name), "stream": asset["streams"],
        "capacity_l": BIGBELLY_CAPACITY_L, **degrees((float(asset["lat"]), float(asset["lng"]))),
        "status": asset["status"], "zone": berkeley_zone(name),
        "fill_alert_pct": asset["fullness_threshold"].rstrip("%"), "age_alert_days": days[1] if days else "",
    }  # fmt: skip


def berkeley_emptying(row: Row) -> Row:
    """One row of emptyings.csv.gz: "60%" is 60; a level that is not a percentage is unknown, so blank."""
    level = re.fullmatch(r"(\d+)%", row["fullness_at_collection"].strip())
    at = row["collected_at"].replace(" ", "T")
    return {"bin_id": row["serial"], "emptied_at": at, "fill_pct": level[1] if level else "", "reason": row["reason"]}


def sites_of(bins: Sequence[Row], names: Mapping[str, str], areas: Mapping[str, str]) -> list[Row]:
    """One row of sites.csv for each site id, at the mean of its bins."""
    points: defaultdict[str, list[Point]] = defaultdict(list)
    for row in bins:
        points[row["site_id"]].append(point_of(row))
    return [
        {"site_id": site, "name": names[site], **degrees(mean_point(at)), "area": areas.get(site, "")}
        for site, at in sorted(points.items())
    ]


def berkeley_places(sites: Sequence[Row]) -> list[Row]:
    """Zones by site code, and the streets and landmarks that the site names contain."""
    zones = [
        spread(zone, "zone", [point_of(s) for s in sites if s["area"] == zone]) for zone in BERKELEY_ZONES.values()
        if any(s["area"] == zone for s in sites)
    ]  # fmt: skip
    for name, kind, pattern in BERKELEY_PLACES:
        members = [s for s in sites if re.search(pattern, s["name"])]
        if members:
            inside = {s["area"] for s in members}
            area = inside.pop() if len(inside) == 1 else ""
            zones.append({**around(name, kind, [point_of(s) for s in members]), "area_of": area})
    return zones


def berkeley(source: Path) -> dict[str, list[Row]]:
    """UC Berkeley campus: 251 BigBelly bins and every emptying, 2023-01 to 2025-08."""
    assets = read_csv(source / "ucb_bigbelly_assets.csv")
    bins = sorted((berkeley_bin(a) for a in assets), key=lambda b: (b["site_id"], b["bin_id"]))
    names = {slug(clean(a["description"])): clean(a["description"]) for a in assets}
    emptyings = [berkeley_emptying(r) for r in read_csv(source / "ucb_bigbelly_collections.csv.gz")]
    sites = sites_of(bins, names, {site: berkeley_zone(name) for site, name in names.items()})
    return {
        "sites.csv": sites,
        "places.csv": berkeley_places(sites),
        "bins.csv": bins,
        "emptyings.csv.gz": emptyings,
        "schedule.csv": schedule(bins, emptyings, date(2025, 1, 1)),
    }


CITIES: Mapping[str, Callable[[Path], dict[str, list[Row]]]] = {"berkeley": berkeley}


def columns_of(name: str, rows: Sequence[Row]) -> list[str]:
    """The file's columns; `fill_class` only where a source has classes."""
    return [column for column in COLUMNS[name] if column != "fill_class" or any(column in row for row in rows)]


def convert(city: str, source: Path, out: Path) -> dict[str, int]:
    """Writes the city's tables and counts into `out` and returns the counts by file name."""
    tables = CITIES[city](source)
    counts = {name: write_csv(out / name, rows, columns_of(name, rows)) for name, rows in tables.items()}
    write_counts(out / "city.toml", counts)
    return counts


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("city", choices=sorted(CITIES))
    parser.add_argument("--source", type=Path, required=True, help="folder with the source files of SOURCES.md")
    parser.add_argument("--out", type=Path, help="city folder to write (default: cities/NAME)")
    given = parser.parse_args()
    convert(given.city, given.source, given.out or Path(__file__).parent / given.city)


if __name__ == "__main__":
    main()
