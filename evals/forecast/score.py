"""Figures of point forecasts, of intervals and of overflow warnings, with bootstrap intervals.

Intervals come from drawing whole container-weeks (cluster bootstrap, 400 draws, seed 0): the readings of one container
in one week share their weather, their holidays and their collections.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from engines.forecast.columns import Ints
from engines.forecast.history import Floats
from engines.forecast.member import SHARES_OUT
from engines.forecast.past_windows import OVERFLOW_PCT, Outcomes

JsonObject = dict[str, JsonValue]
Mask = npt.NDArray[np.bool_]
NEAR_PCT = 10.0
BANDS = (0.0, 20.0, 40.0, 60.0, 80.0)
LOW, HIGH = SHARES_OUT.index(0.1), SHARES_OUT.index(0.9)
DRAWS = 400
WEEK_H = 168.0


@dataclass(frozen=True, eq=False)
class Said:
    """A method's answers to n windows: `level` with the plan told, `untold` without it, `full` whether it warns of an
    overflow; `levels` (n, 7) where it tells a distribution."""

    level: Floats
    untold: Floats
    full: Mask
    levels: Floats | None = None


def figures_of(said: Said, scored: Outcomes, *, intervals: bool = False) -> JsonObject:
    """The suite's figures of one method; with `intervals` their 95 % bootstrap intervals beside them (`ci95`)."""
    error, untold = np.abs(said.level - scored.found), np.abs(said.untold - scored.found)
    alone = ~scored.emptied
    parts: dict[str, tuple[Floats, Mask]] = {
        "within10_no_collection": (_near(error), alone),
        "mae_no_collection": (error, alone),
        "within10_all": (_near(error), np.ones(len(error), dtype=np.bool_)),
        "mae_all": (error, np.ones(len(error), dtype=np.bool_)),
        "within10_all_untold": (_near(untold), np.ones(len(error), dtype=np.bool_)),
    }
    made: JsonObject = {name: mean_of(values[mask]) for name, (values, mask) in parts.items()}
    made |= overflow_figures(said.full, scored)
    if said.levels is not None:
        inside = inside80(said.levels, scored.found).astype(np.float64)
        parts["coverage80"] = (inside, np.ones(len(error), dtype=np.bool_))
        made["coverage80"] = mean_of(inside)
    if intervals:
        clusters = _clusters(scored)
        made["ci95"] = {name: _interval(values, mask, clusters) for name, (values, mask) in parts.items()}
    return made


def mae_gain(ours: Said, other: Said, scored: Outcomes) -> JsonObject:
    """`mae_gain_over_hour_of_week`: by how much our mean error without a collection is smaller than the other's, with
    the 95 % bootstrap interval of both on the same draws; nothing where there is no such window, or no error."""
    alone = ~scored.emptied
    mine, theirs = (np.where(alone, np.abs(said.level - scored.found), 0.0) for said in (ours, other))
    if theirs.sum() <= 0:
        return {"mae_gain_over_hour_of_week": None}
    clusters = _clusters(scored)
    drawn = _draws(clusters)
    sums = [np.bincount(clusters, each)[drawn].sum(axis=1) for each in (mine, theirs)]
    gains = 1 - sums[0] / np.maximum(sums[1], 1e-9)
    return {
        "mae_gain_over_hour_of_week": round(float(1 - mine.sum() / theirs.sum()), 4),
        "mae_gain_ci95": [round(float(each), 4) for each in np.quantile(gains, (0.025, 0.975))],
    }


def overflow_figures(full: Mask, scored: Outcomes) -> JsonObject:
    """F1, recall, precision and accuracy of "below 80 now, two readings in a row at 80 or above within the window"."""
    below = scored.level < OVERFLOW_PCT
    said, true = full[below], scored.overflows[below]
    hits, warned, real = int((said & true).sum()), int(said.sum()), int(true.sum())
    return {
        "overflow_f1": round(2 * hits / max(warned + real, 1), 4),
        "overflow_recall": round(hits / max(real, 1), 4),
        "overflow_precision": round(hits / max(warned, 1), 4),
        "overflow_accuracy": mean_of((said == true).astype(np.float64)),
    }


