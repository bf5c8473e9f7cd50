"""Outcomes: what was found is put beside what had been forecast for it, and shown beside the naive answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx, ask
from sqlalchemy import select, update

from domain.clock import fixed_clock
from domain.records import Emptying, Reading
from domain.store import Store
from domain.work_records import Outcome, Prediction
from engines.forecast.horizons import levels_between
from engines.forecast.member import MEDIAN
from tools.context import Ctx
from tools.fill_models import FillModels
from tools.generations import levels_of
from tools.outcomes import Joining, accuracy_of, join_outcomes
from tools.refresh import Refresher
from tools.result_bytes import result_bytes

LATER = NOW + timedelta(hours=25, minutes=30)


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    """The small city with the forecasts of NOW in the table."""
    ctx = a_ctx(store, tmp_path)
    Refresher(store, FillModels(store), ctx.city, fixed_clock(NOW)).whole()
    return ctx


def read(ctx: Ctx, bin_id: str, at: datetime, level: float) -> None:
    with ctx.store.write() as session:
        session.add(Reading(city="smalltown", bin_id=bin_id, read_at=at, fill_pct=level))


def empty(ctx: Ctx, bin_id: str, at: datetime, level: float) -> None:
    with ctx.store.write() as session:
        session.add(Emptying(city="smalltown", bin_id=bin_id, emptied_at=at, fill_pct=level))


def joined(ctx: Ctx, until: datetime = LATER, known_from: datetime | None = None) -> list[Outcome]:
    join_outcomes(ctx.store, FillModels(ctx.store), ctx.city, Joining(NOW, until, known_from or until))
    with ctx.store.read() as session:
        return list(session.scalars(select(Outcome).order_by(Outcome.at, Outcome.bin_id)))


def test_a_reading_a_day_later_is_put_beside_the_forecast_for_that_moment(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    (outcome,) = joined(ctx)
    with ctx.store.read() as session:
        row = session.scalars(select(Prediction).where(Prediction.bin_id == "105")).one()
    assert (outcome.kind, outcome.found, outcome.made_at, outcome.lead_h) == ("reading", 44.0, row.made_at, 25.5)
    assert (outcome.model_name, outcome.model_version) == (row.model_name, row.model_version)
    assert row.levels is not None
    levels = levels_of(row.levels)
    assert levels is not None
    assert outcome.p50 == pytest.approx(levels_between(levels, 25.5)[MEDIAN], abs=0.01)
    assert outcome.naive is not None


def test_what_a_crew_found_is_an_outcome_of_its_forecast(ctx: Ctx) -> None:
    empty(ctx, "105", LATER, 60.0)
    assert [(o.kind, o.found) for o in joined(ctx)] == [("emptying", 60.0)]


def test_where_somebody_came_in_between_there_is_no_outcome(ctx: Ctx) -> None:
    empty(ctx, "105", NOW + timedelta(hours=5), 60.0)
    read(ctx, "105", LATER, 3.0)
    assert joined(ctx) == []


@pytest.mark.parametrize("hours", [3, 23.9, 27.1, 40])
def test_a_forecast_made_too_late_or_too_early_has_no_outcome(ctx: Ctx, hours: float) -> None:
    read(ctx, "105", NOW + timedelta(hours=hours), 44.0)
    assert joined(ctx, NOW + timedelta(hours=48)) == []


def test_of_many_readings_the_first_in_six_hours_counts_and_twice_is_once(ctx: Ctx) -> None:
    for minute in range(0, 60, 5):
        read(ctx, "105", NOW + timedelta(hours=25, minutes=minute), 40.0 + minute / 10)
    first = [(o.at, o.found) for o in joined(ctx, NOW + timedelta(hours=25, minutes=20))]
    again = [(o.at, o.found) for o in joined(ctx, NOW + timedelta(hours=26))]
    assert first == again == [(NOW + timedelta(hours=25), 40.0)]


def test_a_renewal_joins_what_arrived_since_the_one_before(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    Refresher(ctx.store, FillModels(ctx.store), ctx.city, fixed_clock(LATER + timedelta(minutes=30))).whole()
    with ctx.store.read() as session:
        assert len(list(session.scalars(select(Outcome)))) == 1


def test_an_outcome_that_comes_late_is_joined_by_the_next_whole_renewal_of_the_same_server(ctx: Ctx) -> None:
    clock = [NOW + timedelta(hours=33)]
    running = Refresher(ctx.store, FillModels(ctx.store), ctx.city, lambda: clock[0])
    running.whole()
    read(ctx, "105", LATER, 44.0)
    clock[0] += timedelta(hours=1)
    running.whole()
    with ctx.store.read() as session:
        assert [(o.at, o.joined_at) for o in session.scalars(select(Outcome))] == [(LATER, clock[0])]


def test_a_reading_that_comes_late_is_no_second_outcome_of_its_six_hours(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    joined(ctx)
    read(ctx, "105", LATER - timedelta(minutes=10), 43.0)
    empty(ctx, "101", LATER, 60.0)
    assert [(o.bin_id, o.found) for o in joined(ctx)] == [("101", 60.0), ("105", 44.0)]


def test_accuracy_counts_a_level_inside_its_reported_step_as_hit(ctx: Ctx) -> None:
    empty(ctx, "105", LATER, 0.0)
    (outcome,) = joined(ctx)
    accuracy = accuracy_of(ctx.store, ctx.city, LATER)
    assert accuracy is not None
    step = ctx.city.assumed("fill_step_pct", 0.0)
    assert accuracy.mae == pytest.approx(max(outcome.p50 - step, 0.0))
    assert accuracy.cases == 1


def test_an_outcome_after_the_moment_of_asking_is_not_known(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    joined(ctx)
    assert accuracy_of(ctx.store, ctx.city, LATER - timedelta(minutes=1)) is None


def test_model_status_asked_again_for_a_moment_before_an_outcome_was_joined_says_the_same(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    asking = replace(ctx, now=LATER + timedelta(minutes=10))
    before = ask(asking, "model_status", model="fill")
    joined(ctx, known_from=LATER + timedelta(minutes=30))
    assert result_bytes(ask(asking, "model_status", model="fill")) == result_bytes(before)
    later = ask(replace(ctx, now=LATER + timedelta(minutes=30)), "model_status", model="fill")
    assert (before.facts.live_cases, later.facts.live_cases) == (0, 1)


def test_an_outcome_joined_again_is_known_from_when_it_was_joined_first(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    first = joined(ctx)
    again = joined(ctx, known_from=LATER + timedelta(hours=2))
    assert [o.joined_at for o in first] == [o.joined_at for o in again] == [LATER]


def test_an_outcome_from_before_that_was_written_down_counts_from_its_own_moment(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    joined(ctx, known_from=LATER + timedelta(hours=2))
    with ctx.store.write() as session:
        session.execute(update(Outcome).values(joined_at=None))
    assert accuracy_of(ctx.store, ctx.city, LATER) is not None


def test_model_status_shows_the_live_accuracy_beside_the_naive_answer(ctx: Ctx) -> None:
    read(ctx, "105", LATER, 44.0)
    read(ctx, "101", LATER, 90.0)
    outcomes = joined(ctx)
    result = ask(replace(ctx, now=LATER + timedelta(hours=1)), "model_status", model="fill")
    missed = sum(abs(o.p50 - o.found) for o in outcomes) / len(outcomes)
    assert (result.facts.live_cases, result.facts.live_mae_pct) == (len(outcomes), round(missed, 2))
    assert result.facts.live_naive_mae_pct is not None
    assert f"{len(outcomes)} forecasts" in result.why[0].text


def test_without_outcomes_model_status_says_that_there_are_none_yet(ctx: Ctx) -> None:
    result = ask(ctx, "model_status", model="fill")
    assert (result.facts.live_cases, result.facts.live_mae_pct) == (0, None)
    assert "no outcome of a forecast is known yet" in result.why[0].text.lower()
