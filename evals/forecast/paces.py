"""Is a bin without readings told better at its pace of late than at its usual rate?

    python -m evals.forecast.paces --data ucb_bigbelly_collections.csv.gz --from 2024-08-30 --until 2025-02-24

Every emptying is asked about a day before it, by rates fitted anew each week on what was before: how far the level
found lies off the middle level said, and whether the chance of 80 % holds, with the change's 95 % interval over
bin-weeks.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import numpy as np

from domain.errors import BadData
from engines.forecast.history import BinHistory, Floats
from engines.forecast.predict import Ask, predict
from engines.forecast.rates import fit_rates
from evals.forecast.clusters import interval_of_mean
from evals.forecast.emptyings import read_emptyings
from evals.forecast.report import print_report

DAY, WEEK = np.timedelta64(24, "h"), np.timedelta64(7, "D")
LONG_H = 168.0
FULL_PCT = 80.0
RESAMPLES = 1000
Row = tuple[float, ...]


def asked(histories: Sequence[BinHistory], since: np.datetime64, until: np.datetime64) -> Floats:
    """One row an emptying: bin, week, hours since the one before, level found, step, then the middle level and chance
    said at the usual rate, and at the pace of late."""
    rows: list[Row] = []
    for week, cut in enumerate(np.arange(since, until, WEEK)):
        known = [history.until(cut) for history in histories]
        both = [fit_rates(known, paced) for paced in (False, True)]
        for number, history in enumerate(histories):
            for at, age_h, level in _emptyings(history, cut):
                told = [predict(history, rates, Ask(at - DAY, (24.0,), FULL_PCT)) for rates in both]
                if all(each.by for each in told):
                    said = [value for each in told for value in (each.by[0].p50, each.by[0].chance)]
                    rows.append((float(number), float(week), age_h, level, history.step_pct, *said))
    return np.array(rows, dtype=np.float64).reshape(-1, 9)


def _emptyings(history: BinHistory, cut: np.datetime64) -> Iterator[tuple[np.datetime64, float, float]]:
    """(moment, hours since the one before, level found) of the week's emptyings that came a day or more after it."""
    emptied = history.emptied_at
    for place in np.flatnonzero((emptied >= cut) & (emptied < cut + WEEK) & np.isfinite(history.levels)).tolist():
        age_h = float((emptied[place] - emptied[place - 1]) / np.timedelta64(1, "h")) if place else 0.0
        if age_h >= 24:
            yield emptied[place], age_h, float(history.levels[place])


def compared(rows: Floats) -> list[str]:
    """The figures of these rows, in lines."""
    found, full = np.minimum(rows[:, 3] + rows[:, 4] / 2, 100.0), rows[:, 3] >= FULL_PCT
    error = np.abs(rows[:, [5, 7]] - found[:, None])
    brier = (rows[:, [6, 8]] - full[:, None]) ** 2
    weeks = rows[:, 0] * 1000 + rows[:, 1]
    chance = rows[:, [6, 8]].mean(axis=0)
    lines = [f"chance of {FULL_PCT:.0f} % told {chance[0]:.3f} -> {chance[1]:.3f}, found so {full.mean():.3f}"]
    for name, each in (("error of the middle level", error), ("Brier score of that chance", brier)):
        low, high = interval_of_mean(each[:, 1] - each[:, 0], weeks, RESAMPLES)
        usual, late = each.mean(axis=0)
        lines.append(f"{name} {usual:.3f} -> {late:.3f} (change {low:.3f} to {high:.3f})")
    return lines


def main(words: Sequence[str] | None = None) -> None:
    """Print the comparison; exit code 2 and one line for data that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m evals.forecast.paces")
    parser.add_argument("--data", type=Path, required=True, help="emptyings csv")
    parser.add_argument("--from", dest="since", type=date.fromisoformat, required=True)
    parser.add_argument("--until", type=date.fromisoformat, required=True)
    options = parser.parse_args(words)
    print_report(lambda: _report(options))


def _report(options: argparse.Namespace) -> list[str]:
    since, until = (np.datetime64(each, "s") for each in (options.since, options.until))
    rows = asked(read_emptyings(options.data).histories, since, until)
    if not len(rows):
        raise BadData(
            f"{options.data} has no emptying with a level from {options.since} to {options.until} to ask about"
        )
    told: list[str] = []
    for name, part in (("all", rows), (f"after {LONG_H:.0f} h or more", rows[rows[:, 2] >= LONG_H])):
        told.append(f"{name}: {len(part)} emptyings (usual rate -> pace of late)")
        told += [f"  {line}" for line in compared(part)] if len(part) else []
    return told


if __name__ == "__main__":
    main()
