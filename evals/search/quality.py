"""How good a ranking is, over judged questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log2

import numpy as np
import numpy.typing as npt

__all__ = ["ndcg", "paired_bootstrap", "recall"]

Floats = npt.NDArray[np.float64]
RESAMPLES = 10_000


def ndcg(ranked: Sequence[str], grades: Mapping[str, float], depth: int = 10) -> float:
    """Normalized discounted cumulative gain, 0..1, as trec_eval counts it: the gain of a document is its grade."""
    gained = sum(grades.get(id_, 0.0) / log2(rank + 2) for rank, id_ in enumerate(ranked[:depth]))
    best = sum(grade / log2(rank + 2) for rank, grade in enumerate(sorted(grades.values(), reverse=True)[:depth]))
    return gained / best


def recall(ranked: Sequence[str], grades: Mapping[str, float], depth: int = 100) -> float:
    """The share of the answers that are among the first `depth`."""
    return len(grades.keys() & {*ranked[:depth]}) / len(grades)


def paired_bootstrap(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> tuple[float, float, float]:
    """The mean difference of two systems over the same questions, and its 95 % interval.

    Percentiles of the means of resampled questions (Efron and Tibshirani, An Introduction to the Bootstrap, 1993).
    """
    apart = np.asarray(ours, dtype=np.float64) - np.asarray(theirs, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means: Floats = np.array([apart[rng.integers(0, len(apart), len(apart))].mean() for _ in range(RESAMPLES)])
    low, high = np.percentile(means, [2.5, 97.5])
    return float(apart.mean()), float(low), float(high)
