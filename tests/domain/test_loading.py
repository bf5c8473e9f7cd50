"""Loading a city folder: whole files or nothing, twice is as good as once, and faults never stop what is good."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, inspect, select, text, update

from domain.errors import BadData
from domain.loading import LoadReport, load_city
from domain.records import Base, Bin, Circuit, City, CityFile, CollectionRule, Emptying, Place, Reading, Request, Truck
from domain.store import Store

ROOT = Path(__file__).parents[2]
AT = datetime(2025, 9, 1, 15, 0, tzinfo=UTC)
LATER = AT + timedelta(days=1)
COUNTS = {"city.toml": 1, "trucks": 2, "sites.csv": 6, "bins.csv": 12, "places.csv": 5, "schedule.csv": 12,
          "emptyings.csv.gz": 229, "readings.csv.gz": 314, "requests.csv.gz": 8}  # fmt: skip


def everything(store: Store) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with store.read() as session:
        names = [name for name in inspect(session.connection()).get_table_names() if name != "spatial_ref_sys"]
        return {name: sorted(map(tuple, session.execute(text(f"SELECT * FROM {name}"))), key=repr) for name in names}


def count(store: Store, record: type[Base]) -> int:
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(record)) or 0


def edit(path: Path, change: Callable[[str], str]) -> None:
    """Changes a file's text, packed or not."""
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(change(gzip.decompress(path.read_bytes()).decode()).encode()))
    else:
        path.write_text(change(path.read_text()))


def without_counts(folder: Path) -> None:
    edit(folder / "city.toml", lambda text: text.partition("[counts]")[0])


# ---------------------------------------------------------------- once and twice


def test_a_city_is_loaded_whole(empty_store: Store, small_city_folder: Path) -> None:
    report = load_city(empty_store, small_city_folder, at=AT)
    assert report == LoadReport("smalltown", counts=COUNTS)
    for record, rows in {
        Bin: 12,
        Place: 5,
        CollectionRule: 12,
        Truck: 2,
        Emptying: 229,
        Reading: 314,
        Request: 8,
    }.items():
        assert count(empty_store, record) == rows


def test_what_was_written_is_what_was_said(city_store: Store) -> None:
    with city_store.read() as session:
        first = session.scalars(select(Emptying).order_by(Emptying.emptied_at, Emptying.bin_id)).first()
        late = session.get_one(Request, ("smalltown", "R1002"))
        rule = session.get_one(CollectionRule, ("smalltown", "107"))
        city = session.get_one(City, "smalltown")
    assert first is not None
    assert (first.bin_id, first.emptied_at, first.fill_pct, first.reason) == FIRST_EMPTYING
    assert (late.on_time, late.closed_at) == (False, datetime(2025, 7, 18, 17, 5, tzinfo=UTC))
    assert (rule.interval_days, rule.weekdays) == (3, ["Mon", "Thu"])
    assert city.aliases["places"]["Public Library"] == ["library"]  # type: ignore[index,call-overload]
    assert city.assumptions["kg_per_l"]["Waste"] == 0.08  # type: ignore[index,call-overload]


FIRST_EMPTYING = ("105", datetime(2025, 6, 2, 15, 13, tzinfo=UTC), 100, "Fullness")


def test_loading_twice_changes_nothing_at_all(city_store: Store, small_city_folder: Path) -> None:
    before = everything(city_store)
    report = load_city(city_store, small_city_folder, at=LATER)
    assert (everything(city_store), report.counts) == (before, {})
    assert set(report.unchanged) == set(COUNTS) - {"trucks"}


