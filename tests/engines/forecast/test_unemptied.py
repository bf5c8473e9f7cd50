"""Bins left for far longer than ever before: told apart by their own past, and only by what was known."""

from __future__ import annotations

import numpy as np
import pytest

from engines.forecast.history import BinHistory
from engines.forecast.unemptied import long_unemptied

START = np.datetime64("2025-03-01T06:00:00", "s")
HOUR = np.timedelta64(3600, "s")


def left_alone(gaps_h: list[int], readings: dict[int, float] | None = None) -> BinHistory:
    """A bin first emptied at START and then after these gaps; `readings` by hours since START."""
    at = START + np.cumsum([0, *gaps_h]) * HOUR
    read = readings or {}
    return BinHistory(
        "1", "Paper", "s", at.astype("datetime64[s]"), np.full(len(at), 60.0),
        np.array([START + hour * HOUR for hour in read], dtype="datetime64[s]"), np.array(list(read.values())), 20.0,
    )  # fmt: skip


def days_after_last(gaps_h: list[int], days: float) -> np.datetime64:
    return np.asarray(START + sum(gaps_h) * HOUR + np.timedelta64(int(days * 86400), "s"))[()]


WEEKLY = [168] * 7 + [18 * 24]


def test_a_bin_left_half_as_long_again_as_ever_before_is_named_with_both_spans() -> None:
    found = long_unemptied(left_alone(WEEKLY), days_after_last(WEEKLY, 45))
    assert found is not None
    assert found.why == (
        "cannot tell: not emptied for 45 days, the longest before was 18; it may be out of use, or its emptyings are "
        "not in the records"
    )
    assert long_unemptied(left_alone(WEEKLY), days_after_last(WEEKLY, 26)) is None
    assert long_unemptied(left_alone(WEEKLY), days_after_last(WEEKLY, 28)) is not None


@pytest.mark.parametrize(("gaps_h", "quiet", "named"), [([24] * 9, 13, 15), ([24] * 3, 27, 29), ([], 27, 29)])
def test_a_short_past_does_not_make_two_weeks_long_nor_a_very_short_one_four(
    gaps_h: list[int], quiet: float, named: float
) -> None:
    assert long_unemptied(left_alone(gaps_h), days_after_last(gaps_h, quiet)) is None
    assert long_unemptied(left_alone(gaps_h), days_after_last(gaps_h, named)) is not None


def test_a_bin_emptied_once_has_no_longest_span() -> None:
    found = long_unemptied(left_alone([]), days_after_last([], 40))
    assert found is not None
    assert found.words == "not emptied for 40 days, it was emptied only once before"


def test_a_reading_since_the_last_emptying_tells_the_level_whatever_the_emptyings_say() -> None:
    last = sum(WEEKLY)
    moment = days_after_last(WEEKLY, 45)
    assert long_unemptied(left_alone(WEEKLY, {last + 24 * 44: 35.0}), moment) is None
    assert long_unemptied(left_alone(WEEKLY, {last - 24: 35.0}), moment) is not None


def test_what_comes_later_changes_nothing() -> None:
    moment = days_after_last(WEEKLY, 45)
    later = left_alone([*WEEKLY, 60 * 24, 24], {sum(WEEKLY) + 24 * 50: 90.0})
    assert long_unemptied(later, moment) == long_unemptied(left_alone(WEEKLY), moment)
