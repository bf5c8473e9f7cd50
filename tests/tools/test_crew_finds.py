"""What a crew will find, and why a forecast says what it says: told where a model was trained, from the past alone."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx, ask, at, send_round
from shelved import a_model
from sqlalchemy import delete

from domain.records import Emptying, Reading
from domain.store import Store
from engines.forecast.found import next_visits
from engines.forecast.history import local_moment
from engines.forecast.model_files import FOUND
from tools.context import Ctx
from tools.crew_finds import crew_finds
from tools.fill_models import FillModels
from tools.model_shelf import ModelShelf

SHIPPED = Path(__file__).parents[2] / "cities" / "berkeley" / "models" / "fill" / "berkeley-1" / FOUND
BIN, SENSED = "105", "101"


@pytest.fixture
def plain(store: Store, tmp_path: Path) -> Ctx:
    """The small city as if only one of its bins had a sensor."""
    with store.write() as session:
        session.execute(delete(Reading).where(Reading.bin_id != SENSED))
    return a_ctx(store, tmp_path)


@pytest.fixture
def ctx(plain: Ctx, tmp_path: Path) -> Ctx:
    """The small city with the levels found of the demo city, whose bins report in the same steps."""
    until = at("2025-08-25 00:00")
    a_model(plain.fill.rates(plain.city, until), tmp_path / "models" / "1", until, 5.0, {FOUND: SHIPPED.read_bytes()})
    shelf = ModelShelf(plain.store, [tmp_path / "models"])
    shelf.stock("smalltown", until)
    return replace(plain, fill=FillModels(plain.store, shelf))


def test_the_answer_says_what_a_crew_would_find_beside_the_level_if_nobody_comes(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[BIN])
    row = dict(zip(result.table.columns, result.table.rows[0], strict=True))
    assert row["crew_finds_pct"] == result.facts.top_found_pct
    assert row["crew_finds_pct"] in range(0, 101, 20)
    assert f"will likely find {result.facts.top_found_pct} %" in result.sentence()
    (why,) = [reason for reason in result.why if "a crew that comes at 2025-09-02 12:00" in reason.text]
    assert {each.ref for each in why.evidence} >= {"models:fill"}


def test_without_a_trained_model_nothing_is_said_of_it(plain: Ctx) -> None:
    result = ask(plain, "forecast_fill", by="tomorrow noon", bins=[BIN])
    assert result.facts.top_found_pct is None
    assert "crew_finds_pct" not in result.table.columns
    assert "A crew that comes" not in result.sentence()


def test_a_model_whose_trees_of_levels_found_are_cut_off_is_not_used_and_the_answer_says_so(
    plain: Ctx, tmp_path: Path
) -> None:
    until, kept = at("2025-08-25 00:00"), json.loads(SHIPPED.read_text())
    torn = json.dumps(kept | {"plain": kept["plain"][:2000]}).encode()
    a_model(plain.fill.rates(plain.city, until), tmp_path / "models" / "1", until, 5.0, {FOUND: torn})
    shelf = ModelShelf(plain.store, [tmp_path / "models"])
    shelf.stock("smalltown", until)
    result = ask(replace(plain, fill=FillModels(plain.store, shelf)), "forecast_fill", by="tomorrow noon", bins=[BIN])
    assert any("levels found cannot be read" in told and "forecasts instead" in told for told in result.degraded)
    assert result.facts.top_found_pct is None


def test_a_planned_visit_is_asked_about_at_its_own_time(store: Store, ctx: Ctx) -> None:
    visits = [{"stop_id": BIN, "arrival_s": 6 * 3600}]
    send_round(store, "Truck 1", at("2025-09-02 05:00"), {"seconds": 7200, "visits": visits})
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[BIN])
    assert any("a crew that comes at 2025-09-02 06:00" in reason.text for reason in result.why)


def test_later_records_do_not_change_what_is_found(store: Store, ctx: Ctx) -> None:
    when = {bin_id: NOW + timedelta(hours=20) for bin_id in ctx.city.bins}
    before = crew_finds(ctx, when)
    assert before
    with store.write() as session:
        session.add(Emptying(city="smalltown", bin_id=BIN, emptied_at=NOW + timedelta(hours=1), fill_pct=100.0))
    fresh = replace(ctx, fill=FillModels(store, ModelShelf(store, ctx.fill.shelves)))
    assert crew_finds(fresh, when) == before


def test_the_last_weeks_of_other_bins_are_all_that_is_needed_of_them(ctx: Ctx) -> None:
    found = crew_finds(ctx, {BIN: NOW + timedelta(hours=20)})[BIN]
    fleet = [each.until(NOW) for each in ctx.fill.histories(ctx.city).values()]
    which = next(place for place, each in enumerate(fleet) if each.bin_id == BIN)
    model = ctx.fill.forecaster(ctx.city, NOW).found
    assert model is not None
    levels = model.levels(fleet, next_visits(fleet, [local_moment(NOW + timedelta(hours=20))], which=[which]))
    low, high = levels.interval(0.8)
    assert (found.level_pct, found.low_pct, found.high_pct) == (levels.median[0], low[0], high[0])


def test_bins_with_readings_are_told_by_those(ctx: Ctx) -> None:
    found = crew_finds(ctx, {bin_id: NOW + timedelta(hours=20) for bin_id in ctx.city.bins})
    assert BIN in found
    assert SENSED not in found


def test_explain_tells_what_a_crew_finds_and_which_emptyings_were_like_it(ctx: Ctx) -> None:
    ask(ctx, "forecast_fill", by="tomorrow noon", bins=[BIN])
    asked = replace(ctx, thread=replace(ctx.thread, last_subject="forecast", first_bin=BIN))
    result = ask(asked, "explain")
    texts = [reason.text for reason in result.why]
    assert any("a crew that comes" in text for text in texts)
    assert any("crews that came after about as long found" in text for text in texts)
    opened = [
        each.ref for reason in result.why for each in reason.evidence if each.ref.startswith("records:emptyings/")
    ]
    assert len(opened) >= 3


def test_where_a_crew_finds_less_than_the_level_if_nobody_comes_the_answer_says_why(ctx: Ctx) -> None:
    said = {"lower": [], "other": []}
    for days in range(1, 26, 3):
        result = ask(ctx, "forecast_fill", by=f"in {days} days", bins=[BIN])
        facts = result.facts
        said["lower" if facts.top_found_pct < facts.top_level_pct else "other"].append(result.sentence())
    why = "a bin that has given no alert by then is emptier than others left as long"
    assert said["lower"]
    assert all(why in each for each in said["lower"])
    assert not any(why in each for each in said["other"])
