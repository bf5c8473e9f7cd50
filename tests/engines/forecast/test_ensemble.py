"""The ensemble: both questions from one call, levels that are sane whatever was recorded, silence where it must be."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sensed import START, sensed, town

from domain.errors import BadData
from engines.forecast.boosted import fit_boosted
from engines.forecast.columns import hours
from engines.forecast.conformal import Offsets, keys_of
from engines.forecast.ensemble import FITS, Ensemble, fit_ensemble, predict, predict_all
from engines.forecast.features import FEATURES_VERSION
from engines.forecast.history import BinHistory
from engines.forecast.horizons import HOURS, UNKNOWN, Story, horizons_of
from engines.forecast.member import MEDIAN, Windows
from engines.forecast.model_files import MANIFEST, Label, from_files, to_files
from engines.forecast.past_windows import Span, past_windows
from engines.forecast.predict import Ask

LABEL = Label("test-1", datetime(2024, 6, 1, tzinfo=UTC))
WEEKS = 13
NOW = START + np.timedelta64(WEEKS * 7 * 24, "h")


@pytest.fixture(scope="module")
def ensemble(bins: list[BinHistory]) -> Ensemble:
    boosted = lambda histories, seed: fit_boosted(histories, seed, rounds=15)  # noqa: E731
    fits = {"hour_of_week": FITS["hour_of_week"], "boosted": boosted}
    return fit_ensemble([b.until(NOW) for b in bins], fits)


def test_it_comes_nearer_than_the_rate_alone_on_weeks_it_has_not_seen(
    bins: list[BinHistory], ensemble: Ensemble
) -> None:
    later = past_windows(bins, 24.0, Span(float(hours(np.array([NOW]))[0])))
    error = [
        np.abs(member.quantiles(later.windows)[:, 0, MEDIAN] - later.found).mean()
        for member in (ensemble, ensemble.members[0])
    ]
    assert error[0] < 0.95 * error[1]


def test_both_questions_are_answered_and_differ_by_the_plan(bins: list[BinHistory], ensemble: Ensemble) -> None:
    plan = [np.array([NOW + np.timedelta64(20, "h")]) for _ in bins]
    for each in predict_all(bins, plan, Ask(NOW, (12.0, 30.0)), ensemble):
        assert each.by[0].p50 == pytest.approx(each.planned[0].p50, abs=0.5)
        assert each.planned[1].p50 < each.by[1].p50
        assert each.planned[1].p90 < 60


def test_the_trees_alone_make_a_table_with_the_chance_of_an_overflow(
    bins: list[BinHistory], ensemble: Ensemble
) -> None:
    known = [b.until(NOW) for b in bins]
    trees = ensemble.trees
    assert trees is not None
    table = horizons_of(trees, known, np.full(len(known), NOW), [Story(b.stream) for b in known])
    assert (table.overflow != UNKNOWN).any()


def test_without_a_plan_only_the_first_question_is_answered(bins: list[BinHistory], ensemble: Ensemble) -> None:
    assert predict(bins[0], None, Ask(NOW), ensemble).planned == ()


def test_trees_say_the_same_of_a_bin_alone_as_among_four_hundred(bins: list[BinHistory], ensemble: Ensemble) -> None:
    trees = ensemble.members[1]
    many = [replace(bins[n % 8].until(NOW - np.timedelta64(3 * n, "h")), bin_id=str(n)) for n in range(400)]
    together = trees.quantiles(Windows.of(many, NOW, HOURS.tolist()))
    for place in range(0, 400, 9):
        alone = trees.quantiles(Windows.of([many[place]], NOW, HOURS.tolist()))
        assert together[place].tobytes() == alone[0].tobytes()


def test_hours_may_be_asked_in_any_order_and_twice(bins: list[BinHistory], ensemble: Ensemble) -> None:
    told = predict(bins[0], None, Ask(NOW, (24.0, 3.0, 24.0)), ensemble)
    assert [each.hours_ahead for each in told.by] == [24.0, 3.0, 24.0]
    assert told.by[0] == told.by[2]


def test_the_chance_of_an_overflow_rises_with_the_hours_and_with_the_level(
    bins: list[BinHistory], ensemble: Ensemble
) -> None:
    told = predict_all(bins[:4], None, Ask(NOW, (6.0, 24.0, 72.0)), ensemble)
    assert all(list(each.overflow_by) == sorted(each.overflow_by) for each in told)
    assert max(each.overflow_by[2] for each in told) > 0.5


def test_the_future_of_a_history_is_not_looked_at(bins: list[BinHistory], ensemble: Ensemble) -> None:
    cut = [b.until(NOW) for b in bins]
    assert predict_all(bins, None, Ask(NOW), ensemble) == predict_all(cut, None, Ask(NOW), ensemble)


def test_a_sensor_that_has_fallen_silent_is_not_guessed_at(bins: list[BinHistory], ensemble: Ensemble) -> None:
    silent = bins[0].until(NOW - np.timedelta64(5, "D"))
    told = predict(silent, None, Ask(NOW), ensemble)
    assert told.abstained is not None
    assert "no reading for 5 days" in told.abstained
    assert told.by == ()


def test_a_bin_never_seen_is_told_of_from_its_own_past(ensemble: Ensemble) -> None:
    stranger = sensed("stranger", 0.6, stream="textiles", every_h=96)
    told = predict(stranger, None, Ask(NOW, (24.0, 48.0)), ensemble)
    assert told.by[1].p50 > told.by[0].p50 > 0


def test_a_bin_with_one_reading_is_told_of_by_its_streams_rate(ensemble: Ensemble) -> None:
    young = BinHistory("young", "paper", "x", read_at=np.array([NOW]), readings=np.array([30.0]), step_pct=0.0)
    wide, narrow = predict(young, None, Ask(NOW), ensemble).by[0], predict(town()[0], None, Ask(NOW), ensemble).by[0]
    assert wide.p50 > 30
    assert wide.p90 - wide.p10 > narrow.p90 - narrow.p10


def test_a_bin_without_any_record_is_not_told_of(ensemble: Ensemble) -> None:
    assert predict(BinHistory("empty", "paper", "x"), None, Ask(NOW), ensemble).abstained is not None


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.sampled_from([0.0, 0.4, 50.0, 99.0, 100.0]), min_size=1, max_size=60),
    st.sampled_from([1, 60, 600, 90_000]),
    st.lists(st.floats(0, 700), min_size=1, max_size=4),
)
def test_levels_are_numbers_within_0_and_100_and_never_cross(
    ensemble: Ensemble, levels: list[float], gap_s: int, ahead: list[float]
) -> None:
    at = NOW - (np.arange(len(levels))[::-1] * gap_s).astype("timedelta64[s]")
    bin_ = BinHistory("any", "paper", "x", read_at=at, readings=np.array(levels), step_pct=0.0)
    plan = np.array([NOW + np.timedelta64(9, "h")])
    told = predict(bin_, plan, Ask(NOW, tuple(min(each, 672.0) for each in ahead)), ensemble)
    for each in (*told.by, *told.planned):
        assert 0 <= each.p10 <= each.p50 <= each.p90 <= 100
        assert 0 <= each.chance <= 1
        assert each.likely is not None
        assert 0 <= each.likely <= 100


def test_ten_years_of_minutes_are_no_trouble(ensemble: Ensemble) -> None:
    minute = np.arange(0, 10 * 365 * 24 * 60, 7)  # every seventh, to spare memory
    at = NOW - minute[::-1].astype("timedelta64[m]").astype("timedelta64[s]")
    bin_ = BinHistory("old", "paper", "x", read_at=at, readings=np.abs(minute[::-1] % 9000 / 90.0)[::-1], step_pct=0.0)
    assert predict(bin_, None, Ask(NOW), ensemble).by[0].p50 <= 100


def test_outcomes_widen_the_band_where_it_missed(bins: list[BinHistory], ensemble: Ensemble) -> None:
    later = past_windows(bins[:2], 24.0, Span(float(hours(np.array([NOW]))[0]), every_h=6.0))
    far = replace(later, found=np.full(len(later), 0.0))
    window = Windows.of(bins[:1], NOW, (24.0,))
    before, after = (each.quantiles(window)[0, 0] for each in (ensemble, ensemble.learned([far])))
    assert after[5] - after[1] > before[5] - before[1]


def test_the_files_of_a_folder_bring_back_the_same_ensemble(bins: list[BinHistory], ensemble: Ensemble) -> None:
    files = to_files(ensemble, LABEL)
    again = from_files(files)
    windows = Windows.of(bins, NOW, (6.0, 24.0, 100.0))
    assert again.quantiles(windows) == pytest.approx(ensemble.quantiles(windows), abs=0.01)
    assert to_files(again, LABEL) == files


@pytest.mark.parametrize("name", [MANIFEST, "rates.json", "boosted-day-50.txt"])
def test_a_folder_that_lacks_a_file_is_refused(ensemble: Ensemble, name: str) -> None:
    files = to_files(ensemble, LABEL)
    del files[name]
    with pytest.raises(BadData):
        from_files(files)


def test_a_model_of_other_features_is_refused(ensemble: Ensemble) -> None:
    files = to_files(ensemble, LABEL)
    files[MANIFEST] = files[MANIFEST].replace(FEATURES_VERSION.encode(), b"fill-0")
    with pytest.raises(BadData, match="fill-0"):
        from_files(files)


def test_a_model_of_coarser_ranges_of_hours_ahead_keeps_its_offsets_for_all_hours_in_them(ensemble: Ensemble) -> None:
    of = {(band, "", -1, 0): np.full(3, float(band)) for band in range(5)}
    files = to_files(replace(ensemble, offsets=Offsets(of)), LABEL)
    manifest = json.loads(files[MANIFEST])
    del manifest["offset_ends_h"]  # as manifests were that had the ranges of the weights
    again = from_files({**files, MANIFEST: json.dumps(manifest).encode()})
    cells = keys_of(
        np.array([6.0, 12.0, 24.0, 48.0, 72.0, 168.0, 336.0]), ["paper"] * 7, np.full(7, 50.0), np.zeros(7, dtype=bool)
    )
    assert [again.offsets.at(cell)[1] for cell in cells] == [0.0, 1.0, 2.0, 3.0, 3.0, 4.0, 4.0]
