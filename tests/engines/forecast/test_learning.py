"""What bands are learnt from: alike for a city of few bins and of very many, and never what came later."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from sensed import START

from engines.forecast.columns import hours
from engines.forecast.conformal import LENGTH_ENDS_H, length_of
from engines.forecast.history import BinHistory
from engines.forecast.learning import MOST_LEARNT, REMEMBERED_H, windows_to_learn

BEGAN = float(hours(np.array([START]))[0])
END = BEGAN + 14 * 168.0


def many(bins: list[BinHistory], copies: int) -> list[BinHistory]:
    return [replace(each, bin_id=f"{each.bin_id}/{place}") for each in bins for place in range(copies)]


@pytest.mark.parametrize("count", [20, 400, 1000])
def test_every_remembered_day_is_learnt_from_at_every_length_however_many_bins_there_are(
    bins: list[BinHistory], count: int
) -> None:
    parts = windows_to_learn(many(bins, -(-count // len(bins))), END, BEGAN)
    assert sum(map(len, parts)) <= 1.3 * MOST_LEARNT
    assert [float(part.windows.ahead_h[0]) for part in parts] == list(REMEMBERED_H)
    for part, kept_h in zip(parts, REMEMBERED_H.values(), strict=True):
        by_day = Counter(np.floor((END - part.windows.ends[:, 0]) / 24).astype(int).tolist())
        assert max(by_day) < kept_h / 24 + 1
        days = [by_day[day] for day in range(int(kept_h / 24))]
        assert min(days) > 0.3 * np.mean(days)


def test_every_range_of_hours_ahead_that_has_offsets_is_learnt_from_and_the_longest_windows_for_longer() -> None:
    assert length_of(np.array(list(REMEMBERED_H))).tolist() == list(range(len(LENGTH_ENDS_H) + 1))
    assert REMEMBERED_H[336.0] > max(kept_h for ahead_h, kept_h in REMEMBERED_H.items() if ahead_h < 336.0)


def test_streams_are_learnt_from_by_their_part_of_the_bins(bins: list[BinHistory]) -> None:
    rare = [replace(each, stream="rare") for each in many(bins[:1], 50)]
    common = [replace(each, stream="common") for each in many(bins[:1], 950)]
    part = windows_to_learn([*common, *rare], END, BEGAN)[0]
    assert np.mean(part.streams == "rare") == pytest.approx(0.05, abs=0.02)


def test_nothing_is_learnt_from_windows_that_end_later_or_began_before_the_model_was_trained(
    bins: list[BinHistory],
) -> None:
    trained = END - 472
    for part in windows_to_learn(bins, END, trained):
        assert part.windows.at.min() >= trained
        assert part.windows.ends.max() < END
