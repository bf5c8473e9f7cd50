"""Reads a city folder: city.toml, assumptions.toml, and the rows of its csv files. It trusts nothing it finds.

A row that cannot be read becomes a `RowFault` and the rest goes on; a file that cannot be read as a whole becomes a
fault of line 0, or BadData when nothing can be done without it.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import tomllib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import JsonValue, TypeAdapter, ValidationError

from domain.city_cells import Cells, Known, LocalTimes, RowProblem
from domain.city_rows import FileFormat, TruckRow
from domain.errors import BadData

__all__ = ["CityFacts", "FileRows", "RowFault", "find_file", "read_city", "read_rows"]

MOST_FAULTS_KEPT = 100  # of a file; the others are only counted
LARGEST_FILE_BYTES = 512 * 1024 * 1024  # unpacked; a larger one is a mistake or an attack
TABLE = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True)
class RowFault:
    """A row (or, with line 0, a whole file) that was not loaded, and why. Lines count from 1, the header included."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        """As a person reads it."""
        return f"{self.file}, line {self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass(frozen=True)
class CityFacts:
    """What city.toml and assumptions.toml say. `counts` are the rows that each file must hold, when it says so."""

    name: str
    title: str
    description: str
    timezone: str
    now_local: str
    currency: str
    assumptions: dict[str, JsonValue]
    aliases: dict[str, JsonValue]
    counts: Mapping[str, int]
    trucks: tuple[TruckRow, ...]
    digest: str
    faults: tuple[RowFault, ...]

    @property
    def zone(self) -> ZoneInfo:
        """The city's time zone."""
        return ZoneInfo(self.timezone)


@dataclass(frozen=True)
class FileRows:
    """The rows of one file that could be read, of the file's own row type, and what was wrong with the others.

    `faults` holds the first hundred, `fault_count` counts all. `repeats` are rows that said the same again; `doubled`
    and `skipped` are times that a clock change made twice, or never.
    """

    rows: Sequence[Any]
    faults: tuple[RowFault, ...]
    fault_count: int
    repeats: int = 0
    doubled: int = 0
    skipped: int = 0


# ---------------------------------------------------------------- city.toml and assumptions.toml


def read_city(folder: Path) -> CityFacts:
    """The facts of a city. Raises BadData when the folder is none, or its settings cannot be read."""
    if not folder.is_dir():
        raise BadData(f"There is no city folder at {folder}. Give the folder that holds city.toml.")
    said, city_bytes = _toml(folder / "city.toml")
    assumed, assumed_bytes, faults = _assumptions(folder / "assumptions.toml")
    name, zone, now = (_said(said, key) for key in ("name", "timezone", "now"))
    _check_zone(zone)
    _check_now(now)
    return CityFacts(
        name=name,
        title=str(said.get("title") or name),
        description=str(said.get("description") or ""),
        timezone=zone,
        now_local=now,
        currency=_said(said, "currency"),
        assumptions=assumed,
        aliases=_table(said, "aliases"),
        counts={file: count for file, count in _table(said, "counts").items() if isinstance(count, int)},
        trucks=_trucks(assumed),
        digest=hashlib.sha256(city_bytes + b"\0" + assumed_bytes).hexdigest(),
        faults=faults,
    )