def test_only_the_file_that_changed_is_loaded_again(city_store: Store, small_city_folder: Path) -> None:
    with city_store.read() as session:
        before = session.get_one(City, "smalltown").digest
    edit(small_city_folder / "emptyings.csv.gz", lambda text: text.replace(",60,,", ",40,,"))
    report = load_city(city_store, small_city_folder, at=LATER)
    with city_store.read() as session:
        left = session.scalar(select(func.count()).select_from(Emptying).where(Emptying.fill_pct == 60))
        after = session.get_one(City, "smalltown").digest
        loaded = dict(session.execute(select(CityFile.file, CityFile.loaded_at)).all())
    assert (report.counts, count(city_store, Emptying), left) == ({"emptyings.csv.gz": 229}, 229, 0)
    assert before != after
    assert (loaded["emptyings.csv.gz"], loaded["bins.csv"]) == (LATER, AT)


def test_the_same_records_have_the_same_digest_wherever_they_are(
    city_store: Store, small_city_folder: Path, tmp_path: Path
) -> None:
    other = Store(f"sqlite:///{tmp_path / 'other.db'}")
    other.migrate()
    load_city(other, small_city_folder, at=LATER)
    with city_store.read() as one, other.read() as two:
        assert one.get_one(City, "smalltown").digest == two.get_one(City, "smalltown").digest
    other.close()


def test_what_a_whole_file_no_longer_names_is_removed_and_bins_with_a_past_stay(
    city_store: Store, small_city_folder: Path
) -> None:
    without_counts(small_city_folder)
    for name, gone in (("places.csv", "Elm Street"), ("schedule.csv", "112,"), ("bins.csv", "112,")):
        edit(small_city_folder / name, lambda text, gone=gone: "".join(
            line for line in text.splitlines(keepends=True) if not line.startswith(gone)))  # fmt: skip
    assert load_city(city_store, small_city_folder, at=LATER).faults == ()
    assert (count(city_store, Place), count(city_store, CollectionRule), count(city_store, Bin)) == (4, 11, 12)


def test_a_truck_sold_is_removed_and_a_truck_in_repair_stays_in_repair(
    city_store: Store, small_city_folder: Path
) -> None:
    with city_store.write() as session:
        session.execute(update(Truck).where(Truck.name == "Truck 1").values(out_of_service_until=LATER))
    edit(small_city_folder / "assumptions.toml", lambda text: text.replace('name = "Truck 2"', 'name = "Truck 3"'))
    load_city(city_store, small_city_folder, at=LATER)
    with city_store.read() as session:
        trucks = dict(session.execute(select(Truck.name, Truck.out_of_service_until)).all())
    assert trucks == {"Truck 1": LATER, "Truck 3": None}


def test_circuits_are_loaded_with_their_days_and_shifts(empty_store: Store, small_city_folder: Path) -> None:
    lines = 'circuit,shift_words,days,start,end\nC1,Martes: Nocturno,"Tue,Thu",22:00,06:00\nC2,,,,\n'
    (small_city_folder / "circuits.csv").write_text(lines)
    load_city(empty_store, small_city_folder, at=AT)
    with empty_store.read() as session:
        one, two = session.scalars(select(Circuit).order_by(Circuit.circuit)).all()
    assert (one.weekdays, one.shift_start, one.shift_end) == (["Tue", "Thu"], "22:00", "06:00")
    assert (two.weekdays, two.shift_start, two.shift_words) == ([], None, None)


# ---------------------------------------------------------------- faults


def test_a_bad_row_is_reported_and_comes_in_once_it_is_mended(empty_store: Store, small_city_folder: Path) -> None:
    bins = small_city_folder / "bins.csv"
    good = bins.read_text()
    edit(bins, lambda text: text.replace("106,train-station", "106,moon-station"))
    report = load_city(empty_store, small_city_folder, at=AT)
    assert str(report.faults[0]) == "bins.csv, line 7: site_id 'moon-station' is not in sites.csv"
    lost = report.fault_counts["emptyings.csv.gz"]
    assert (count(empty_store, Bin), count(empty_store, Emptying), lost > 10) == (11, 229 - lost, True)
    bins.write_text(good)
    mended = load_city(empty_store, small_city_folder, at=LATER)
    assert (mended.faults, count(empty_store, Bin), count(empty_store, Emptying)) == ((), 12, 229)