def coverage_by(levels: Floats, scored: Outcomes) -> dict[str, JsonObject]:
    """Share of truths inside the 80 % band by fill band at the origin, by stream, and with and without a collection."""
    inside = inside80(levels, scored.found).astype(np.float64)
    band = np.searchsorted(BANDS, scored.level, side="right") - 1
    names = [f"{low:.0f} to {low + 20:.0f}" for low in BANDS]
    streams = scored.streams
    return {
        "band": {name: mean_of(inside[band == i]) for i, name in enumerate(names) if (band == i).any()},
        "stream": {str(name): mean_of(inside[streams == name]) for name in dict.fromkeys(streams.tolist())},
        "collection": {"none": mean_of(inside[~scored.emptied]), "in the window": mean_of(inside[scored.emptied])},
    }


def by_stream(said: Said, scored: Outcomes) -> JsonObject:
    """Within ten and MAE without a collection, and within ten of all windows, by stream."""
    error, streams = np.abs(said.level - scored.found), scored.streams
    made: JsonObject = {}
    for name in dict.fromkeys(streams.tolist()):
        own = streams == name
        alone = own & ~scored.emptied
        made[str(name)] = {
            "within10_no_collection": mean_of(_near(error[alone])),
            "mae_no_collection": mean_of(error[alone]),
            "within10_all": mean_of(_near(error[own])),
            "windows": int(own.sum()),
        }
    return made


def reliability(levels: Floats, scored: Outcomes) -> list[tuple[float, float]]:
    """(share told, share of truths at or below that level) for each of SHARES_OUT.

    A truth that equals the level counts half: readings are whole points and pile up at 0 and 100.
    """
    truth = scored.found[:, None]
    held = (truth < levels - 0.5).mean(axis=0) + 0.5 * (np.abs(truth - levels) <= 0.5).mean(axis=0)
    return [(share, round(float(each), 4)) for share, each in zip(SHARES_OUT, held, strict=True)]


def pinball(levels: Floats, truth: Floats) -> float:
    """Mean pinball loss over SHARES_OUT in points (Koenker and Bassett, 1978)."""
    error = truth[:, None] - levels
    shares = np.array(SHARES_OUT)
    return round(float(np.maximum(shares * error, (shares - 1) * error).mean()), 4)


def inside80(levels: Floats, truth: Floats) -> Mask:
    """Whether a truth lies in the 80 % band, its ends included."""
    return np.asarray((truth >= levels[:, LOW]) & (truth <= levels[:, HIGH]))


def mean_of(values: Floats) -> float | None:
    """The mean, to four places; None of nothing."""
    return round(float(values.mean()), 4) if len(values) else None


def _near(error: Floats) -> Floats:
    return np.asarray(error <= NEAR_PCT, dtype=np.float64)


def _clusters(scored: Outcomes) -> Ints:
    week = np.floor(scored.windows.at / WEEK_H).astype(np.int64)
    return np.unique(scored.bin * (week.max() + 1) + week, return_inverse=True)[1].astype(np.int64)


def _interval(values: Floats, mask: Mask, clusters: Ints) -> list[JsonValue]:
    total = np.bincount(clusters, np.where(mask, values, 0.0))
    count = np.bincount(clusters, mask.astype(np.float64))
    drawn = _draws(clusters)
    means = total[drawn].sum(axis=1) / np.maximum(count[drawn].sum(axis=1), 1.0)
    low, high = np.quantile(means, (0.025, 0.975))
    return [round(float(low), 4), round(float(high), 4)]


def _draws(clusters: Ints) -> Ints:
    """Draws of clusters with replacement, (DRAWS, clusters): the same for the same clusters."""
    count = int(clusters.max()) + 1
    return np.random.default_rng(0).integers(0, count, (DRAWS, count))
