"""Emptyings csv files, whoever wrote them: a vendor's export, a city folder's `emptyings.csv`, or our own columns."""

from __future__ import annotations

import csv
import gzip
import io
import math
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.errors import BadData
from engines.forecast.districts import district_of
from engines.forecast.history import BinHistory, Floats

COLUMNS = {
    "bin": ("bin_id", "container", "serial", "site_id"),
    "at": ("emptied_at", "collected_at"),
    "level": ("fill_pct", "fullness_at_collection", "fill_before_pct"),
}
ALERTED = {"fullness": 1.0, "not ready": 0.0, "age": 0.0}
"""Reasons of a vendor with fullness alerts: the bin had told that it is full, or it had not."""
COARSE = frozenset(range(0, 101, 20))


@dataclass(frozen=True, eq=False)
class Emptied:
    """Bins with their emptyings.

    `alerted` tells of each emptying whether the bin had said by then that it is full: 1, 0, NaN where unknown.
    """

    histories: list[BinHistory]
    alerted: list[Floats]

    def until(self, at: np.datetime64) -> Emptied:
        """What was known before a moment."""
        before = at - np.timedelta64(1, "s")
        known = [history.until(before) for history in self.histories]
        return Emptied(known, [a[: len(h.emptied_at)] for a, h in zip(self.alerted, known, strict=True)])

    def without(self, bins: frozenset[str]) -> Emptied:
        """All but the named bins."""
        kept = [i for i, history in enumerate(self.histories) if history.bin_id not in bins]
        return Emptied([self.histories[i] for i in kept], [self.alerted[i] for i in kept])


def read_emptyings(path: Path) -> Emptied:
    """A csv file, gzipped or not, of the columns in COLUMNS, with `stream`, `site` and `reason` where it has them; or
    a city folder, whose `bins.csv` tells streams and sites.

    Times are local. Levels are percentages with or without the sign; anything else is an unknown level. Levels in
    steps of 20 are taken as such. Raises BadData.
    """
    about: dict[str, tuple[str, str, str]] = {}
    if path.is_dir():
        about = {row["bin_id"]: (row["stream"], row["site_id"], _district(row)) for row in _rows(_inside(path, "bins"))}
        path = _inside(path, "emptyings")
    rows: defaultdict[str, list[tuple[str, float, float]]] = defaultdict(list)
    names: dict[str, str] = {}
    for row in _rows(path):
        names = names or {what: _column(list(row), what, path) for what in COLUMNS}
        name = row[names["bin"]]
        about.setdefault(name, (row.get("stream") or "all", row.get("site") or row.get("site_id") or name, ""))
        reason = ALERTED.get((row.get("reason") or "").strip().lower(), math.nan)
        rows[name].append((row[names["at"]].strip().replace(" ", "T"), _level(row[names["level"]]), reason))
    if not rows:
        raise BadData(f"{path.name} holds no emptyings")
    levels = {level for parts in rows.values() for _, level, _ in parts if math.isfinite(level)}
    step = 20.0 if levels <= COARSE else 0.0
    return _histories(rows, about, step, path)


def _inside(folder: Path, name: str) -> Path:
    found = [folder / f"{name}.csv{ending}" for ending in ("", ".gz") if (folder / f"{name}.csv{ending}").exists()]
    if not found:
        raise BadData(f"{folder} holds no {name}.csv")
    return found[0]


def _rows(path: Path) -> Iterator[dict[str, str]]:
    try:
        text = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        yield from csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline=""), restval="")
    except (OSError, UnicodeDecodeError, csv.Error, zlib.error, EOFError) as error:
        raise BadData(f"{path.name} cannot be read: {error}") from error


def _histories(
    rows: dict[str, list[tuple[str, float, float]]], about: dict[str, tuple[str, str, str]], step: float, path: Path
) -> Emptied:
    found = Emptied([], [])
    for name, parts in sorted(rows.items()):
        try:
            at = np.array([when for when, _, _ in parts], dtype="datetime64[s]")
        except ValueError as error:
            raise BadData(f"{path.name}: a time of {name} cannot be read: {error}") from None
        order = np.argsort(at, kind="stable")
        level = np.array([level for _, level, _ in parts])[order]
        stream, site, district = about[name]
        found.histories.append(BinHistory(name, stream, site, at[order], level, step_pct=step, district=district))
        found.alerted.append(np.array([alerted for _, _, alerted in parts])[order])
    return found


def _district(row: dict[str, str]) -> str:
    """Of a bin of a city folder; none where its place cannot be read."""
    try:
        return district_of(float(row["lat"]), float(row["lon"]))
    except (KeyError, ValueError):
        return ""


def _column(header: Sequence[str], what: str, path: Path) -> str:
    for name in COLUMNS[what]:
        if name in header:
            return name
    raise BadData(f"{path.name} has none of the columns {', '.join(COLUMNS[what])}")


def _level(text: str | None) -> float:
    try:
        level = float((text or "").strip().removesuffix("%"))
    except ValueError:
        return math.nan
    return level if 0 <= level <= 100 else math.nan
