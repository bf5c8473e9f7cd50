"""Claims about towns of more bins than one plan looks at: which are planned for, which are not and by which bound."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from engines.routing.check import check
from engines.routing.crowd import (
    FEWEST_PLANNED,
    HOURS,
    LOOKS_AT,
    MOST_PLANNED,
    MUST_WAIT,
    NO_TRUCK,
    TOO_LARGE,
    Chosen,
    Fleet,
    within_reach,
)
from engines.routing.distances import HaversineMatrix
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Truck
from engines.routing.solve import solve

DEPOT, OTHER = (37.87, -122.27), (37.97, -122.15)
SHIFT_S = 8 * 3600
DEPOTS = (Place("depot", *DEPOT), Place("other depot", *OTHER))
PLAN_FULL = LOOKS_AT.format(most=MOST_PLANNED)


def town(bins: int, seed: int = 1, **changes: object) -> list[Stop]:
    """Bins at random places of some 30 km square, a tenth of them worth much."""
    rng = np.random.default_rng(seed)
    at = rng.uniform(-0.15, 0.15, size=(bins, 2)) + DEPOT
    prize = np.where(rng.random(bins) < 0.1, 18_000, 2_000)
    made = [
        Stop(f"b{i}", float(at[i, 0]), float(at[i, 1]), 240, 20, 120, "any", prize=int(prize[i])) for i in range(bins)
    ]
    return [replace(stop, **changes) for stop in made]  # type: ignore[arg-type]


def fleet(trucks: int, *streams: str, **changes: object) -> Fleet:
    """So many trucks of one shift that take these streams (none: all)."""
    made = (
        Truck(f"truck {i} {'/'.join(streams)}", 12_000, 8_000, frozenset(streams), shift_end_s=SHIFT_S)
        for i in range(trucks)
    )
    return Fleet([replace(truck, **changes) for truck in made], DEPOTS)  # type: ignore[arg-type]


def by_prize(stop: Stop) -> float:
    return stop.prize or 0.0


def alike(_: Stop) -> float:
    return 0.5


def metres_to(stops: Sequence[Stop], *depots: tuple[float, float]) -> Mapping[str, int]:
    """Metres from each bin to the nearest of the depots."""
    matrix = HaversineMatrix().matrix([*depots, *((each.lat, each.lon) for each in stops)])[0]
    nearest = matrix[: len(depots), len(depots) :].min(axis=0)
    return dict(zip((each.id for each in stops), map(int, nearest), strict=True))


def problem_of(kept: Sequence[Stop], trucks: Sequence[Truck]) -> Problem:
    metres, seconds = HaversineMatrix().matrix([DEPOT, DEPOT, *((each.lat, each.lon) for each in kept)])
    dump = (Place("dump", *DEPOT, 900),)
    return Problem(tuple(kept), tuple(trucks), DEPOTS[:1], dump, metres, seconds, Goal.balanced)


def all_told(chosen: Chosen, stops: Sequence[Stop]) -> bool:
    """Whether every stop is either planned for or has its reason."""
    return {*chosen.kept} | {*chosen.later} == {stop.id for stop in stops} and not {*chosen.kept} & {*chosen.later}


def test_fifty_thousand_bins_give_a_plan_that_can_be_driven_within_seconds() -> None:
    bins, trucks = town(50_000), fleet(4)
    began = time.process_time()
    chosen = within_reach(bins, by_prize, trucks)
    wanted = set(chosen.kept)
    problem = problem_of([each for each in bins if each.id in wanted], trucks.trucks)
    plan = solve(problem, StopRule(max_looks=500))
    assert time.process_time() - began < 30  # seconds on a quiet core; half a minute is the alarm
    assert not check(problem, plan)
    assert len(plan.served) > 100
    assert all_told(chosen, bins)
    (told,) = chosen.verdicts
    assert told.startswith("50,000 bins are more than one plan looks at: the 1,200 most urgent were planned for")
    assert "48,800 stay for later rounds" in told


def test_no_bin_that_waits_is_more_urgent_than_one_that_is_planned_for() -> None:
    bins = town(20_000)
    chosen = within_reach(bins, by_prize, fleet(4))
    prize = {each.id: each.prize or 0 for each in bins}
    assert min(prize[i] for i in chosen.kept) >= max(prize[i] for i in chosen.later)


def test_where_each_stream_has_its_share_no_bin_is_told_to_be_less_urgent_than_one_of_another_stream() -> None:
    """All glass is more urgent than any other bin, and still half of the plan is for the others."""
    glass = [replace(each, id=f"g{each.id}", stream="glass") for each in town(3000, 2)]
    both = Fleet([*fleet(4, "any").trucks, *fleet(4, "glass").trucks], DEPOTS)
    for urgency, told in (
        (lambda stop: float(stop.stream == "glass"), "the 1,200 most urgent of each stream were planned for"),
        (alike, "the 1,200 nearest of each stream to where the trucks begin were planned for"),
    ):
        chosen = within_reach([*town(3000), *glass], urgency, both)
        assert sum(i.startswith("g") for i in chosen.later) > 0 < sum(i.startswith("b") for i in chosen.kept)
        assert told in chosen.verdicts[0]


def test_among_equally_urgent_bins_the_nearest_are_planned_for_and_told_to_be_no_more_than_that() -> None:
    bins = town(3000)
    chosen = within_reach(bins, alike, fleet(1))
    metres = metres_to(bins, DEPOT)
    assert max(metres[i] for i in chosen.kept) <= 1.001 * min(metres[i] for i in chosen.later)
    assert "urgent" not in chosen.verdicts[0]
    assert "nearest to where the trucks begin" in chosen.verdicts[0]


def test_a_bin_is_as_near_as_the_nearest_depot_of_a_truck_that_takes_it() -> None:
    bins = [*town(3000), *(replace(each, id=f"g{each.id}", stream="glass") for each in town(3000, 2))]
    here, there = fleet(2, "any").trucks, fleet(2, "glass", depot=1).trucks
    chosen = within_reach(bins, alike, Fleet([*here, *there], DEPOTS))
    for stream, depot in (("any", DEPOT), ("glass", OTHER)):
        mine = [each for each in bins if each.stream == stream]
        metres, kept = metres_to(mine, depot), {*chosen.kept}
        assert len(kept & {*metres}) == MOST_PLANNED / 2
        assert max(metres[i] for i in metres if i in kept) <= 1.001 * min(metres[i] for i in metres if i not in kept)


def test_two_depots_of_trucks_that_take_all_share_the_town() -> None:
    bins = town(3000)
    chosen = within_reach(bins, alike, Fleet([*fleet(1).trucks, *fleet(1, depot=1).trucks], DEPOTS))
    metres = metres_to(bins, DEPOT, OTHER)
    assert max(metres[i] for i in chosen.kept) <= 1.002 * min(metres[i] for i in chosen.later)


def test_bins_that_no_truck_takes_use_up_no_place_and_are_told_with_the_reason() -> None:
    glass = [replace(each, id=f"g{each.id}", stream="glass") for each in town(2000, 2)]
    heavy = [replace(each, id=f"h{each.id}", volume_l=13_000) for each in town(2, 3)]
    bins = [*town(2000), *glass, *heavy]
    chosen = within_reach(bins, lambda stop: stop.stream == "glass", fleet(4, "any"))
    assert len(chosen.kept) == MOST_PLANNED
    assert {chosen.later[each.id] for each in glass} == {"no truck takes glass"}
    assert {chosen.later[each.id] for each in heavy} == {TOO_LARGE}
    assert "2,000 bins cannot be served by any truck of this round: no truck takes glass." in chosen.verdicts
    assert "2 bins cannot be served by any truck of this round: more than any truck that takes them can carry." in (
        chosen.verdicts
    )
    assert all_told(chosen, bins)


def test_where_the_rest_is_few_enough_all_that_trucks_take_is_planned_for() -> None:
    glass = [replace(each, id=f"g{each.id}", stream="glass", must_serve=True) for each in town(1190, 2)]
    chosen = within_reach([*town(80), *glass], alike, fleet(1, "any"))
    assert len(chosen.kept) == 80
    (told,) = chosen.verdicts
    assert told == (
        "1,190 bins cannot be served by any truck of this round, 1,190 of them to be served without fail: "
        "no truck takes glass."
    )


def test_a_must_is_planned_for_however_far_it_is() -> None:
    far = replace(town(1)[0], id="must", lat=DEPOT[0] + 0.9, must_serve=True)
    assert "must" in within_reach([*town(5000), far], by_prize, fleet(1)).kept


def test_more_musts_than_a_plan_looks_at_are_not_cut_in_silence() -> None:
    bins = town(1500, must_serve=True)
    chosen = within_reach(bins, alike, fleet(1))
    assert len(chosen.kept) == MOST_PLANNED
    assert {*chosen.later.values()} == {MUST_WAIT.format(most=MOST_PLANNED)}
    assert "300 bins that must be served are among those that stay: plan them area by area." in chosen.verdicts


def test_the_bound_that_held_is_told_hours_of_a_small_fleet_and_the_plan_of_a_large_one() -> None:
    bins = town(5000)
    for trucks, kept, why in ((0, FEWEST_PLANNED, NO_TRUCK), (1, 480, HOURS), (2, 960, HOURS), (40, 1200, PLAN_FULL)):
        chosen = within_reach(bins, by_prize, fleet(trucks))
        assert len(chosen.kept) == kept
        assert {*chosen.later.values()} == {why}
        assert ("trucks' hours hold no more" in chosen.verdicts[0]) == (why is HOURS)


def test_a_bound_on_the_hours_bounds_how_many_are_looked_at() -> None:
    two_hours = replace(fleet(4), max_seconds=2 * 3600)
    assert len(within_reach(town(5000), by_prize, two_hours).kept) == 480


def test_a_scarce_kind_of_truck_is_looked_at_for_its_own_hours_alone() -> None:
    glass = [replace(each, id=f"g{each.id}", stream="glass") for each in town(3000, 2)]
    both = Fleet([*fleet(1, "any").trucks, *fleet(1, "glass", shift_end_s=2 * 3600).trucks], DEPOTS)
    chosen = within_reach([*town(3000), *glass], lambda stop: stop.stream == "glass", both)
    assert sum(i.startswith("g") for i in chosen.kept) == 120
    assert len(chosen.kept) == 600
    assert {*chosen.later.values()} == {HOURS}


def test_what_one_kind_of_truck_leaves_of_the_plan_another_gets() -> None:
    few = [replace(each, id=f"g{each.id}", stream="glass") for each in town(10, 2)]
    both = Fleet([*fleet(4, "any").trucks, *fleet(4, "glass").trucks], DEPOTS)
    chosen = within_reach([*town(3000), *few], alike, both)
    assert len(chosen.kept) == MOST_PLANNED
    assert {each.id for each in few} <= {*chosen.kept}
    assert {*chosen.later.values()} == {PLAN_FULL}


def test_a_town_that_one_plan_holds_is_planned_whole_and_nothing_is_said() -> None:
    bins = town(MOST_PLANNED)
    chosen = within_reach(bins, by_prize, fleet(1))
    assert (chosen.kept, chosen.later, chosen.verdicts) == (tuple(each.id for each in bins), {}, ())
