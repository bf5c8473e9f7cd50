"""Trees read from LightGBM's text answer as LightGBM does."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import pytest

from domain.errors import BadData
from engines.forecast.found import FoundModel
from engines.forecast.tree_text import read_trees

SHIPPED = Path(__file__).parents[3] / "cities" / "berkeley" / "models" / "fill" / "berkeley-1" / "found.json"
HOW = {"verbosity": -1, "num_threads": 1, "min_data_in_leaf": 5, "num_leaves": 15, "seed": 1}


def rows(count: int = 600, seed: int = 0) -> np.ndarray:
    """Numbers with gaps and zeros, and in the last column categories, some of which no training knew."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(count, 5)).round(1)
    table[rng.random((count, 5)) < 0.2] = np.nan
    table[:, 4] = np.where(rng.random(count) < 0.1, np.nan, rng.integers(0, 70, count))
    return table


@pytest.mark.parametrize(
    "more",
    [
        {"objective": "multiclass", "num_class": 4},
        {"objective": "regression"},
        {"objective": "regression", "zero_as_missing": True},
        {"objective": "regression", "use_missing": False},
    ],
    ids=["classes", "numbers", "zeros missing", "nothing missing"],
)
def test_the_scores_are_lightgbms_own(more: dict[str, object]) -> None:
    table = rows()
    answer = np.nan_to_num(table[:, 0]) + (table[:, 4] % 7 > 3) * 2.0 - np.isnan(table[:, 1]) + 4
    wanted = np.clip(answer, 0, 7).astype(int) // 2 if "num_class" in more else answer
    data = lightgbm.Dataset(table, wanted, categorical_feature=[4], params=HOW)
    booster = lightgbm.train({**HOW, **more}, data, 30)
    asked = np.vstack([rows(400, 7), [[0.0, 0.0, 0.0, 0.0, 500.0], [0.0, -0.0, np.nan, 1.0, -3.0]]])
    theirs = booster.predict(asked, raw_score=True)
    ours = read_trees(booster.model_to_string()).scores(asked)
    np.testing.assert_allclose(ours, theirs.reshape(ours.shape), rtol=0, atol=1e-10)


def test_the_shipped_model_answers_as_lightgbm_does() -> None:
    model = FoundModel.from_json(SHIPPED.read_text(encoding="utf-8"))
    booster = lightgbm.Booster(model_str=model.plain)
    rng = np.random.default_rng(3)
    asked = rng.uniform(0, 120, (300, booster.num_feature()))
    asked[rng.random(asked.shape) < 0.15] = np.nan
    asked[:, 4] = rng.choice([0.0, 1.0, 2.0, np.nan], 300)
    ours = read_trees(model.plain).shares(asked)
    np.testing.assert_allclose(ours, booster.predict(asked), rtol=0, atol=1e-10)


def test_a_tree_without_a_split_is_its_leaf() -> None:
    data = lightgbm.Dataset(rows(40), np.arange(40.0), params={**HOW, "min_data_in_leaf": 100})
    booster = lightgbm.train({**HOW, "objective": "regression", "min_data_in_leaf": 100}, data, 3)
    np.testing.assert_allclose(
        read_trees(booster.model_to_string()).scores(rows(5))[:, 0], booster.predict(rows(5)), atol=1e-10
    )


@pytest.mark.parametrize("text", ["", "tree\n", "tree\nnum_tree_per_iteration=2\n\nTree=0\nnum_leaves=1\n"])
def test_a_text_without_trees_is_refused(text: str) -> None:
    with pytest.raises(BadData, match="no LightGBM text"):
        read_trees(text)
