"""The judge finds every way in which an answer can be wrong, and counts the cost that a person would."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from evals.routing.check import cost_of, faults_of, served_by
from evals.routing.formats import read_instance
from evals.routing.instances import Instance, Route

FILES = Path(__file__).parent / "fixtures"


def read(name: str) -> Instance:
    """A fixture's instance."""
    return read_instance(FILES / name)


@pytest.mark.parametrize(
    ("name", "routes", "fault"),
    [
        ("four-stops.vrp", [Route(0, (1, 2))], "2 stops that must be served are not: 3, 4"),
        ("four-stops.vrp", [Route(0, (1, 3)), Route(1, (2, 4))], "vehicle 0: carries 11, 10 allowed"),
        ("four-stops.vrp", [Route(0, (1, 2)), Route(0, (3, 4))], "vehicle 0 drives 2 routes"),
        ("four-stops.vrp", [Route(0, (1, 2)), Route(8, (3, 4))], "there is no vehicle 8"),
        ("four-stops.vrp", [Route(0, (1, 2)), Route(1, (3, 4)), Route(2, (1,))], "stop 1 is served 2 times"),
        ("four-stops.vrp", [Route(0, (1, 2)), Route(1, (3, 4, 5))], "there is no point 5"),
        ("four-stops.vrp", [Route(0, (1, 2, 0, 3, 4))], "vehicle 0: may not unload at 0"),
        ("four-stops.vrp", [Route(0, (1, 2, 0, 3, 4))], "vehicle 0: makes 2 trips, 1 allowed"),
        ("windows.vrp", [Route(0, (2, 1))], "vehicle 0: comes 214 too late to point 1"),
        ("prizes.vrp", [Route(0, (1,))], "1 stops that must be served are not: 2"),
        ("trips.vrp", [Route(0, (1, 2))], "vehicle 0: carries 12, 10 allowed"),
        ("trips.vrp", [Route(0, (2, 0, 1))], "vehicle 0: comes 270 too late to point 1"),
        ("sites.vrp", [Route(0, (1, 2))], "vehicle 0: may not serve 2"),
        ("depots.vrp", [Route(0, (2, 3))], "vehicle 0: carries 10, 5 allowed"),
        ("waste/street.containers.txt", [Route(0, (2, 1, 3))], "vehicle 0: does not end empty"),
        ("waste/street.containers.txt", [Route(0, (2, 3, 1))], "vehicle 0: carries 1200, 1000 allowed"),
    ],
)
def test_a_wrong_answer_is_named(name: str, routes: list[Route], fault: str) -> None:
    assert fault in faults_of(read(name), routes)


def test_a_round_may_leave_late_to_keep_its_duration() -> None:
    instance, routes = read("sites.vrp"), [Route(1, (1, 2))]  # leaving at 0 takes 22, leaving at 4.838 takes 17.162
    assert faults_of(instance, routes) == []
    shorter = replace(instance, vehicles=tuple(replace(each, max_duration=17_000) for each in instance.vehicles))
    assert faults_of(shorter, routes) == ["vehicle 1: takes 17162, 17000 allowed"]


def test_a_trip_waits_for_what_is_released_where_it_begins() -> None:
    instance = read("trips.vrp")
    assert faults_of(instance, [Route(0, (1, 0, 2))]) == []  # leaves again at 300, is at the stop at 328
    last = replace(instance, release=instance.release + 72)
    assert faults_of(last, [Route(0, (1, 0, 2))]) == []  # leaves at 372, is there at 400
    later = replace(instance, release=instance.release + 73)
    assert faults_of(later, [Route(0, (1, 0, 2))]) == ["vehicle 0: comes 1 too late to point 2"]


def test_a_waste_round_unloads_between_its_trips_and_at_its_end() -> None:
    instance, routes = read("waste/street.containers.txt"), [Route(0, (2, 1, 3, 1))]
    assert faults_of(instance, routes) == []
    assert cost_of(instance, routes) == 120 + 240 + 300 + 180 + 240
    late = replace(instance, vehicles=(replace(instance.vehicles[0], latest=7169),))
    assert faults_of(late, routes) == ["vehicle 0: comes 1 too late to point 0"]
    assert faults_of(replace(late, vehicles=(replace(late.vehicles[0], latest=7170),)), routes) == []


def test_a_container_left_out_costs_more_than_any_drive() -> None:
    instance = read("waste/street.containers.txt")
    assert cost_of(instance, [Route(0, (2, 1))]) == 120 + 240 + 240 + 100_000
    assert (faults_of(instance, [Route(0, (2, 1))]), served_by(instance, [Route(0, (2, 1))])) == ([], 1)


def test_a_vehicle_that_stays_costs_nothing() -> None:
    instance = read("mixed.vrp")
    assert cost_of(instance, [Route(0, ()), Route(1, (2,))]) == 2000 + 5 * 4000


def test_a_way_longer_than_allowed_is_a_fault() -> None:
    instance = read("mixed.vrp")
    short = replace(instance, vehicles=tuple(replace(each, max_distance=3999) for each in instance.vehicles))
    assert faults_of(short, [Route(0, (1,)), Route(1, (2,))]) == ["vehicle 1: drives 4000, 3999 allowed"]
