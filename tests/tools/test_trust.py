"""How far an interval can be trusted is said only where levels were found to check it by."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from scene import NOW, a_ctx, ask
from sqlalchemy import delete

from domain.records import Reading
from domain.repositories.outcomes import OutcomeRow, add_outcomes
from domain.store import Store
from tools.context import Ctx

SENSED, BLIND = "101", "105"
LEAD = timedelta(hours=24)


@pytest.fixture
def ctx(store: Store, tmp_path: Path) -> Ctx:
    """The small city with one sensor."""
    with store.write() as session:
        session.execute(delete(Reading).where(Reading.bin_id != SENSED))
        session.add(Reading(city="smalltown", bin_id=SENSED, read_at=NOW - timedelta(hours=3), fill_pct=35.0))
    return a_ctx(store, tmp_path)


def outcomes(ctx: Ctx, cases: int, held: int, kind: str = "reading") -> None:
    """Levels found in the last days at the sensor, of which some lay in an interval of 10 to 30."""
    rows = []
    for number in range(cases):
        at = NOW - timedelta(hours=3 * (number + 1))
        found = 20.0 if number < held else 90.0
        rows.append(
            OutcomeRow(SENSED, at, kind, at - LEAD, 24.0, "fill", "1", 10.0, 20.0, 30.0, 0.1, 80.0, None, found)
        )
    with ctx.store.write() as session:
        add_outcomes(session, "smalltown", rows)


def test_without_readings_no_share_is_claimed_and_the_answer_says_unchecked(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[BLIND])
    assert result.confidence is None
    assert any("computed and unchecked for 1 bin shown" in reason.text for reason in result.why)


def test_with_enough_levels_found_the_share_that_held_is_said(ctx: Ctx) -> None:
    outcomes(ctx, 120, 90)
    result = ask(ctx, "forecast_fill", by="tomorrow 9am", bins=[SENSED])
    assert result.confidence is not None
    assert result.confidence.share == pytest.approx(0.75)
    assert "held 90 of 120 levels read at these bins" in result.confidence.meaning
    assert not any("unchecked" in reason.text for reason in result.why)


@pytest.mark.parametrize(
    ("by", "cases", "kind", "said"),
    [
        ("tomorrow 9am", 40, "reading", "too few were found to check it"),
        ("tomorrow 9am", 120, "emptying", "too few were found to check it"),
        ("in 5 days", 120, "reading", "at these bins that is checked a day ahead only, where it held 90 of 120"),
    ],
)
def test_too_few_levels_or_another_horizon_leave_it_at_what_is_stated(
    ctx: Ctx, by: str, cases: int, kind: str, said: str
) -> None:
    outcomes(ctx, cases, min(cases, 90), kind)
    result = ask(ctx, "forecast_fill", by=by, bins=[SENSED])
    assert result.confidence is not None
    assert result.confidence.share == 0.8
    assert "in eight of ten cases" in result.confidence.meaning
    assert said in result.confidence.meaning


@pytest.mark.parametrize(("by", "said"), [("in 13 days", False), ("in 15 days", True)])
def test_beyond_two_weeks_no_share_is_claimed_and_one_sentence_says_why(ctx: Ctx, by: str, said: bool) -> None:
    outcomes(ctx, 120, 90)
    result = ask(ctx, "forecast_fill", by=by, bins=[SENSED])
    far = [reason for reason in result.why if "unchecked so far ahead" in reason.text]
    assert len(far) == int(said)
    assert (result.confidence is None) == said


def test_of_bins_without_readings_one_sentence_is_enough_however_far_ahead(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="in 15 days", bins=[BLIND])
    assert sum("unchecked" in reason.text for reason in result.why) == 1


def test_of_bins_with_and_without_readings_both_is_said(ctx: Ctx) -> None:
    result = ask(ctx, "forecast_fill", by="tomorrow noon", bins=[SENSED, BLIND])
    assert result.confidence is not None
    assert any("computed and unchecked for 1 bin shown" in reason.text for reason in result.why)
