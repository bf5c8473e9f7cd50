"""Reading a city folder: good rows go on, bad ones are named by file and line, and no file is trusted."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from domain.city_cells import Known, LocalTimes
from domain.city_folder import MOST_FAULTS_KEPT, FileRows, find_file, read_city, read_rows
from domain.city_rows import (
    BINS,
    CIRCUITS,
    EMPTYINGS,
    FORMATS,
    PLACES,
    READINGS,
    REQUESTS,
    RULES,
    SITES,
    BinRow,
    FileFormat,
)
from domain.errors import BadData

PACIFIC = ZoneInfo("America/Los_Angeles")
SITE = "site_id,name,lat,lon,area"
BIN = "bin_id,site_id,stream,capacity_l,lat,lon,status,zone,circuit,fill_alert_pct,age_alert_days"
EMPTYING = "bin_id,emptied_at,fill_pct,fill_class,reason"


def known() -> Known:
    return Known(LocalTimes(PACIFIC), {"hall": (45.0, -123.0)}, frozenset({"101", "102"}))


def read(format_: FileFormat, *lines: str, file: str | None = None) -> FileRows:
    """The lines as an unpacked file of the format."""
    data = "\n".join(lines).encode()
    return read_rows(data, Path(file or f"{format_.stem}.csv"), format_, known())


def test_the_small_city_has_no_fault(small_city_folder: Path) -> None:
    facts = read_city(small_city_folder)
    assert (facts.name, facts.timezone, facts.faults, len(facts.trucks)) == ("smalltown", "America/Los_Angeles", (), 2)
    for format_ in FORMATS:
        path = find_file(small_city_folder, format_)
        if path is not None:
            bins, sites = (
                frozenset(str(n) for n in range(101, 113)),
                {row.site_id: (0.0, 0.0) for row in _sites(small_city_folder)},
            )
            found = read_rows(path.read_bytes(), path, format_, Known(LocalTimes(PACIFIC), sites, bins))
            assert (found.faults, len(found.rows)) == ((), facts.counts[path.name])


def _sites(folder: Path) -> list[BinRow]:
    return list(read_rows((folder / "sites.csv").read_bytes(), folder / "sites.csv", SITES, known()).rows)


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize(
    ("format_", "header", "row", "reason"),
    [
        (SITES, SITE, "hall,,45,-123,", "name is empty"),
        (SITES, SITE, "hall,Hall,91,-123,", "lat is 91, not within -90 to 90"),
        (SITES, SITE, "hall,Hall,nan,-123,", "lat is nan"),
        (SITES, SITE, "hall,Hall,45,inf,", "lon is inf"),
        (SITES, SITE, "hall,Hall,45,,", "both be given"),
        (SITES, SITE, "hall,Hall,,,", "lat and lon are empty"),
        (SITES, SITE, "hall,Hall,45", "3 cells where the first line names 5 columns"),
        (SITES, SITE, "hall,Hall,45,-123,a,b", "6 cells"),
        (SITES, SITE, "hall,Ha\0ll,45,-123,", "NUL"),
        (BINS, BIN, "103,nowhere,Waste,240,,,In Service,,,,", "site_id 'nowhere' is not in sites.csv"),
        (BINS, BIN, "103,hall,Waste,0,,,In Service,,,,", "capacity_l is 0"),
        (BINS, BIN, "103,hall,Waste,two,,,In Service,,,,", "capacity_l is 'two', not a number"),
        (BINS, BIN, "103,hall,Waste,240,,,,,,,", "status is empty"),
        (BINS, BIN, "103,hall,Waste,240,,,In Service,,,160,", "fill_alert_pct is 160"),
        (RULES, "bin_id,interval_days,weekdays", "101,0,Mon", "interval_days is 0"),
        (RULES, "bin_id,interval_days,weekdays", '101,7,"Mon,Tomorrow"', "not days like Mon,Thu"),
        (CIRCUITS, "circuit,shift_words,days,start,end", "C1,,Mon,25:00,06:00", "start is '25:00'"),
        (PLACES, "name,kind,lat,lon,radius_m", "Elm,street,45,-123,-1", "radius_m is -1"),
        (EMPTYINGS, EMPTYING, "999,2025-06-01T05:00,60,,", "bin_id '999' is not in bins.csv"),
        (EMPTYINGS, EMPTYING, "101,yesterday,60,,", "emptied_at is 'yesterday', not a time"),
        (EMPTYINGS, EMPTYING, "101,2025-06-31T05:00,60,,", "not a time"),
        (EMPTYINGS, EMPTYING, "101,0001-01-01T00:00+23:00,60,,", "not a time"),
        (EMPTYINGS, EMPTYING, "101,,60,,", "emptied_at is empty"),
        (EMPTYINGS, EMPTYING, "101,2025-06-01T05:00,101,,", "fill_pct is 101, not within 0 to 100"),
        (READINGS, "bin_id,read_at,fill_pct,fill_class", "101,2025-06-01T05:00,,", "both empty"),
        (REQUESTS, "request_id,opened_at,on_time", "R1,2025-06-01T05:00,perhaps", "neither yes nor no"),
    ],
)  # fmt: skip
def test_a_bad_row_is_named_and_the_rest_goes_on(format_: FileFormat, header: str, row: str, reason: str) -> None:
    good = {SITES: "b,B,1,2,", BINS: "104,hall,Waste,240,,,In Service,,,,", RULES: "102,7,Mon", CIRCUITS: "C2,,Mon,,",
            PLACES: "Oak,street,45,-123,50", EMPTYINGS: "102,2025-06-01T05:00,60,,",
            READINGS: "102,2025-06-01T05:00,60,", REQUESTS: "R2,2025-06-01T05:00,OVERDUE"}[format_]  # fmt: skip
    found = read(format_, header, row, "", good, file="their.csv")
    assert [(fault.file, fault.line, reason in fault.reason) for fault in found.faults] == [("their.csv", 2, True)]
    assert len(found.rows) == 1


def test_a_bin_without_a_position_stands_at_its_site() -> None:
    (row,) = read(BINS, BIN, "103,hall,Waste,240,,,In Service,,,,").rows
    assert (row.lat, row.lon) == (45.0, -123.0)


def test_a_row_said_twice_counts_once_and_a_contradiction_is_a_fault() -> None:
    rows = ("101,2025-06-01T05:00,60,,Age", "101,2025-06-01T05:00,60,,Age", "101,2025-06-01T05:00,80,,Age")
    found = read(EMPTYINGS, EMPTYING, *rows)
    assert (len(found.rows), found.repeats, found.fault_count, found.faults[0].line) == (1, 1, 1, 4)
    assert "of line 2" in found.faults[0].reason


def test_of_very_many_faults_the_first_hundred_are_kept_and_all_are_counted() -> None:
    found = read(EMPTYINGS, EMPTYING, *(f"999,2025-06-01T05:00,{n % 100},," for n in range(5_000)))
    assert (len(found.faults), found.fault_count, found.rows) == (MOST_FAULTS_KEPT, 5_000, [])


@pytest.mark.parametrize("rows_after", [0, 3, 20_000])
def test_an_unclosed_quote_is_never_taken_for_a_very_long_word(rows_after: int) -> None:
    found = read(EMPTYINGS, EMPTYING, '101,2025-06-01T05:00,60,,"Age', *["102,2025-06-01T05:00,60,,"] * rows_after)
    assert "101" not in {row.bin_id for row in found.rows}
    assert "quotation mark" in found.faults[0].reason


def test_days_are_read_in_any_order_and_with_any_comma() -> None:
    rows = ('101,3.5,"Thu, mon"', "102,7,Sunday;Tuesday")
    found = read(RULES, "bin_id,interval_days,weekdays", *rows)
    assert [row.weekdays for row in found.rows] == [["Mon", "Thu"], ["Tue", "Sun"]]


# ---------------------------------------------------------------- times


def one_time(words: str) -> tuple[datetime, int, int]:
    found = read(EMPTYINGS, EMPTYING, f"101,{words},60,,")
    return found.rows[0].emptied_at, found.doubled, found.skipped


def test_local_times_become_utc_by_the_citys_own_calendar() -> None:
    assert one_time("2025-01-15T05:00:30") == (datetime(2025, 1, 15, 13, 0, 30, tzinfo=UTC), 0, 0)
    assert one_time("2025-07-15 05:00") == (datetime(2025, 7, 15, 12, 0, tzinfo=UTC), 0, 0)


def test_a_time_with_its_own_offset_keeps_it() -> None:
    assert one_time("2025-07-15T05:00Z") == (datetime(2025, 7, 15, 5, 0, tzinfo=UTC), 0, 0)
    assert one_time("2025-11-02T01:30-08:00") == (datetime(2025, 11, 2, 9, 30, tzinfo=UTC), 0, 0)


def test_a_doubled_hour_is_taken_as_the_earlier_and_counted() -> None:
    assert one_time("2025-11-02T01:30") == (datetime(2025, 11, 2, 8, 30, tzinfo=UTC), 1, 0)


def test_a_skipped_hour_is_taken_by_the_old_clock_and_counted() -> None:
    assert one_time("2025-03-09T02:30") == (datetime(2025, 3, 9, 10, 30, tzinfo=UTC), 0, 1)


def test_the_minutes_around_a_clock_change_are_ordinary() -> None:
    for words in ("2025-11-02T00:59", "2025-11-02T02:00", "2025-03-09T01:59", "2025-03-09T03:00"):
        assert one_time(words)[1:] == (0, 0)


# ---------------------------------------------------------------- files

WHOLE_CITY = "\n".join([EMPTYING, *(f"101,2025-06-{day:02d}T05:00,60,,Age" for day in range(1, 29))]).encode()


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("emptyings.csv.gz", b"", "the file is empty"),
        ("emptyings.csv.gz", b"\x1f\x8b garbage, not deflate", "ends early or is damaged"),
        ("emptyings.csv.gz", WHOLE_CITY, "ends early or is damaged"),
        ("emptyings.csv.gz", gzip.compress(WHOLE_CITY)[:-20], "ends early or is damaged"),
        ("emptyings.csv.gz", gzip.compress(WHOLE_CITY)[:-8] + b"\0" * 8, "ends early or is damaged"),
        ("emptyings.csv", b"\x89PNG\r\n\x1a\n\xff\xfe\x00", "no UTF-8 text"),
        ("emptyings.csv", gzip.compress(WHOLE_CITY), "no UTF-8 text"),
        ("emptyings.csv", b"\n", "must name the columns bin_id, emptied_at; it names none"),
        ("emptyings.csv", b"bin,when\n101,2025-06-01T05:00\n", "columns bin_id, emptied_at; it names bin, when"),
        ("emptyings.csv", EMPTYING.replace(",", ";").encode(), "it names bin_id;emptied_at"),
        ("emptyings.csv", b"bin_id,emptied_at,fill_percent\n101,2025-06-01T05:00,60\n", "was fill_pct or fill_class"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_one_fault_and_gives_no_row(name: str, data: bytes, reason: str) -> None:
    found = read_rows(data, Path(name), EMPTYINGS, known())
    assert ([fault.line for fault in found.faults], list(found.rows)) == ([0], [])
    assert reason in str(found.faults[0])


@pytest.mark.parametrize(
    "data",
    [WHOLE_CITY, b"\xef\xbb\xbf" + WHOLE_CITY, WHOLE_CITY.replace(b"\n", b"\r\n"), WHOLE_CITY + b"\n\n",
     WHOLE_CITY + b"\n,,,,"],
    ids=["plain", "byte-order mark", "windows lines", "blank lines", "blank cells"],
)  # fmt: skip
def test_a_file_as_spreadsheets_write_it_reads_whole(data: bytes) -> None:
    found = read_rows(data, Path("emptyings.csv"), EMPTYINGS, known())
    assert (len(found.rows), found.fault_count) == (28, 0)


def test_columns_may_stand_in_any_order_and_others_are_passed_over() -> None:
    header = "driver,reason,fill_class,fill_pct,emptied_at, bin_id"
    (row,) = read(EMPTYINGS, header, "ana,Age,,40,2025-06-01T05:00,101").rows
    assert (row.bin_id, row.reason, row.fill_pct) == ("101", "Age", 40)


def test_columns_that_need_not_be_there_may_be_left_out() -> None:
    (row,) = read(EMPTYINGS, "bin_id,emptied_at", "101,2025-06-01T05:00").rows
    assert (row.reason, row.fill_pct, row.fill_class) == ("", None, None)


def test_a_packed_file_comes_before_an_unpacked_one(tmp_path: Path) -> None:
    assert find_file(tmp_path, EMPTYINGS) is None
    (tmp_path / "emptyings.csv").touch()
    assert find_file(tmp_path, EMPTYINGS) == tmp_path / "emptyings.csv"
    (tmp_path / "emptyings.csv.gz").touch()
    assert find_file(tmp_path, EMPTYINGS) == tmp_path / "emptyings.csv.gz"


@example(b'"', FORMATS[0], False)
@given(st.binary(max_size=400), st.sampled_from(FORMATS), st.booleans())
def test_no_bytes_at_all_can_make_reading_fail(data: bytes, format_: FileFormat, packed: bool) -> None:
    path = Path(f"{format_.stem}.csv.gz" if packed else f"{format_.stem}.csv")
    found = read_rows(gzip.compress(data) if packed else data, path, format_, known())
    assert found.rows or found.faults or not data.strip() or found.fault_count == 0


@given(st.integers(0, len(WHOLE_CITY) - 1), st.binary(min_size=1, max_size=6))
def test_a_scratch_in_a_file_loses_no_more_than_it_hits(at: int, scratch: bytes) -> None:
    found = read_rows(
        WHOLE_CITY[:at] + scratch + WHOLE_CITY[at + len(scratch) :], Path("emptyings.csv"), EMPTYINGS, known()
    )
    whole_file = bool(found.faults) and found.faults[0].line == 0
    untouched = {row for row in read_rows(WHOLE_CITY, Path("emptyings.csv"), EMPTYINGS, known()).rows}
    if not whole_file and b'"' not in scratch:
        assert len(untouched & set(found.rows)) >= 28 - 6


# ---------------------------------------------------------------- city.toml and assumptions.toml


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        ("city.toml", 'name = "smalltown"', "", "does not say its name"),
        ("city.toml", 'name = "smalltown"', "name = 7", "does not say its name"),
        ("city.toml", "America/Los_Angeles", "America/Nowhere", "no time zone"),
        ("city.toml", "America/Los_Angeles", "../../etc/passwd", "no time zone"),
        ("city.toml", "2025-09-01T08:00", "today", "local time"),
        ("city.toml", "2025-09-01T08:00", "2025-09-01T08:00Z", "local time"),
        ("city.toml", "[counts]", "[counts", "cannot be read as TOML"),
        ("city.toml", 'currency = "USD"', "", "currency"),
        ("assumptions.toml", 'depot = "Yard"', 'depot = "Moon"', "depot 'Moon' is not in the [[depots]]"),
        ("assumptions.toml", "capacity_l = 4000", "capacity_l = -4", "truck 1: capacity_l is -4"),
        ("assumptions.toml", "capacity_l = 4000", "capacity_l = nan", "cannot be read as TOML"),
        ("assumptions.toml", 'shift_end = "13:00"', 'shift_end = "1 pm"', "not a time of day"),
        ("assumptions.toml", 'shift_end = "13:00"', 'shift_end = "05:00"', "another shift_end"),
        ("assumptions.toml", 'name = "Truck 2"', 'name = "Truck 1"', "two trucks have the same name"),
        ("assumptions.toml", 'streams = ["Waste", "Compostables"]', "streams = []", "truck 2: it needs streams"),
        ("assumptions.toml", "lat = 45.0100", "lat = 145.0", "lat is 145"),
        ("assumptions.toml", "[[depots]]", "[depots]", "as a [[depots]] table"),
    ],
)  # fmt: skip
def test_a_broken_setting_is_named(small_city_folder: Path, file: str, old: str, new: str, words: str) -> None:
    path = small_city_folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(BadData) as fault:
        read_city(small_city_folder)
    assert words in str(fault.value)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no city folder"):
        read_city(tmp_path / "nowhere")
    with pytest.raises(BadData, match=r"city.toml is missing"):
        read_city(tmp_path)


def test_binary_settings_are_refused(small_city_folder: Path) -> None:
    (small_city_folder / "city.toml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BadData, match="cannot be read as TOML"):
        read_city(small_city_folder)


def test_without_assumptions_a_city_has_no_trucks_and_says_so(small_city_folder: Path) -> None:
    (small_city_folder / "assumptions.toml").unlink()
    facts = read_city(small_city_folder)
    assert (facts.trucks, [str(fault)[:42] for fault in facts.faults]) == (
        (), ["assumptions.toml: the file is missing, so "])  # fmt: skip


def test_trucks_come_with_their_depot_and_their_place_in_the_fleet(small_city_folder: Path) -> None:
    first, second = read_city(small_city_folder).trucks
    assert (first.name, first.position, first.depot_lat, first.compaction_ratio) == ("Truck 1", 1, 45.01, 2.0)
    assert (second.position, second.shift_start, second.shift_end, second.g_co2e_per_km) == (2, "21:00", "05:00", 700)
