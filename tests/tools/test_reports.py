"""Nine measures over a period, against numbers counted by hand in tests/small_city."""

from __future__ import annotations

from pathlib import Path

import pytest
from scene import a_ctx, ask, at, send_round
from sqlalchemy import delete, update

from domain.records import Emptying
from domain.store import Store
from domain.values import Table
from tools.context import Ctx

GROUPS = ("day", "week", "month", "site", "stream", "truck", "zone", "reason")
MEASURES = (
    "collections", "overflows", "requests", "distance", "cost", "emissions", "fill_at_collection", "missed", "tonnage",
)  # fmt: skip


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def rows(table: Table | None) -> dict[object, object]:
    assert table is not None
    return {row[0]: row[1] for row in table.rows}


def test_collections_are_the_emptyings_of_the_period(ctx: Ctx) -> None:
    facts = ask(ctx, "operations_report", measure="collections", since="August").facts
    assert (facts.value, facts.unit, facts.period) == (77, "collections", "2025-08-01 to 2025-08-31")


def test_a_comparison_tells_difference_and_percent(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="collections", since="August", compare_to="July")
    facts = result.facts
    assert (facts.value, facts.baseline_value, facts.difference, facts.difference_pct) == (77, 80, -3, -3.8)
    assert result.sentence() == (
        "collections in Smalltown, 2025-08-01 to 2025-08-31: 77 collections, against 80 in 2025-07-01 to 2025-07-31 "
        "(difference -3, -3.8 %)."
    )


def test_periods_of_unequal_length_are_named(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="collections", since="July", compare_to="June")
    assert any("31 and 30 days" in told for told in result.degraded)


def test_overflows_are_emptyings_found_full_and_the_definition_is_said(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="overflows", since="August", compare_to="July")
    assert (result.facts.value, result.facts.baseline_value) == (18, 13)
    assert result.facts.records_without_level == 3
    assert any("100 % or more, counted once for each such emptying" in reason.text for reason in result.why)


def test_fill_at_collection_is_the_mean_of_known_levels(ctx: Ctx) -> None:
    facts = ask(ctx, "operations_report", measure="fill_at_collection", since="August").facts
    assert (facts.value, facts.unit, facts.rests_on) == (71.6, "%", 74)  # 5300 points over 74 emptyings


def test_tonnage_is_an_estimate_from_level_litres_and_density(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="tonnage", since="August", group_by="stream")
    assert result.facts.value == 1.3  # 0.776 t waste, 0.379 t compostables, 0.143 t bottles and cans
    assert rows(result.table) == {"Waste": 0.78, "Compostables": 0.38, "Bottles/Cans": 0.14}
    assert any("No weight is in the records" in told for told in result.degraded)
    assert "assumptions:kg_per_l" in {e.ref for reason in result.why for e in reason.evidence}


def test_missed_counts_gaps_by_the_fixed_schedule_on_the_first_late_day(ctx: Ctx) -> None:
    # bin 110 (every 9 days): emptied 11 July, next 22 July; emptied 29 July, next 9 August. No other bin was late.
    result = ask(ctx, "operations_report", measure="missed", since="August", compare_to="July", group_by="site")
    assert (result.facts.value, result.facts.baseline_value) == (1, 1)
    assert rows(result.table) == {"Elm Street School": 1}
    by_day = ask(ctx, "operations_report", measure="missed", since="August", group_by="day")
    assert {day for day, count in rows(by_day.table).items() if count} == {"2025-08-09"}


def test_requests_count_when_opened_and_group_by_kind_and_area(ctx: Ctx) -> None:
    by_reason = ask(ctx, "operations_report", measure="requests", since="August", group_by="reason")
    assert rows(by_reason.table) == {
        "Overflowing bin": 2, "Damaged bin": 1, "Illegal dumping": 1, "Missed collection": 1, "Odour": 1,
    }  # fmt: skip
    by_zone = ask(ctx, "operations_report", measure="requests", since="August", group_by="zone")
    assert rows(by_zone.table) == {"Centre": 4, "Riverside": 2}


@pytest.mark.parametrize("since", ["2019", "June"])
def test_a_time_before_the_first_request_is_unknown_and_not_zero(ctx: Ctx, since: str) -> None:
    result = ask(ctx, "operations_report", measure="requests", since=since)
    assert (result.facts.value, result.facts.rests_on) == (None, 0)
    assert any("records begin at 2025-07-03 09:12" in told for told in result.degraded)


def test_requests_of_an_area_are_those_that_name_it(ctx: Ctx) -> None:
    assert ask(ctx, "operations_report", measure="requests", since="August", near="Riverside").facts.value == 2


def test_requests_name_no_stream_and_the_answer_says_so(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="requests", since="August", stream="compost")
    assert result.facts.value == 6
    assert any("names a stream" in told for told in result.degraded)


def test_a_place_and_a_stream_narrow_the_count(ctx: Ctx) -> None:
    facts = ask(ctx, "operations_report", measure="collections", since="2025-08-22", until="2025-08-31",
                near="Riverside", stream="Waste").facts  # fmt: skip
    assert facts.value == 4  # bin 109 on 26 and 31 August, bin 111 on 23 and 27


