"""Intervals of means whose cases hang together: whole clusters are drawn (cluster bootstrap), seed 0."""

from __future__ import annotations

import numpy as np

from engines.forecast.history import Floats


def interval_of_mean(values: Floats, clusters: np.ndarray, draws: int = 400) -> tuple[float, float]:
    """The 95 % interval of the mean of values (n,), drawing clusters (n,) whole."""
    names, place = np.unique(clusters, return_inverse=True)
    total, count = np.bincount(place, values), np.bincount(place)
    drawn = np.random.default_rng(0).integers(0, len(names), (draws, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(low), float(high)
