"""Which round a wish for a time means (that after a night, or that of a day), and which trucks drive it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scene import a_ctx, ask, at

from domain.errors import AskAgain, OutOfRange
from domain.operation import TruckInfo
from domain.repositories.plans import get_plan
from domain.store import Store
from domain.times import moment
from domain.values import TruckSet
from tools.context import Ctx, ThreadView, Tuning
from tools.departure import changed_trucks, choose_trucks, round_start
from tools.plan_replay import repeat_plan


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


@pytest.mark.parametrize(
    ("now", "words", "leaves"),
    [
        ("2025-09-02 05:40", "this morning", "2025-09-02 06:00"),
        ("2025-09-02 05:40", "tonight", "2025-09-02 06:00"),
        ("2025-09-02 05:45", "today", "2025-09-02 06:00"),
        ("2025-09-02 05:46", "today", "2025-09-02 06:15"),
        ("2025-09-02 11:00", "today", "2025-09-03 04:00"),
        ("2025-09-02 03:00", "today", "2025-09-02 04:00"),
        ("2025-09-02 05:40", "tomorrow", "2025-09-03 04:00"),
    ],
)
def test_of_a_shift_that_has_begun_what_is_left_is_meant_while_an_hour_is(
    fleet: Ctx, now: str, words: str, leaves: str
) -> None:
    ctx = replace(fleet, now=at(now))
    trucks = [replace(truck, shift_start="04:00", shift_end="12:00") for truck in fleet.city.trucks.values()]
    start = round_start(moment(words, ctx.now.astimezone(ctx.zone)), trucks, ctx)
    assert f"{start:%Y-%m-%d %H:%M}" == leaves


def test_a_shift_through_midnight_is_on_its_way_until_the_morning(fleet: Ctx) -> None:
    trucks = [replace(truck, shift_start="20:00", shift_end="04:00") for truck in fleet.city.trucks.values()]
    ctx = replace(fleet, now=at("2025-09-02 21:05"))
    start = round_start(moment("today", ctx.now.astimezone(ctx.zone)), trucks, ctx)
    assert f"{start:%Y-%m-%d %H:%M}" == "2025-09-02 21:30"


def test_a_plan_in_mid_shift_leaves_later_keeps_the_shifts_end_and_is_explained_from_what_is_stored(
    store: Store, tmp_path: Path
) -> None:
    early = replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))
    begins = min(truck.shift_start for truck in early.city.trucks.values())
    ctx = replace(early, now=at(f"2025-09-02 {begins}") + timedelta(minutes=40))
    planned = ask(ctx, "plan_round", when="today", serve="all")
    leaves = ctx.now.astimezone(ctx.zone) + timedelta(minutes=20)
    assert planned.facts.round_starts == f"{leaves:%Y-%m-%d %H:%M}"
    assert "what is left of the shifts" in planned.understood["when"]
    arrivals = [row[2] for row in planned.table.rows]
    assert arrivals
    assert min(arrivals) >= f"{leaves:%H:%M}"
    thread = replace(ctx, thread=ThreadView("t-1", last_plan=planned.facts.plan_id, last_subject=planned.facts.plan_id))
    assert planned.facts.plan_id in ask(thread, "explain").sentence()
    assert repeat_plan(planned.facts.plan_id, ctx).verdict.outcome == "same"


# ---------------------------------------------------------------- trucks

AWAY = at("2025-09-02 12:00")


@pytest.fixture
def fleet(store: Store, tmp_path: Path) -> Ctx:
    """Four trucks with early shifts; C is out of service until Tuesday noon."""
    ctx = a_ctx(store, tmp_path)
    one = ctx.city.trucks["Truck 1"]
    made = {name: replace(one, name=name, out_of_service_until=AWAY if name == "C" else None) for name in "ABCD"}
    return replace(ctx, city=replace(ctx.city, trucks=made))


def chosen(ctx: Ctx, named: str | None, count: int | None, when: str = "tomorrow") -> str:
    """The names of the trucks, as one word."""
    names = TruckSet(tuple(named)) if named else None
    found: Sequence[TruckInfo] = choose_trucks(ctx, moment(when, ctx.now), names, count)
    return "".join(each.name for each in found)


def changed(ctx: Ctx, used: str, add: str = "", remove: str = "", count: int | None = None) -> str:
    """The trucks of a plan after a change."""
    sets = [TruckSet(tuple(names)) if names else None for names in (add, remove)]
    return "".join(changed_trucks(ctx, moment("tomorrow", ctx.now), used, (sets[0], sets[1], count)).names)


@pytest.mark.parametrize(
    ("named", "count", "expected"),
    [(None, None, "ABD"), (None, 2, "AB"), ("D", None, "D"), ("DB", 2, "DB"), ("D", 2, "DA"), ("D", 3, "DAB")],
)
def test_named_trucks_drive_and_others_make_up_the_number(
    fleet: Ctx, named: str | None, count: int | None, expected: str
) -> None:
    assert chosen(fleet, named, count) == expected


def test_more_names_than_trucks_or_more_trucks_than_there_are_is_asked_back(fleet: Ctx) -> None:
    with pytest.raises(AskAgain, match="You named A and B and asked for 1") as asked:
        chosen(fleet, "AB", 1)
    assert asked.value.choices == ("A", "B")
    for named in (None, "D"):
        with pytest.raises(OutOfRange, match="3 can go"):
            chosen(fleet, named, 4)


def test_a_named_truck_that_misses_its_shift_out_of_service_is_asked_back(fleet: Ctx) -> None:
    for count in (None, 1, 2):
        with pytest.raises(AskAgain, match="C is out of service until 2025-09-02 12:00") as asked:
            chosen(fleet, "C", count)
        assert asked.value.choices == ("A", "B", "D")
    assert chosen(fleet, "C", None, when="2025-09-03") == "C"
    assert chosen(fleet, None, None, when="2025-09-03") == "ABCD"


def test_all_but_those_left_out_drive_that_can_go(fleet: Ctx) -> None:
    tomorrow = moment("tomorrow", fleet.now)
    without_b = TruckSet(("A", "C", "D"), ("B",), rest=True)  # C is away and nobody asks for it
    assert [truck.name for truck in choose_trucks(fleet, tomorrow, without_b, None)] == ["A", "D"]
    assert [truck.name for truck in choose_trucks(fleet, tomorrow, without_b, 1)] == ["A"]
    with pytest.raises(OutOfRange, match="2 can go: A, D"):
        choose_trucks(fleet, tomorrow, without_b, 3)
    with pytest.raises(AskAgain, match="No truck would be left"):
        choose_trucks(fleet, tomorrow, TruckSet(("C",), ("A", "B", "D"), rest=True), None)
    with pytest.raises(AskAgain, match="No truck would be left"):
        choose_trucks(fleet, tomorrow, TruckSet((), ("A",)), None)


def test_named_trucks_keep_their_rules_beside_those_left_out(fleet: Ctx) -> None:
    tomorrow = moment("tomorrow", fleet.now)
    assert [truck.name for truck in choose_trucks(fleet, tomorrow, TruckSet(("A",), ("B",)), 2)] == ["A", "D"]
    with pytest.raises(AskAgain, match="C is out of service until"):
        choose_trucks(fleet, tomorrow, TruckSet(("A", "C"), ("B",)), None)


def test_a_change_takes_no_words_that_leave_trucks_out(fleet: Ctx) -> None:
    but_a = TruckSet(("B", "C", "D"), ("A",), rest=True)
    for change in ((but_a, None, None), (None, but_a, None)):
        with pytest.raises(AskAgain, match="Name them one by one"):
            changed_trucks(fleet, moment("tomorrow", fleet.now), "AB", change)


def test_a_plan_without_a_truck_tells_it_and_is_planned_again_the_same(store: Store, tmp_path: Path) -> None:
    ctx = replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))
    first, second = ctx.city.trucks.values()
    away = replace(first, name="Truck 3", out_of_service_until=at("2025-09-05 12:00"))
    ctx = replace(ctx, city=replace(ctx.city, trucks={first.name: first, second.name: second, away.name: away}))
    result = ask(ctx, "plan_round", when="tomorrow", serve="all", trucks=["without T2"], truck_count=1)
    assert result.understood["trucks"] == "Truck 1 (without Truck 2)"
    with ctx.store.read() as session:
        stored = get_plan(session, ctx.city.name, result.facts.plan_id)
    assert (stored.request["trucks"], "truck_count" in stored.request) == (["Truck 1"], False)
    thread = replace(ctx, thread=ThreadView("t-1", last_plan=result.facts.plan_id))
    assert ask(thread, "what_if", max_hours=6).understood["trucks"] == "Truck 1"
    with pytest.raises(AskAgain, match="No truck would be left"):
        ask(ctx, "plan_round", when="tomorrow", trucks=["without T1 and T2"])


@pytest.mark.parametrize(
    ("used", "change", "expected"),
    [
        ("AB", {"remove": "A"}, "B"),
        ("AB", {"add": "D"}, "ABD"),
        ("AB", {"remove": "A", "add": "D"}, "BD"),
        ("AB", {"remove": "A", "count": 1}, "B"),
        ("AB", {"remove": "A", "count": 2}, "BD"),
        ("BD", {"count": 1}, "B"),
        ("D", {"count": 2}, "DA"),
        ("AB", {"add": "D", "count": 2}, "AD"),
        ("AB", {"add": "D", "count": 3}, "ABD"),
        ("AB", {"add": "D", "remove": "B", "count": 2}, "AD"),
        ("CD", {"count": 2}, "DA"),
    ],
)
def test_a_change_keeps_the_plans_trucks_but_those_removed_and_has_those_added(
    fleet: Ctx, used: str, change: dict[str, Any], expected: str
) -> None:
    assert changed(fleet, used, **change) == expected


def test_a_change_that_cannot_be_is_asked_back(fleet: Ctx) -> None:
    with pytest.raises(AskAgain, match="No truck would be left"):
        changed(fleet, "A", remove="A")
    with pytest.raises(AskAgain, match="You named B and D and asked for 1"):
        changed(fleet, "A", add="BD", count=1)
    with pytest.raises(OutOfRange, match="You asked for 3 trucks; 2 can go: B, D"):
        changed(fleet, "AB", remove="A", count=3)


def test_a_what_if_with_a_number_and_a_truck_that_stays_home_plans_without_it(store: Store, tmp_path: Path) -> None:
    ctx = replace(a_ctx(store, tmp_path), tuning=Tuning(solve_seconds=0.1))
    plan = ask(ctx, "plan_round", when="tomorrow", serve="all").facts.plan_id
    thread = replace(ctx, thread=ThreadView("t-1", last_plan=plan))
    result = ask(thread, "what_if", remove_trucks=["truck 1"], truck_count=1)
    assert result.understood["trucks"] == "Truck 2"
