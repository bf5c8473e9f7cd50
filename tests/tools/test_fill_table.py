"""The table of forecasts: a lookup says what a computation says, and the last complete renewal stands."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import JsonValue
from scene import NOW, a_ctx, ask
from sqlalchemy import func, select, update

from domain.clock import fixed_clock
from domain.records import Emptying, Reading
from domain.repositories.predictions import NewGeneration, begin_generation
from domain.store import Store
from domain.work_records import Generation, Prediction
from tools.context import Ctx, ThreadView, Tuning
from tools.fill import foresee
from tools.fill_models import FillModels
from tools.fill_table import Foreseen
from tools.refresh import Refresher
from tools.result_bytes import result_bytes

ROOT = Path(__file__).parents[2]
CALLS: dict[str, dict[str, JsonValue]] = {
    "forecast_fill": {"by": "tomorrow noon", "threshold_pct": 70},
    "find_bins": {"min_fill_pct": 10},
    "plan_round": {"when": "tomorrow"},
    "explain": {"bin": "105"},
}


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    return a_ctx(store, tmp_path)


def renew(ctx: Ctx, moment: datetime) -> int | None:
    """A whole renewal at a moment, by another process' parts."""
    return Refresher(ctx.store, FillModels(ctx.store), ctx.city, fixed_clock(moment)).whole().generation


def seen(ctx: Ctx, moment: datetime = NOW) -> Foreseen:
    """What is foreseen of all bins at a moment, by parts that remember nothing."""
    return foresee(replace(ctx, now=moment, fill=FillModels(ctx.store)), list(ctx.city.bins.values()))


def same(one: Foreseen, other: Foreseen) -> bool:
    """Whether two answers hold the same forecasts."""
    left, right = one.horizons, other.horizons
    rows = (left.bins, left.stories) == (right.bins, right.stories)
    return rows and bool((left.at == right.at).all()) and bool((left.levels == right.levels).all())


def test_what_is_looked_up_is_what_would_be_computed(ctx: Ctx) -> None:
    computed = seen(ctx)
    assert renew(ctx, NOW) is not None
    looked_up = seen(ctx)
    assert (computed.looked_up, looked_up.looked_up) == (0, len(ctx.city.bins))
    assert same(computed, looked_up)
    assert looked_up.degraded == ()


@pytest.mark.parametrize("minutes", [1, 25, 59])
def test_until_the_next_hour_the_table_answers_what_would_be_computed(ctx: Ctx, minutes: int) -> None:
    later = NOW + timedelta(minutes=minutes)
    computed = seen(ctx, later)
    renew(ctx, NOW)
    assert seen(ctx, later).looked_up == len(ctx.city.bins)
    assert same(computed, seen(ctx, later))


@pytest.mark.parametrize("name", CALLS)
def test_a_tool_gives_the_same_bytes_with_the_table_and_without(ctx: Ctx, name: str) -> None:
    thread = ThreadView("t-1", last_subject="forecast")
    late = replace(ctx, now=NOW + timedelta(minutes=37), thread=thread, tuning=Tuning(solve_seconds=0.1))
    without = result_bytes(ask(late, name, **CALLS[name]))
    renew(ctx, NOW)
    with_table = replace(late, fill=FillModels(ctx.store))
    assert result_bytes(ask(with_table, name, **CALLS[name])) == without


def test_a_moment_of_which_the_table_knows_nothing_is_computed_and_nothing_is_said(ctx: Ctx) -> None:
    renew(ctx, NOW)
    for moment in (NOW - timedelta(days=3), NOW + timedelta(hours=25)):
        assert (seen(ctx, moment).looked_up, seen(ctx, moment).degraded) == (0, ())


def test_a_new_reading_renews_its_bin_alone_and_the_others_stay(ctx: Ctx) -> None:
    renew(ctx, NOW)
    moment, question = NOW + timedelta(minutes=20), NOW + timedelta(minutes=30)
    with ctx.store.write() as session:
        session.add(Reading(city="smalltown", bin_id="105", read_at=moment, fill_pct=91.0))
    before = seen(ctx, question)
    assert before.looked_up == len(ctx.city.bins) - 1
    models = FillModels(ctx.store)
    renewal = Refresher(ctx.store, models, ctx.city, fixed_clock(NOW + timedelta(minutes=21))).some(["105"])
    after = seen(ctx, question)
    assert (renewal.bins, after.looked_up) == (1, len(ctx.city.bins))
    assert same(before, after)
    told = after.forecasts(question, (0.0,), 80)[after.horizons.bins.index("105")]
    assert told.starts_from == "a reading of 91 %"


