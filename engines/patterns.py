"""Findings in records: something happens faster, or more often, under one condition than under the others.

    found = find_patterns(subjects, Rules(), seed=0)

A subject's units are spans of time or single events, each with a value (percent filled, requests, 0 or 1), a base that
the value grows with (hours, requests to be expected, 1) and its share of each condition (Thursday, this site). The rate
of a condition is value by base, by weighted least squares; the ratio is its rate by the rate of all else.

Three hurdles, so that chance alone passes nearly none: a permutation test within strata on the earlier part of the
records (Pearson residuals shuffled; Monte Carlo p-values, Phipson and Smyth 2010, after a screen by Hoeffding's normal
limit, 1951; as many draws as the number of tests asks for); the false discovery rate over all tests made (Benjamini and
Hochberg 1995); and the same direction again, one-sided, on the later part. The ratio that is told is the later part's,
which had no say in the choice; its interval is a bootstrap of weeks (Kuensch 1989). A rate is never below 0; where it
is 0 its interval is too narrow (Andrews 2000), and the tests alone decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import ceil, log

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from engines.permutations import drawn_sums, moments, strata_of, upper_tail

__all__ = ["Estimate", "Pattern", "Rules", "Test", "Units", "find_patterns", "found_among", "p_values"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
BLOCK_S = 7 * 86_400.0  # what happens within a week hangs together
FIRST_DRAWS = 999  # enough to see that a test will never pass
PROMISING = (0.004, 0.0005)  # the p-value, after the first draws and the next, above which no more are made
SPARE = 4  # times the draws without which even the surest test could not pass the correction
AT_ONCE = 10_000  # draws held in memory together
LEAST_TOLD = 0.01  # a ratio below is none
MANY_STRATA = 400  # beyond that the normal limit is as good as any number of draws
SCREEN = 0.005  # two-sided, of the normal limit: above it a test is not drawn at all


@dataclass(frozen=True)
class Units:
    """What was seen of one subject, in order of time: `value`, `base` (over 0), `stratum`, `at` (s) of shape (n,).

    `share` (n, k) is each unit's part, 0..1, of each of k conditions. Units of one stratum could change places if the
    conditions did not matter. The later part begins at `split_at`. `one_sided` asks only for what is more.
    """

    name: str
    value: Floats
    base: Floats
    share: Floats
    stratum: Ints
    at: Floats
    split_at: float
    one_sided: bool = False

    @property
    def parts(self) -> tuple[Units, Units]:
        """The earlier and the later part."""
        return self._part(self.at < self.split_at), self._part(self.at >= self.split_at)

    def _part(self, chosen: npt.NDArray[np.bool_]) -> Units:
        """Some of the units."""
        return Units(
            self.name, self.value[chosen], self.base[chosen], self.share[chosen], self.stratum[chosen],
            self.at[chosen], self.split_at, self.one_sided,
        )  # fmt: skip


Test = tuple[Units, int, float]
"""A test made: its subject, its condition and its p-value."""


@dataclass(frozen=True)
class Rules:
    """What counts as a finding: false discovery rate, p-value of the second look, least effect and evidence.

    `least_ratio` holds both ways (1.25 is also 1 / 1.25); `least_units` is units with any part of the condition, in
    each of the two parts. A promising test is drawn `draws` times; one that this cannot decide, `drawn` times.
    """

    rate: float = 0.05
    again: float = 0.05
    least_ratio: float = 1.25
    least_units: int = 12
    draws: int = 9_999
    resamples: int = 1_000

    def drawn(self, tests: int) -> int:
        """Draws that let one finding alone pass: its p-value, at least 1 / (draws + 1), must reach rate / tests."""
        return max(self.draws, ceil(SPARE * tests / self.rate))


@dataclass(frozen=True)
class Estimate:
    """Rates under a condition (at least 0) and under all else (above 0), their ratio, and the units they rest on."""

    ratio: float
    rate: float
    other_rate: float
    units: int
    other_units: int


@dataclass(frozen=True)
class Pattern:
    """A finding: `condition` of the subject `name`. `low` and `high` bound the later ratio with 95 % confidence.

    `p` and `q` are of the earlier part (q after the correction over `tests`), `p_again` of the later one.
    """

    name: str
    condition: int
    earlier: Estimate
    later: Estimate
    low: float
    high: float
    p: float
    q: float
    p_again: float
    tests: int


def find_patterns(subjects: Sequence[Units], rules: Rules, seed: int) -> list[Pattern]:
    """The findings, the surest first; the same subjects and seed give the same ones."""
    generator = np.random.default_rng(seed)
    return found_among(p_values(subjects, rules, generator), rules, generator)


def p_values(subjects: Sequence[Units], rules: Rules, generator: Generator) -> list[Test]:
    """Every test made of the earlier part: subject, condition and p-value, before any correction.

    A p-value near the least that the draws allow, and too large for the correction, is drawn anew as often as needed.
    """
    tests = [test for units in subjects for test in _tests(units, rules, generator)]
    corrected = _benjamini_hochberg(np.array([p for _, _, p in tests]))
    often = replace(rules, draws=rules.drawn(len(tests)))
    near = max(PROMISING[1], 2 / (rules.draws + 1))
    for number, (units, condition, p) in enumerate(tests):
        if p <= near and corrected[number] > rules.rate and often.draws > rules.draws:
            tests[number] = units, condition, _p_value(_sample(units), condition, often, generator)
    return tests


def found_among(tests: Sequence[Test], rules: Rules, generator: Generator) -> list[Pattern]:
    """The findings among all tests made, the surest first: what passes the correction and the later part."""
    corrected = _benjamini_hochberg(np.array([p for _, _, p in tests]))
    found: list[tuple[Units, Pattern]] = []
    for (units, condition, p), q in zip(tests, corrected.tolist(), strict=True):
        if q <= rules.rate:
            pattern = _confirmed(units.parts, condition, (p, q, len(tests)), rules, generator)
            found += [(units, pattern)] if pattern else []
    found.sort(key=lambda pair: _surest(pair[1]))
    return _without_echoes(found, rules.least_ratio)


def _size(ratio: float) -> float:
    """How far from 1, either way."""
    return abs(log(max(ratio, LEAST_TOLD)))


# ---------------------------------------------------------------- the earlier part


def _tests(units: Units, rules: Rules, generator: Generator) -> Iterator[Test]:
    """Each condition that both parts say enough about, with the p-value of the earlier part."""
    early, late = units.parts
    enough = ((early.share > 0).sum(axis=0) >= rules.least_units) & ((late.share > 0).sum(axis=0) >= rules.least_units)
    if not enough.any() or not early.value.sum():
        return
    sample = _sample(units)
    for condition in np.flatnonzero(enough).tolist():
        yield units, condition, _p_value(sample, condition, rules, generator)


@dataclass(frozen=True)
class _Sample:
    """Units with their residuals, and the number of each one's stratum, from 0."""

    units: Units
    residuals: Floats
    codes: Ints


