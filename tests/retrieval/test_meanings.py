"""How many of what is near a question the limits leave, as a sample of the vectors tells it."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval.meanings import SAMPLE, TextSource
from retrieval.quantised import quantise
from retrieval.vectors import Vectors

TEXTS, DIMENSIONS, TOPICS = 3 * SAMPLE, 16, 100


@pytest.fixture(scope="module")
def world() -> tuple[Vectors, np.ndarray, np.ndarray]:
    """(texts round a hundred directions, the direction of each, the directions)."""
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(TOPICS, DIMENSIONS))
    topics = rng.integers(0, TOPICS, TEXTS)
    raw = middles[topics] + 0.3 * rng.normal(size=(TEXTS, DIMENSIONS))
    matrix = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return Vectors(np.arange(TEXTS), matrix, quantise(matrix)), topics, middles


def source(world: tuple[Vectors, np.ndarray, np.ndarray], left: np.ndarray, texts: int = TEXTS) -> TextSource:
    """A question about the first direction, where the limits leave a mask of the first so many texts."""
    vectors, _, middles = world
    assert vectors.codes is not None
    some = Vectors(vectors.numbers[:texts], vectors.matrix[:texts], vectors.codes.first(texts))
    query = (middles[0] / np.linalg.norm(middles[0])).astype(np.float32)
    rows = np.flatnonzero(left[:texts])
    return TextSource(some, query, rows, len(rows), texts)


def test_where_place_says_nothing_of_the_meaning_the_share_is_that_of_the_place(world) -> None:
    left = np.random.default_rng(2).random(TEXTS) < 0.3
    asked = source(world, left)
    assert asked.survival() == pytest.approx(0.3, abs=0.01)
    assert asked.survival_near() == pytest.approx(0.3, abs=0.1)
    assert asked.survival_near() != asked.survival()  # the sample was looked at


def test_where_what_is_near_is_elsewhere_hardly_any_survives_and_where_it_is_there_nearly_all(world) -> None:
    _, topics, _ = world
    elsewhere = (topics >= 1) & (topics <= 30)
    there = topics < 30
    assert source(world, elsewhere).survival_near() < 0.03
    assert source(world, there).survival_near() > 0.9
    assert source(world, there).survival() == pytest.approx(0.3, abs=0.02)


def test_of_few_texts_no_sample_is_taken(world) -> None:
    _, topics, _ = world
    few = source(world, topics < 30, 2 * SAMPLE - 1)
    assert few.survival_near() == few.survival()


def test_a_sample_that_finds_none_does_not_say_that_there_is_none(world) -> None:
    _, topics, _ = world
    assert source(world, topics > 50).survival_near() > 0