def test_an_emptying_is_seen_at_once_although_the_table_is_older(ctx: Ctx) -> None:
    renew(ctx, NOW)
    with ctx.store.write() as session:
        session.add(Emptying(city="smalltown", bin_id="105", emptied_at=NOW + timedelta(minutes=5), fill_pct=80))
    question = NOW + timedelta(minutes=6)
    told = seen(ctx, question)
    forecast = told.forecasts(question, (0.0,), 80)[told.horizons.bins.index("105")]
    assert forecast.data_age_hours == pytest.approx(1 / 60, abs=0.01)
    assert forecast.now is not None
    assert forecast.now.p50 < 5


# ---------------------------------------------------------------- a renewal that dies


def begin_only(ctx: Ctx, moment: datetime) -> None:
    """A renewal that is begun, writes one bin, and is never heard of again."""
    whole = NewGeneration("smalltown", moment, ctx.city.digest, "hour_of_week", "x", True, len(ctx.city.bins), moment)
    with ctx.store.write() as session:
        begin_generation(session, whole)


def test_after_a_renewal_that_died_the_last_complete_one_stands_and_its_age_is_said(ctx: Ctx) -> None:
    renew(ctx, NOW)
    whole = seen(ctx)
    begin_only(ctx, NOW + timedelta(hours=1))
    question = NOW + timedelta(hours=1, minutes=5)
    told = seen(ctx, question)
    assert told.looked_up == len(ctx.city.bins)
    assert same(told, whole)
    assert told.degraded == (
        "the forecasts are those of 2025-09-01 08:00, 1 h 5 min old: a later renewal of the table was not completed",
    )
    result = ask(replace(ctx, now=question, fill=FillModels(ctx.store)), "forecast_fill", by="tomorrow")
    assert told.degraded[0] in result.degraded


def test_bins_with_news_since_are_computed_even_when_an_old_renewal_stands(ctx: Ctx) -> None:
    renew(ctx, NOW)
    begin_only(ctx, NOW + timedelta(hours=1))
    with ctx.store.write() as session:
        session.add(Reading(city="smalltown", bin_id="105", read_at=NOW + timedelta(minutes=50), fill_pct=40.0))
    assert seen(ctx, NOW + timedelta(hours=1, minutes=5)).looked_up == len(ctx.city.bins) - 1


def test_what_stood_at_a_moment_can_still_be_told_when_its_rows_are_gone(ctx: Ctx) -> None:
    renew(ctx, NOW)
    begin_only(ctx, NOW + timedelta(hours=1))
    question = NOW + timedelta(hours=1, minutes=5)
    then = seen(ctx, question)
    renew(ctx, NOW + timedelta(hours=2))
    with ctx.store.write() as session:
        session.execute(update(Prediction).values(levels=None).where(Prediction.generation == 1))
    now = seen(ctx, question)
    assert same(then, now)
    assert now.degraded[0] == then.degraded[0]


def test_until_the_hours_renewal_is_in_force_the_one_before_answers_and_that_is_no_trouble(ctx: Ctx) -> None:
    renew(ctx, NOW)
    whole = seen(ctx)
    question = NOW + timedelta(hours=1, seconds=20)
    for _ in range(2):  # nobody has begun yet; somebody has
        told = seen(ctx, question)
        assert (told.looked_up, told.degraded) == (len(ctx.city.bins), ())
        assert same(told, whole)
        begin_only(ctx, NOW + timedelta(hours=1))


def test_a_table_that_nobody_renews_answers_for_a_day_and_says_its_age(ctx: Ctx) -> None:
    renew(ctx, NOW)
    told = seen(ctx, NOW + timedelta(hours=5))
    assert told.looked_up == len(ctx.city.bins)
    assert told.degraded == (
        "the forecasts are those of 2025-09-01 08:00, 5 h 0 min old: the table has not been renewed since",
    )
    assert seen(ctx, NOW + timedelta(hours=24)).looked_up == len(ctx.city.bins)


def test_a_later_renewal_changes_no_earlier_answer(ctx: Ctx) -> None:
    renew(ctx, NOW)
    questions = [NOW + timedelta(hours=1, seconds=20), NOW + timedelta(hours=3, minutes=59)]
    then = [seen(ctx, question) for question in questions]
    renew(ctx, NOW + timedelta(hours=4))
    again = [seen(ctx, question) for question in questions]
    assert all(same(one, other) and one.degraded == other.degraded for one, other in zip(then, again, strict=True))


