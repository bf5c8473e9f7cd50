"""Relative score fusion, by examples computed by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fusion import fuse, relative

SCORES = st.dictionaries(st.integers(1, 20), st.floats(-5, 20, allow_nan=False), max_size=8)


def test_two_lists_are_moved_stretched_weighed_and_added() -> None:
    words = {1: 10.0, 2: 6.0, 3: 2.0}  # relative: 1, 0.6, 0.2
    meaning = {2: 0.8, 3: 0.4, 4: 0.2}  # relative: 1, 0.5, 0.25
    assert fuse(words, meaning, 0.5) == pytest.approx({1: 0.5, 2: 0.8, 3: 0.35, 4: 0.125})
    assert fuse(words, meaning, 0.25) == pytest.approx({1: 0.75, 2: 0.7, 3: 0.275, 4: 0.0625})


def test_meanings_that_point_away_are_counted_from_the_farthest() -> None:
    assert relative({1: 0.5, 2: 0.0, 3: -0.5}) == {1: 1.0, 2: 0.5, 3: 0.0}
    assert relative({1: -0.2, 2: -0.4}) == {1: 1.0, 2: 0.0}


def test_scores_that_do_not_differ_are_all_the_best() -> None:
    assert relative({7: 0.3, 8: 0.3}) == relative({7: 0.0, 8: 0.0}) == relative({7: -3, 8: -3}) == {7: 1.0, 8: 1.0}
    assert relative({}) == {}


def test_what_has_no_vector_yet_counts_by_its_words_alone() -> None:
    assert fuse({1: 4.0, 2: 3.0, 3: 0.0}, {2: 0.8, 3: 0.2}, 0.5, {1}) == pytest.approx({1: 1.0, 2: 0.875, 3: 0.125})


@given(SCORES, SCORES, st.floats(0, 1))
def test_a_fused_score_is_a_share_and_every_document_keeps_one(
    words: dict[int, float], meaning: dict[int, float], alpha: float
) -> None:
    fused = fuse(words, meaning, alpha)
    assert fused.keys() == words.keys() | meaning.keys()
    assert all(0 <= score <= 1 for score in fused.values())


@given(SCORES)
def test_a_weight_of_nothing_leaves_the_order_of_the_other_list(words: dict[int, float]) -> None:
    fused = fuse(words, {99: 1.0}, 0.0)
    assert fused[99] == (0.0 if words else fused[99])
    assert all(fused[a] <= fused[b] for a in words for b in words if words[a] <= words[b])
