"""Policies compared at equal overflow rate: curves over knobs, read at one rate, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evals.operations.town import FULL_PCT, Floats, Ints
from evals.operations.world import Run

SAMPLES = 2_000


def km(run: Run) -> float:
    """Kilometres of all trucks."""
    return run.metres / 1000


def floor_km(run: Run) -> float:
    """The kilometres that no choice of bins and no routing can save: the way of what was collected, in full loads."""
    return run.floor_metres / 1000


def hours(run: Run) -> float:
    """Hours of all trucks, from leaving to returning."""
    return run.seconds / 3600


def cost(run: Run) -> float:
    """Currency that kilometres and hours of all trucks cost."""
    return run.cost


def overflows_per_1000_bin_days(run: Run) -> float:
    """Bin-days on which a bin stood full at some time, per 1,000."""
    return 1000 * float(run.full.mean()) if run.full.size else 0.0


def fill_at_collection_pct(run: Run) -> float:
    """Mean level of what was emptied, what lay beside the bin left out; 0 when nothing was."""
    return float(np.mean([min(level, FULL_PCT) for _, _, level in run.visits])) if run.visits else 0.0


def visits(run: Run) -> float:
    """Emptyings."""
    return float(len(run.visits))


def left_behind_pct(run: Run) -> float:
    """How much higher the mean level is after the counted weeks than before: waste that was not collected in them."""
    return (run.after_points - run.before_points) / max(1, len(run.full))


KPIS: Mapping[str, Callable[[Run], float]] = {
    each.__name__: each
    for each in (
        km,
        floor_km,
        hours,
        cost,
        overflows_per_1000_bin_days,
        fill_at_collection_pct,
        visits,
        left_behind_pct,
    )
}
RATE = overflows_per_1000_bin_days.__name__


@dataclass(frozen=True, eq=False)
class Curve:
    """A policy's trade-off: `knobs` (k,), and of each figure a table (k, seeds), all in the order of the knobs."""

    knobs: tuple[float, ...]
    tables: Mapping[str, Floats]

    @classmethod
    def of(cls, runs: Mapping[float, Sequence[Run]]) -> Curve:
        """The curve of runs by knob, one run a seed."""
        knobs = tuple(sorted(runs))
        return cls(knobs, {name: np.array([[kpi(r) for r in runs[k]] for k in knobs]) for name, kpi in KPIS.items()})

    def reaches(self, rate: float) -> bool:
        """Whether the rate lies between the curve's ends, over all seeds."""
        means = self.tables[RATE].mean(axis=1)
        return bool(means.min() <= rate <= means.max())

    def at(self, rate: float, figure: str, samples: Ints) -> Floats:
        """A figure at an overflow rate for each row of seeds in `samples` (s, n), averaged first: shape (s,).

        Linear between points, constant beyond the ends. A point is passed over that another one beats in rate and in
        kilometres: nobody would set the knob so.
        """
        rates, way, values = (self.tables[name][:, samples].mean(axis=2) for name in (RATE, "km", figure))
        less, fewer = rates[:, None] < rates, way[:, None] < way
        beats = (less & ~(way[:, None] > way)) | (fewer & ~(rates[:, None] > rates))
        kept = ~beats.any(axis=0)
        found = []
        for column in range(rates.shape[1]):
            points = np.flatnonzero(kept[:, column])
            points = points[np.argsort(rates[points, column], kind="stable")]
            found.append(np.interp(rate, rates[points, column], values[points, column]))
        return np.array(found)

    def mean_at(self, rate: float, figure: str) -> float:
        """A figure at an overflow rate, averaged over all seeds."""
        return float(self.at(rate, figure, _all_seeds(self))[0])


def _all_seeds(curve: Curve) -> Ints:
    return np.arange(curve.tables[RATE].shape[1], dtype=np.int64)[None, :]


@dataclass(frozen=True)
class Saving:
    """Less of a figure than another policy, in percent of the other's, with a 95 % interval over seeds."""

    pct: float
    ci95: tuple[float, float]

    @property
    def more(self) -> Saving:
        """The same told the other way round: how much more of the figure, still in percent of the other's."""
        low, high = self.ci95
        return Saving(-self.pct, (-high, -low))


def saving(mine: Curve, other: Curve, rate: float, figure: str = "km") -> Saving:
    """How much less `mine` needs at the same overflow rate. Seeds are drawn with replacement, for both alike.

    Paired percentile bootstrap (Efron and Tibshirani 1993); with one seed the interval is a point and says nothing.
    """
    seeds = mine.tables[RATE].shape[1]
    samples = np.random.default_rng(0).integers(0, seeds, (SAMPLES, seeds))
    low, high = np.percentile(_saved(mine, other, (rate, figure), samples), [2.5, 97.5])
    return Saving(saving_pct(mine, other, rate, figure), (round(float(low), 2), round(float(high), 2)))


def saving_pct(mine: Curve, other: Curve, rate: float, figure: str = "km") -> float:
    """The saving alone, without its interval."""
    return round(float(_saved(mine, other, (rate, figure), _all_seeds(mine))[0]), 2)


def _saved(mine: Curve, other: Curve, what: tuple[float, str], samples: Ints) -> Floats:
    theirs = other.at(*what, samples)
    return np.asarray(100 * (theirs - mine.at(*what, samples)) / np.maximum(theirs, 1e-9))
