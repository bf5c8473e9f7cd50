"""Trains the fill forecast of a city on its records: every member, their weights and bands, as one model folder.

    python -m finetune.forecast --data readings.csv.gz --zone Europe/Prague --out models/prague-1
    python -m finetune.forecast --data cities/berkeley --until 2025-08-01 --out cities/berkeley/models/fill/berkeley-1

Readings (`container,time_utc,fill_pct`) train the ensemble, on the clock of `--zone`; emptyings (a csv or a city
folder, whose times are local) the rates and the model of levels found. The manifest holds the figures of a test: of
readings on windows that no member had seen, of emptyings on the last quarter, told by a model of what was before. What
is done is kept in `OUT.parts`: a run that was stopped goes on with the next member. The folder appears when it is
complete.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from pydantic import JsonValue

from domain.errors import BadData
from domain.files import tree_digest
from engines.forecast.ensemble import FITS, USUAL, Ensemble, Fit, train_ensemble
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.found import fit_found
from engines.forecast.history import BinHistory
from engines.forecast.member import Member
from engines.forecast.model_files import FOUND, GAIN_OF_FOUND, Label, from_files, to_files
from engines.forecast.records import BinRecords
from engines.forecast.stack import Weights
from evals.forecast.emptyings import Emptied, read_emptyings
from evals.forecast.found import measure_found
from evals.forecast.readings import is_readings, read_readings
from evals.options import clock
from finetune.stage import run_stage

NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Order:
    """What to train: on which data, until when, into which folder; members by name."""

    data: Path
    out: Path
    until: date | None = None
    version: str | None = None
    members: tuple[str, ...] = USUAL
    seed: int = 0
    zone: str | None = None


@dataclass(frozen=True, eq=False)
class Taught:
    """What there is to learn from: histories on the clock of `zone`, files to stand beside the ensemble's, the figures
    of a test that is made of them, and the records that histories of readings were made from."""

    histories: list[BinHistory]
    zone: str
    beside: Mapping[str, bytes] = field(default_factory=dict)
    figures: Mapping[str, JsonValue] = field(default_factory=dict)
    records: tuple[BinRecords, ...] = ()


def train(order: Order) -> Path:
    """The folder of the trained model. Raises BadData for data that cannot be read or is too little."""
    taught = _read(order)
    parts = order.out.with_name(order.out.name + ".parts")
    key = _key(order)
    fits = {name: _Kept(FITS[name], parts, f"{key}-{name}").fit for name in order.members}
    trained = train_ensemble(taught.histories, fits, order.seed, taught.records)
    newest = max(times[-1] for h in taught.histories for times in (h.read_at, h.emptied_at) if len(times))
    until = _wall(newest).replace(tzinfo=ZoneInfo(taught.zone)).astimezone(UTC)
    figures: dict[str, JsonValue] = {**trained.figures, **taught.figures}
    label = Label(order.version or order.out.name, until, metrics=figures, zone=taught.zone)
    _write(order.out, to_files(trained.ensemble, label, taught.beside))
    shutil.rmtree(parts, ignore_errors=True)
    return order.out


def _read(order: Order) -> Taught:
    if not order.data.is_dir() and is_readings(order.data):
        zone = order.zone or "UTC"
        readings = read_readings(order.data, ZoneInfo(zone))
        readings = readings if order.until is None else readings.until(_moment(order.until))
        return Taught([*readings.cleaned().histories], zone, records=readings.records)
    zone = order.zone or _zone_of(order.data)
    emptied = read_emptyings(order.data)
    if order.until is not None:
        emptied = emptied.until(_moment(order.until))
    histories = [h for h in emptied.histories if len(h.emptied_at)]
    try:
        found = fit_found(emptied.histories, emptied.alerted, order.seed)
    except BadData as error:
        print(f"no model of levels found: {error}")
        return Taught(histories, zone)
    return Taught(histories, zone, {FOUND: found.to_json().encode()}, _tested(emptied))


def _zone_of(data: Path) -> str:
    """The time zone of a city folder; UTC for a file, whose times then are taken as they are."""
    about = data / "city.toml"
    return str(tomllib.loads(about.read_text(encoding="utf-8"))["timezone"]) if about.exists() else "UTC"


def _tested(emptied: Emptied) -> dict[str, JsonValue]:
    """The figures of levels found over the last quarter of the time, told by a model of what was before it."""
    times = np.concatenate([history.emptied_at for history in emptied.histories])
    first, last = times.min(), times.max()
    since = np.datetime64(last - (last - first) // 4, "D").astype("datetime64[s]")
    try:
        figures, baselines, cases = measure_found(emptied, since)
    except BadData as error:
        print(f"no figures of a test: {error}")
        return {}
    naive = baselines[str(figures["best_naive"])]
    assert isinstance(naive, dict)
    told = {name: figures[name] for name in ("mae", "within20", "coverage80", GAIN_OF_FOUND)}
    test = f"the level found at emptyings from {str(since)[:10]} on; naive: {figures['best_naive']}"
    return {**told, "baseline_mae": naive["mae"], "cases": cases, "test": test}


def _wall(moment: np.datetime64) -> datetime:
    return datetime(1970, 1, 1) + timedelta(seconds=int(moment.astype("datetime64[s]").astype(np.int64)))  # noqa: DTZ001


def _moment(day: date) -> np.datetime64:
    """The last second before a day."""
    return np.datetime64(day, "s") - np.timedelta64(1, "s")


def _key(order: Order) -> str:
    """What a kept part must have been trained on and by, in twelve digits."""
    what = [tree_digest(order.data), str(order.until), order.seed, FEATURES_VERSION, [*order.members], order.zone]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:12]


class _Kept:
    """Fits a member, or takes it from the parts of a run that was stopped. Members are fitted twice, on the earlier
    part and on all, so the calls are counted."""

    def __init__(self, fit: Fit, parts: Path, name: str) -> None:
        self._fit, self._parts, self._name, self._calls = fit, parts, name, 0

    def fit(self, histories: Sequence[BinHistory], seed: int) -> Member:
        """The member, fitted or read."""
        self._calls += 1
        folder = self._parts / f"{self._name}-{self._calls}"
        if folder.is_dir():
            print(f"{folder.name}: taken from the run before")
            return from_files({file.name: file.read_bytes() for file in folder.iterdir()}).members[0]
        begun = time.process_time()
        member = self._fit(histories, seed)
        print(f"{folder.name}: {time.process_time() - begun:.0f} CPU s")
        _write(folder, to_files(Ensemble((member,), Weights((member.name,), {})), Label("part", NO_TIME)))
        return member


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """The files as a folder that is there whole or not at all."""
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, data in files.items():
        (fresh / name).write_bytes(data)
    if folder.exists():
        shutil.rmtree(folder)
    fresh.rename(folder)


def members_of(words: str) -> tuple[str, ...]:
    """The members that a list with commas names, in the order of FITS. Raises BadData for none or an unknown name."""
    named = {name.strip() for name in words.split(",")} - {""}
    unknown = named - {*FITS}
    if unknown or not named:
        raise BadData(f"--members takes {', '.join(FITS)}; {', '.join(sorted(unknown)) or 'nothing'} is none of them")
    return tuple(name for name in FITS if name in named)


def main(words: Sequence[str] | None = None) -> None:
    """The command line."""
    asked = argparse.ArgumentParser(prog="python -m finetune.forecast", description=__doc__)
    asked.add_argument("--data", type=Path, required=True, help="a csv of readings or emptyings, or a city folder")
    asked.add_argument("--out", type=Path, required=True, help="the model's folder")
    asked.add_argument("--until", type=date.fromisoformat, help="learn only from what is before this date")
    asked.add_argument(
        "--zone", type=clock, help="the clock that bins are filled by, such as Europe/Prague; readings come in UTC"
    )
    asked.add_argument("--version", help="default: the folder's name")
    asked.add_argument("--members", default=",".join(USUAL), help=f"of {', '.join(FITS)}")
    asked.add_argument("--seed", type=int, default=0)
    said = asked.parse_args(words)
    members = members_of(said.members)
    made = train(Order(said.data, said.out, said.until, said.version, members, said.seed, said.zone and said.zone.key))
    size = sum(file.stat().st_size for file in made.iterdir())
    print(f"{made}: {size / 1e6:.1f} MB, {time.process_time():.0f} CPU s in all")


if __name__ == "__main__":
    run_stage(main)
