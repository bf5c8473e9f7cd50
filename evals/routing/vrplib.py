"""Reads VRPLIB files (CVRPLIB's, with the fields that PyVRP adds) and Solomon's text files."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from domain.errors import BadData
from evals.routing.conventions import Raw, RawVehicle, Reals, column

Row = tuple[int, list[float]]
"""Line number and the numbers of a line."""

HEADER = re.compile(r"([A-Z_0-9]+)\s*:\s*(.*)")
SECTION = re.compile(r"([A-Z_0-9]+)_SECTION\s*:?")
SAID = {"NAME", "COMMENT", "TYPE", "EDGE_WEIGHT_TYPE", "EDGE_WEIGHT_FORMAT", "NODE_COORD_TYPE", "DISPLAY_DATA_TYPE"}
VEHICLE_FIELDS = {
    "CAPACITY", "VEHICLES_DEPOT", "VEHICLES_MAX_DURATION", "VEHICLES_MAX_DISTANCE", "VEHICLES_FIXED_COST",
    "VEHICLES_UNIT_DISTANCE_COST", "VEHICLES_ALLOWED_CLIENTS", "VEHICLES_RELOAD_DEPOT", "VEHICLES_MAX_RELOADS",
}  # fmt: skip
POINT_FIELDS = {"NODE_COORD", "DEMAND", "SERVICE_TIME", "TIME_WINDOW", "RELEASE_TIME", "PRIZE"}
KNOWN = VEHICLE_FIELDS | POINT_FIELDS | {"DIMENSION", "VEHICLES", "DEPOT", "EDGE_WEIGHT", "DISTANCE"}


@dataclass
class Document:
    """A file taken apart: `KEY : value` lines with their line numbers, and the rows of each section."""

    file: Path
    headers: dict[str, tuple[int, str]] = field(default_factory=dict)
    sections: dict[str, list[Row]] = field(default_factory=dict)
    began: dict[str, int] = field(default_factory=dict)

    def wrong(self, line: int, what: str) -> BadData:
        """The error to raise for a line."""
        return BadData(f"{self.file}:{line}: {what}")

    def number(self, key: str, otherwise: float = math.nan) -> float:
        """A header's number; BadData when it is missing without an `otherwise`, or no number."""
        if key not in self.headers:
            if math.isnan(otherwise):
                raise BadData(f"{self.file}: the line `{key} : NUMBER` is missing")
            return otherwise
        line, said = self.headers[key]
        return _number(self, line, said)

    def rows(self, key: str, n: int, width: int) -> list[list[float]]:
        """A section's rows without their running numbers 1..n; `width` numbers a row, or at least one when it is 0."""
        rows = self.sections[key]
        for index, (line, numbers) in enumerate(rows):
            if index >= n or numbers[0] != index + 1:
                raise self.wrong(line, f"{key}_SECTION needs the rows 1 to {n} in this order")
            if width and len(numbers) != width + 1:
                raise self.wrong(line, f"{key}_SECTION needs {width + 1} numbers a row")
        if len(rows) < n:
            raise self.wrong(self.began[key], f"{key}_SECTION has {len(rows)} rows, {n} are needed")
        return [numbers[1:] for _, numbers in rows]


def read_vrplib(file: Path) -> Raw:
    """A VRPLIB file. Raises BadData with file and line for what is broken or means a problem that is not read here."""
    said = take_apart(file)
    n = int(said.number("DIMENSION"))
    if n < 2:
        raise said.wrong(said.headers["DIMENSION"][0], "an instance needs a depot and at least one stop")
    depots = _depots(said, n)
    windows = _points(said, "TIME_WINDOW", n, depots, 2)
    kind = said.headers.get("TYPE", (0, "CVRP"))[1].casefold() or "cvrp"
    return Raw(
        name=file.stem,
        kind=kind,
        depots=depots,
        places=_points(said, "NODE_COORD", n, depots, 2) if "NODE_COORD" in said.sections else np.zeros((n, 2)),
        demand=_points(said, "DEMAND", n, depots),
        service=_points(said, "SERVICE_TIME", n, depots),
        earliest=windows[:, 0] if "TIME_WINDOW" in said.sections else np.zeros(n),
        latest=windows[:, 1] if "TIME_WINDOW" in said.sections else np.full(n, math.inf),
        release=_points(said, "RELEASE_TIME", n, depots),
        prize=_points(said, "PRIZE", n, depots),
        vehicles=_vehicles(said, n, depots),
        edges=_edges(said, n),
        capacity=said.number("CAPACITY", math.inf),
    )