def _sample(units: Units) -> _Sample:
    """The earlier part."""
    early, _ = units.parts
    codes = _codes(early)
    return _Sample(early, _residuals(early, codes), codes)


def _codes(units: Units) -> Ints:
    return np.unique(units.stratum, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _residuals(units: Units, codes: Ints) -> Floats:
    """Pearson residuals, about of one variance, from each stratum's own rate."""
    rate = np.bincount(codes, units.value) / np.bincount(codes, units.base)
    residuals: Floats = (units.value - rate[codes] * units.base) / np.sqrt(units.base)
    return residuals


def _p_value(sample: _Sample, condition: int, rules: Rules, generator: Generator) -> float:
    """Two-sided, or of more alone: the normal limit's where that is clear, else by drawing."""
    units, residuals, share = sample.units, sample.residuals, sample.units.share[:, condition]
    mean, spread = moments(share, residuals, sample.codes)
    if spread == 0:
        return 1.0
    z = (float(share @ residuals) - mean) / spread
    limit = upper_tail(z if units.one_sided else abs(z)) * (1 if units.one_sided else 2)
    if limit > SCREEN or sample.codes.max() >= MANY_STRATA:
        return limit
    strata = strata_of(units.stratum)
    extreme = 0
    drawn = 0
    for draws, promising in _stages(rules.draws):
        sums = drawn_sums(share, residuals, strata, draws, generator)
        sides = sums - mean if units.one_sided else np.abs(sums - mean)
        extreme += int((sides >= abs(z) * spread * (1 - 1e-9)).sum())
        drawn += draws
        if (extreme + 1) / (drawn + 1) > promising:
            break
    return (extreme + 1) / (drawn + 1)


def _stages(draws: int) -> Iterator[tuple[int, float]]:
    """How many draws are made together, and the p-value above which none follow: few of the tests need them all."""
    first, second = PROMISING
    yield FIRST_DRAWS, first
    for begun in range(FIRST_DRAWS, draws, AT_ONCE):
        yield min(AT_ONCE, draws - begun), second


def _benjamini_hochberg(p: Floats) -> Floats:
    """The smallest false discovery rate at which each test would pass."""
    order = np.argsort(-p, kind="stable")
    ranks = np.arange(len(p), 0, -1)
    q = np.empty(len(p))
    q[order] = np.minimum.accumulate(np.minimum(1.0, p[order] * len(p) / ranks))
    return q


# ---------------------------------------------------------------- the later part


def _confirmed(
    parts: tuple[Units, Units],
    condition: int,
    seen: tuple[float, float, int],
    rules: Rules,
    generator: Generator,
) -> Pattern | None:
    """The finding if the later part says the same, and enough of it; `seen` is p, q and tests of the earlier one."""
    early, late = parts
    earlier, later = _estimate(early, condition), _estimate(late, condition)
    if earlier is None or later is None or not _same_side(earlier.ratio, later.ratio, rules.least_ratio):
        return None
    p_again = _one_sided(late, condition, later.ratio > 1, rules, generator)
    low, high = _interval(late, condition, rules.resamples, generator)
    if p_again > rules.again or low <= 1 <= high:
        return None
    p, q, tests = seen
    return Pattern(early.name, condition, earlier, later, low, high, p, q, p_again, tests)


def _same_side(earlier: float, later: float, least: float) -> bool:
    return (earlier > 1 and later >= least) or (earlier < 1 and later * least <= 1)


def _one_sided(units: Units, condition: int, more: bool, rules: Rules, generator: Generator) -> float:
    sign = 1.0 if more else -1.0
    codes = _codes(units)
    share, residuals, strata = units.share[:, condition], sign * _residuals(units, codes), strata_of(units.stratum)
    if codes.max() >= MANY_STRATA:
        mean, spread = moments(share, residuals, codes)
        return upper_tail((float(share @ residuals) - mean) / spread) if spread else 1.0
    sums = drawn_sums(share, residuals, strata, FIRST_DRAWS, generator)
    reached = float(share @ residuals)
    return (int((sums >= reached - 1e-9 * max(1.0, abs(reached))).sum()) + 1) / (FIRST_DRAWS + 1)


def _estimate(units: Units, condition: int) -> Estimate | None:
    """Rates by least squares, each unit weighted by 1 / base; None when the rate of all else is not above 0."""
    rates = _rates(_sums(units, condition).sum(axis=0, keepdims=True))[0]
    if not np.isfinite(rates).all() or rates[1] <= 0:
        return None
    share = units.share[:, condition]
    units_with, units_without = int((share > 0).sum()), int((share < 1).sum())
    return Estimate(float(rates[0] / rates[1]), float(rates[0]), float(rates[1]), units_with, units_without)


def _sums(units: Units, condition: int) -> Floats:
    """Each unit's part of the normal equations, (n, 5): xx, xy, yy, xv, yv, of x = share * base and y = rest * base."""
    share = units.share[:, condition]
    x, y = share * units.base, (1 - share) * units.base
    return np.stack(
        [x * share, x * (1 - share), y * (1 - share), share * units.value, (1 - share) * units.value], axis=1
    )


def _rates(sums: Floats) -> Floats:
    """The two rates of each row of summed equations, (m, 2); the first at least 0: nothing fills backwards."""
    xx, xy, yy, xv, yv = sums.T
    with np.errstate(divide="ignore", invalid="ignore"):
        determinant = xx * yy - xy * xy
        rate, other = (xv * yy - yv * xy) / determinant, (yv * xx - xv * xy) / determinant
    return np.stack([np.maximum(rate, 0.0), other], axis=1)


def _interval(units: Units, condition: int, resamples: int, generator: Generator) -> tuple[float, float]:
    """The middle 95 % of the ratio over resampled weeks; none when many resamples have no rate."""
    _, weeks = np.unique(np.floor(units.at / BLOCK_S), return_inverse=True)
    count = int(weeks.max()) + 1
    blocks = np.zeros((count, 5))
    np.add.at(blocks, weeks, _sums(units, condition))
    times = generator.multinomial(count, np.full(count, 1 / count), resamples).astype(np.float64)
    rates = _rates(times @ blocks)
    good = np.isfinite(rates).all(axis=1) & (rates[:, 1] > 0)
    if good.mean() < 0.95:
        return 0.0, float("inf")
    low, high = np.quantile(rates[good, 0] / rates[good, 1], (0.025, 0.975))
    return float(low), float(high)


# ---------------------------------------------------------------- echoes


def _without_echoes(found: Sequence[tuple[Units, Pattern]], least: float) -> list[Pattern]:
    """Of one subject's patterns the surest, and those that still stand beside it: fast Thursdays make Sundays slow.

    A condition that holds others which were found too (a weekend) stands for these.
    """
    kept: list[Pattern] = []
    turns = [(min([place, *_parts_of(pair, found)]), -len(_parts_of(pair, found))) for place, pair in enumerate(found)]
    for place in sorted(range(len(found)), key=turns.__getitem__):
        units, pattern = found[place]
        surer = [other.condition for other in kept if other.name == pattern.name]
        beside = _ratio_beside(units.parts[1], pattern.condition, surer)
        if not surer or (beside is not None and _same_side(pattern.later.ratio, beside, least)):
            kept.append(pattern)
    return sorted(kept, key=_surest)


def _parts_of(pair: tuple[Units, Pattern], found: Sequence[tuple[Units, Pattern]]) -> list[int]:
    """Places of the findings of the same subject, on the same side of 1, whose condition is never without this one."""
    units, pattern = pair
    own = units.share[:, pattern.condition] + 1e-12
    return [
        place
        for place, (_, other) in enumerate(found)
        if other.name == pattern.name
        and other.condition != pattern.condition
        and (other.later.ratio > 1) == (pattern.later.ratio > 1)
        and bool((units.share[:, other.condition] <= own).all())
    ]


def _surest(pattern: Pattern) -> tuple[float, float, str, int]:
    """The order in which patterns are told."""
    return pattern.q, -_size(pattern.later.ratio), pattern.name, pattern.condition


def _ratio_beside(units: Units, condition: int, surer: Sequence[int]) -> float | None:
    """The rate of a condition by that of what is neither it nor one of the surer ones; None where these overlap."""
    shares = units.share[:, [condition, *surer]]
    rest = 1 - shares.sum(axis=1)
    if rest.min() < -1e-9:
        return None
    parts = np.column_stack([shares, rest])
    rates = np.linalg.lstsq(parts * np.sqrt(units.base)[:, None], units.value / np.sqrt(units.base), rcond=None)[0]
    return float(max(rates[0], 0.0) / rates[-1]) if rates[-1] > 0 else None
