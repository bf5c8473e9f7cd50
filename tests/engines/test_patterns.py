"""Patterns are found where they are, told with their size, and nearly never where there are none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.patterns import Rules, Units, find_patterns

DAYS = 7 * 100
SPLIT_S = 7 * 70 * 86_400.0
QUICK = Rules(draws=1_999, resamples=300)


def counts(name: str, seed: int, thursday: float = 1.0, burst: float = 0.0) -> Units:
    """A hundred weeks of daily counts about 5, times `thursday` on Thursdays; bursts make some days wild."""
    chance = np.random.default_rng(seed)
    day = np.arange(DAYS)
    season = 1 + 0.5 * np.sin(day / 365 * 2 * np.pi)
    wild = np.where(chance.random(DAYS) < burst, 5.0, 1.0)
    value = chance.poisson(5 * season * wild * np.where(day % 7 == 3, thursday, 1.0)).astype(float)
    return Units(name, value, np.ones(DAYS), np.eye(7)[day % 7], day // 7, day * 86_400.0, SPLIT_S)


def spans(seed: int, sunday: float) -> Units:
    """Spans of one to four days that fill 1 % an hour, on Sundays `sunday` times that; levels in steps of 20 %."""
    chance = np.random.default_rng(seed)
    days = chance.integers(1, 5, 500)
    end = np.cumsum(days)
    share = np.zeros((500, 7))
    for row, (last, length) in enumerate(zip(end, days, strict=True)):
        for day in range(last - length, last):
            share[row, day % 7] += 1 / length
    hours = days * 24.0
    level = hours * (1 + (sunday - 1) * share[:, 6]) * chance.lognormal(0, 0.3, 500)
    stepped = np.clip(np.round(level / 20) * 20, 0, 100)
    return Units("spans", stepped, hours, share, days, end * 86_400.0, float(np.quantile(end, 0.7)) * 86_400)


def test_an_effect_that_is_there_is_found_with_its_size_and_nothing_else_is() -> None:
    subjects = [counts(f"plain {n}", n) for n in range(30)] + [counts("busy", 99, thursday=2.3)]
    found = find_patterns(subjects, Rules(), seed=0)
    (busy,) = found
    assert (busy.name, busy.condition, busy.tests) == ("busy", 3, 31 * 7)
    assert busy.low < 2.3 < busy.high
    assert busy.later.rate / busy.later.other_rate == pytest.approx(busy.later.ratio)
    assert (busy.later.units, busy.earlier.units) == (30, 70)
    assert busy.p <= busy.q <= 0.05


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_data_gives_nearly_nothing(seed: int) -> None:
    chance = np.random.default_rng(seed)
    subjects = []
    for number in range(40):
        units = counts(f"shuffled {number}", 100 * seed + number, thursday=3.0, burst=0.03)
        order = np.lexsort((chance.random(DAYS), units.stratum))  # within weeks
        subjects.append(replace(units, value=units.value[order]))
    assert len(find_patterns(subjects, QUICK, seed=0)) <= 1


def test_one_habit_among_many_subjects_is_found() -> None:
    subjects = [*(counts(f"plain {n}", n) for n in range(80)), counts("busy", 99, thursday=2.3)]
    rules = replace(QUICK, draws=999)
    (busy,) = find_patterns(subjects, rules, seed=0)
    assert (busy.name, busy.condition) == ("busy", 3)
    assert busy.p <= rules.rate / busy.tests


def test_the_surest_test_of_any_number_can_pass_the_correction() -> None:
    assert Rules().drawn(10) == Rules().draws
    for tests in (200, 1_977, 50_000):
        assert tests / (Rules().drawn(tests) + 1) <= Rules().rate


def test_a_season_is_no_weekday() -> None:
    assert find_patterns([counts(f"season {n}", n, burst=0.05) for n in range(30)], QUICK, seed=0) == []


def test_days_inside_spans_of_several_days_are_told_apart() -> None:
    (found,) = [pattern for pattern in find_patterns([spans(1, sunday=3.0)], Rules(), 0) if pattern.condition == 6]
    assert 2 < found.later.ratio < 4.5
    assert find_patterns([spans(seed, sunday=1.0) for seed in range(12)], QUICK, 0) == []


def test_a_pattern_is_not_told_again_by_its_echo_or_by_a_part_of_itself() -> None:
    busy = counts("busy", 99, thursday=4.0)
    quiet = replace(busy, value=np.where(np.arange(DAYS) % 7 >= 5, np.floor(busy.value * 0.2), busy.value))
    weekend = quiet.share[:, 5:].sum(axis=1, keepdims=True)
    found = find_patterns([replace(quiet, share=np.hstack([quiet.share, weekend]))], QUICK, seed=0)
    assert sorted(pattern.condition for pattern in found) == [3, 7]  # no slow Monday, no Saturday or Sunday alone


def test_a_weekend_that_is_the_echo_of_a_fast_thursday_is_not_told() -> None:
    busy = counts("busy", 99, thursday=4.0)
    weekend = busy.share[:, 5:].sum(axis=1, keepdims=True)
    found = find_patterns([replace(busy, share=np.hstack([busy.share, weekend]))], QUICK, seed=0)
    assert [pattern.condition for pattern in found] == [3]


def test_what_does_not_happen_again_is_no_pattern() -> None:
    busy, plain = counts("moved away", 1, thursday=2.5), counts("moved away", 1)
    later = busy.at >= SPLIT_S
    once = replace(busy, value=np.where(later, plain.value, busy.value))
    assert find_patterns([once], QUICK, seed=0) == []


def test_a_share_that_is_higher_at_one_site_is_found_by_the_exact_test() -> None:
    chance = np.random.default_rng(3)
    site, month = chance.integers(0, 8, 4_000), np.sort(chance.integers(0, 24, 4_000))
    full = (chance.random(4_000) < np.where(site == 5, 0.3, 0.1)).astype(float)
    one = np.ones(4_000)
    units = Units("full", full, one, np.eye(8)[site], month, month * 30 * 86_400.0, 17 * 30 * 86_400.0, one_sided=True)
    (found,) = find_patterns([units], Rules(), seed=0)
    assert found.condition == 5
    assert found.low < 3 < found.high


def test_the_same_subjects_and_seed_give_the_same_patterns() -> None:
    subjects = [counts("busy", 99, thursday=2.3), counts("plain", 5)]
    assert find_patterns(subjects, QUICK, seed=4) == find_patterns(subjects, QUICK, seed=4)


def test_too_little_is_never_a_pattern() -> None:
    units = counts("short", 1, thursday=9.0)
    few = units.at < 9 * 7 * 86_400
    short = Units(
        "short",
        units.value[few],
        units.base[few],
        units.share[few],
        units.stratum[few],
        units.at[few],
        5 * 7 * 86_400.0,
    )
    assert find_patterns([short], QUICK, seed=0) == []
    assert find_patterns([], QUICK, seed=0) == []
    assert find_patterns([replace(units, value=np.zeros(DAYS))], QUICK, seed=0) == []
