"""The level found at the next emptying: learnt from emptyings alone, never from the future, a chance for each step."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.found import FoundLevels, FoundModel, fit_found, next_visits, step_index, steps_of
from engines.forecast.history import BinHistory, Floats
from engines.forecast.visits import NAMES, Visits, past_visits, visit_features

SHIPPED = Path(__file__).parents[3] / "cities" / "berkeley" / "models" / "fill" / "berkeley-1" / "found.json"
START = np.datetime64("2025-01-06T07:00:00")  # a Monday
STEPS = np.arange(0, 101, 20.0)


def bins(count: int = 14, emptyings: int = 60) -> list[BinHistory]:
    """Bins that fill at a pace of their own, emptied after one to five days; twice as fast on Compostables."""
    rng = np.random.default_rng(3)
    made = []
    for number in range(count):
        stream = ("Waste", "Compostables")[number % 2]
        pace = rng.uniform(0.4, 0.9) * (1 + number % 2)
        gap = rng.integers(1, 6, emptyings) * 24.0
        level = np.clip(gap * pace + rng.normal(0, 4, emptyings), 0, 100)
        at = START + (np.cumsum(gap) * 3600).astype("timedelta64[s]")
        made.append(BinHistory(f"B{number}", stream, f"S{number // 2}", at, np.floor(level / 20) * 20))
    return made


@pytest.fixture(scope="module")
def town() -> list[BinHistory]:
    return bins()


@pytest.fixture(scope="module")
def model(town: list[BinHistory]) -> FoundModel:
    return fit_found([each.until(START + np.timedelta64(120, "D")) for each in town])


def later(town: list[BinHistory]) -> tuple[Visits, Floats]:
    visits, level, _ = past_visits(town)
    after = visits.at >= (START + np.timedelta64(120, "D")).astype(np.int64) / 3600
    return visits.where(after), level[after]


def test_the_level_is_told_better_than_by_the_bins_mean(town: list[BinHistory], model: FoundModel) -> None:
    visits, level = later(town)
    mean = np.array([np.nanmean(each.levels) for each in town])[visits.bin]
    said = model.levels(town, visits).median
    assert np.abs(said - level).mean() < 0.6 * np.abs(mean - level).mean()


def test_a_bin_left_longer_is_found_fuller(town: list[BinHistory], model: FoundModel) -> None:
    last = town[0].emptied_at[-1]
    soon, late = (model.levels(town[:1], next_visits(town[:1], [last + np.timedelta64(h, "h")])) for h in (24, 120))
    assert late.median[0] > soon.median[0]
    assert late.chance_at_least(60)[0] > soon.chance_at_least(60)[0]


def test_the_future_of_every_bin_is_never_looked_at(town: list[BinHistory]) -> None:
    moment = town[0].emptied_at[30]
    visits = Visits(np.arange(len(town)), np.full(len(town), moment.astype(np.int64) / 3600), np.full(len(town), 1.0))
    seen = visit_features(town, visits, ("Waste", "Compostables"))
    changed = [
        replace(each, levels=np.where(each.emptied_at >= moment, 100 - each.levels, each.levels)) for each in town
    ]
    assert any((a.levels != b.levels).any() for a, b in zip(town, changed, strict=True))
    np.testing.assert_array_equal(visit_features(changed, visits, ("Waste", "Compostables")), seen)
    cut = [each.until(moment - np.timedelta64(1, "s")) for each in town]
    np.testing.assert_array_equal(visit_features(cut, visits, ("Waste", "Compostables")), seen)


def test_of_other_bins_the_day_of_the_visit_is_not_known_yet(town: list[BinHistory]) -> None:
    at = np.datetime64("2025-03-10T18:00:00")
    visits = next_visits(town[:1], [at])
    seen = visit_features(town, visits, ("Waste",))
    today = BinHistory("other", "Waste", "S0", np.array([at - np.timedelta64(6, "h")]), np.array([100.0]))
    np.testing.assert_array_equal(visit_features([*town, today], visits, ("Waste",)), seen)
    yesterday = replace(today, emptied_at=today.emptied_at - np.timedelta64(24, "h"))
    moved = visit_features([*town, yesterday], visits, ("Waste",))
    assert moved[0, NAMES.index("stream_level_3d")] > seen[0, NAMES.index("stream_level_3d")]


def test_chances_sum_to_one_also_for_a_bin_without_any_past(town: list[BinHistory], model: FoundModel) -> None:
    empty = BinHistory("new", "Batteries", "nowhere")
    levels = model.levels([*town, empty], next_visits([*town, empty], [START + np.timedelta64(200, "D")] * 15))
    np.testing.assert_allclose(levels.chances.sum(axis=1), 1.0)
    assert (levels.chances >= 0).all()
    low, high = levels.interval(0.8)
    assert high[-1] - low[-1] >= 60


def test_an_alert_that_is_known_is_used_and_one_that_is_not_is_no_alert(town: list[BinHistory]) -> None:
    alerted = [(each.levels >= 60).astype(float) for each in town]
    told = fit_found(town, alerted)
    at = [each.emptied_at[-1] + np.timedelta64(48, "h") for each in town]
    full, calm = (told.levels(town, next_visits(town, at, np.full(14, state))) for state in (1.0, 0.0))
    assert (full.chance_at_least(60) > 0.3).all()
    assert (calm.chance_at_least(60) < 0.3).all()
    assert (full.chance_at_least(60) > calm.chance_at_least(60) + 0.3).all()
    unknown = told.levels(town, next_visits(town, at))
    np.testing.assert_array_equal(unknown.chances, fit_found(town).levels(town, next_visits(town, at)).chances)


def test_the_same_emptyings_give_the_same_model_and_its_text_gives_the_same_chances(
    town: list[BinHistory], model: FoundModel
) -> None:
    again = fit_found([each.until(START + np.timedelta64(120, "D")) for each in town])
    assert again.to_json() == model.to_json()
    visits, _ = later(town)
    read = FoundModel.from_json(model.to_json())
    np.testing.assert_array_equal(read.levels(town, visits).chances, model.levels(town, visits).chances)


def test_a_model_of_other_features_or_none_is_refused(model: FoundModel) -> None:
    other = json.loads(model.to_json()) | {"visits_version": 0}
    with pytest.raises(BadData, match="features version 0"):
        FoundModel.from_json(json.dumps(other))
    torn = json.loads(model.to_json()) | {"plain": "tre"}
    for text in ("{}", "[]", json.dumps(torn)):
        with pytest.raises(BadData, match="cannot be read"):
            FoundModel.from_json(text)


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:2000],
        lambda text: text[: text.index("\nTree=6\n")],
        lambda text: "tree\n",
        lambda text: text.replace("num_tree_per_iteration=6", "num_tree_per_iteration=0"),
        lambda text: text.replace("num_tree_per_iteration=6", "num_tree_per_iteration=3"),
        lambda text: re.sub(r"split_feature=\d+", "split_feature=99", text, count=1),
        lambda text: re.sub(r"split_feature=\d+ ", "split_feature=", text, count=1),
        lambda text: re.sub(r"left_child=\S+", "left_child=0", text, count=1),
        lambda text: re.sub(r"left_child=\S+", "left_child=-999", text, count=1),
        lambda text: re.sub(r"leaf_value=\S+", "leaf_value=nan", text, count=1),
        lambda text: re.sub(r"cat_threshold=\d+ ?", "cat_threshold=", text, count=1),
    ],
    ids=["cut off", "trees missing", "a head alone", "no class", "other classes", "a feature unknown", "a node short",
         "a ring", "no such leaf", "no number", "a set short"],
)  # fmt: skip
def test_a_model_whose_trees_are_damaged_is_refused_when_it_is_read(damage: Callable[[str], str]) -> None:
    kept = json.loads(SHIPPED.read_text())
    damaged = damage(kept["plain"])
    assert damaged != kept["plain"]
    with pytest.raises(BadData, match="the model of levels found cannot be read"):
        FoundModel.from_json(json.dumps(kept | {"plain": damaged}))


def test_too_few_emptyings_and_mixed_steps_are_refused(town: list[BinHistory]) -> None:
    with pytest.raises(BadData, match="at least 300"):
        fit_found(town[:2])
    with pytest.raises(BadData, match="different steps"):
        steps_of([town[0], replace(town[1], step_pct=10)])


def test_double_records_and_unknown_levels_are_no_visits_to_learn_from() -> None:
    at = START + np.array([0, 48, 49, 96, 144]) * np.timedelta64(3600, "s")
    history = BinHistory("B", "Waste", "S", at, np.array([np.nan, 60, 60, np.nan, 40]))
    visits, level, since = past_visits([history])
    assert level.tolist() == [60, 40]
    assert since.tolist() == [48, 48]
    features = visit_features([history], visits, ("Waste",))
    assert features[1, NAMES.index("level_2")] == 60
    assert features[1, NAMES.index("hours_since")] == 48


def test_the_middle_the_likeliest_and_the_interval_are_read_off_the_chances() -> None:
    levels = FoundLevels(STEPS, np.array([[0.30, 0.18, 0.04, 0.16, 0.16, 0.16], [0, 0, 0.1, 0.8, 0.1, 0]]))
    assert levels.median.tolist() == [40, 60]
    assert levels.likeliest.tolist() == [20, 60]
    low, high = levels.interval(0.8)
    assert (low.tolist(), high.tolist()) == ([0, 60], [80, 60])
    np.testing.assert_allclose(levels.chance_at_least(60), [0.48, 0.9])


def test_where_bins_report_exact_levels_a_step_stands_for_its_middle() -> None:
    levels = FoundLevels(STEPS, np.array([[0, 0.1, 0.8, 0.1, 0, 0], [0, 0, 0, 0, 0, 1.0]]), exact=True)
    assert levels.median.tolist() == [50, 100]
    low, high = levels.interval(0.8)
    assert (low.tolist(), high.tolist()) == ([40, 100], [60, 100])
    exact = [replace(each, step_pct=0.0) for each in bins()]
    model = fit_found(exact)
    assert model.steps.tolist() == list(range(0, 101, 10))
    assert FoundModel.from_json(model.to_json()).exact


def test_a_level_belongs_to_the_last_step_reached() -> None:
    assert step_index(np.array([0, 19, 20, 99, 100.0]), STEPS).tolist() == [0, 0, 1, 4, 5]
