"""Codes of one byte a number lose nothing: what they find is what the true numbers find."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.quantised import bounded, empty_codes, quantise

Floats = npt.NDArray[np.float32]


def units(seed: int, n: int, dimensions: int, spread: float = 1.0) -> Floats:
    """Unit vectors around a common direction, the nearer the smaller the spread."""
    rng = np.random.default_rng(seed)
    raw = rng.normal(size=dimensions) + spread * rng.normal(size=(n, dimensions))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


@given(
    seed=st.integers(0, 10_000), dimensions=st.sampled_from([2, 7, 384, 1_536]), spread=st.sampled_from([1e-3, 0.1, 3]),
    depth=st.sampled_from([1, 10, 200]), some=st.booleans(), whole=st.booleans(),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_the_nearest_by_codes_are_the_nearest_by_the_true_numbers(
    seed: int, dimensions: int, spread: float, depth: int, some: bool, whole: bool
) -> None:
    matrix, query = units(seed, 400, dimensions, spread), units(seed + 1, 1, dimensions, spread)[0]
    among = np.arange(0, 400, 3) if some else None
    found = bounded(quantise(matrix), query, among, whole=whole)
    truth = matrix @ query if among is None else matrix[among] @ query
    assert (np.abs(found.near - truth) <= found.wrong).all()
    best = np.sort(truth)[::-1][:depth]
    assert np.sort(truth[found.nearest(depth)])[::-1][:depth].tolist() == best.tolist()


def test_few_are_compared_by_their_true_numbers() -> None:
    matrix = units(1, 20_000, 384, 1.0)
    assert 10 <= len(bounded(quantise(matrix), units(2, 1, 384, 1.0)[0]).nearest(10)) < 1_000


@pytest.mark.parametrize("floor", [-0.5, 0.0, 0.45, 0.55, 0.99])
def test_whatever_reaches_a_floor_is_found(floor: float) -> None:
    matrix, query = units(3, 5_000, 96), units(4, 1, 96)[0]
    found, cosines = bounded(quantise(matrix), query).at_least(floor), matrix @ query
    assert {*found[cosines[found] >= floor].tolist()} == {*np.flatnonzero(cosines >= floor).tolist()}


def test_a_vector_of_nothing_and_numbers_far_apart_are_rounded_within_what_is_said_to_be_lost() -> None:
    matrix = np.array([[0, 0, 0, 0], [1, 1e-9, -1, 0.003], [0.5, 0.5, 0.5, 0.5]], dtype=np.float32)
    codes = quantise(matrix)
    apart = np.linalg.norm(matrix - codes.numbers * codes.steps[:, None], axis=1)
    assert (apart <= codes.lost + 1e-7).all()
    assert codes.lost.max() < 0.01


def test_the_longest_vectors_do_not_overflow_and_longer_ones_are_refused() -> None:
    flat = np.full((2, 2_064), 1 / np.sqrt(2_064), dtype=np.float32)
    assert bounded(quantise(flat), flat[0]).near == pytest.approx([1, 1], abs=1e-4)
    with pytest.raises(ValueError, match="too long"):
        quantise(np.ones((1, 2_065), dtype=np.float32))


def test_codes_made_in_two_goes_are_those_made_in_one() -> None:
    matrix, codes = units(5, 40, 16), empty_codes(64, 16)
    quantise(matrix[:25], codes)
    made, whole = quantise(matrix, codes, 25).first(40), quantise(matrix)
    assert (made.numbers == whole.numbers).all()
    assert (made.steps == whole.steps).all()
    assert (made.lost == whole.lost).all()
