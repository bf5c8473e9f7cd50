"""Relative score fusion: two ranked lists on different scales become one."""

from __future__ import annotations

from collections.abc import Mapping, Set

import numpy as np

__all__ = ["fuse", "relative"]

ROUNDING = 9  # decimals: sums of the same shares in another order are the same score


def relative(scores: Mapping[int, float]) -> dict[int, float]:
    """Scores as shares of the best, which is 1; what is 0, or the worst where that is below 0, stays or becomes 0.

    All are 1 when all are 0, or the same below 0.
    """
    if not scores:
        return {}
    least, most = min(0.0, *scores.values()), max(scores.values())
    if most == least:
        return dict.fromkeys(scores, 1.0)
    return {row: (score - least) / (most - least) for row, score in scores.items()}


def fuse(
    words: Mapping[int, float], meaning: Mapping[int, float], alpha: float, unread: Set[int] = frozenset()
) -> dict[int, float]:
    """`alpha` x relative meaning + (1 - `alpha`) x relative words; what a list does not hold counts 0 there.

    Give the scores of all documents of either list in both, as far as they are known. The meaning of what is `unread`
    is not known yet, rather than far: it counts by its words alone. A convex combination with the least score that
    there can be as the zero, not the worst of a list that happens to be so long (Bruch, Gai and Ingber, An Analysis of
    Fusion Functions for Hybrid Retrieval, ACM TOIS 42, 2023); `python -m evals retrieval` prints what it gains.
    """
    by_words, by_meaning = relative(words), relative(meaning)
    by_meaning |= {row: by_words[row] for row in unread & by_words.keys()}
    rows = [*(by_words.keys() | by_meaning.keys())]
    near = np.fromiter((by_meaning.get(row, 0.0) for row in rows), dtype=np.float64, count=len(rows))
    held = np.fromiter((by_words.get(row, 0.0) for row in rows), dtype=np.float64, count=len(rows))
    return dict(zip(rows, (alpha * near + (1 - alpha) * held).round(ROUNDING).tolist(), strict=True))
