"""When the fixed schedule visits a bin: on its weekdays, after its interval, or both."""

from __future__ import annotations

import pytest
from scene import at

from domain.repositories.service import Rule
from tools.lateness import is_due

MONDAY = "2025-09-01 04:00"


@pytest.mark.parametrize(
    ("interval", "weekdays", "last", "due"),
    [
        (7, ("Mon",), "2025-08-31 09:00", True),  # emptied out of turn yesterday: its weekday is its weekday
        (7, ("Tue",), "2025-08-01 09:00", False),
        (5, ("Mon", "Fri"), "2025-08-29 09:00", True),  # the mean gap is longer than this one
        (14, ("Mon",), "2025-08-25 09:00", False),
        (14, ("Mon",), "2025-08-18 09:00", True),
        (14, ("Mon",), "2025-08-19 09:00", True),  # a day late the last time: a week later would be too late
        (14, ("Mon",), None, True),
        (3, (), "2025-08-29 23:00", True),
        (3, (), "2025-08-30 00:30", False),
        (3, (), None, True),
    ],
)
def test_a_bin_is_due_on_its_weekday_unless_its_interval_lasts_until_the_next(
    interval: float, weekdays: tuple[str, ...], last: str | None, due: bool
) -> None:
    rule = Rule("1", interval, weekdays)
    assert is_due(rule, at(last) if last else None, at(MONDAY)) is due
