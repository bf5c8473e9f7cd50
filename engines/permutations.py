"""Permutations within strata: the moments of a sum of products under them, exactly, and sums drawn at random."""

from __future__ import annotations

from collections.abc import Sequence
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

__all__ = ["drawn_sums", "moments", "strata_of", "upper_tail"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
TINY = 1e-12  # a variance that is rounding


def strata_of(stratum: Ints) -> list[Ints]:
    """The places of each stratum's units, without strata of one."""
    order = np.argsort(stratum, kind="stable")
    borders = np.flatnonzero(np.diff(stratum[order])) + 1
    return [places for places in np.split(order, borders) if len(places) > 1]


def moments(share: Floats, residuals: Floats, codes: Ints) -> tuple[float, float]:
    """Mean and standard deviation of the sum of share times residual over all permutations within strata, exactly."""
    count, x, r = np.bincount(codes), np.bincount(codes, share), np.bincount(codes, residuals)
    apart_x = np.bincount(codes, share * share) - x * x / count
    apart_r = np.bincount(codes, residuals * residuals) - r * r / count
    variance = float((np.maximum(apart_x, 0) * np.maximum(apart_r, 0) / np.maximum(count - 1, 1)).sum())
    return float((x * r / count).sum()), sqrt(variance) if variance > TINY else 0.0


def drawn_sums(share: Floats, residuals: Floats, strata: Sequence[Ints], draws: int, generator: Generator) -> Floats:
    """The sum in so many random permutations within strata."""
    held = np.zeros(len(share), dtype=np.bool_)
    sums = np.zeros(draws)
    for places in strata:
        held[places] = True
        x, r = share[places], residuals[places]
        if np.ptp(x) == 0 or np.ptp(r) == 0:
            sums += len(places) * x.mean() * r.mean()
            continue
        sums += _draw_stratum(x, r, draws, generator)
    sums += float(share[~held] @ residuals[~held])
    return sums


def _draw_stratum(x: Floats, r: Floats, draws: int, generator: Generator) -> Floats:
    """One stratum. Two values meeting two values are a hypergeometric number (Fisher's exact test); else shuffled."""
    low, high = float(x.min()), float(x.max())
    bottom, top = float(r.min()), float(r.max())
    if np.isin(x, (low, high)).all() and np.isin(r, (bottom, top)).all():
        chosen, good = int((x == high).sum()), int((r == top).sum())
        both = generator.hypergeometric(good, len(r) - good, chosen, draws)
        inside = both * top + (chosen - both) * bottom
        return np.asarray(high * inside + low * (r.sum() - inside), dtype=np.float64)
    shuffled = generator.permuted(np.broadcast_to(r, (draws, len(r))), axis=1)
    sums: Floats = shuffled @ x
    return sums


def upper_tail(z: float) -> float:
    """The normal distribution above z."""
    return 0.5 * erfc(z / sqrt(2))
