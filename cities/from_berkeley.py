"""UC Berkeley: the vendor's asset export and its list of emptyings."""

from __future__ import annotations

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import combinations, pairwise
from pathlib import Path

from tables import WEEKDAYS, Row, Tables, around, clean, degrees, point_of, read_csv, sites_of, slug, sole_area, spread

CAPACITY_L = "568"  # 150 US gallons; the reasoning is in assumptions.toml, operation.bin_capacity_l
ZONES = {"E": "East zone", "U": "Upper zone", "W": "West zone"}
PLACES: tuple[tuple[str, str, str], ...] = (  # name, kind, pattern over the site names
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
SCHEDULE_UNTIL = date(2025, 1, 1)


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


def zone_of(site_name: str) -> str:
    """The zone that the letter of a site code such as "U15" stands for; blank for a site without a code."""
    code = re.match(r"([EUW])\d\d", site_name)
    return ZONES[code[1]] if code else ""


def bin_of(asset: Row) -> Row:
    """One row of bins.csv from one row of the vendor's asset export."""
    name = clean(asset["description"])
    days = re.match(r"(\d+) days", asset["age_threshold"])
    return {
        "bin_id": asset["serial"], "site_id": slug(name), "stream": asset["streams"],
        "capacity_l": CAPACITY_L, **degrees((float(asset["lat"]), float(asset["lng"]))),
        "status": asset["status"], "zone": zone_of(name),
        "fill_alert_pct": asset["fullness_threshold"].rstrip("%"), "age_alert_days": days[1] if days else "",
    }  # fmt: skip


def emptying_of(row: Row) -> Row:
    """One row of emptyings.csv.gz: "60%" is 60; a level that is not a percentage is unknown, so blank."""
    level = re.fullmatch(r"(\d+)%", row["fullness_at_collection"].strip())
    at = row["collected_at"].replace(" ", "T")
    return {"bin_id": row["serial"], "emptied_at": at, "fill_pct": level[1] if level else "", "reason": row["reason"]}


def places_of(sites: Sequence[Row]) -> list[Row]:
    """Zones by site code, and the streets and landmarks that the site names contain."""
    areas = [z for z in ZONES.values() if any(s["area"] == z for s in sites)]
    rows = [spread(zone, "zone", [point_of(s) for s in sites if s["area"] == zone]) for zone in areas]
    for name, kind, pattern in PLACES:
        members = [s for s in sites if re.search(pattern, s["name"])]
        if members:
            rows.append({**around(name, kind, [point_of(s) for s in members]), "area_of": sole_area(members)})
    return rows


def convert(source: Path) -> Tables:
    """UC Berkeley campus: 251 BigBelly bins and every emptying, 2023-01 to 2025-08."""
    assets = read_csv(source / "ucb_bigbelly_assets.csv")
    bins = sorted((bin_of(a) for a in assets), key=lambda b: (b["site_id"], b["bin_id"]))
    names = {slug(clean(a["description"])): clean(a["description"]) for a in assets}
    emptyings = [emptying_of(r) for r in read_csv(source / "ucb_bigbelly_collections.csv.gz")]
    sites = sites_of(bins, names, {site: zone_of(name) for site, name in names.items()})
    return {
        "sites.csv": sites,
        "places.csv": places_of(sites),
        "bins.csv": bins,
        "emptyings.csv.gz": emptyings,
        "schedule.csv": schedule(bins, emptyings, SCHEDULE_UNTIL),
    }
