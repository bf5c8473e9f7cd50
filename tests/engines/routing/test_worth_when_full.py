"""A full truck comes back for bins whose prizes pay the trip, and for no others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.routing.problem import Place, Problem, RoundPlan, Stop, Truck, Weights
from engines.routing.rounds import assemble
from engines.routing.worth_when_full import may_stay, no_time_to_return

KM = Weights(per_metre=1.0)


def street(prizes: list[int | None], weights: Weights | None = KM) -> Problem:
    """Bins on a street, 1 km apart; depot and dump at its beginning, a truck at 10 m/s."""
    at = np.array([0, 0, *(1000 * (i + 1) for i in range(len(prizes)))])
    metres = np.abs(at[:, None] - at)
    stops = tuple(Stop(f"b{i}", 0, 0, 900, 1, 60, "waste", prize=prize) for i, prize in enumerate(prizes))
    truck = Truck("T", 5_000, 10_000, shift_end_s=10 * 3600, cost_per_km=2.0, cost_per_hour=36.0)
    return Problem(
        stops, (truck,), (Place("depot", 0, 0),), (Place("dump", 0, 0, 300),), metres, metres // 10, weights=weights
    )  # fmt: skip


def plan_of(problem: Problem, *loads: list[int]) -> RoundPlan:
    """Each load's bins in this order, then the dump (point 1)."""
    order = [point for load in loads for point in (*(problem.first_stop + i for i in load), 1)]
    return assemble(problem, [order], "by hand", 0)


def test_the_rest_of_a_load_stays_when_its_prizes_together_do_not_pay_the_way_back_to_it() -> None:
    """b2 alone is 6 km for 2.5 km worth; b1 and b2 are 6 km for 5.5; all three are 6 km for 8."""
    problem = street([2_500, 3_000, 2_500])
    assert may_stay(problem, plan_of(problem, [0, 1, 2])) == {"b1", "b2"}


def test_each_load_is_judged_by_itself() -> None:
    problem = street([2_500, 4_500, 1_000])
    assert may_stay(problem, plan_of(problem, [0, 1, 2])) == {"b1", "b2"}
    assert may_stay(problem, plan_of(problem, [2], [0, 1])) == {"b2"}


@pytest.mark.parametrize("kind", ["must", "without prize"])
def test_a_bin_that_is_to_be_served_is_come_back_for_with_all_before_it(kind: str) -> None:
    problem = street([10, 10, 10])
    middle = replace(problem.stops[1], must_serve=kind == "must", prize=None)
    problem = replace(problem, stops=(problem.stops[0], middle, problem.stops[2]))
    assert may_stay(problem, plan_of(problem, [0, 1, 2])) == {"b2"}


def test_in_money_the_trip_s_hours_count_too() -> None:
    """2 km at 2 a km, and 200 s on the way, 60 s at the bin and 300 s at the dump at 36 an hour: 9.60."""
    for prize, stays in ((9_599, True), (9_601, False)):
        problem = street([prize], None)
        assert bool(may_stay(problem, plan_of(problem, [0]))) is stays


def test_without_a_dump_the_truck_would_come_back_from_where_its_round_ends() -> None:
    with_dump = street([1_500, 4_500])
    points = [0, *range(2, 4)]
    without = replace(
        with_dump, dumps=(), metres=with_dump.metres[np.ix_(points, points)],
        seconds=with_dump.seconds[np.ix_(points, points)],
    )  # fmt: skip
    assert may_stay(without, assemble(without, [[1, 2]], "by hand", 0)) == frozenset()
    cheap = replace(without, stops=tuple(replace(stop, prize=1_500) for stop in without.stops))
    assert may_stay(cheap, assemble(cheap, [[1, 2]], "by hand", 0)) == {"b0", "b1"}


def test_an_empty_plan_has_nothing_to_leave() -> None:
    problem = street([10])
    assert may_stay(problem, plan_of(problem)) == frozenset()


def test_a_stop_that_must_be_served_is_at_risk_where_the_free_seconds_are_fewer_than_another_trip_to_it() -> None:
    """b2 is 300 s from the dump, where unloading takes 300 s: another trip to it is 900 s, to b1 700 s."""
    problem = street([None, None, None])
    musts = tuple(replace(stop, must_serve=True) for stop in problem.stops)
    problem = replace(problem, stops=musts)
    took = plan_of(problem, [0, 1, 2]).seconds
    for free_s, lost in ((900, ()), (899, ("b2",)), (700, ("b2",)), (699, ("b1", "b2"))):
        truck = replace(problem.trucks[0], shift_end_s=took + free_s)
        tight = replace(problem, trucks=(truck,))
        assert no_time_to_return(tight, plan_of(tight, [0, 1, 2])) == lost
    alone = plan_of(tight, [2])
    hurried = replace(tight, trucks=(replace(problem.trucks[0], shift_end_s=alone.seconds),))
    assert no_time_to_return(hurried, plan_of(hurried, [2])) == ()  # the truck is empty before it
    willing = replace(tight, stops=street([None, None, None]).stops)
    assert no_time_to_return(willing, plan_of(willing, [0, 1, 2])) == ()
