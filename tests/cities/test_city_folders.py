"""The shipped city folders keep the format that the loader reads, and converting is reproducible."""

from __future__ import annotations

import csv
import gzip
import io
import re
import subprocess
import sys
import tomllib
from datetime import datetime
from math import cos, hypot, radians
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).parents[2]
CITIES = ROOT / "cities"
NAMES = ("berkeley", "boston", "montevideo")
CENTRES = {"berkeley": (37.872, -122.259), "boston": (42.355, -71.065), "montevideo": (-34.88, -56.18)}
COUNTS = {
    "berkeley": {"bins.csv": 251, "sites.csv": 91, "emptyings.csv.gz": 47709},
    "boston": {"bins.csv": 450, "sites.csv": 450, "requests.csv.gz": 22259},
    "montevideo": {"bins.csv": 4054, "sites.csv": 3944, "circuits.csv": 63},
}
COLUMNS = {
    "sites.csv": "site_id,name,lat,lon,area",
    "places.csv": "name,kind,lat,lon,radius_m,area_of",
    "bins.csv": "bin_id,site_id,stream,capacity_l,lat,lon,status,zone,circuit,fill_alert_pct,age_alert_days",
    "readings.csv.gz": "bin_id,read_at,fill_pct,fill_class",
    "requests.csv.gz": (
        "request_id,opened_at,due_at,closed_at,on_time,status,title,kind,reason,note,place,area,lat,lon,source"
    ),
    "circuits.csv": "circuit,shift_words,days,start,end",
    "schedule.csv": "bin_id,interval_days,weekdays",
}
EMPTYINGS = {
    "berkeley": "bin_id,emptied_at,fill_pct,reason",
    "boston": "bin_id,emptied_at,fill_pct,fill_class,reason",
    "montevideo": "bin_id,emptied_at,fill_pct,reason",
}
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]

Row = dict[str, str]


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")


def rows_of(city: str, file: str) -> list[Row]:
    path = CITIES / city / file
    return list(csv.DictReader(io.StringIO(text_of(path), newline=""))) if path.exists() else []


def toml_of(city: str, file: str) -> dict[str, Any]:
    return tomllib.loads((CITIES / city / file).read_text(encoding="utf-8"))


def km_from_centre(city: str, row: Row) -> float:
    lat, lon = CENTRES[city]
    return hypot((float(row["lat"]) - lat) * 111.2, (float(row["lon"]) - lon) * 111.2 * cos(radians(lat)))


