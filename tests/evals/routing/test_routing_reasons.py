"""The suite `reasons` confirms true reasons, catches false ones, and draws served and skipped bins alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from engines.routing.plan import RoundPlan
from engines.routing.problem import Goal, Place, Problem, Stop, StopRule, Truck
from engines.routing.reasons import StopReason, why_stop
from engines.routing.solve import solve
from engines.routing.worth import Worth
from evals.routing.reasons import (
    Asked,
    Round,
    cities_of,
    confirmed,
    drawn,
    figures,
    put_to_test,
    search_of,
    times,
    told,
    until_enough,
    wilson,
)
from tools.context import Tuning
from tools.reason_searches import bin_reason

CITIES = Path(__file__).parents[3] / "cities"


def line_round(prizes: Sequence[int | None] = (5000, 4000, 3000, 200, 100, 50), shift_s: int = 36_000) -> Round:
    """Bins on a line, a kilometre, 100 s, a unit of currency apart, a minute of work at each; these are the prizes."""
    at = np.arange(len(prizes) + 1) * 1000
    metres = np.abs(at[:, None] - at).astype(np.int64)
    stops = tuple(Stop(f"b{i}", 0, 0, 100, 10, 60, "waste", prize=prize) for i, prize in enumerate(prizes))
    truck = Truck("T", 10_000, 1000, shift_start_s=0, shift_end_s=shift_s, cost_per_km=1.0, cost_per_hour=1.0)
    problem = Problem(stops, (truck,), (Place("depot", 0, 0),), (), metres, metres // 10, Goal.cost)
    worths = {stop.id: Worth(overflow=stop.prize) for stop in stops if stop.prize is not None}
    chances = {stop_id: round(worth.overflow / 100) for stop_id, worth in worths.items()}  # of an overflow worth 10
    plan = solve(problem, StopRule(max_looks=2000))
    return Round("line", "2025-01-01T00:00", {}, problem, plan, worths, chances, 10_000)


def lying(tuning: Tuning, problem: Problem, plan: RoundPlan, stop_id: str) -> StopReason:
    """A reason that asks for a far larger prize than is needed."""
    reason = bin_reason(tuning, problem, plan, stop_id)
    assert reason.flip_prize is not None
    return replace(reason, flip_prize=10 * reason.flip_prize + 10_000)


def asked(**changes: object) -> Asked:
    """A small measurement."""
    return Asked(CITIES, **{"samples": 6, "seconds": 0.01, **changes})  # type: ignore[arg-type]


def test_true_reasons_are_confirmed() -> None:
    samples = list(put_to_test(iter([line_round()]), asked(), bin_reason))
    assert {each.found.reason.served for each in samples} == {True, False}
    assert told(samples)["agree_share"] == 1.0


def test_false_reasons_are_caught_and_named() -> None:
    found = told(list(put_to_test(iter([line_round()]), asked(), lying)))
    assert found["agree_share"] == 0.0
    assert isinstance(found["against"], list)
    assert {each["bin"] for each in found["against"] if isinstance(each, dict)} == {f"b{i}" for i in range(6)}


def test_served_and_skipped_bins_are_told_apart() -> None:
    found = told(list(put_to_test(iter([line_round()]), asked(), bin_reason)))
    parts = found["by_decision"]
    assert isinstance(parts, dict)
    assert {name: part["samples"] for name, part in parts.items() if isinstance(part, dict)} == {
        "served": 3,
        "skipped": 3,
    }


def test_reasons_that_turn_on_no_prize_stand_beside_and_do_not_count() -> None:
    rounds = [line_round((None,) * 5, 900), line_round()]
    samples = list(until_enough(put_to_test(iter(rounds), asked(), bin_reason), 4))
    found, beside = told(samples), told(samples)["beside"]
    assert isinstance(beside, dict)
    assert (found["samples"], beside["samples"]) == (4, 5)
    assert isinstance(beside["by_decision"], dict)
    assert {*beside["by_decision"]} <= {"asked", "crowded out", "cannot"}
    assert samples[-1].counts


def test_a_full_search_is_several_times_as_long_as_one_of_a_reason_s_own() -> None:
    samples = list(put_to_test(iter([line_round()]), asked(), bin_reason))
    found = times(samples, Asked(CITIES))
    assert isinstance(found["full_times_one"], float)
    assert found["full_times_one"] >= 2.5


def test_a_due_bin_is_rightly_left_only_where_serving_it_would_leave_another() -> None:
    """Room for three of five bins: which are left is open, but that two are is not. With room for all none may be."""
    tight, roomy = (line_round((None,) * 5, seconds) for seconds in (900, 36_000))
    samples = list(put_to_test(iter([tight]), asked(), bin_reason))
    assert {each.found.reason.served for each in samples} == {True, False}
    beside = told(samples)["beside"]
    assert isinstance(beside, dict)
    assert beside["agree_share"] == 1.0
    left = why_stop(tight.problem, tight.plan, tight.plan.unserved[0].stop_id)
    assert confirmed(tight.problem, left, StopRule(max_looks=500), 0).agrees
    assert not confirmed(roomy.problem, left, StopRule(max_looks=500), 0).agrees


def test_bins_are_drawn_from_both_kinds_and_the_same_for_the_same_seed() -> None:
    plan = line_round((9000,) * 12 + (1,) * 12).plan
    first, again, other = (drawn(plan, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [name in plan.served for name in first] == [True, False] * 4


@pytest.mark.parametrize(
    ("hits", "tries", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (0, 0, 0.0, 1.0)],
)
def test_the_interval_is_wilsons(hits: int, tries: int, low: float, high: float) -> None:
    assert wilson(hits, tries) == pytest.approx((low, high), abs=1e-4)


def test_a_city_is_planned_with_bins_left_over_and_its_reasons_are_tried() -> None:
    found = figures(Asked(CITIES / "berkeley", samples=2, seconds=0.01))
    assert found["samples"] == 2
    assert found["rounds"] == 1
    assert found["by_city"]["berkeley"]["samples"] == 2  # type: ignore[index, call-overload]


def test_a_round_that_a_clock_cut_short_is_searched_for_by_looks_all_the_same() -> None:
    assert search_of(1234, 50) == StopRule(max_looks=1234)
    cut_short = search_of(None, 50)
    assert cut_short.wall_seconds == float("inf")
    assert cut_short.max_looks is not None
    assert cut_short.max_looks > 1000


def test_city_folders_are_found_at_and_in_a_folder(tmp_path: Path) -> None:
    assert cities_of(CITIES) == ["berkeley", "boston", "montevideo"]
    assert cities_of(CITIES / "boston") == ["boston"]
    for nowhere in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadData, match="no city folder"):
            figures(Asked(nowhere))


def test_no_data_and_no_samples_are_refused() -> None:
    with pytest.raises(BadData, match="needs --data"):
        Asked(None)
    with pytest.raises(BadData, match="at least 1"):
        asked(samples=0)
