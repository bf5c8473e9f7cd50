"""Intervals by drawing whole groups: wide where groups differ, of no width where they are alike."""

from __future__ import annotations

import numpy as np

from evals.forecast.clusters import interval_of_mean


def test_the_interval_holds_the_mean_and_is_wide_where_groups_differ() -> None:
    groups = np.repeat(np.arange(20.0), 50)
    alike, apart = (
        interval_of_mean(np.tile([1.0, -1.0], 500), groups),
        interval_of_mean(np.where(groups < 10, 1.0, -1.0), groups),
    )
    assert alike == (0.0, 0.0)
    assert apart[0] < -0.2 < 0.2 < apart[1]