@pytest.fixture(params=NAMES)
def city(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_clock_zone_and_currency_of_a_city_are_real(city: str) -> None:
    meta = toml_of(city, "city.toml")
    assert meta["name"] == city
    assert datetime.fromisoformat(meta["now"]).tzinfo is None
    ZoneInfo(meta["timezone"])
    assert re.fullmatch(r"[A-Z]{3}", meta["currency"])
    assert re.fullmatch(r"[A-Z]{2}", meta["country"])
    assert meta["title"]


def test_every_table_has_exactly_the_columns_of_the_format(city: str) -> None:
    expected = COLUMNS | {"emptyings.csv.gz": EMPTYINGS[city]}
    found = {p.name: text_of(p).split("\n", 1)[0] for p in (CITIES / city).glob("*.csv*")}
    assert found == {name: expected[name] for name in found}
    assert {"sites.csv", "places.csv", "bins.csv", "emptyings.csv.gz", "schedule.csv"} <= found.keys()


def test_the_counts_in_city_toml_are_those_of_the_files(city: str) -> None:
    counts = toml_of(city, "city.toml")["counts"]
    assert counts == {p.name: len(rows_of(city, p.name)) for p in (CITIES / city).glob("*.csv*")}
    assert COUNTS[city].items() <= counts.items()


def test_ids_are_unique_and_sites_and_bins_name_each_other(city: str) -> None:
    sites, bins = rows_of(city, "sites.csv"), rows_of(city, "bins.csv")
    site_ids, bin_ids = {s["site_id"] for s in sites}, {b["bin_id"] for b in bins}
    assert len(site_ids) == len(sites)
    assert len(bin_ids) == len(bins)
    assert {b["site_id"] for b in bins} == site_ids
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", site_id) for site_id in site_ids)
    assert {r["bin_id"] for r in rows_of(city, "readings.csv.gz")} <= bin_ids
    assert {r["bin_id"] for r in rows_of(city, "schedule.csv")} == bin_ids


def test_only_the_one_unknown_serial_of_the_records_is_no_bin(city: str) -> None:
    bin_ids = {b["bin_id"] for b in rows_of(city, "bins.csv")}
    strangers = [r["bin_id"] for r in rows_of(city, "emptyings.csv.gz") if r["bin_id"] not in bin_ids]
    assert strangers == (["500103010"] if city == "berkeley" else [])


def test_every_position_is_within_50_km_of_its_city(city: str) -> None:
    for file in ("sites.csv", "places.csv", "bins.csv", "requests.csv.gz"):
        assert all(km_from_centre(city, row) <= 50 for row in rows_of(city, file) if row["lat"] or row["lon"]), file
    assert all(row["lat"] for file in ("sites.csv", "places.csv", "bins.csv") for row in rows_of(city, file))
    places = toml_of(city, "assumptions.toml")
    assert all(km_from_centre(city, place) <= 50 for place in places["depots"] + places["dumps"])


def test_a_site_stands_at_the_mean_of_its_bins(city: str) -> None:
    stands: dict[str, list[Row]] = {}
    for item in rows_of(city, "bins.csv"):
        stands.setdefault(item["site_id"], []).append(item)
    for site in rows_of(city, "sites.csv"):
        for axis in ("lat", "lon"):
            mean = sum(float(b[axis]) for b in stands[site["site_id"]]) / len(stands[site["site_id"]])
            assert float(site[axis]) == pytest.approx(mean, abs=2e-6)


def test_times_are_local_iso_and_levels_are_per_cent_or_blank(city: str) -> None:
    times = {
        "emptyings.csv.gz": ["emptied_at"],
        "readings.csv.gz": ["read_at"],
        "requests.csv.gz": ["opened_at", "due_at"],
    }
    for file, columns in times.items():
        for row in rows_of(city, file):
            stamps = [datetime.fromisoformat(row[c]) for c in columns if row[c]]
            assert all("T" in row[c] for c in columns if row[c])
            assert all(stamp.tzinfo is None for stamp in stamps)
            assert not row.get("fill_pct") or 0 <= int(row["fill_pct"]) <= 100
            assert row.get("fill_class", "") in {"", "GREEN", "YELLOW", "RED"}


def test_a_schedule_rule_visits_about_as_often_as_its_interval_says(city: str) -> None:
    for rule in rows_of(city, "schedule.csv"):
        days = rule["weekdays"].split(",")
        assert days == sorted(set(days), key=WEEKDAYS.index)
        interval = int(rule["interval_days"])
        assert interval > 7 or abs(7 / len(days) - interval) <= 2


def test_every_alias_names_a_stream_site_or_place_and_no_place_is_named_twice(city: str) -> None:
    aliases = toml_of(city, "city.toml")["aliases"]
    streams = {b["stream"] for b in rows_of(city, "bins.csv")}
    places = [p["name"] for p in rows_of(city, "places.csv")]
    names = {s["name"] for s in rows_of(city, "sites.csv")} | set(places)
    assert set(aliases["streams"]) == streams
    assert set(aliases["places"]) <= names
    assert len(set(places)) == len(places)
    for spoken in (aliases["streams"], aliases["places"]):
        words = [word.lower() for listed in spoken.values() for word in listed]
        assert len(set(words)) == len(words), sorted(w for w in words if words.count(w) > 1)


def unexplained(table: Any, where: str) -> list[str]:
    """The lowest tables that carry a value but neither `why` nor `source`."""
    if isinstance(table, list):
        return [gap for i, item in enumerate(table) for gap in unexplained(item, f"{where}[{i}]")]
    if any(
        not isinstance(v, dict | list) or (isinstance(v, list) and not isinstance(v[0], dict)) for v in table.values()
    ):
        return [] if table.get("why") or table.get("source") else [where]
    return [gap for name, item in table.items() for gap in unexplained(item, f"{where}.{name}")]


def test_every_assumption_carries_its_source_or_its_reason(city: str) -> None:
    assert unexplained(toml_of(city, "assumptions.toml"), city) == []
    assert unexplained({"speed": {"value": 3}}, "x") == ["x.speed"]


def test_trucks_have_a_depot_a_shift_and_streams_that_exist(city: str) -> None:
    given = toml_of(city, "assumptions.toml")
    depots = {d["name"] for d in given["depots"]}
    streams = {b["stream"] for b in rows_of(city, "bins.csv")}
    assert [t["name"] for t in given["trucks"]] == [f"Truck {n}" for n in range(1, len(given["trucks"]) + 1)]
    for truck in given["trucks"]:
        assert truck["depot"] in depots
        assert set(truck["streams"]) == streams
        assert re.fullmatch(r"\d\d:\d\d-\d\d:\d\d", f"{truck['shift_start']}-{truck['shift_end']}")
        assert min(truck[k] for k in ("capacity_l", "capacity_kg", "cost_per_km", "cost_per_hour")) > 0
    assert set(given["kg_per_l"]) - {"why", "source"} == streams


def test_every_circuit_of_a_container_has_days_and_hours() -> None:
    circuits = {c["circuit"]: c for c in rows_of("montevideo", "circuits.csv")}
    assert {b["circuit"] for b in rows_of("montevideo", "bins.csv")} == set(circuits)
    night = circuits["C_DU_RM_CL_01"]
    assert (night["days"], night["start"], night["end"]) == ("Tue,Thu,Sun", "22:00", "06:00")


def test_notes_carry_no_telephone_number_address_or_named_inspector() -> None:
    notes = "\n".join(r["note"] for r in rows_of("boston", "requests.csv.gz"))
    assert not re.search(r"\b\d{3}[-. )]{1,2}\d{3}[-. ]\d{4}\b", notes)
    assert not re.search(r"\S+@\S+\.\w+", notes)
    assert not re.search(r"Inspector [A-Z][a-z]+ [A-Z]", notes)


def test_the_city_hall_stand_in_is_not_taken_for_a_position() -> None:
    requests = rows_of("boston", "requests.csv.gz")
    assert sum(not r["lat"] for r in requests) == 1912
    assert not any((r["lat"], r["lon"]) in {("42.359", "-71.059"), ("42.3594", "-71.0587")} for r in requests)


def test_handbook_pages_have_a_title_and_sections_that_can_be_cited(city: str) -> None:
    pages = sorted((CITIES / city / "handbook").glob("*.md"))
    assert len(pages) >= (8 if city == "berkeley" else 3)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith("# "), page.name
        assert len(re.findall(r"^## \S", text, re.M)) >= 3, page.name
        assert 120 <= len(text.split()) <= 330, page.name
        assert "demo handbook" in text.lower(), page.name


def test_sources_and_licence_are_beside_the_data(city: str) -> None:
    assert "GitHub" in (CITIES / city / "SOURCES.md").read_text(encoding="utf-8")
    assert "MIT" in (CITIES / city / "LICENSE").read_text(encoding="utf-8")


def test_packed_files_carry_no_time_so_that_equal_data_are_equal_bytes() -> None:
    packed = sorted(CITIES.glob("*/*.gz"))
    assert packed
    assert all(path.read_bytes()[3:8] == b"\0\0\0\0\0" for path in packed)


def small_source(folder: Path) -> Path:
    """Two bins at one site, ten Mondays of emptyings for one of them, and an emptying of no known bin."""
    folder.mkdir()
    (folder / "ucb_bigbelly_assets.csv").write_text(
        "description,serial,streams,model_id,capacity,status,fullness_threshold,age_threshold,lat,lng\n"
        "U15  Sather Gate,11,Waste,SM5,Smart Max,In Service,60%,7 days,37.8700,-122.2590\n"
        "U15  Sather Gate,12,Waste,SM5,Smart Max,In Service,60%,Disabled,37.8702,-122.2592\n"
    )
    mondays = [f"2023-{month:02d}-{day:02d}" for month, day in
               ((1, 2), (1, 9), (1, 16), (1, 23), (1, 30), (2, 6), (2, 13), (2, 20), (2, 27), (3, 6))]  # fmt: skip
    lines = [f"11,U15 Sather Gate,Waste,Fullness,60%,{day} 06:00:00" for day in mondays]
    lines += ['99,Elsewhere,Waste,Alert,"\xa0Alert - Unknown Fullness",2023-03-07 06:00:00']
    data = "serial,site,stream,reason,fullness_at_collection,collected_at\n" + "\n".join(lines) + "\n"
    (folder / "ucb_bigbelly_collections.csv.gz").write_bytes(gzip.compress(data.encode()))
    return folder


def converted(source: Path, out: Path) -> dict[str, bytes]:
    out.mkdir()
    (out / "city.toml").write_text('name = "berkeley"\n\n[counts]\nold = 1\n')
    command = [sys.executable, str(CITIES / "convert.py"), "berkeley", "--source", str(source), "--out", str(out)]
    subprocess.run(command, check=True)
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_converting_twice_gives_the_same_bytes_and_the_right_rows(tmp_path: Path) -> None:
    source = small_source(tmp_path / "source")
    first, second = converted(source, tmp_path / "one"), converted(source, tmp_path / "two")
    assert first == second
    assert (
        first["sites.csv"].decode().splitlines()[1]
        == "u15-sather-gate,U15 Sather Gate,37.870100,-122.259100,Upper zone"
    )
    assert first["schedule.csv"].decode().splitlines()[1:] == ["11,7,Mon", "12,7,Mon"]
    emptyings = gzip.decompress(first["emptyings.csv.gz"]).decode().splitlines()
    assert emptyings[1] == "11,2023-01-02T06:00:00,60,Fullness"
    assert emptyings[-1] == "99,2023-03-07T06:00:00,,Alert"
    assert tomllib.loads(first["city.toml"].decode())["counts"]["emptyings.csv.gz"] == 11
