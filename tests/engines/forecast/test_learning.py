"""What bands are learnt from: alike for a city of few bins and of very many, and never what came later."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sensed import START, town

from engines.forecast.columns import hours
from engines.forecast.history import BinHistory
from engines.forecast.learning import LEARNT_AHEAD_H, LEARNT_FROM_H, MOST_LEARNT, windows_to_learn

BEGAN = float(hours(np.array([START]))[0])
END = BEGAN + 12 * 168.0
BEGIN = END - LEARNT_FROM_H


@pytest.fixture(scope="module")
def bins() -> list[BinHistory]:
    return town()


def many(bins: list[BinHistory], copies: int) -> list[BinHistory]:
    return [replace(each, bin_id=f"{each.bin_id}/{place}") for each in bins for place in range(copies)]


@pytest.mark.parametrize("count", [20, 400, 1000])
def test_every_day_of_four_weeks_is_learnt_from_at_every_length_however_many_bins_there_are(
    bins: list[BinHistory], count: int
) -> None:
    parts = windows_to_learn(many(bins, -(-count // len(bins))), BEGIN, END, BEGAN)
    assert sum(map(len, parts)) <= 1.3 * MOST_LEARNT
    assert [float(part.windows.ahead_h[0]) for part in parts] == list(LEARNT_AHEAD_H)
    for part in parts:
        by_day = Counter(np.floor((part.windows.ends[:, 0] - BEGIN) / 24).astype(int).tolist())
        assert min(by_day[day] for day in range(28)) > 0.3 * np.mean([by_day[day] for day in range(28)])


def test_streams_are_learnt_from_by_their_part_of_the_bins(bins: list[BinHistory]) -> None:
    rare = [replace(each, stream="rare") for each in many(bins[:1], 50)]
    common = [replace(each, stream="common") for each in many(bins[:1], 950)]
    part = windows_to_learn([*common, *rare], BEGIN, END, BEGAN)[0]
    assert np.mean(part.streams == "rare") == pytest.approx(0.05, abs=0.02)


def test_nothing_is_learnt_from_windows_that_end_later_or_began_before_the_model_was_trained(
    bins: list[BinHistory],
) -> None:
    trained = BEGIN + 200
    for part in windows_to_learn(bins, BEGIN, END, trained):
        assert part.windows.at.min() >= trained
        assert part.windows.ends.max() < END
