"""The measurement of patterns shuffles what it says it shuffles, and sees what is planted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.patterns import Rules, Units, find_patterns
from evals.patterns import figures, planted_found_share, planted_thursday, shuffled
from tools.pattern_units import DAYS, Place, Subject

WEEKS = 60


def a_subject(seed: int) -> Units:
    """Sixty weeks of days that fill by about 20 %."""
    chance, day = np.random.default_rng(seed), np.arange(WEEKS * 7)
    share = np.column_stack([np.eye(7)[day % 7], day % 7 >= 5]).astype(float)
    value = chance.gamma(20, size=len(day))
    return Units(f"fills/{seed}", value, np.full(len(day), 24.0), share, day // 7, day * 86_400.0, 42 * 7 * 86_400.0)


def test_a_shuffle_moves_values_within_their_strata_and_nowhere_else() -> None:
    units = a_subject(1)
    moved = shuffled(units, np.random.default_rng(0))
    assert not np.allclose(moved.value, units.value)
    for week in range(WEEKS):
        inside = units.stratum == week
        assert np.sort(moved.value[inside]) == pytest.approx(np.sort(units.value[inside]))


def test_planted_thursdays_are_found_and_shuffled_ones_are_not() -> None:
    subjects = [planted_thursday(a_subject(seed)) for seed in range(10)]
    found = find_patterns(subjects, Rules(draws=999, resamples=200), 0)
    assert {(pattern.name, pattern.condition) for pattern in found} == {(units.name, 3) for units in subjects}
    chance = np.random.default_rng(0)
    assert find_patterns([shuffled(units, chance) for units in subjects], Rules(draws=999, resamples=200), 0) == []


def test_habits_are_planted_one_at_a_time() -> None:
    place = Place("a site", "a", None, None, None, ())
    subjects = [Subject("fills", a_subject(seed), DAYS, (place,), 0.0) for seed in range(6)]
    assert planted_found_share(subjects, np.random.default_rng(0)) == 1.0
    whole = [replace(each, places=(replace(place, site_id=None),)) for each in subjects]
    assert planted_found_share(whole, np.random.default_rng(0)) is None


def test_a_city_folder_is_measured(small_city_folder: Path) -> None:
    ours, baselines, tests = figures(small_city_folder, shuffles=1)
    assert set(ours) == {"found", "found_when_shuffled", "cpu_s", "found_by_question", "planted_found_share"}
    assert set(baselines) == {"uncorrected"}
    assert tests >= 0
