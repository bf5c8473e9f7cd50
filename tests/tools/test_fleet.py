"""The fleet at a time: Truck 1 works 05:00 to 13:00, Truck 2 21:00 to 05:00 past midnight."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx, ask, at, send_round
from sqlalchemy import update

from domain.records import Truck
from domain.store import Store
from tools.context import Ctx


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def take_out(store: Store, truck: str, until: str) -> None:
    with store.write() as session:
        session.execute(update(Truck).where(Truck.name == truck).values(out_of_service_until=at(until)))


def test_at_eight_the_day_truck_is_on_shift_and_the_night_truck_is_not(ctx: Ctx) -> None:
    facts = ask(ctx, "fleet_status").facts
    assert (facts.trucks, facts.free, facts.on_shift_trucks) == (2, 2, ["Truck 1"])
    assert (facts.free_capacity_l, facts.free_capacity_kg) == (7000, 2700)


def test_a_shift_past_midnight_still_runs_before_dawn(store: Store, tmp_path: Path) -> None:
    facts = ask(a_ctx(store, tmp_path, now=at("2025-09-01 04:59")), "fleet_status").facts
    assert facts.on_shift_trucks == ["Truck 2"]


def test_on_a_whole_day_every_truck_has_its_shift(ctx: Ctx) -> None:
    result = ask(ctx, "fleet_status", when="tomorrow")
    assert result.facts.on_shift_trucks == ["Truck 1", "Truck 2"]
    assert result.facts.when == "Tue 2025-09-02"


def test_a_truck_out_of_service_is_neither_free_nor_on_shift_until_it_is_back(store: Store, ctx: Ctx) -> None:
    take_out(store, "Truck 1", "2025-09-02 04:00")
    now = ask(ctx, "fleet_status").facts
    assert (now.free_trucks, now.out_of_service_trucks, now.on_shift_trucks) == (["Truck 2"], ["Truck 1"], [])
    assert ask(ctx, "fleet_status", when="tomorrow").facts.out_of_service == 0  # back before its shift


def test_a_truck_that_misses_the_start_of_its_shift_is_away_that_day(store: Store, ctx: Ctx) -> None:
    take_out(store, "Truck 1", "2025-09-02 06:00")
    assert ask(ctx, "fleet_status", when="tomorrow").facts.out_of_service_trucks == ["Truck 1"]


def test_a_dispatched_round_makes_its_truck_busy_until_its_planned_return(store: Store, ctx: Ctx) -> None:
    send_round(store, "Truck 1", at("2025-09-01 07:00"), {"seconds": 7200})
    result = ask(ctx, "fleet_status")
    assert (result.facts.dispatched_trucks, result.facts.free_trucks) == (["Truck 1"], ["Truck 2"])
    assert "plans:P-0001" in {e.ref for reason in result.why for e in reason.evidence}
    assert ask(ctx, "fleet_status", when="2025-09-01 09:30").facts.dispatched == 0


def test_only_the_trucks_that_were_named_are_shown(ctx: Ctx) -> None:
    result = ask(ctx, "fleet_status", trucks=["truck 2"])
    assert result.table is not None
    assert [row[0] for row in result.table.rows] == ["Truck 2"]
    assert result.facts.trucks == 1


def test_a_truck_with_a_later_shift_leaves_later_than_its_plan_begins(store: Store, ctx: Ctx) -> None:
    # back at 22:00 (79,200 s) + 600 s home, an hour after leaving: it leaves at 21:10 though the plan begins at 05:00
    part: dict[str, JsonValue] = {
        "seconds": 3600,
        "visits": [{"stop_id": "101", "depart_s": 79_200}],
        "home": {"seconds": 600},
    }
    send_round(store, "Truck 2", at("2025-09-01 05:00"), part)
    assert ask(ctx, "fleet_status", when="2025-09-01 05:30").facts.dispatched == 0
    assert ask(ctx, "fleet_status", when="2025-09-01 21:05").facts.dispatched == 0
    assert ask(ctx, "fleet_status", when="2025-09-01 22:05").facts.dispatched_trucks == ["Truck 2"]
