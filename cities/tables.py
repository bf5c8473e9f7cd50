"""The city folder's format, and the arithmetic that all converters share."""

from __future__ import annotations

import csv
import gzip
import io
import re
import statistics
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import cos, hypot, radians
from pathlib import Path

Row = dict[str, str]
Point = tuple[float, float]
Tables = dict[str, list[Row]]

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
    "readings.csv.gz": ("bin_id", "read_at", "fill_pct", "fill_class"),
    "requests.csv.gz": (
        "request_id", "opened_at", "due_at", "closed_at", "on_time", "status", "title", "kind", "reason", "note",
        "place", "area", "lat", "lon", "source",
    ),
    "circuits.csv": ("circuit", "shift_words", "days", "start", "end"),
    "schedule.csv": ("bin_id", "interval_days", "weekdays"),
}  # fmt: skip
PLACE_MARGIN_M = 50.0
LEAST_RADIUS_M = 100.0


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


def middle_point(points: Sequence[Point]) -> Point:
    """The median latitude and longitude in degrees: a few far-off points do not move it."""
    return statistics.median(lat for lat, _ in points), statistics.median(lon for _, lon in points)


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


def place(name: str, kind: str, centre: Point, radius_m: float) -> Row:
    """A row of places.csv without its `area_of`; no place is smaller than 100 m around its centre."""
    return {"name": name, "kind": kind, **degrees(centre), "radius_m": f"{max(radius_m, LEAST_RADIUS_M):.0f}"}


def around(name: str, kind: str, points: Sequence[Point]) -> Row:
    """A place for sites whose names share a word: their mean, and the farthest of them plus 50 m."""
    centre = mean_point(points)
    return place(name, kind, centre, max(distance_m(centre, p) for p in points) + PLACE_MARGIN_M)


def spread(name: str, kind: str, points: Sequence[Point]) -> Row:
    """An area known only by its members: their median, and the distance that 80 % of them do not pass."""
    centre = middle_point(points)
    return place(name, kind, centre, percentile([distance_m(centre, p) for p in points], 0.8))


def sole_area(members: Iterable[Row]) -> str:
    """The area that all the sites lie in; blank when they lie in several."""
    areas = {row["area"] for row in members}
    return areas.pop() if len(areas) == 1 else ""


def sites_of(bins: Sequence[Row], names: Mapping[str, str], areas: Mapping[str, str]) -> list[Row]:
    """One row of sites.csv for each site id, at the mean of its bins."""
    points: defaultdict[str, list[Point]] = defaultdict(list)
    for row in bins:
        points[row["site_id"]].append(point_of(row))
    return [
        {"site_id": site, "name": names[site], **degrees(mean_point(at)), "area": areas.get(site, "")}
        for site, at in sorted(points.items())
    ]


def columns_of(name: str, rows: Sequence[Row]) -> list[str]:
    """The file's columns; `fill_class` only where a source has classes."""
    return [column for column in COLUMNS[name] if column != "fill_class" or any(column in row for row in rows)]
