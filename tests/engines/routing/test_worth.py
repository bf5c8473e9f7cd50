"""A visit's worth is the overflow it prevents, the haul it takes off another day, and the visit that it spares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.routing.params import Core, Params
from engines.routing.problem import LONGEST, Place, Problem, Stop, StopRule, Truck, Weights
from engines.routing.solve import solve
from engines.routing.worth import HAUL_SHARE, LEAST_PCT, SPARED_SHARE, Seen, Worth, with_prizes, worth_of_visits

FULL = 5_000  # a full bin and day costs five kilometres
KM = Weights(per_metre=1.0)


def street(levels: list[int], weights: Weights | None = KM) -> Problem:
    """Bins of 1,000 l on a street, 1 km apart; depot and dump at its beginning, a truck of 2,000 l at 10 m/s."""
    at = np.array([0, 0, *(1000 * (i + 1) for i in range(len(levels)))])
    metres = np.abs(at[:, None] - at)
    stops = tuple(Stop(f"b{i}", 0, 0, 10 * level, 1, 60, "waste") for i, level in enumerate(levels))
    truck = Truck("T", 2_000, 10_000, shift_end_s=10 * 3600, cost_per_km=2.0, cost_per_hour=36.0)
    return Problem(
        stops, (truck,), (Place("depot", 0, 0),), (Place("dump", 0, 0, 300),), metres, metres // 10, weights=weights
    )  # fmt: skip


def seen(levels: list[int], *chances: float) -> dict[str, Seen]:
    """What is foreseen of each bin."""
    return {f"b{i}": Seen(level, chance) for i, (level, chance) in enumerate(zip(levels, chances, strict=True))}


def test_the_parts_are_the_chance_s_cost_the_litres_share_of_a_full_load_and_a_share_of_the_visit() -> None:
    worth = worth_of_visits(street([40, 80]), seen([40, 80], 0.1, 0.5), FULL)
    assert worth["b0"] == Worth(500, round(HAUL_SHARE * 2000 * 400 / 2000), round(SPARED_SHARE * 1000 * 0.5))
    assert worth["b1"] == Worth(2500, round(HAUL_SHARE * 4000 * 800 / 2000), round(SPARED_SHARE * 1000))
    assert worth["b1"].prize == worth["b1"].overflow + worth["b1"].haul + worth["b1"].spared


def test_in_money_the_hours_of_driving_unloading_and_emptying_count_too() -> None:
    """2 a km and 36 an hour: 3 milli a metre at 10 m/s, and 10 milli a second."""
    worth = worth_of_visits(street([40, 80], None), seen([40, 80], 0.0, 0.0), FULL)
    assert worth["b0"].haul == round(HAUL_SHARE * (2000 * 3 + 300 * 10) * 400 / 2000)
    assert worth["b1"].spared == round(SPARED_SHARE * (1000 * 3 + 60 * 10))


def test_an_almost_empty_bin_is_worth_its_chance_alone() -> None:
    level = int(LEAST_PCT) - 1
    assert worth_of_visits(street([level]), seen([level], 0.2), FULL)["b0"] == Worth(1000)


def test_a_full_load_nearly_pays_its_way_so_that_little_chance_is_needed_to_send_the_truck() -> None:
    """Two full bins at the same end of the street make a load. Alone their litres do not pay; with some risk they do,
    and a single half-empty one with the same risk does not."""

    def served(levels: list[int], chance: float) -> int:
        problem = street(levels)
        priced = with_prizes(problem, worth_of_visits(problem, seen(levels, *(chance for _ in levels)), FULL))
        return len(solve(priced, StopRule(max_looks=300), 0, Params(core=Core.annealer)).served)

    assert served([100, 100], 0.0) == 0
    assert served([100, 100], 0.1) == 2
    assert served([50], 0.1) == 0


def test_the_chance_at_which_the_worth_would_be_reached_is_told_with_the_other_parts_as_they_are() -> None:
    worth = Worth(overflow=500, haul=300, spared=200)
    assert worth.chance_at(2_000, FULL) == pytest.approx(0.3)
    assert worth.chance_at(400, FULL) == 0.0
    assert worth.chance_at(5_501, FULL) is None
    at = worth.chance_at(3_100, FULL)
    assert at is not None
    assert replace(worth, overflow=round(at * FULL)).prize == 3_100


def test_stops_that_nothing_is_foreseen_of_keep_their_prize() -> None:
    problem = street([50, 50])
    priced = with_prizes(problem, worth_of_visits(problem, {"b1": Seen(50, 0.5)}, FULL))
    assert priced.stops[0].prize is None
    assert priced.stops[1].prize is not None


def test_without_trucks_or_ways_only_the_chance_counts() -> None:
    problem = street([50, 50])
    nobody = replace(problem, trucks=())
    assert worth_of_visits(nobody, seen([50, 50], 0.1, 0.2), FULL)["b1"] == Worth(1000)
    cut_off = replace(problem, metres=np.where(problem.metres > 0, LONGEST, 0), seconds=problem.seconds)
    assert worth_of_visits(cut_off, seen([50, 50], 0.1, 0.2), FULL)["b1"] == Worth(1000)


def test_a_truck_that_may_not_take_the_stream_makes_no_haul_cheaper() -> None:
    problem = street([40, 80])
    alone = worth_of_visits(problem, seen([40, 80], 0.0, 0.0), FULL)
    glass = replace(problem.trucks[0], name="G", capacity_l=40_000, streams=frozenset({"glass"}))
    beside = replace(problem, trucks=(*problem.trucks, glass))
    assert worth_of_visits(beside, seen([40, 80], 0.0, 0.0), FULL) == alone


def test_a_dump_that_no_way_leads_to_makes_no_haul_cheaper() -> None:
    problem = street([40, 80])
    at = [0, 1, 1, 2, 3]
    metres = problem.metres[np.ix_(at, at)].copy()
    metres[2, :] = metres[:, 2] = LONGEST
    metres[2, 2] = 0
    seconds = np.where(metres >= LONGEST, LONGEST, metres // 10)
    two = replace(problem, dumps=(*problem.dumps, Place("island", 0, 0, 300)), metres=metres, seconds=seconds)
    assert worth_of_visits(two, seen([40, 80], 0, 0), FULL) == worth_of_visits(problem, seen([40, 80], 0, 0), FULL)


def test_a_truck_that_is_full_by_weight_first_is_shared_by_weight() -> None:
    problem = street([40, 80])
    heavy = replace(problem.stops[0], weight_kg=5_000)  # half a load of 10,000 kg, a fifth of 2,000 l
    worth = worth_of_visits(replace(problem, stops=(heavy, problem.stops[1])), seen([40, 80], 0, 0), FULL)
    assert worth["b0"].haul == round(HAUL_SHARE * 2000 / 2)
    assert worth["b1"].haul == round(HAUL_SHARE * 4000 * 800 / 2000)