def test_a_renewal_with_rows_missing_does_not_come_in_force(ctx: Ctx, store: Store) -> None:
    class Lossy(Refresher):
        def _write(self, new: NewGeneration, bin_ids: object) -> object:  # type: ignore[override]
            return super()._write(replace(new, bins=new.bins + 1), tuple(self._city.bins))

    renewal = Lossy(store, FillModels(store), ctx.city, fixed_clock(NOW)).whole()
    assert renewal.generation is None
    assert seen(ctx).looked_up == 0


KILLED = """
import sys
from datetime import datetime
from domain.clock import fixed_clock
from domain.operation import load_operation
from domain.store import Store
from tools.fill_models import FillModels
from tools import refresh
store = Store(sys.argv[1])
refresh.BINS_A_PART = 3
whole = refresh.add_predictions
def slowly(*given):
    whole(*given)
    print("part", flush=True)
    if sys.argv[3] == "wait":
        sys.stdin.readline()
refresh.add_predictions = slowly
city = load_operation(store, "smalltown")
clock = fixed_clock(datetime.fromisoformat(sys.argv[2]))
print(refresh.Refresher(store, FillModels(store), city, clock).whole().generation, flush=True)
"""


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_a_renewal_killed_midway_leaves_the_last_complete_one_in_force(ctx: Ctx, store: Store, parts: int) -> None:
    renew(ctx, NOW)
    whole = seen(ctx)
    hour, question = NOW + timedelta(hours=1), NOW + timedelta(hours=1, minutes=10)
    told = [sys.executable, "-c", KILLED, str(store.url), hour.isoformat(), "wait"]
    with subprocess.Popen(told, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        for part in range(parts):
            assert child.stdout.readline() == "part\n"
            if part < parts - 1:
                child.stdin.write("\n")
                child.stdin.flush()
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    killed = seen(ctx, question)
    assert same(killed, whole)
    assert "1 h 10 min old" in killed.degraded[0]
    assert renew(ctx, hour + timedelta(minutes=11)) is not None
    with store.read() as session:
        left = session.scalar(select(func.count()).select_from(Prediction).join(Generation).where(
            Generation.in_force_from.is_(None)))  # fmt: skip
    assert left == 0
    assert seen(ctx, hour + timedelta(minutes=12)).degraded == ()


# ---------------------------------------------------------------- what the table keeps


def test_a_row_that_is_damaged_is_computed_anew_and_said(ctx: Ctx, store: Store) -> None:
    renew(ctx, NOW)
    whole = seen(ctx)
    with store.write() as session:
        session.execute(update(Prediction).where(Prediction.bin_id == "105").values(levels=b"short"))
    told = seen(ctx)
    assert same(told, whole)
    assert told.degraded == ("1 forecast of the table cannot be read and had to be computed anew",)


def test_forecasts_of_another_model_version_are_not_used(ctx: Ctx, store: Store) -> None:
    renew(ctx, NOW)
    with store.write() as session:
        session.execute(update(Prediction).values(model_version="older"))
    assert (seen(ctx).looked_up, seen(ctx).degraded) == (0, ())


def test_a_row_says_who_made_it_from_what_and_how_old_the_data_was(ctx: Ctx, store: Store) -> None:
    renew(ctx, NOW)
    with store.read() as session:
        row = session.scalars(select(Prediction).where(Prediction.bin_id == "105")).one()
    assert (row.model_name, row.made_at, row.horizon_at) == ("hour_of_week", NOW, NOW + timedelta(days=1))
    assert row.data_as_of is not None
    assert row.data_as_of < NOW
    assert len(row.features_hash) == 16
    assert row.p10 is not None
    assert row.p50 is not None
    assert row.p90 is not None
    assert 0 <= row.p10 <= row.p50 <= row.p90 <= 100


def test_the_same_renewal_is_not_written_twice(ctx: Ctx, store: Store) -> None:
    assert renew(ctx, NOW) == renew(ctx, NOW)
    with store.read() as session:
        assert session.scalar(select(func.count()).select_from(Generation)) == 1


def test_old_forecasts_are_thinned_out_but_never_those_in_force(ctx: Ctx, store: Store) -> None:
    hours = (60, 25, 24, 23, 2, 1, 0)
    for ago in hours:
        renew(ctx, NOW - timedelta(hours=ago))
    with store.read() as session:
        left = set(session.scalars(select(Prediction.made_at)))
        log = session.scalar(select(func.count()).select_from(Generation))
    assert {(NOW - at) // timedelta(hours=1) for at in left} == {24, 2, 1, 0}  # 08:00 there is 15:00 UTC: a third hour
    assert log == len(hours)
