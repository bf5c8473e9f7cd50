"""forecast_fill: the chart shows what was found and what is to come; dispatched rounds answer the other question."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scene import a_ctx, ask, at, send_round

from domain.records import Reading
from domain.store import Store
from tools.context import Ctx
from tools.fill_chart import MOST_BINS, MOST_POINTS
from tools.fill_models import FillModels


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def chart_of(ctx: Ctx, **said: Any) -> dict[str, Any]:
    """The figure of the answer."""
    found = ask(ctx, "forecast_fill", **{"by": "tomorrow noon", **said}).chart
    assert found is not None
    return dict(found)


def traces(figure: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [trace for trace in figure["data"] if trace["name"] == name]


def test_the_chart_shows_history_fan_threshold_and_the_time_asked_about(ctx: Ctx) -> None:
    figure = chart_of(ctx, bins=["105"], threshold_pct=70)
    (median,) = traces(figure, "expected, if nobody comes")
    (found,) = traces(figure, "level found when emptied")
    assert (median["x"][0], median["x"][-1]) == ("2025-09-01T08:00", "2025-09-03T08:00")
    assert "2025-09-02T12:00" in median["x"]
    assert found["x"][-1] < median["x"][0]
    threshold, moment = figure["layout"]["shapes"]
    assert (threshold["y0"], threshold["y1"], moment["x0"]) == (70, 70, "2025-09-02T12:00")
    assert figure["layout"]["title"]["text"].startswith("105 ")


def test_the_bands_of_the_fan_lie_inside_one_another_and_inside_0_to_100(ctx: Ctx) -> None:
    figure = chart_of(ctx, bins=["105"])
    edges = [trace for trace in figure["data"] if trace["name"].startswith(("90", "80", "50"))]
    low, high = [e["y"] for e in edges if "lower" in e["name"]], [e["y"] for e in edges if "lower" not in e["name"]]
    median = traces(figure, "expected, if nobody comes")[0]["y"]
    for place, middle in enumerate(median):
        column = [edge[place] for edge in (*low, median, *high[::-1])]
        assert column == sorted(column), place
        assert min(column) >= 0
        assert max(column) <= 100
        assert middle == column[3]


def test_the_level_said_is_in_table_chart_and_sentence_and_inside_its_interval(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=["105"])
    assert result.chart is not None
    (said,) = traces(result.chart, "level said")
    row = dict(zip(result.table.columns, result.table.rows[0], strict=True))
    assert said["x"] == ["2025-09-02T12:00"]
    assert round(said["y"][0]) == row["level_pct"] == result.facts.top_level_pct
    assert row["low_pct"] <= row["level_pct"] <= row["high_pct"]


def test_readings_are_a_line_of_bounded_length(store: Store, ctx: Ctx) -> None:
    with store.write() as session:
        for minute in range(400):
            moment = at("2025-08-31 09:00") + timedelta(minutes=minute, seconds=7)
            session.add(Reading(city="smalltown", bin_id="105", read_at=moment, fill_pct=minute / 5))
    (line,) = traces(chart_of(replace(ctx, fill=FillModels(store)), bins=["105"]), "readings")
    assert line["x"][-1] >= "2025-08-31T15:39"
    assert len(line["x"]) <= MOST_POINTS


def test_several_bins_are_chosen_from_a_menu_and_one_is_shown(ctx: Ctx) -> None:
    figure = chart_of(ctx)
    (menu,) = figure["layout"]["updatemenus"]
    assert len(menu["buttons"]) == MOST_BINS
    for button in menu["buttons"]:
        shown = button["args"][0]["visible"]
        medians = [t for t, on in zip(figure["data"], shown, strict=True) if on and t["name"].startswith("expected")]
        assert len(medians) == 1
    at_first = [trace.get("visible", True) for trace in figure["data"]]
    assert at_first == menu["buttons"][0]["args"][0]["visible"]


def test_without_any_forecast_there_is_no_chart(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", bins=["112"], by="tomorrow")
    assert (result.facts.bins_without_estimate == 1) == (result.chart is None)


# ---------------------------------------------------------------- with the planned collections


def test_a_dispatched_round_answers_what_will_be_when_it_comes(store: Store, ctx: Ctx) -> None:
    visits = [{"stop_id": "105", "arrival_s": 6 * 3600}, {"stop_id": "dump", "arrival_s": 9 * 3600, "is_dump": True}]
    before = ask(ctx, "forecast_fill", by="tomorrow noon", threshold_pct=10)
    send_round(store, "Truck 1", at("2025-09-02 05:00"), {"seconds": 7200, "visits": visits})
    result = ask(ctx, "forecast_fill", by="tomorrow noon", threshold_pct=10)
    rows = {row[0]: dict(zip(result.table.columns, row, strict=True)) for row in result.table.rows}
    assert rows["105"]["planned_visit"] == "2025-09-02 06:00"
    assert rows["105"]["level_after_visit_pct"] < rows["105"]["level_pct"]
    assert result.facts.bins_with_visit == 1
    assert result.facts.bins_likely == before.facts.bins_likely
    assert result.facts.bins_likely_with_visits == before.facts.bins_likely - 1
    assert "Dispatched rounds come to 1 of them" in result.sentence()
    assert "plans:P-0001" in {e.ref for reason in result.why for e in reason.evidence}
    assert any(trace["x"] == ["2025-09-02T06:00"] * 2 for trace in traces(result.chart, "planned visit"))


@pytest.mark.parametrize("arrival_h", [7, 13])
def test_visits_before_now_or_after_the_time_asked_about_count_for_nothing(
    store: Store, ctx: Ctx, arrival_h: int
) -> None:
    day = "2025-09-01" if arrival_h == 7 else "2025-09-02"
    visits = [{"stop_id": "105", "arrival_s": arrival_h * 3600}]
    send_round(store, "Truck 1", at(f"{day} 05:00"), {"seconds": 7200, "visits": visits})
    result = ask(ctx, "forecast_fill", by="tomorrow noon")
    assert (result.facts.bins_with_visit, result.facts.bins_likely_with_visits) == (None, None)
    assert "planned_visit" not in result.table.columns