def take_apart(file: Path) -> Document:
    """The lines of a VRPLIB file. Raises BadData for one that is none, and for fields that are not understood."""
    said, section = Document(file), ""
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        text = line.strip()
        if not text or text == "EOF":
            section = "" if text else section
        elif found := SECTION.fullmatch(text):
            section = _known(said, number, found[1])
            said.sections[section], said.began[section] = [], number
        elif found := HEADER.fullmatch(text):
            key, section = found[1], ""
            said.headers[key if key in SAID else _known(said, number, key)] = (number, found[2].strip().strip('"'))
        elif section:
            said.sections[section].append((number, [_number(said, number, word) for word in text.split()]))
        else:
            raise said.wrong(number, f"neither `KEY : value` nor a row of a section: {text[:40]}")
    return said


def _known(said: Document, line: int, key: str) -> str:
    if key not in KNOWN:
        raise said.wrong(line, f"{key} means a kind of problem that is not read here")
    return key


def _number(said: Document, line: int, word: str) -> float:
    try:
        value = float(word)
    except ValueError:
        raise said.wrong(line, f"not a number: {word[:40]}") from None
    if not math.isfinite(value):
        raise said.wrong(line, f"not a number that can be planned with: {word}")
    return value


def _depots(said: Document, n: int) -> int:
    """How many depots there are; as PyVRP wants it, they are the first points."""
    rows = said.sections.get("DEPOT", [(0, [1.0])])
    named = [(line, number) for line, numbers in rows for number in numbers if number >= 0]
    for index, (line, number) in enumerate(named):
        if number != index + 1 or number >= n:
            raise said.wrong(line, "depots must be the first points: 1, 2, ...")
    return max(1, len(named))


def _points(said: Document, key: str, n: int, depots: int, width: int = 1) -> Reals:
    """A field of every point: from its section, from its header for every stop, or zero."""
    if key in said.sections:
        found = column([value for row in said.rows(key, n, width) for value in row])
        return found.reshape(n, width) if width > 1 else found
    made = np.zeros((n, width)) if width > 1 else np.zeros(n)
    made[depots:] = said.number(key, 0.0)
    return made


def _edges(said: Document, n: int) -> Reals | None:
    """The explicit matrix; None for Euclidean distances."""
    line, kind = said.headers.get("EDGE_WEIGHT_TYPE", (1, "EUC_2D"))
    if kind == "EUC_2D":
        if "NODE_COORD" not in said.sections:
            raise BadData(f"{said.file}: NODE_COORD_SECTION is missing")
        return None
    layout = said.headers.get("EDGE_WEIGHT_FORMAT", (line, "FULL_MATRIX"))[1]
    if kind != "EXPLICIT" or layout not in LAYOUTS or "EDGE_WEIGHT" not in said.sections:
        raise said.wrong(line, f"distances as {kind} {layout} are not read here")
    values = column([value for _, row in said.sections["EDGE_WEIGHT"] for value in row])
    rows, columns = LAYOUTS[layout](n)
    if len(values) != len(rows):
        raise said.wrong(said.began["EDGE_WEIGHT"], f"{len(values)} distances, {layout} of {n} points has {len(rows)}")
    made = np.zeros((n, n))
    made[rows, columns] = values
    return made if layout == "FULL_MATRIX" else made + made.T


Cells = tuple[np.typing.NDArray[np.intp], np.typing.NDArray[np.intp]]
LAYOUTS: dict[str, Callable[[int], Cells]] = {
    "FULL_MATRIX": lambda n: (np.repeat(np.arange(n), n), np.tile(np.arange(n), n)),
    "LOWER_ROW": lambda n: np.tril_indices(n, -1),
    "LOWER_DIAG_ROW": lambda n: np.tril_indices(n),
    "UPPER_ROW": lambda n: np.triu_indices(n, 1),
    "UPPER_DIAG_ROW": lambda n: np.triu_indices(n),
}


