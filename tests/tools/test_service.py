"""What was collected: done, not done, late, or no evidence."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import a_ctx, ask, at, send_round
from sqlalchemy import delete

from domain.errors import AskAgain
from domain.records import Emptying
from domain.store import Store
from tools.context import Ctx


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def test_one_day_is_answered_done_or_not_done_for_each_bin(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", near="Public Library", within_m=0, since="2025-08-30")
    assert result.table is not None
    verdicts = {row[0]: row[3:6] for row in result.table.rows}
    assert verdicts == {"103": ["done", "2025-08-30 05:19", 80.0], "104": ["not done, not late", None, None]}
    assert (result.facts.bins_emptied, result.facts.bins_without_emptying, result.facts.bins_late) == (1, 1, 0)


def test_an_emptying_can_be_opened_by_its_address(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", bins=["103"], since="2025-08-30")
    assert result.why[0].evidence[0].ref == "records:emptyings/103@2025-08-30T12:19:00+00:00"


def test_a_gap_longer_than_the_interval_and_a_day_is_late(ctx: Ctx) -> None:
    # bin 110, every 9 days, was emptied on 29 July: due on 7 August, given until the end of the 8th
    on_time = ask(ctx, "service_history", bins=["110"], since="2025-08-07")
    late = ask(ctx, "service_history", bins=["110"], since="2025-08-08")
    assert on_time.facts.bins_late == 0
    assert late.facts.bins_late == 1
    assert late.table is not None
    assert late.table.rows[0][3] == "not done, late by the fixed schedule"
    assert any("Missed means" in reason.text for reason in late.why)


def test_a_day_after_the_records_end_is_no_evidence_and_never_a_miss(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", bins=["105"], since="today")
    assert result.table is not None
    assert result.table.rows[0][3] == "no evidence"
    assert result.facts.bins_late == 0
    assert result.degraded == [
        "The records end at 2025-08-31 06:36: they say nothing about 2025-09-01 00:00 to 2025-09-01 08:00."
    ]
    assert "no evidence" in result.sentence()


def test_a_bin_in_storage_is_said_to_be_out_of_service_and_not_late(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", bins=["112"], since="yesterday")
    assert result.table is not None
    assert result.table.rows[0][3] == "not done, not in service (In Storage)"


def test_a_longer_period_lists_emptyings_with_the_level_found_newest_first(ctx: Ctx) -> None:
    # since Monday 25 August, at market square: 107 on 26th (60) and 29th (100), 108 on 27th (60) and 30th (60)
    result = ask(ctx, "service_history", bins=["Market Square"], since="last 8 days")
    assert result.table is not None
    assert [(row[0], row[4]) for row in result.table.rows] == [
        ("108", 60.0),
        ("107", 100.0),
        ("108", 60.0),
        ("107", 60.0),
    ]
    assert result.facts.mean_fill_pct == 70.0
    assert result.facts.newest_emptying_at == at("2025-08-30 07:53")
    assert result.data_age == "records up to 2025-08-31 06:36"


def test_emptyings_without_a_level_are_counted_apart(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", bins=["101"], since="2025-08-22", until="2025-08-28")
    assert (result.facts.emptyings, result.facts.emptyings_without_level, result.facts.mean_fill_pct) == (2, 1, 100.0)


def test_nothing_after_the_moment_of_asking_is_seen(store: Store, tmp_path: Path) -> None:
    early = a_ctx(store, tmp_path, now=at("2025-08-30 06:00"))
    result = ask(early, "service_history", since="today")
    assert result.facts.emptyings == 1
    assert result.data_age == "records up to 2025-08-30 05:19"


def test_a_future_period_is_asked_back(ctx: Ctx) -> None:
    with pytest.raises(AskAgain, match="still to come"):
        ask(ctx, "service_history", since="tomorrow")


def test_a_city_without_emptyings_says_so(store: Store, tmp_path: Path) -> None:
    with store.write() as session:
        session.execute(delete(Emptying))
    result = ask(a_ctx(store, tmp_path), "service_history", since="yesterday")
    assert result.degraded == ["The records of Smalltown hold no emptyings at all."]
    assert result.data_age == "no emptyings in the records"
    assert result.facts.bins_late == 0


def test_a_trucks_past_work_is_never_invented(ctx: Ctx) -> None:
    result = ask(ctx, "service_history", truck="truck 1", since="last 7 days")
    assert result.facts.rounds_sent == 0
    assert result.table is None
    assert "No emptying in the records names a truck" in result.degraded[0]
    assert "do not say what Truck 1 did" in result.sentence()


def test_a_trucks_work_comes_from_its_dispatched_rounds(store: Store, ctx: Ctx) -> None:
    visits: list[JsonValue] = [{"stop_id": "101"}, {"stop_id": "dump", "is_dump": True}, {"stop_id": "103"}]
    send_round(store, "Truck 1", at("2025-08-30 05:00"), {"metres": 7250, "visits": visits})
    send_round(store, "Truck 2", at("2025-08-30 21:00"), {"metres": 9000, "visits": visits}, 2)
    facts = ask(ctx, "service_history", truck="truck 1", since="last 7 days").facts
    assert (facts.rounds_sent, facts.stops_planned, facts.planned_km) == (1, 2, 7.2)
