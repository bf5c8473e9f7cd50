"""Sums over permutations within strata have the moments that the formula says, and drawn ones agree with them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from engines.permutations import drawn_sums, moments, strata_of

SHARE = np.array([1.0, 0.0, 0.3, 0.0, 1.0, 0.5])
SEEN = np.array([2.0, -1.0, 0.5, 4.0, -3.0, 1.5])
CODES = np.array([0, 0, 0, 1, 1, 2])


def every_sum() -> np.ndarray:
    """The sum of each of the twelve permutations."""
    firsts = [SHARE[:3] @ np.array(moved) for moved in permutations(SEEN[:3])]
    seconds = [SHARE[3:5] @ np.array(moved) for moved in permutations(SEEN[3:5])]
    return np.array([a + b + SHARE[5] * SEEN[5] for a in firsts for b in seconds])


def test_the_moments_are_those_of_all_permutations() -> None:
    mean, spread = moments(SHARE, SEEN, CODES)
    assert mean == pytest.approx(every_sum().mean())
    assert spread == pytest.approx(every_sum().std())


def test_drawn_sums_are_sums_of_permutations_and_each_comes_as_often() -> None:
    drawn = drawn_sums(SHARE, SEEN, strata_of(CODES), 12_000, np.random.default_rng(0))
    possible, often = np.unique(np.round(drawn, 9), return_counts=True)
    expected, times = np.unique(np.round(every_sum(), 9), return_counts=True)
    assert possible == pytest.approx(expected)
    assert often == pytest.approx(1_000 * times, rel=0.12)
