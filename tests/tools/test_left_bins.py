"""Bins that nobody has emptied for far longer than ever before: no level is told, and no answer loses them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from scene import NOW, a_ctx, ask
from sqlalchemy import delete, select

from domain.clock import fixed_clock
from domain.records import Emptying, Reading
from domain.store import Store
from domain.work_records import Prediction
from retrieval.prediction_documents import prediction_documents
from tools.context import Ctx
from tools.fill import foresee
from tools.fill_models import FillModels
from tools.refresh import Refresher

LEFT, OTHER = "105", "106"
WORDS = "not emptied for 40 days, the longest before was "


@pytest.fixture
def before(store: Store, tmp_path: Path) -> Ctx:
    """The small city without sensors."""
    with store.write() as session:
        session.execute(delete(Reading))
    return a_ctx(store, tmp_path)


@pytest.fixture
def ctx(before: Ctx, tmp_path: Path) -> Ctx:
    """The same, with a bin that was emptied every few days and has no emptying in the last forty."""
    last = NOW - timedelta(days=40)
    with before.store.write() as session:
        session.execute(delete(Emptying).where(Emptying.bin_id == LEFT))
        for number in range(12):
            emptied_at = last - timedelta(days=4 * number)
            session.add(Emptying(city="smalltown", bin_id=LEFT, emptied_at=emptied_at, fill_pct=60.0))
    return a_ctx(before.store, tmp_path / "again")


def rows_of(result: Any) -> list[str]:
    return [str(row[0]) for row in result.table.rows]


def test_no_level_is_told_of_such_a_bin_and_the_answer_names_and_counts_it(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon")
    assert LEFT not in rows_of(result)
    facts = result.facts
    assert (facts.bins_long_unemptied, facts.longest_left_days) == (1, 40)
    assert facts.bins_without_estimate >= 1
    assert f"look after {facts.longest_left_bin}, left for 40 days" in result.sentence()
    (reason,) = [each for each in result.why if "not emptied for" in each.text]
    assert f"cannot tell: {WORDS}4; it may be out of use, or its emptyings are not in the records" in reason.text
    assert any(each.ref.startswith(f"records:emptyings/{LEFT}@") for each in reason.evidence)


def test_asked_about_alone_the_bin_is_answered_in_words_and_not_with_a_chance(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[LEFT])
    assert (result.facts.top_bin, result.facts.top_chance_pct) == (None, None)
    assert "can be forecast" in result.sentence()
    assert "left for 40 days" in result.sentence()
    asked = replace(ctx, thread=replace(ctx.thread, last_subject="forecast", first_bin=LEFT))
    explained = ask(asked, "explain")
    assert explained.facts.verdict == "abstained"
    assert any(WORDS in reason.text for reason in explained.why)


def test_other_bins_are_forecast_as_if_it_were_not_there(before: Ctx, ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[OTHER])
    assert rows_of(result) == [OTHER]
    assert result.facts.bins_long_unemptied == 0
    assert "not emptied for" not in result.sentence()


def test_a_reading_brings_the_bin_back(ctx: Ctx, tmp_path: Path) -> None:
    with ctx.store.write() as session:
        session.add(Reading(city="smalltown", bin_id=LEFT, read_at=NOW - timedelta(hours=2), fill_pct=35.0))
    fresh = a_ctx(ctx.store, tmp_path / "read")
    assert rows_of(ask(fresh, "forecast_fill", by="tomorrow noon", bins=[LEFT])) == [LEFT]


def test_bins_over_a_fill_limit_do_not_hide_the_one_of_which_no_level_is_told(ctx: Ctx) -> None:
    limited, listed = ask(ctx, "find_bins", min_fill_pct=50), ask(ctx, "find_bins")
    assert LEFT not in rows_of(limited)
    assert LEFT in [row[0] for row in listed.table.rows if row[3] is None]
    for result in (limited, listed):
        assert result.facts.bins_long_unemptied == 1
        assert "far longer than ever before, so that they may be full or out of use: 1." in result.sentence()
        assert any(WORDS in reason.text for reason in result.why)


@pytest.mark.parametrize("serve", ["overflow_risk", "scheduled"])
def test_a_round_names_it_and_says_whether_it_comes_to_it(ctx: Ctx, serve: str) -> None:
    result = ask(ctx, "plan_round", when="tomorrow", serve=serve)
    (told,) = [each for each in result.degraded if "guesses" in each]
    served = LEFT in [str(row[3]) for row in result.table.rows]
    assert told.startswith("the levels of 1 bin are guesses: ")
    assert f"{WORDS}4, {'on' if served else 'not on'} the round" in told


def test_a_round_of_full_bins_still_comes_to_it(ctx: Ctx) -> None:
    result = ask(ctx, "plan_round", when="tomorrow", min_fill_pct=80)
    assert LEFT in [str(row[3]) for row in result.table.rows]


def test_a_round_without_such_a_bin_says_nothing_of_it(before: Ctx) -> None:
    assert not any("guesses" in each for each in ask(before, "plan_round", when="tomorrow").degraded)


def predicted(ctx: Ctx) -> dict[str, Prediction]:
    """The rows of a renewal, by bin."""
    generation = Refresher(ctx.store, FillModels(ctx.store), ctx.city, fixed_clock(NOW)).whole().generation
    with ctx.store.read() as session:
        rows = session.scalars(select(Prediction).where(Prediction.generation == generation)).all()
        session.expunge_all()
    return {row.bin_id: row for row in rows}


def test_the_table_tells_no_level_of_it_and_why_in_the_same_words(ctx: Ctx) -> None:
    rows = predicted(ctx)
    left = rows[LEFT]
    assert (left.p10, left.p50, left.p90, left.p_overflow) == (None, None, None, None)
    assert left.abstained is not None
    assert left.abstained.startswith(f"cannot tell: {WORDS}4; it may be out of use")
    assert rows[OTHER].p50 is not None
    assert rows[OTHER].abstained is None


def test_a_forecast_among_the_documents_says_no_level_of_it(ctx: Ctx) -> None:
    predicted(ctx)
    with ctx.store.read() as session:
        told = {each.fields["bin"]: each for each in prediction_documents(session, "smalltown")}
    assert told[LEFT].title.endswith("no forecast")
    assert WORDS in told[LEFT].fields["why"]
    assert "overflow" in told[OTHER].title


def test_a_round_goes_by_its_levels_out_of_the_table_as_by_computed_ones(ctx: Ctx, tmp_path: Path) -> None:
    computed = foresee(ctx, [ctx.city.bins[LEFT]])
    predicted(ctx)
    looked_up = foresee(a_ctx(ctx.store, tmp_path / "later"), [ctx.city.bins[LEFT]])
    assert (computed.looked_up, looked_up.looked_up) == (0, 1)
    at = NOW.astimezone(ctx.zone)
    assert looked_up.forecasts(at, (24.0,), 80.0)[0].by == computed.forecasts(at, (24.0,), 80.0)[0].by


def test_a_watch_names_the_bins_whose_level_nobody_can_tell(before: Ctx, ctx: Ctx) -> None:
    question = {"condition": "more than two bins pass 80 percent", "threshold_pct": 80}
    why = " ".join(reason.text for reason in ask(ctx, "propose_watch", **question).why)
    assert "No level is told of 1 bin" in why
    assert WORDS in why