def test_days_without_anything_are_in_the_series_as_zero(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="overflows", since="2025-08-28", until="2025-08-31", group_by="day")
    assert rows(result.table) == {"2025-08-28": 1, "2025-08-29": 1, "2025-08-30": 0, "2025-08-31": 0}


def test_weeks_are_iso_weeks(ctx: Ctx) -> None:
    result = ask(
        ctx, "operations_report", measure="collections", since="2025-08-25", until="2025-08-31", group_by="week"
    )
    assert list(rows(result.table)) == ["2025-W35"]


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("group_by", GROUPS)
def test_every_measure_answers_for_every_group_and_sums_to_its_whole(ctx: Ctx, measure: str, group_by: str) -> None:
    result = ask(ctx, "operations_report", measure=measure, since="August", group_by=group_by)
    if measure in {"distance", "cost", "emissions"}:
        assert result.facts.value is None
        assert result.degraded
    elif result.facts.group_by is None:
        assert any(f"name no {group_by}" in told for told in result.degraded)
    elif measure not in {"fill_at_collection", "tonnage"}:
        assert sum(row[1] for row in result.table.rows) == result.facts.value  # type: ignore[union-attr,misc]


def test_groups_are_compared_one_by_one(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="overflows", since="August", group_by="zone", compare_to="July")
    assert result.table is not None
    assert result.table.columns == ["zone", "overflows", "records", "before", "difference"]
    assert sum(int(row[1] or 0) for row in result.table.rows) == 18
    assert sum(int(row[3] or 0) for row in result.table.rows) == 13


def test_the_chart_is_a_line_over_time_and_bars_for_anything_else(ctx: Ctx) -> None:
    line = ask(ctx, "operations_report", measure="collections", since="August", group_by="day").chart
    bars = ask(
        ctx, "operations_report", measure="collections", since="August", group_by="stream", compare_to="July"
    ).chart
    assert [trace["type"] for trace in line["data"]] == ["scatter"]  # type: ignore[index,call-overload]
    assert len(line["data"][0]["x"]) == 31  # type: ignore[index,call-overload]
    assert [trace["type"] for trace in bars["data"]] == ["bar", "bar"]  # type: ignore[index,call-overload]


def test_distance_is_unknown_without_dispatched_rounds(ctx: Ctx) -> None:
    result = ask(ctx, "operations_report", measure="distance", since="August")
    assert (result.facts.value, result.table, result.chart) == (None, None, None)
    assert "hold no figure for distance" in result.sentence()


@pytest.mark.parametrize(("measure", "value"), [("distance", 20.5), ("cost", 51.25), ("emissions", 15.6)])
def test_distance_cost_and_emissions_come_from_dispatched_rounds(
    store: Store, ctx: Ctx, measure: str, value: float
) -> None:
    send_round(store, "Truck 1", at("2025-08-20 05:00"), {"metres": 12500, "cost": 31.25, "g_co2e": 10000})
    send_round(store, "Truck 2", at("2025-08-21 21:00"), {"metres": 8000, "cost": 20.0, "g_co2e": 5600}, 2)
    send_round(store, "Truck 2", at("2025-07-21 21:00"), {"metres": 99000, "cost": 99.0, "g_co2e": 9000}, 3)
    result = ask(ctx, "operations_report", measure=measure, since="August", group_by="truck")
    assert result.facts.value == value
    assert set(rows(result.table)) == {"Truck 1", "Truck 2"}
    assert "plans:P-0001" in {e.ref for e in result.why[0].evidence}


def test_a_period_beyond_the_records_has_no_figure_rather_than_zero(ctx: Ctx) -> None:
    assert ask(ctx, "operations_report", measure="collections", since="2024").facts.value is None
    partly = ask(ctx, "operations_report", measure="collections", since="2025")
    assert partly.facts.value == 229
    assert any("begin at 2025-06-02 08:13" in told for told in partly.degraded)


def test_a_bin_without_any_emptying_gives_no_evidence_of_a_miss(store: Store, ctx: Ctx) -> None:
    with store.write() as session:
        session.execute(delete(Emptying).where(Emptying.bin_id == "101"))
    assert ask(ctx, "operations_report", measure="missed", since="August").facts.value == 1


def test_records_that_are_only_a_sample_show_no_miss(store: Store, ctx: Ctx) -> None:
    # August's schedule asks for about 78 emptyings; with 2 of bin 110 alone in 60 days nothing can be told
    with store.write() as session:
        session.execute(delete(Emptying).where(Emptying.bin_id != "110"))
    result = ask(ctx, "operations_report", measure="missed", since="August")
    assert result.facts.value is None
    assert "too few to tell a miss" in result.degraded[0]


@pytest.mark.parametrize("measure", ["overflows", "tonnage", "fill_at_collection"])
def test_emptyings_without_any_level_give_no_figure_rather_than_none_found(
    store: Store, ctx: Ctx, measure: str
) -> None:
    with store.write() as session:
        session.execute(update(Emptying).values(fill_pct=None))
    result = ask(ctx, "operations_report", measure=measure, since="August")
    assert (result.facts.value, result.facts.records_without_level) == (None, 77)