def test_strict_takes_a_file_whole_or_not_at_all(empty_store: Store, small_city_folder: Path) -> None:
    edit(small_city_folder / "emptyings.csv.gz", lambda text: text + "999,2025-06-01T05:00,60,,\n")
    with pytest.raises(BadData, match=r"emptyings.csv.gz, line 231: bin_id '999' is not in bins.csv"):
        load_city(empty_store, small_city_folder, strict=True, at=AT)
    assert (count(empty_store, Bin), count(empty_store, Emptying)) == (12, 0)


@pytest.mark.parametrize("name", ["sites.csv", "bins.csv", "city.toml"])
@pytest.mark.parametrize(
    "content",
    [None, b"", b"\x00\xff" * 50, b"not,the,columns\n1,2,3\n"],
    ids=["missing", "empty", "binary", "other columns"],
)
def test_without_its_sites_bins_or_settings_there_is_no_city(
    store: Store, small_city_folder: Path, name: str, content: bytes | None
) -> None:
    path = small_city_folder / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadData, match=name.replace(".", r"\.")):
        load_city(store, small_city_folder, at=AT)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "is missing although city.toml counts its rows"),
        (b"", "the file is empty"),
        (b"\x1f\x8b\x08\x00garbage", "ends early or is damaged"),
        (gzip.compress(b"wrong,columns\n"), "must name the columns"),
        ("truncated", "ends early or is damaged"),
        ("a folder", "cannot be read"),
    ],
    ids=["missing", "empty", "garbage", "other columns", "truncated", "a folder"],
)
def test_another_file_that_cannot_be_read_is_a_fault_and_the_rest_is_loaded(
    empty_store: Store, small_city_folder: Path, content: bytes | str | None, words: str
) -> None:
    path = small_city_folder / "emptyings.csv.gz"
    whole = path.read_bytes()
    path.unlink()
    if content == "a folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(whole[:-100] if isinstance(content, str) else content)
    report = load_city(empty_store, small_city_folder, at=AT)
    assert [(fault.file, fault.line, words in fault.reason) for fault in report.faults] == [(path.name, 0, True)]
    assert (count(empty_store, Emptying), count(empty_store, Reading)) == (0, 314)
    with pytest.raises(BadData, match=words):
        load_city(empty_store, small_city_folder, strict=True, at=AT)


def test_a_file_cut_between_two_rows_is_noticed_by_its_count(empty_store: Store, small_city_folder: Path) -> None:
    edit(small_city_folder / "schedule.csv", lambda text: "".join(text.splitlines(keepends=True)[:9]))
    report = load_city(empty_store, small_city_folder, at=AT)
    assert [str(fault) for fault in report.faults] == [
        "schedule.csv: city.toml counts 12 rows and the file holds 8; copy it again"
    ]


def test_a_file_cut_short_removes_nothing_that_was_there(city_store: Store, small_city_folder: Path) -> None:
    edit(small_city_folder / "schedule.csv", lambda text: "".join(text.splitlines(keepends=True)[:9]))
    load_city(city_store, small_city_folder, at=LATER)
    assert count(city_store, CollectionRule) == 12


def test_without_assumptions_the_trucks_that_were_there_stay(city_store: Store, small_city_folder: Path) -> None:
    (small_city_folder / "assumptions.toml").unlink()
    report = load_city(city_store, small_city_folder, at=LATER)
    assert (report.faults[0].file, count(city_store, Truck)) == ("assumptions.toml", 2)


def test_a_citys_time_zone_is_not_changed_under_its_records(city_store: Store, small_city_folder: Path) -> None:
    before = everything(city_store)
    edit(small_city_folder / "city.toml", lambda text: text.replace("America/Los_Angeles", "Europe/Paris"))
    with pytest.raises(BadData, match="loaded in the time zone America/Los_Angeles"):
        load_city(city_store, small_city_folder, at=LATER)
    assert everything(city_store) == before


