"""What hygiene takes out of a file of readings, and how well it finds faults that are planted in it.

    python -m evals.forecast.faults --data prague_readings.csv.gz [--seed 0]

Real faults have no labels. Two things can be counted all the same: a sensor's echoes come at any hour, a crew in the
morning, so what was taken out as an echo must be spread over the day while the falls that stay are not; and spikes put
into the readings by chance (one in a hundred, at least 25 points) must be found again, with few others.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.forecast.history import BinHistory, Floats, Times, emptyings_from_readings
from engines.forecast.hygiene import Cleaned, Kind, clean
from evals.forecast.readings import read_readings
from evals.forecast.report import print_report

PLANTED_SHARE = 0.01
PLANTED_PCT = (25.0, 70.0)


@dataclass(frozen=True)
class Planted:
    """Spikes put in, found again, and sound readings marked that were not marked before."""

    planted: int
    found: int
    wrong: int

    @property
    def recall(self) -> float:
        """Of those put in, the share found."""
        return self.found / max(self.planted, 1)

    @property
    def precision(self) -> float:
        """Of those marked because of it, the share that was put in."""
        return self.found / max(self.found + self.wrong, 1)


def plant(history: BinHistory, seed: int) -> Planted:
    """Spikes at random readings, two sound ones at least between them, compared with what is marked without them."""
    rng = np.random.default_rng(seed)
    level, places = history.readings.copy(), np.arange(2, len(history.readings) - 2, 3)
    chosen = np.sort(rng.choice(places, max(1, int(PLANTED_SHARE * len(level))), replace=False))
    jump = rng.uniform(*PLANTED_PCT, len(chosen))
    up = (level[chosen] + jump <= 100) & ((level[chosen] - jump < 0) | (rng.random(len(chosen)) < 0.5))
    fits = up | (level[chosen] - jump >= 0)
    chosen, jump, up = chosen[fits], jump[fits], up[fits]
    level[chosen] += np.where(up, jump, -jump)
    before = {mark.at for mark in clean(history.read_at, history.readings).marks}
    marked = {mark.at for mark in clean(history.read_at, level).marks}
    put = {*history.read_at[chosen]} - before
    return Planted(len(put), len(marked & put), len(marked - put - before))


def by_hour(moments: Times) -> Floats:
    """Share of moments in each hour of the day, (24,)."""
    count = np.bincount((moments.astype("datetime64[h]").astype(np.int64) % 24), minlength=24)
    return np.asarray(count / max(count.sum(), 1))


def told(histories: Sequence[BinHistory], seed: int) -> list[str]:
    """The report, line by line."""
    cleaned = [clean(history.read_at, history.readings) for history in histories]
    lines = [sentence for h, c in zip(histories, cleaned, strict=True) for sentence in c.sentences(h.bin_id)]
    kinds = ", ".join(f"{kind} {count}" for kind, count in total(cleaned).items())
    lines.append(f"{sum(len(h.readings) for h in histories)} readings of {len(histories)} containers: {kinds}")
    kept = by_hour(np.concatenate([emptyings_from_readings(each.read_at, each.readings)[0] for each in cleaned]))
    busy = np.sort(np.argsort(kept)[-6:])
    echoes = _dips(cleaned)
    share = f"{kept[busy].sum():.0%} of the emptyings that are left" if len(echoes) else "no echo was taken out"
    hours = ", ".join(str(hour) for hour in busy)
    lines.append(f"in the six busiest hours of the day ({hours} h): {share}")
    if len(echoes):
        lines[-1] += f", {by_hour(echoes)[busy].sum():.0%} of {len(echoes)} echoes taken out (25% would be even)"
    planted = [plant(history, seed + i) for i, history in enumerate(histories)]
    lines.append(_sum_of("all containers", planted))
    for stream in dict.fromkeys(history.stream for history in histories):
        own = [each for each, history in zip(planted, histories, strict=True) if history.stream == stream]
        lines.append(_sum_of(stream, own))
    return lines


def _sum_of(what: str, planted: Sequence[Planted]) -> str:
    both = Planted(*(sum(getattr(each, part) for each in planted) for part in ("planted", "found", "wrong")))
    return f"spikes planted in {what}: {both.planted}, recall {both.recall:.3f}, precision {both.precision:.3f}"


def total(cleaned: Sequence[Cleaned]) -> dict[Kind, int]:
    """Marked readings of many bins by kind."""
    kinds: tuple[Kind, ...] = ("out_of_range", "clock_jump", "duplicate", "spike", "stuck")
    return {kind: sum(each.count(kind) for each in cleaned) for kind in kinds}


def _dips(cleaned: Sequence[Cleaned]) -> Times:
    """Moments of spikes that lie below the believed readings around them."""
    found = []
    for each in cleaned:
        for mark in each.marks:
            place = int(np.searchsorted(each.read_at, mark.at)) - 1
            if mark.kind == "spike" and place >= 0 and mark.level_pct < each.readings[place]:
                found.append(mark.at)
    return np.array(found, dtype="datetime64[s]")


def main(words: Sequence[str] | None = None) -> None:
    """Print the report; exit code 2 and one line for data that cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m evals.forecast.faults")
    parser.add_argument("--data", type=Path, required=True, help="readings csv (container,time_utc,fill_pct)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    print_report(lambda: told(read_readings(options.data).histories, options.seed))


if __name__ == "__main__":
    main()
