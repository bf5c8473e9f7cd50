"""Loads a city folder into the records: one transaction for each file, and the same folder twice changes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from domain.city_cells import Known, LocalTimes
from domain.city_folder import CityFacts, FileRows, RowFault, find_file, read_city, read_rows
from domain.city_rows import FORMATS, FileFormat
from domain.columns import Base
from domain.errors import BadData
from domain.records import (
    Bin,
    Circuit,
    City,
    CityFile,
    CollectionRule,
    Emptying,
    Place,
    Reading,
    Request,
    Site,
    Truck,
)
from domain.store import Store
from domain.upsert import remove_others, upsert

__all__ = ["LoadReport", "load_city", "was_cut_short"]

RECORDS: Mapping[str, type[Base]] = {
    "sites": Site,
    "bins": Bin,
    "places": Place,
    "schedule": CollectionRule,
    "circuits": Circuit,
    "emptyings": Emptying,
    "readings": Reading,
    "requests": Request,
}
SETTINGS = "city.toml"  # stands for assumptions.toml too


@dataclass(frozen=True)
class LoadReport:
    """What a load did, by file name.

    `counts`: rows now in the records from this load; `skipped`: rows that only repeated another; `faults`: the first
    hundred of each file, `fault_counts` all of them; `unchanged`: files that were loaded before as they are.
    `doubled_times` and `skipped_times`: local times that a clock change made twice, or never.
    """

    city: str
    counts: Mapping[str, int] = field(default_factory=dict)
    faults: tuple[RowFault, ...] = ()
    fault_counts: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    unchanged: tuple[str, ...] = ()
    doubled_times: int = 0
    skipped_times: int = 0


def load_city(store: Store, folder: Path, *, strict: bool = False, at: datetime) -> LoadReport:
    """Loads a city folder; `at` (aware) is the time of loading.

    A bad row is a fault of the report and the rest goes on; with `strict` a file with any fault is not loaded and
    raises BadData. Always raises BadData for a folder, city.toml, assumptions.toml, sites.csv or bins.csv that cannot
    be used, and StoreUnavailable. Files loaded before an error stay loaded, each whole.
    """
    facts = read_city(folder)
    report = LoadReport(facts.name)
    if facts.faults:
        report = _with_fault(report, facts.faults[0], strict)
    report = _load_settings(store, facts, at, report)
    for format_ in FORMATS:
        report = _load_file(_Task(store, facts, folder, format_, strict, at), report)
    return report


def was_cut_short(store: Store, folder: Path) -> bool:
    """Whether this very folder (its city.toml as it is) began to load and a file of it never came in.

    Raises BadData when the folder cannot be used, and StoreUnavailable.
    """
    facts = read_city(folder)
    with store.read() as session:
        noted = session.get(CityFile, (facts.name, SETTINGS))
        if noted is None or noted.digest != facts.digest:
            return False  # loaded from elsewhere: that load is not ours to finish
        loaded = set(session.scalars(select(CityFile.file).where(CityFile.city == facts.name)))
    here = (find_file(folder, format_) for format_ in FORMATS)
    return any(path is not None and path.name not in loaded for path in here)


# ---------------------------------------------------------------- one file


@dataclass(frozen=True)
class _Task:
    """One file to load, and all that it takes."""

    store: Store
    facts: CityFacts
    folder: Path
    format: FileFormat
    strict: bool
    at: datetime


def _load_file(task: _Task, report: LoadReport) -> LoadReport:
    path = find_file(task.folder, task.format)
    if path is None:
        return _without_file(task, report)
    try:
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(task, RowFault(path.name, 0, f"the file cannot be read ({error.strerror})"), report)
    digest = hashlib.sha256(task.facts.timezone.encode() + b"\0" + data).hexdigest()
    with task.store.read() as session:
        if _loaded_before(session, task.facts.name, path.name, digest):
            return replace(report, unchanged=(*report.unchanged, path.name))
        known = _known(session, task.facts)
    found = _checked_count(task, path.name, read_rows(data, path, task.format, known))
    if found.faults and found.faults[0].line == 0 and not found.rows:
        return _unreadable(task, found.faults[0], report)
    if found.fault_count and task.strict:
        raise BadData(_strict_message(found))
    with task.store.write() as session:
        _put(session, task, found)
        entry = CityFile(file=path.name, digest=digest, rows=len(found.rows), faults=found.fault_count)
        _note_file(session, task.facts.name, entry, task.at)
    return _with_rows(report, path.name, found)


def _without_file(task: _Task, report: LoadReport) -> LoadReport:
    if task.format.needed:
        raise BadData(f"{task.format.name} is missing in {task.folder}. Every city folder needs one.")
    listed = {name for name in task.facts.counts if name.partition(".")[0] == task.format.stem}
    if not listed:
        return report
    fault = RowFault(task.format.name, 0, "the file is missing although city.toml counts its rows; put it back")
    return _with_fault(report, fault, task.strict)


def _unreadable(task: _Task, fault: RowFault, report: LoadReport) -> LoadReport:
    if task.format.needed:
        raise BadData(f"{task.folder / fault.file}: {fault.reason}.")
    return _with_fault(report, fault, task.strict)


def _checked_count(task: _Task, file: str, found: FileRows) -> FileRows:
    """Adds a fault when city.toml counts other rows than the file holds: a cut file looks whole otherwise."""
    counted, held = task.facts.counts.get(file), len(found.rows) + found.repeats + found.fault_count
    if counted is None or counted == held or (found.faults and found.faults[0].line == 0):
        return found
    fault = RowFault(file, 0, f"city.toml counts {counted} rows and the file holds {held}; copy it again")
    return replace(found, faults=(*found.faults, fault), fault_count=found.fault_count + 1)


def _strict_message(found: FileRows) -> str:
    first = "; ".join(str(fault) for fault in found.faults[:3])
    return f"Nothing of this file was loaded, because {found.fault_count} of its rows are faulty: {first}."


def _with_fault(report: LoadReport, fault: RowFault, strict: bool) -> LoadReport:
    if strict:
        raise BadData(f"{fault}.")
    counts = {**report.fault_counts, fault.file: report.fault_counts.get(fault.file, 0) + 1}
    return replace(report, faults=(*report.faults, fault), fault_counts=counts)


def _with_rows(report: LoadReport, file: str, found: FileRows) -> LoadReport:
    return replace(
        report,
        counts={**report.counts, file: len(found.rows)},
        faults=(*report.faults, *found.faults),
        fault_counts={**report.fault_counts, file: found.fault_count} if found.fault_count else report.fault_counts,
        skipped={**report.skipped, file: found.repeats} if found.repeats else report.skipped,
        doubled_times=report.doubled_times + found.doubled,
        skipped_times=report.skipped_times + found.skipped,
    )


# ---------------------------------------------------------------- what the records hold and get


def _loaded_before(session: Session, city: str, file: str, digest: str) -> bool:
    entry = session.get(CityFile, (city, file))
    return entry is not None and entry.digest == digest and entry.faults == 0


def _known(session: Session, facts: CityFacts) -> Known:
    sites = session.execute(select(Site.site_id, Site.lat, Site.lon).where(Site.city == facts.name))
    bins = session.scalars(select(Bin.bin_id).where(Bin.city == facts.name))
    return Known(LocalTimes(facts.zone), {site: (lat, lon) for site, lat, lon in sites}, frozenset(bins))


def _load_settings(store: Store, facts: CityFacts, at: datetime, report: LoadReport) -> LoadReport:
    """The city's row and its trucks, in one transaction."""
    with store.write() as session:
        if _loaded_before(session, facts.name, SETTINGS, facts.digest):
            return replace(report, unchanged=(*report.unchanged, SETTINGS))
        city = session.get(City, facts.name)
        if city is not None and city.timezone != facts.timezone:
            raise BadData(
                f"The records of {facts.name} were loaded in the time zone {city.timezone}, and city.toml now says "
                f"{facts.timezone}. Give the city another name, or load it into an empty database."
            )
        names = ("title", "description", "timezone", "now_local", "currency", "assumptions", "aliases")
        row = {name: getattr(facts, name) for name in names}
        upsert(session, City, ("name",), [{"name": facts.name, **row, "loaded_at": at, "digest": facts.digest}])
        trucks = [{"city": facts.name, **truck._asdict()} for truck in facts.trucks]
        upsert(session, Truck, ("city", "name"), trucks)
        if not facts.faults:
            remove_others(session, Truck, facts.name, {"name": [truck.name for truck in facts.trucks]})
        entry = CityFile(file=SETTINGS, digest=facts.digest, rows=len(trucks), faults=len(facts.faults))
        _note_file(session, facts.name, entry, at)
    return replace(report, counts={**report.counts, SETTINGS: 1, "trucks": len(trucks)})


def _put(session: Session, task: _Task, found: FileRows) -> None:
    record, city, key = RECORDS[task.format.stem], task.facts.name, task.format.key.split()
    upsert(session, record, ("city", *key), [{"city": city, **row._asdict()} for row in found.rows])
    if task.format.whole and not found.fault_count:
        remove_others(session, record, city, {name: [getattr(row, name) for row in found.rows] for name in key})


def _note_file(session: Session, city: str, entry: CityFile, at: datetime) -> None:
    """Remembers what was loaded, and renews the digest of the whole."""
    entry.city, entry.loaded_at = city, at
    session.merge(entry)
    session.flush()
    files = session.execute(select(CityFile.file, CityFile.digest).where(CityFile.city == city).order_by(CityFile.file))
    whole = hashlib.sha256("\n".join(f"{file} {digest}" for file, digest in files).encode()).hexdigest()
    record = session.get(City, city, populate_existing=True)
    if record is not None:
        record.digest = whole
