"""Boston: a sample of the BigBelly alerts of 2014 and the waste requests of 2015."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from names import mask_names
from tables import Point, Row, Tables, around, clean, degrees, distance_m, mean_point, point_of, read_csv, slug, spread

CAPACITY_L = "568"  # 150 US gallons; the reasoning is in assumptions.toml, operation.bin_capacity_l
NEARBY_M = 300.0
CITY_HALL = {("42.359", "-71.059"), ("42.3594", "-71.0587")}  # the city's stand-in when a position is not known
NO_AREA = {"", "Boston"}
SAME_AREA = {
    "Allston": "Allston / Brighton",
    "Brighton": "Allston / Brighton",
    "Mattapan": "Greater Mattapan",
    "South Boston": "South Boston / South Boston Waterfront",
}
FEWEST_REQUESTS = 20
NOT_THERE = re.compile(r"(?i)\bnot (?:at|there)\b")
SCHEDULE = {"interval_days": "2", "weekdays": "Mon,Wed,Fri"}
STREETS: Mapping[str, str] = {  # name -> pattern over the site names
    "Arlington Street": r"Arlington", "Atlantic Avenue": r"Atlantic", "Beach Street": r"\bBeach\b",
    "Beacon Street": r"(?<!North )(?<!No )\bBeacon\b(?! Hill| hill)", "Berkeley Street": r"Berkeley|\d+ Berklee",
    "Boylston Street": r"Boylston", "Brighton Avenue": r"Brighton (?:Ave|\()|& Brighton|Brighton &",
    "Broad Street": r"\bBroad\b", "Bromfield Street": r"Bromfield", "Brookline Avenue": r"Brookline",
    "Cambridge Street": r"Cambridge", "Causeway Street": r"Causeway", "Charles Street": r"Charles (?:St|&|Circle)",
    "Chestnut Hill Avenue": r"Chestnut H[Ii]ll Ave", "Clarendon Street": r"Clar(?:en)?e?don",
    "Columbus Avenue": r"\bColumbus\b(?! Park)", "Commonwealth Avenue": r"Commonwe(?:al)?th|\bComm\b",
    "Congress Street": r"Congress", "Cross Street": r"\bCross\b(?!ing)", "Dartmouth Street": r"Darm?t?mouth",
    "Devonshire Street": r"Devonshire", "Federal Street": r"Federal (?:&|St)", "Franklin Street": r"Franklin",
    "Hanover Street": r"Hanover", "Harrison Avenue": r"Harrison", "Harvard Avenue": r"Harvard Ave",
    "Huntington Avenue": r"(?<!South )Huntington", "Ipswich Street": r"Ipswich", "Kneeland Street": r"Kneeland",
    "Lansdowne Street": r"Lan(?:ds|sd)own", "Lincoln Street": r"Lincoln", "Massachusetts Avenue": r"Mass\.? Ave",
    "Meridian Street": r"Meridian", "Milk Street": r"\bMilk\b", "Newbury Street": r"Newbury",
    "North Washington Street": r"\bN(?:orth|\.)? Washington", "Pearl Street": r"Pearl",
    "Purchase Street": r"Purchase", "South Street": r"South St(?:reet|\.)? ", "State Street": r"\bState (?:&|St)",
    "Stuart Street": r"Stuart", "Summer Street": r"Summer", "Surface Road": r"Surface",
    "Tremont Street": r"Tremont", "Van Ness Street": r"Van ?[Nn]ess", "Yawkey Way": r"Yawkey",
    "Washington Street": r"(?<!N )(?<!N. )(?<!North )Washington",
}  # fmt: skip

LANDMARKS: Mapping[str, str] = {
    "Back Bay Station": r"Back Bay T-Station|Stuart St & Trinity",
    "Boston Common": r"^Commons?\b|Boston Common",
    "Boston Public Library": r"\(Library\)|Boston Public Library",
    "Brighton Center": r"Brighton Center",
    "City Hall": r"\(City Hall\)|City Hall Plaza",
    "Faneuil Hall": r"Fan[a-z]+ Hall",
    "Haymarket": r"Haymarket",
    "Kenmore Square": r"Kenmore Sq",
    "Packards Corner": r"Packards Corner",
    "Post Office Square": r"Post Office Sq",
    "South Station": r"South station",
}


def area_of(neighborhood: str) -> str:
    """One name for each neighbourhood; blank where the record names none."""
    return "" if neighborhood in NO_AREA else SAME_AREA.get(neighborhood, neighborhood)


def minute(text: str) -> str:
    """ "2015-01-01 08:48" as an ISO local time."""
    return text.replace(" ", "T")


def request_of(row: Row) -> Row:
    """One row of requests.csv.gz; a City Hall stand-in position is blank, because the real one is not known."""
    known = (row["lat"], row["lon"]) not in CITY_HALL
    return {
        "request_id": row["case_id"], "opened_at": minute(row["opened"]), "due_at": minute(row["target"]),
        "closed_at": minute(row["closed"]), "on_time": row["on_time"], "status": row["status"],
        "title": clean(row["title"]), "kind": row["type"], "reason": row["reason"],
        "note": mask_names(clean(row["closure_note"])), "place": clean(row["location"]),
        "area": area_of(row["neighborhood"]), "lat": row["lat"] if known else "", "lon": row["lon"] if known else "",
        "source": row["source"],
    }  # fmt: skip


def located(requests: Iterable[Row]) -> list[tuple[Point, str]]:
    """Position and neighbourhood of the requests that have both."""
    return [(point_of(r), r["area"]) for r in requests if r["lat"] and r["area"]]


def neighbourhood(point: Point, known: Sequence[tuple[Point, str]]) -> str:
    """The neighbourhood of most requests within 300 m; with none there, that of the nearest one."""
    distances = [(distance_m(point, at), area) for at, area in known]
    votes = Counter(area for distance, area in distances if distance <= NEARBY_M)
    ranked = sorted(votes.items(), key=lambda vote: (-vote[1], vote[0]))
    return ranked[0][0] if ranked else min(distances)[1]


def sites_and_bins(alerts: Sequence[Row], known: Sequence[tuple[Point, str]]) -> tuple[list[Row], list[Row]]:
    """One site and one bin for each description in the alerts.

    The alerts carry no serials, so a bin's id is its site's place in the list of names: "BOS-001", "BOS-002" ...
    """
    points: defaultdict[str, set[Point]] = defaultdict(set)
    for alert in alerts:
        points[clean(alert["description"])].add(point_of(alert))
    sites, bins = [], []
    for number, (name, found) in enumerate(sorted(points.items()), 1):
        at = mean_point(sorted(found))
        site = {"site_id": slug(name), "name": name, **degrees(at), "area": neighbourhood(at, known)}
        sites.append(site)
        bins.append({
            "bin_id": f"BOS-{number:03d}", "site_id": site["site_id"], "stream": "Waste", "capacity_l": CAPACITY_L,
            **degrees(at), "status": "Not There" if NOT_THERE.search(name) else "In Service", "zone": site["area"],
        })  # fmt: skip
    return sites, bins


def places_of(sites: Sequence[Row], known: Sequence[tuple[Point, str]]) -> list[Row]:
    """Neighbourhoods by their requests, landmarks that site names contain, and streets that two or more contain."""
    members: defaultdict[str, list[Point]] = defaultdict(list)
    for at, area in known:
        members[area].append(at)
    rows = [spread(n, "neighbourhood", at) for n, at in sorted(members.items()) if len(at) >= FEWEST_REQUESTS]
    for name, pattern in LANDMARKS.items():
        stands = [point_of(s) for s in sites if re.search(pattern, s["name"])]
        rows += [around(name, "landmark", stands)] if stands else []
    for name, pattern in STREETS.items():
        on = [s for s in sites if re.search(pattern, s["name"])]
        if len(on) > 1:
            area, count = Counter(s["area"] for s in on).most_common(1)[0]
            rows.append(
                {**spread(name, "street", [point_of(s) for s in on]), "area_of": area if 2 * count > len(on) else ""}
            )
    return rows


def convert(source: Path) -> Tables:
    """450 BigBelly sites with 3,999 sampled alerts of 2014, and 22,259 requests of 2015."""
    alerts = read_csv(source / "boston_bigbelly_2014_sample.csv")
    requests = [request_of(r) for r in read_csv(source / "boston_311_waste_2015.csv.gz")]
    known = located(requests)
    sites, bins = sites_and_bins(alerts, known)
    ids = {site["name"]: item["bin_id"] for site, item in zip(sites, bins, strict=True)}
    emptyings, readings = [], []
    for alert in alerts:
        at, seen = (
            minute(alert["timestamp"]),
            {"bin_id": ids[clean(alert["description"])], "fill_class": alert["fullness"]},
        )
        if alert["collection"] == "True":
            emptyings.append({**seen, "emptied_at": at})
        else:
            readings.append({**seen, "read_at": at})
    return {
        "sites.csv": sorted(sites, key=lambda s: s["site_id"]),
        "places.csv": places_of(sites, known),
        "bins.csv": bins,
        "emptyings.csv.gz": emptyings,
        "readings.csv.gz": readings,
        "requests.csv.gz": requests,
        "schedule.csv": [{"bin_id": b["bin_id"], **SCHEDULE} for b in bins],
    }
