"""Distances along roads from an OSRM or Valhalla server, or from a given file, kept on disk by hash.

Whatever goes wrong, the plan gets great-circle distances instead and the answer says so. What was asked once is read
from the folder ever after, so that a plan can be explained and replayed when the server is gone or has newer roads;
emptying the folder asks anew.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from domain.errors import BadData
from domain.ports import NO_WAY, MatrixProvider, Travel
from feeds.map_servers import SERVERS, MapServer, Matrix, Points, Refused, Request, TooMany

DIGITS = 6  # of a degree: a tenth of a metre
ATTEMPTS = 2
CONNECT_S = 2.0
LONGEST_ANSWER = 50_000_000  # bytes
PASSING = {408, 425, 429, 500, 502, 503, 504}
"""Statuses that another try may get past (RFC 9110, RFC 8470, RFC 6585)."""


def distances_of(kind: str, url: str | None, folder: Path, fallback: MatrixProvider) -> MatrixProvider:
    """What the settings `matrix_kind` and `matrix_url` name; server matrices are kept in `folder`. Raises BadData."""
    if kind == "great-circle":
        return fallback
    if not url:
        raise BadData(f"ROUNDSMAN_MATRIX_KIND is {kind}, which needs ROUNDSMAN_MATRIX_URL")
    if kind == "given":
        return read_given(Path(url), fallback)
    try:
        usable = httpx.URL(url).scheme in ("http", "https")
    except httpx.InvalidURL:
        usable = False
    if kind not in SERVERS or not usable:
        raise BadData("ROUNDSMAN_MATRIX_KIND must be osrm or valhalla, and ROUNDSMAN_MATRIX_URL begin with http")
    return RoadMatrix(SERVERS[kind](), url, folder, fallback)


class _Failed(Exception):
    """The server gave no matrix; the message says why."""


@dataclass(frozen=True)
class Waiting:
    """How long a server is waited for: for one matrix in all, and not again for a while after it failed."""

    deadline_s: float = 8.0
    pause_s: float = 30.0


@dataclass
class RoadMatrix:
    """Distances by a road server; `fallback` when it fails. Matrices are kept in `folder`. May be used by threads."""

    server: MapServer
    url: str
    folder: Path
    fallback: MatrixProvider
    waiting: Waiting = field(default_factory=Waiting)
    most_kept: int = 200
    _quiet_until: float = field(default=-math.inf, repr=False)

    @property
    def name(self) -> str:
        """The server's kind and host; a name and password in its address are not told."""
        return f"road distances by {self.server.name} at {httpx.URL(self.url).host}"

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        """From the folder, else from the server, else from `fallback` with a sentence why."""
        if source == self.fallback.name:
            return self.fallback.travel(points)
        asked, where = _distinct(points)
        file = self.folder / f"{self._key(asked)}.npz"
        kept = _read(file, len(asked))
        if kept is None:
            try:
                kept = self._ask(asked)
            except _Failed as failed:
                instead = self.fallback.travel(points)
                sentence = f"{self.server.name} cannot be used ({failed}): distances are {instead.source}"
                return Travel(instead.metres, instead.seconds, instead.source, instead.roads, sentence)
            _keep(file, kept, self.most_kept)
        metres, seconds = (matrix[np.ix_(where, where)] for matrix in kept)
        return Travel(metres, seconds, self.name, roads=True)

    def _key(self, points: Points) -> str:
        told = [self.server.name, str(httpx.URL(self.url).copy_with(username=None, password=None)), points]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    def _ask(self, points: Points) -> tuple[Matrix, Matrix]:
        """Block by block; a server that takes fewer points at once gets smaller blocks. Raises _Failed."""
        now = time.monotonic()
        if now < self._quiet_until:
            raise _Failed("it failed a moment ago")
        try:
            with httpx.Client(base_url=self.url.rstrip("/"), trust_env=False) as http:
                return self._blocks(_Line(http, now + self.waiting.deadline_s), points)
        except _Failed:
            self._quiet_until = time.monotonic() + self.waiting.pause_s
            raise

    def _blocks(self, line: _Line, points: Points) -> tuple[Matrix, Matrix]:
        side, n = self.server.side, len(points)
        metres, seconds = np.zeros((n, n), np.int64), np.zeros((n, n), np.int64)
        todo = [(0, 0, n, n)] if n > 1 else []
        while todo:
            top, left, rows, columns = todo.pop()
            if max(rows, columns) <= side:
                sources, targets = points[top : top + rows], points[left : left + columns]
                try:
                    block = self.server.read(line.ask(self.server.request(sources, targets)), (rows, columns))
                except TooMany:
                    if side == 1:
                        raise _Failed("it takes not even one pair of points") from None
                    side = max(1, min(side, max(rows, columns)) // 2)
                except Refused as refused:
                    raise _Failed(str(refused)) from None
                else:
                    here = np.s_[top : top + rows, left : left + columns]
                    metres[here], seconds[here] = block
                    continue
            todo += [
                (i, j, min(side, top + rows - i), min(side, left + columns - j))
                for i in range(top, top + rows, side)
                for j in range(left, left + columns, side)
            ]
        return metres, seconds


@dataclass(frozen=True)
class _Line:
    """A connection with a moment by which everything must be over."""

    http: httpx.Client
    until: float

    def ask(self, request: Request) -> object:
        """The answer's JSON; a passing fault is tried once more. Raises _Failed."""
        why = ""
        for _ in range(ATTEMPTS):
            try:
                status, body = self._send(request)
            except httpx.TimeoutException:
                raise _Failed("it did not answer in time") from None
            except httpx.HTTPError as error:
                why = f"the connection failed, {type(error).__name__}"
                continue
            if status in PASSING:
                why = f"status {status}"
                continue
            try:
                return json.loads(body)
            except ValueError:
                raise _Failed(f"its answer is no JSON, status {status}") from None
        raise _Failed(why)

    def _send(self, request: Request) -> tuple[int, bytes]:
        left = self.until - time.monotonic()
        if left <= 0:
            raise _Failed("it did not answer in time")
        timeout = httpx.Timeout(left, connect=min(CONNECT_S, left))
        method = "GET" if request.body is None else "POST"
        body = bytearray()
        with self.http.stream(method, request.path, json=request.body, timeout=timeout) as response:
            for part in response.iter_bytes():
                body += part
                if time.monotonic() > self.until:
                    raise _Failed("it did not answer in time")
                if len(body) > LONGEST_ANSWER:
                    raise _Failed("its answer is too long")
        return response.status_code, bytes(body)


def _distinct(points: Points) -> tuple[list[tuple[float, float]], list[int]]:
    """Every place once, and which of them each point is: bins of one site share a place."""
    rounded = [(round(float(lat), DIGITS), round(float(lon), DIGITS)) for lat, lon in points]
    for lat, lon in rounded:
        if not (abs(lat) <= 90 and abs(lon) <= 180):  # NaN as well
            raise BadData("a point has no latitude and longitude in degrees")
    number: dict[tuple[float, float], int] = {}
    where = [number.setdefault(point, len(number)) for point in rounded]
    return list(number), where


# ---------------------------------------------------------------- the folder


def _read(file: Path, size: int) -> tuple[Matrix, Matrix] | None:
    """A kept matrix, None when there is none or the file is broken."""
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as kept:
            metres, seconds = kept["metres"], kept["seconds"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    right = metres.shape == seconds.shape == (size, size) and metres.dtype == seconds.dtype == np.int64
    return (metres, seconds) if right else None


def _keep(file: Path, matrices: tuple[Matrix, Matrix], most: int) -> None:
    """Write whole or not at all; a full disk loses the copy, not the plan. The oldest go when there are many."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as part:
            np.savez_compressed(part, metres=matrices[0], seconds=matrices[1])
        os.replace(part.name, file)  # noqa: PTH105  # atomic on the same disk
        files = sorted(file.parent.glob("*.npz"), key=lambda each: each.stat().st_mtime)
        for old in files[:-most]:
            old.unlink(missing_ok=True)
    except OSError:
        return


# ---------------------------------------------------------------- a given file

COLUMNS = ("from_lat", "from_lon", "to_lat", "to_lon", "metres", "seconds")


@dataclass(frozen=True)
class GivenMatrix:
    """Distances that somebody measured, by (from, to) places; `fallback` when a pair of places is not among them."""

    label: str
    pairs: dict[tuple[tuple[float, float], tuple[float, float]], tuple[int, int]] = field(repr=False)
    fallback: MatrixProvider

    @property
    def name(self) -> str:
        """The file's name."""
        return f"given distances of {self.label}"

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        """All from the file, or all from `fallback`: a mixture would favour one of them."""
        asked, where = _distinct(points)
        missing = sum((a, b) not in self.pairs for a in asked for b in asked if a != b)
        if source == self.fallback.name or missing:
            instead = self.fallback.travel(points)
            sentence = f"{missing} distances are missing in {self.label}: all are {instead.source}" if missing else None
            return Travel(instead.metres, instead.seconds, instead.source, instead.roads, sentence)
        cells = np.array([[self.pairs.get((a, b), (0, 0)) for b in asked] for a in asked], dtype=np.int64)
        chosen = cells.reshape(len(asked), len(asked), 2)[np.ix_(where, where)]
        return Travel(chosen[..., 0].copy(), chosen[..., 1].copy(), self.name, roads=True)


def read_given(path: Path, fallback: MatrixProvider) -> GivenMatrix:
    """A csv file of COLUMNS, coordinates in degrees; an empty value says that there is no way. Raises BadData."""
    pairs: dict[tuple[tuple[float, float], tuple[float, float]], tuple[int, int]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            absent = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if absent:
                raise BadData(f"{path.name} has no column {', '.join(absent)}")
            for row in rows:
                a, b = (_place(row, end, f"{path.name} line {rows.line_num}") for end in ("from", "to"))
                metres, seconds = (_number(row, name, f"{path.name} line {rows.line_num}") for name in COLUMNS[4:])
                pairs[a, b] = (metres, seconds)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadData(f"{path.name} cannot be read: {error}") from error
    return GivenMatrix(path.name, pairs, fallback)


def _place(row: dict[str, str], end: str, where: str) -> tuple[float, float]:
    try:
        lat, lon = (round(float(row[f"{end}_{axis}"]), DIGITS) for axis in ("lat", "lon"))
    except (TypeError, ValueError):
        raise BadData(f"{where}: a coordinate is not a number") from None
    return lat, lon


def _number(row: dict[str, str], name: str, where: str) -> int:
    if row[name] == "":
        return NO_WAY
    try:
        value = float(row[name])
    except (TypeError, ValueError):
        value = math.nan
    if not 0 <= value < NO_WAY:
        raise BadData(f"{where}: {name} must be a number from 0")
    return round(value)