def test_times_of_a_clock_change_are_counted(empty_store: Store, small_city_folder: Path) -> None:
    without_counts(small_city_folder)
    more = "101,2025-11-02T01:10,60,,\n101,2025-11-02T01:20,60,,\n101,2025-03-09T02:10,60,,\n"
    edit(small_city_folder / "emptyings.csv.gz", lambda text: text + more)
    report = load_city(empty_store, small_city_folder, at=AT)
    assert (report.doubled_times, report.skipped_times, report.faults) == (2, 1, ())


def test_two_cities_live_side_by_side(city_store: Store, small_city_folder: Path) -> None:
    edit(small_city_folder / "city.toml", lambda text: text.replace('name = "smalltown"', 'name = "twintown"'))
    edit(small_city_folder / "bins.csv", lambda text: text.replace(",Waste,", ",Glass,"))
    load_city(city_store, small_city_folder, at=LATER)
    with city_store.read() as session:
        streams = session.execute(select(Bin.city, Bin.stream).distinct().order_by(Bin.city, Bin.stream)).all()
    assert [(city, stream) for city, stream in streams if stream in {"Waste", "Glass"}] == [
        ("smalltown", "Waste"),
        ("twintown", "Glass"),
    ]


# ---------------------------------------------------------------- crashes and crowds

LOAD = (
    "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
    "from domain.loading import load_city; from domain.store import Store\n"
    "store = Store(sys.argv[1]); store.migrate()\n"
    "load_city(store, Path(sys.argv[2]), at=datetime(2025, 9, 1, 15, tzinfo=UTC)); store.close()"
)


def another_process(url: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", LOAD, url, str(folder)], cwd=ROOT, text=True, stderr=subprocess.PIPE)


def enlarge(folder: Path, rows: int) -> None:
    """Many more emptyings, so that writing them takes a while."""
    without_counts(folder)
    start = datetime(2020, 1, 1, 6)  # noqa: DTZ001
    lines = [f"{101 + n % 12},{(start + timedelta(minutes=n)).isoformat()},60,,Age" for n in range(rows)]
    edit(folder / "emptyings.csv.gz", lambda text: text.splitlines()[0] + "\n" + "\n".join(lines) + "\n")


@pytest.mark.parametrize("wait_s", [0.1, *(pytest.param(s, marks=pytest.mark.slow) for s in (0.0, 0.2, 0.4))])
def test_a_load_killed_half_way_leaves_whole_files_and_can_be_repeated(
    fresh_url: str, small_city_folder: Path, wait_s: float
) -> None:
    enlarge(small_city_folder, 30_000)
    store = Store(fresh_url)
    store.migrate()
    process = another_process(fresh_url, small_city_folder)
    while count(store, CollectionRule) == 0 and process.poll() is None:
        time.sleep(0.005)
    time.sleep(wait_s)  # by now it reads or writes the emptyings
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert count(store, Bin) == 12
    assert count(store, Emptying) in {0, 30_000}
    assert load_city(store, small_city_folder, at=LATER).faults == ()
    assert (count(store, Emptying), count(store, Request)) == (30_000, 8)
    store.close()


def test_two_processes_may_load_the_same_city_at_once(fresh_url: str, small_city_folder: Path) -> None:
    processes = [another_process(fresh_url, small_city_folder) for _ in range(2)]
    assert [process.communicate()[1] for process in processes] == ["", ""]
    store = Store(fresh_url)
    assert (count(store, Emptying), count(store, Truck), count(store, City)) == (229, 2, 1)
    store.close()


@pytest.mark.slow
@pytest.mark.parametrize("city", ["berkeley", "boston"])
def test_a_shipped_city_loads_whole(empty_store: Store, city: str) -> None:
    report = load_city(empty_store, ROOT / "cities" / city, at=AT)
    assert all(fault.reason.endswith("is not in bins.csv") for fault in report.faults)
    assert len(report.faults) <= 1  # Berkeley's own records hold one emptying of a bin that they do not list
