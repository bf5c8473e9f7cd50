"""Moments on the city's wall clock: in order also in the night in which an hour is passed twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from engines.forecast.history import local_moment, moment_at
from engines.forecast.wall_clock import local_times

NIGHTS = {
    "America/Los_Angeles": datetime(2025, 11, 2, 7, 30, tzinfo=UTC),
    "Europe/Prague": datetime(2025, 10, 25, 23, 30, tzinfo=UTC),
    "Australia/Lord_Howe": datetime(2025, 4, 5, 13, 30, tzinfo=UTC),
}
SPRING = datetime(2025, 3, 9, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_later_moment_of_the_autumn_night_never_comes_before_an_earlier_one(zone: str) -> None:
    moments = [NIGHTS[zone] + n * timedelta(minutes=1) for n in range(180)]
    shown = [local_moment(each.astimezone(ZoneInfo(zone))) for each in moments]
    assert shown == sorted(shown)
    assert len(set(shown)) >= len(shown) - 1


@pytest.mark.parametrize("zone", NIGHTS)
def test_a_moment_of_the_autumn_night_comes_back_to_the_minute_and_shown_again_is_the_same(zone: str) -> None:
    city = ZoneInfo(zone)
    for minute in range(180):
        moment = NIGHTS[zone] + minute * timedelta(minutes=1)
        shown = local_moment(moment.astimezone(city))
        again = moment_at(shown.astype(datetime), city)
        assert abs(again - moment) <= timedelta(minutes=2)
        assert local_moment(again) == shown


@pytest.mark.parametrize("zone", NIGHTS)
def test_many_times_are_shown_as_each_of_them_is(zone: str) -> None:
    moments = [NIGHTS[zone] + n * timedelta(seconds=47) for n in range(300)]
    utc = np.array([each.replace(tzinfo=None) for each in moments], dtype="datetime64[s]")
    shown = local_times(utc, ZoneInfo(zone))
    assert shown.tolist() == [local_moment(each.astimezone(ZoneInfo(zone))).tolist() for each in moments]


def test_outside_the_repeated_hour_the_wall_clock_is_shown_as_it_is() -> None:
    city = ZoneInfo("America/Los_Angeles")
    for moment in (SPRING + n * timedelta(minutes=7) for n in range(40)):
        wall = moment.astimezone(city)
        assert local_moment(wall) == np.datetime64(wall.replace(tzinfo=None), "s")
        assert moment_at(wall.replace(tzinfo=None), city) == moment


def test_a_time_without_a_zone_is_taken_as_it_is() -> None:
    assert local_moment(datetime(2025, 11, 2, 1, 59, 30)) == np.datetime64("2025-11-02T01:59:30")  # noqa: DTZ001
