"""Where the error of a day ahead comes from, in windows without a collection.

    python -m evals.forecast.errors --data prague_readings.csv.gz --test-from 2024-07-01 --until 2024-11-01

The member `boosted` alone, fitted on what was known before `--test-from` without the `--unseen` containers and asked
about every reading from then on, is compared with the outcomes: by stream and by the level at the origin; by how far
the reading asked about lies off those around it; with a level at the origin that knows what came after it (an oracle);
and in windows that end far below their origin although no emptying was seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.boosted import fit_boosted
from engines.forecast.columns import hours
from engines.forecast.features import nan_median
from engines.forecast.history import BinHistory, Floats
from engines.forecast.past_windows import Outcomes, Span, past_windows
from engines.forecast.point import best_level
from evals.forecast.readings import read_readings
from evals.forecast.report import print_report
from evals.forecast.score import BANDS, NEAR_PCT

AHEAD_H = 24.0
AROUND = np.arange(-4, 5)  # readings whose median stands for the true level
FELL_PCT = 15.0
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Judged:
    """n windows without a collection, what was said of them, and the levels (n,) at origin and end by the readings
    around each."""

    scored: Outcomes
    said: Floats
    begun: Floats
    ended: Floats

    @property
    def error(self) -> Floats:
        """Points between what was said and what was read."""
        return np.abs(self.said - self.scored.found)


def judged(scored: Outcomes, said: Floats) -> Judged:
    """The windows without a collection of those told of."""
    rows = np.flatnonzero(~scored.emptied & np.isfinite(said))
    part = scored.where(rows)
    begun, ended = np.empty(len(rows)), np.empty(len(rows))
    for history, which in part.windows.by_bin():
        begun[which] = level_around(history, part.windows.at[which])
        ended[which] = level_around(history, part.windows.ends[which, 0])
    return Judged(part, said[rows], begun, ended)


def level_around(history: BinHistory, at: Floats) -> Floats:
    """The median of the nine readings around the newest one at each moment, of those between the same emptyings."""
    read = np.isfinite(history.readings)
    moments, level = hours(history.read_at[read]), history.readings[read]
    cycle = np.searchsorted(hours(history.emptied_at), moments, side="right")
    newest = np.maximum(np.searchsorted(moments, at + 1e-6) - 1, 0)
    places = newest + AROUND[:, None]
    inside = np.clip(places, 0, len(level) - 1)
    same = (inside == places) & (cycle[inside] == cycle[newest])
    return nan_median(np.where(same, level[inside], np.nan))


def told(found: Judged) -> list[str]:
    """The report, line by line."""
    error, scored = found.error, found.scored
    lines = [f"{len(error)} windows of {AHEAD_H:.0f} h without a collection: {_figures(error)}"]
    streams, band = scored.streams, np.searchsorted(BANDS, scored.level, side="right") - 1
    for stream in dict.fromkeys(streams.tolist()):
        lines.append(_share(str(stream), streams == stream, error))
        for place, low in enumerate(BANDS):
            own = (streams == stream) & (band == place)
            if own.any():
                lines.append(_share(f"  from {low:.0f} to {low + 20:.0f}", own, error))
    off = np.abs(scored.found - found.ended)
    lines.append(f"the reading asked about lies {off.mean():.2f} points off the median of those around it")
    moved = np.clip(found.said + found.begun - scored.level, 0.0, 100.0)
    lines.append(f"from the median around the origin (an oracle): {_figures(np.abs(moved - scored.found))}")
    fell = scored.found < scored.level - FELL_PCT
    lines.append(_share(f"ends more than {FELL_PCT:.0f} below its origin, no emptying seen", fell, error))
    for bin_id in _most_fallen(found, fell):
        own = np.array([history.bin_id == bin_id for history in scored.windows.histories])
        lines.append(f"  of {bin_id}: {error[own & fell].sum() / error[own].sum():.0%} of its error")
    return lines


def _most_fallen(found: Judged, fell: Mask) -> list[str]:
    """The three bins with most error in such windows."""
    lost: dict[str, float] = {}
    for row in np.flatnonzero(fell).tolist():
        name = found.scored.windows.histories[row].bin_id
        lost[name] = lost.get(name, 0.0) + float(found.error[row])
    return sorted(lost, key=lambda name: -lost[name])[:3]


def _figures(error: Floats) -> str:
    return f"within {NEAR_PCT:.0f} {(error <= NEAR_PCT).mean():.1%}, MAE {error.mean():.2f}"


def _share(what: str, own: Mask, error: Floats) -> str:
    if not own.any():
        return f"{what}: no window"
    missed = error > NEAR_PCT
    return (
        f"{what}: {own.mean():.1%} of the windows, {error[own].sum() / max(error.sum(), 1e-9):.1%} of the error, "
        f"{missed[own].sum() / max(int(missed.sum()), 1):.1%} of the misses; {_figures(error[own])}"
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print the report; exit code 2 and one line for data that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m evals.forecast.errors")
    parser.add_argument("--data", type=Path, required=True, help="readings csv (container,time_utc,fill_pct)")
    parser.add_argument("--test-from", type=date.fromisoformat, required=True)
    parser.add_argument("--until", type=date.fromisoformat, help="nothing from this day on is read")
    parser.add_argument("--unseen", default="", help="containers that are left out, by comma")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    print_report(lambda: _report(options))


def _report(options: argparse.Namespace) -> list[str]:
    data = read_readings(options.data).without({each.strip() for each in options.unseen.split(",")})
    if options.until is not None:
        data = data.until(_before(options.until))
    since = np.datetime64(options.test_from, "s")
    trees = fit_boosted(data.until(_before(options.test_from)).histories, options.seed)
    scored = past_windows(data.histories, AHEAD_H, Span(float(hours(np.array([since]))[0])))
    if not len(scored):
        raise BadData(f"{options.data} has no reading from {since} on with one a day later: nothing to look at")
    return told(judged(scored, best_level(trees.quantiles(scored.windows)[:, 0])))


def _before(day: date) -> np.datetime64:
    """The last second before a day."""
    return np.datetime64(day, "s") - np.timedelta64(1, "s")


if __name__ == "__main__":
    main()