def _vehicles(said: Document, n: int, depots: int) -> tuple[RawVehicle, ...]:
    """The fleet; empty where the file does not bound it, which it may only do for vehicles that are all alike."""
    given = [key for key in sorted(VEHICLE_FIELDS) if key in said.sections]
    if "VEHICLES" not in said.headers:
        if given:
            raise said.wrong(said.began[given[0]], f"{given[0]}_SECTION needs the line `VEHICLES : NUMBER`")
        limit = said.number("DISTANCE", math.inf)
        return () if math.isinf(limit) else (RawVehicle(said.number("CAPACITY"), max_duration=limit),) * (n - depots)
    count = int(said.number("VEHICLES"))
    if count < 1:
        raise said.wrong(said.headers["VEHICLES"][0], "an instance needs at least one vehicle")

    def each(key: str, otherwise: float) -> list[float]:
        if key in said.sections:
            return [row[0] for row in said.rows(key, count, 1)]
        return [said.number(key, otherwise)] * count

    columns = zip(
        each("CAPACITY", math.inf),
        each("VEHICLES_DEPOT", 1),
        each("VEHICLES_FIXED_COST", 0),
        each("VEHICLES_UNIT_DISTANCE_COST", 1),
        each("VEHICLES_MAX_DURATION", said.number("DISTANCE", math.inf)),
        each("VEHICLES_MAX_DISTANCE", math.inf),
        _sets(said, "VEHICLES_ALLOWED_CLIENTS", count, (depots, n)),
        _sets(said, "VEHICLES_RELOAD_DEPOT", count, (0, depots)),
        each("VEHICLES_MAX_RELOADS", math.inf),
        strict=True,
    )
    made = []
    for capacity, depot, fixed, rate, duration, distance, allowed, reloads, most in columns:
        if not 1 <= depot <= depots or rate != int(rate) or rate < 0:
            raise BadData(f"{said.file}: a vehicle starts at no depot, or its cost per distance is no whole number")
        made.append(
            RawVehicle(
                capacity,
                int(depot) - 1,
                fixed,
                int(rate),
                duration,
                distance,
                allowed,
                tuple(sorted(reloads or ())),
                most,
            )
        )
    return tuple(made)


def _sets(said: Document, key: str, count: int, within: tuple[int, int]) -> list[frozenset[int] | None]:
    """Points named for each vehicle, 0-based; None where the file has no such section."""
    if key not in said.sections:
        return [None] * count
    made: list[frozenset[int] | None] = []
    for row in said.rows(key, count, 0):
        points = frozenset(int(value) - 1 for value in row)
        if any(not within[0] <= point < within[1] for point in points):
            raise said.wrong(said.began[key], f"{key}_SECTION, vehicle {len(made) + 1}: no such stop or depot")
        made.append(points)
    return made


# ---------------------------------------------------------------- Solomon


def is_solomon(text: str) -> bool:
    """Whether a text file is one of Solomon's or of Gehring and Homberger's."""
    return bool(re.search(r"^\s*VEHICLE\s*$", text, re.M) and re.search(r"^\s*CUST", text, re.M))


def read_solomon(file: Path) -> Raw:
    """A Solomon file: fleet, capacity, then id, x, y, demand, ready time, due date and service time a line."""
    said = Document(file)
    fleet: list[float] = []
    points: list[list[float]] = []
    for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1):
        words = line.split()
        if number == 1 or not words or words[0][0].isalpha():
            continue
        values = [_number(said, number, word) for word in words]
        if not fleet and len(values) == 2:
            fleet = values
        elif len(values) != 7 or values[0] != len(points):
            raise said.wrong(number, f"a row must be `{len(points)} x y demand ready due service`")
        else:
            points.append(values)
    if not fleet or fleet[0] < 1 or len(points) < 2:
        raise BadData(f"{file}: the fleet or the stops are missing")
    _, x, y, demand, ready, due, service = (column(list(values)) for values in zip(*points, strict=True))
    nothing = np.zeros(len(points))
    vehicles = (RawVehicle(capacity=fleet[1]),) * int(fleet[0])
    service[0] = 0
    return Raw(file.stem, "vrptw", 1, np.column_stack([x, y]), demand, service, ready, due, nothing, nothing, vehicles)
