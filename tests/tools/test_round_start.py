"""Which round a wish for a time means: the shifts that a night is followed by, or those of a day."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from scene import a_ctx

from domain.errors import AskAgain
from domain.store import Store
from domain.times import moment
from tools.planning import round_start


@pytest.mark.parametrize(
    ("words", "day"),
    [
        ("tonight", "2025-09-02"),
        ("Thursday night", "2025-09-05"),
        ("jueves por la noche", "2025-09-05"),
        ("Thursday", "2025-09-04"),
        ("Thursday evening", "2025-09-05"),
        ("tomorrow morning", "2025-09-02"),
        ("2025-09-04", "2025-09-04"),
    ],
)
def test_a_night_means_the_round_after_it_and_a_day_its_own(store: Store, tmp_path: Path, words: str, day: str) -> None:
    ctx = a_ctx(store, tmp_path)
    assert f"{ctx.now:%Y-%m-%d %H:%M}" == "2025-09-01 08:00"
    start = round_start(moment(words, ctx.now), list(ctx.city.trucks.values()), ctx)
    assert f"{start:%Y-%m-%d}" == day
    assert start > ctx.now


def test_a_time_that_is_over_is_asked_back(store: Store, tmp_path: Path) -> None:
    ctx = a_ctx(store, tmp_path)
    with pytest.raises(AskAgain, match="is over"):
        round_start(moment("2025-08-01", ctx.now), list(ctx.city.trucks.values()), ctx)


def test_a_round_of_today_whose_shift_has_begun_is_tomorrows(store: Store, tmp_path: Path) -> None:
    ctx = a_ctx(store, tmp_path)
    start = round_start(moment("today", ctx.now), list(ctx.city.trucks.values()), ctx)
    assert isinstance(start, datetime)
    assert start > ctx.now