def _toml(path: Path) -> tuple[dict[str, JsonValue], bytes]:
    try:
        data = path.read_bytes()
        return TABLE.validate_python(_plain(tomllib.loads(data.decode("utf-8-sig")))), data
    except FileNotFoundError:
        raise BadData(f"{path.name} is missing in {path.parent}. Every city folder needs one.") from None
    except OSError as error:
        raise BadData(f"{path} cannot be read: {error.strerror}. Check who owns it.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadData(f"{path} cannot be read as TOML: {error!s:.200}. Mend it and load again.") from None


def _plain(value: object) -> object:
    """TOML's own dates and times as text; not-a-number is refused like any broken value."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, time):
        return value.strftime("%H:%M")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float) and value - value != 0:
        raise tomllib.TOMLDecodeError(f"{value} is no number to plan with")
    return value


def _assumptions(path: Path) -> tuple[dict[str, JsonValue], bytes, tuple[RowFault, ...]]:
    if not path.exists():
        why = "the file is missing, so there is no truck to plan with; add [[depots]] and [[trucks]]"
        return {}, b"", (RowFault(path.name, 0, why),)
    return *_toml(path), ()


def _said(table: Mapping[str, JsonValue], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise BadData(f"city.toml does not say its {key}. Add a line like {key} = “…”.")
    return value.strip()


def _table(table: Mapping[str, JsonValue], key: str) -> dict[str, JsonValue]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise BadData(f"city.toml: [{key}] must be a table.")
    return value


def _check_zone(zone: str) -> None:
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadData(f"city.toml: {zone!r:.60} is no time zone. Use a name like America/Los_Angeles.") from None


def _check_now(now: str) -> None:
    try:
        aware = datetime.fromisoformat(now).tzinfo is not None
    except ValueError:
        aware = True
    if aware:
        raise BadData(f"city.toml: now is {now!r:.60}. Write the city's local time, like 2025-08-31T23:55.")


def _trucks(assumed: Mapping[str, JsonValue]) -> tuple[TruckRow, ...]:
    depots = {str(table.get("name")): table for table in _tables(assumed, "depots")}
    trucks = tuple(_truck(table, depots, n) for n, table in enumerate(_tables(assumed, "trucks"), start=1))
    if len({truck.name for truck in trucks}) < len(trucks):
        raise BadData("assumptions.toml: two trucks have the same name. Give each its own.")
    return trucks


def _tables(assumed: Mapping[str, JsonValue], key: str) -> list[dict[str, JsonValue]]:
    tables = assumed.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadData(f"assumptions.toml: write each of the {key} as a [[{key}]] table.")
    return [table for table in tables if isinstance(table, dict)]


def _truck(table: Mapping[str, JsonValue], depots: Mapping[str, dict[str, JsonValue]], position: int) -> TruckRow:
    known = Known(LocalTimes(ZoneInfo("UTC")))
    cells = Cells({key: str(value) for key, value in table.items()}, known)
    try:
        depot = cells.one_of("depot", depots, "the [[depots]]")
        place = Cells({key: str(value) for key, value in depots[depot].items()}, known).point()
        streams = table.get("streams")
        shift_start, shift_end = cells.clock_time("shift_start"), cells.clock_time("shift_end")
        if not (isinstance(streams, list) and streams and shift_start and shift_end and shift_start != shift_end):
            raise RowProblem("it needs streams, a shift_start and another shift_end")
        return TruckRow(
            name=cells.text("name"),
            position=position,
            capacity_l=cells.number("capacity_l", 1, 1e6),
            capacity_kg=cells.number("capacity_kg", 1, 1e5),
            compaction_ratio=cells.maybe_number("compaction_ratio", 1, 20) or 1.0,
            streams=[str(stream) for stream in streams],
            shift_start=shift_start,
            shift_end=shift_end,
            cost_per_km=cells.number("cost_per_km", 0, 1e6),
            cost_per_hour=cells.number("cost_per_hour", 0, 1e6),
            g_co2e_per_km=cells.number("emissions_g_co2e_per_km", 0, 1e6),
            depot=depot,
            depot_lat=place[0],
            depot_lon=place[1],
        )
    except RowProblem as problem:
        raise BadData(f"assumptions.toml, truck {position}: {problem}. Mend it and load again.") from None


# ---------------------------------------------------------------- csv files


def find_file(folder: Path, format_: FileFormat) -> Path | None:
    """The file of a format, packed (`.csv.gz`) or not (`.csv`); None when there is neither."""
    found = [path for ending in (".csv.gz", ".csv") if (path := folder / f"{format_.stem}{ending}").exists()]
    return found[0] if found else None


def read_rows(data: bytes, path: Path, format_: FileFormat, known: Known) -> FileRows:
    """All rows of a file's bytes, whatever they are. Never raises: what cannot be read is among the faults."""
    reading = _Reading(path.name, format_, known)
    try:
        for line, cells in _cells(data, path, format_):
            reading.take(line, cells)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        reason = "the packed file ends early or is damaged; copy it again from its source"
        return FileRows((), (RowFault(path.name, 0, reason),), 1)
    except UnicodeDecodeError:
        reason = "the file is no UTF-8 text; save it as csv in UTF-8"
        return FileRows((), (RowFault(path.name, 0, reason),), 1)
    except RowProblem as problem:
        return FileRows((), (RowFault(path.name, 0, str(problem)),), 1)
    return reading.result()


def _cells(data: bytes, path: Path, format_: FileFormat) -> Iterator[tuple[int, Mapping[str, str] | str]]:
    """Each line's number and its cells by column, or a reason why it has none. Raises RowProblem for the whole file."""
    reader = csv.reader(io.StringIO(_unpacked(data, path).decode("utf-8-sig"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        why = "look for a quotation mark that is not closed"
        raise RowProblem(f"the first line, which names the columns, cannot be read ({error}); {why}") from None
    _check_header(header, format_)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield reader.line_num, f"the line cannot be read ({error}); look for a quotation mark that is not closed"
            continue
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) == len(header):
            yield reader.line_num, dict(zip(header, cells, strict=True))
        else:
            yield reader.line_num, f"{len(cells)} cells where the first line names {len(header)} columns"


def _check_header(header: Sequence[str], format_: FileFormat) -> None:
    """Refuses a file without its columns; and one with a strange column where one is missing: likely a misspelling."""
    missing = [name for name in format_.required.split() if name not in header]
    if missing:
        found = ", ".join(header)[:120] or "none"
        raise RowProblem(f"the first line must name the columns {', '.join(missing)}; it names {found}")
    absent = [name for name in format_.optional.split() if name not in header]
    strange = [name for name in header if name not in f"{format_.required} {format_.optional}".split()]
    if absent and strange:
        raise RowProblem(
            f"column {strange[0]!r:.60} is not known; was {' or '.join(absent)} meant? Rename or remove it"
        )


def _unpacked(data: bytes, path: Path) -> bytes:
    if not data:
        raise RowProblem("the file is empty; copy it again from its source")
    if path.suffix == ".gz":
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            data = packed.read(LARGEST_FILE_BYTES + 1)
    if len(data) > LARGEST_FILE_BYTES:
        raise RowProblem(f"the file unpacks to more than {LARGEST_FILE_BYTES // 2**20} MB; split it")
    return data


class _Reading:
    """Gathers one file's rows and faults."""

    def __init__(self, file: str, format_: FileFormat, known: Known) -> None:
        self.file, self.format, self.known = file, format_, known
        self.rows: dict[tuple[object, ...], tuple[int, Any]] = {}
        self.faults: list[RowFault] = []
        self.fault_count = self.repeats = 0
        self.doubled, self.skipped = known.times.doubled, known.times.skipped

    def take(self, line: int, cells: Mapping[str, str] | str) -> None:
        """One row, or one fault."""
        try:
            if isinstance(cells, str):
                raise RowProblem(cells)
            row = self.format.parse(Cells(cells, self.known))
            key = tuple(getattr(row, name) for name in self.format.key.split())
            first_line, first = self.rows.setdefault(key, (line, row))
            if first_line != line:
                if first != row:
                    raise RowProblem(
                        f"it has the {' and '.join(self.format.key.split())} of line {first_line}, but says else"
                    )
                self.repeats += 1
        except RowProblem as problem:
            self.fault_count += 1
            if len(self.faults) < MOST_FAULTS_KEPT:
                self.faults.append(RowFault(self.file, line, str(problem)))

    def result(self) -> FileRows:
        """What was gathered."""
        times = self.known.times
        return FileRows(
            [row for _, row in self.rows.values()],
            tuple(self.faults),
            self.fault_count,
            self.repeats,
            times.doubled - self.doubled,
            times.skipped - self.skipped,
        )
