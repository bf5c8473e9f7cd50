"""Trains members of the fill forecast and shows what each is worth alone, beside today's rates and the last value.

    OMP_NUM_THREADS=1 python -m finetune.members --data prague_readings.csv.gz --train-to 2024-07-01 \\
        --score-to 2024-11-01 --unseen 4433_1,1785_3,3155_5,5314_5 --only patches,prophet --out var/members

Each member is fitted once, on what was known at `--train-to` of all containers but the `--unseen`, and asked about
every window that begins after it and ends before `--score-to`, the emptyings in it told as the plan. `--out` keeps
`patches.safetensors` and `seasonal.json`. CPU seconds are of this process alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.errors import BadData
from engines.forecast.columns import hours
from engines.forecast.ensemble import FITS, PATCH_STEPS, Fit, patches_in, prophet_for
from engines.forecast.history import BinHistory, Floats
from engines.forecast.member import MEDIAN, SHARES_OUT, Member
from engines.forecast.past_windows import Outcomes, Span, past_windows
from engines.forecast.patches import Patches
from engines.forecast.seasonal import Seasonal
from evals.forecast.naive import last_value
from evals.forecast.readings import read_readings
from evals.forecast.score import inside80, mean_of, pinball
from finetune.stage import run_stage

HORIZONS_H = (6.0, 24.0, 72.0)
EVERY_H = 4.0  # at most one origin in so many hours
DAY_H = 24.0
FILES = {"patches": "patches.safetensors", "prophet": "seasonal.json"}


def fits_of(options: argparse.Namespace) -> dict[str, Fit]:
    """The ensemble's own members, with the steps and the days ahead that the command line asks for."""
    span = float((options.score_to - options.train_to) / np.timedelta64(1, "D"))
    return {**FITS, "patches": patches_in(options.steps), "prophet": prophet_for(span + 8)}


@dataclass(frozen=True, eq=False)
class Row:
    """One line of the table: figures in points and shares of the windows without and with a collection."""

    windows: int
    loss: float
    near_alone: float | None
    error_alone: float | None
    near_all: float
    error_all: float
    coverage: float | None


def row_of(levels: Floats, outcomes: Outcomes, known: np.ndarray) -> Row:
    """The figures of levels (n, 7), or of points (n,), over the windows `known`."""
    truth, alone = outcomes.found[known], ~outcomes.emptied[known]
    said = levels[known]
    point = said if said.ndim == 1 else said[:, MEDIAN]
    spread = np.repeat(said[:, None], len(SHARES_OUT), axis=1) if said.ndim == 1 else said
    error = np.abs(point - truth)
    near = (error <= 10).astype(np.float64)
    inside = None if said.ndim == 1 else float(inside80(said, truth).mean())
    return Row(len(truth), pinball(spread, truth), mean_of(near[alone]), mean_of(error[alone]), float(near.mean()),
               float(error.mean()), inside)  # fmt: skip


def table(members: Sequence[Member], histories: Sequence[BinHistory], options: argparse.Namespace) -> None:
    """Prints one table a horizon, of known containers and of unseen ones."""
    begin, end = (float(hours(np.array([at]))[0]) for at in (options.train_to, options.score_to))
    for ahead in HORIZONS_H:
        outcomes = past_windows(histories, ahead, Span(begin, end, EVERY_H))
        unseen = np.isin([h.bin_id for h in outcomes.windows.histories], sorted(options.unseen))
        said: dict[str, Floats] = {"last_value": last_value(outcomes.windows)}
        said |= {member.name: member.quantiles(outcomes.windows)[:, 0] for member in members}
        known = np.all([np.isfinite(levels.reshape(len(levels), -1)).all(axis=1) for levels in said.values()], axis=0)
        for name, mask in (("known", known & ~unseen), ("unseen", known & unseen)):
            if mask.any():
                rows = {member: row_of(levels, outcomes, mask) for member, levels in said.items()}
                _print(f"{ahead:g} hours ahead, {name} containers, {int(mask.sum())} windows", rows)


def _print(title: str, rows: dict[str, Row]) -> None:
    print(f"\n{title}\n{'member':14s} pinball  within10 MAE (no collection)  within10 MAE (all)  80 % band holds")
    for name, row in rows.items():
        alone = f"{_figure(row.near_alone, 3):>8s} {_figure(row.error_alone, 2):>5s}"
        print(f"{name:14s} {row.loss:7.3f}  {alone}{'':17s}{row.near_all:8.3f} {row.error_all:5.2f}"
              f"  {_figure(row.coverage, 3):>10s}")  # fmt: skip


def _figure(value: float | None, places: int) -> str:
    return "-" if value is None else f"{value:.{places}f}"


def keep(member: Member, folder: Path) -> None:
    """Writes a member's file; members that are made from the records alone have none."""
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(member, Patches):
        (folder / FILES["patches"]).write_bytes(member.to_bytes())
    elif isinstance(member, Seasonal):
        (folder / FILES["prophet"]).write_text(member.to_json(), "utf-8")


def read_options(words: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line. Raises BadData for dates or members that are none."""
    parser = argparse.ArgumentParser(prog="python -m finetune.members", description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="readings csv (container,time_utc,fill_pct)")
    parser.add_argument("--train-to", required=True, help="the members know what was known then")
    parser.add_argument("--score-to", required=True, help="windows end before then")
    parser.add_argument("--unseen", default="", help="containers never trained on, by comma")
    parser.add_argument("--only", default="patches,prophet", help=f"of {','.join(FITS)}; hour_of_week is always there")
    parser.add_argument("--steps", type=int, default=PATCH_STEPS, help="of training of `patches`")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args(words)
    try:
        options.train_to, options.score_to = (np.datetime64(each, "s") for each in (options.train_to, options.score_to))
    except ValueError as error:
        raise BadData(f"--train-to and --score-to must be dates such as 2024-07-01: {error}") from None
    options.only = [name for name in dict.fromkeys(["hour_of_week", *options.only.split(",")]) if name]
    options.unseen = {name for name in options.unseen.split(",") if name}
    unknown = [name for name in options.only if name not in FITS]
    if unknown:
        raise BadData(f"{unknown[0]} is no member: choose of {', '.join(FITS)}")
    return options


def main(words: Sequence[str] | None = None) -> None:
    """Fit, score, keep."""
    options = read_options(words)
    histories = read_readings(options.data).histories
    known = [h.until(options.train_to) for h in histories if h.bin_id not in options.unseen]
    known = [history for history in known if len(history.readings)]
    members, fits = [], fits_of(options)
    for name in options.only:
        begun = time.process_time()
        members.append(fits[name](known, options.seed))
        print(f"{name}: fitted on {len(known)} containers in {time.process_time() - begun:.1f} CPU s")
        sys.stdout.flush()
        if options.out:
            keep(members[-1], options.out)
    table(members, histories, options)


if __name__ == "__main__":
    run_stage(main)
