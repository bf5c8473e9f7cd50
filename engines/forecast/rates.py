"""Fill rates per bin and hour of week, and how wrong they were: fitted together, never with the future.

rate(bin, hour) = rate(bin) x profile(stream, hour), profile with mean 1. A bin's rate is shrunk to its site and stream,
that to its stream in its district, that to its stream, that to all bins (empirical-Bayes ridge, each level worth
`PRIOR_INTERVALS` intervals). Censored growth is replaced by its mean under a logistic error inside the step (an EM
step; Dempster, Laird and Rubin 1977). The profile is fitted by multiplicative updates (Lee and Seung 2001), so it never
goes below zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Intervals, Ints, intervals
from engines.forecast.history import BinHistory, Floats
from engines.forecast.outcomes import Outcomes, learn_outcomes

BUCKET_HOURS = 6  # the profile's resolution: emptyings cannot tell one hour from the next
BUCKETS = 168 // BUCKET_HOURS
MONDAY_SHIFT_H = 72.0  # 1970-01-01 was a Thursday
PRIOR_INTERVALS = 4.0
HALF_LIFE_H = 120 * 24.0  # an interval counts half after this: Berkeley's levels drifted from 60 to 39 in two years
PROFILE_PRIOR = 0.15
ROUNDS = 6
MOST_INTERVALS = 400_000  # of all bins, which then have about forty each in a city of ten thousand
FOLDS = (0.5, 0.65, 0.8, 0.9)
FALLBACK_RATE = 0.5  # points an hour when there is not one interval anywhere: full in about eight days


@dataclass(frozen=True, eq=False)
class Rates:
    """The fitted rates. `bin_rate` in points an hour by bin id; `profile[stream]` has shape (28,) and mean 1.

    `intervals_of` is on how many intervals a bin's own rate rests; `outcomes` the distribution of what grew, given
    what was expected, from rates that had not seen it.
    """

    bin_rate: dict[str, float]
    intervals_of: dict[str, int]
    site_rate: dict[tuple[str, str], float]
    stream_rate: dict[str, float]
    overall: float
    profile: dict[str, Floats]
    outcomes: Outcomes
    fitted_until: np.datetime64 | None = None
    district_rate: dict[tuple[str, str], float] = field(default_factory=dict)

    def rate_of(self, history: BinHistory) -> tuple[float, str]:
        """(points an hour, what it rests on: bin, site, district, stream or all)."""
        if self.intervals_of.get(history.bin_id, 0) > 0:
            return self.bin_rate[history.bin_id], "bin"
        if (history.site_id, history.stream) in self.site_rate:
            return self.site_rate[history.site_id, history.stream], "site"
        if (history.district, history.stream) in self.district_rate:
            return self.district_rate[history.district, history.stream], "district"
        if history.stream in self.stream_rate:
            return self.stream_rate[history.stream], "stream"
        return self.overall, "all"

    def expected_growth(self, rate: Floats, streams: Sequence[str], start: Floats, end: Floats) -> Floats:
        """Points that grow from `start` to `end` (hours since 1970 local); arrays of shape (n,) or (n, t)."""
        grown = np.zeros(np.broadcast_shapes(rate.shape, start.shape, end.shape))
        names = np.asarray(streams, dtype=object)
        for stream in dict.fromkeys(streams):
            rows = names == stream
            profile = self.profile.get(stream, np.ones(BUCKETS))
            grown[rows] = rate[rows] * (_integral(profile, end[rows]) - _integral(profile, start[rows]))
        return np.maximum(grown, 0.0)


@dataclass(frozen=True, eq=False)
class _Groups:
    """Which site+stream, district+stream and stream each bin belongs to; a district without a name is none."""

    site: Ints
    district: Ints
    stream: Ints
    sites: list[tuple[str, str]]
    districts: list[tuple[str, str]]
    streams: list[str]

    @property
    def named(self) -> npt.NDArray[np.bool_]:
        """Which districts have a name."""
        return np.array([name != "" for name, _ in self.districts], dtype=np.bool_)


def fit_rates(histories: Sequence[BinHistory]) -> Rates:
    """Fit on everything in `histories`; cut them with `until` to fit on the past only. Deterministic, no chance."""
    rows = _thinned(intervals(histories))
    groups = _group(histories)
    order = np.argsort(rows.end, kind="stable")
    rows = rows.where(order)
    final = _fit(rows, histories, groups)
    if not len(rows):
        return final
    expected, tested = _future_expectations(rows, histories, groups)
    outcomes = learn_outcomes(rows.where(tested), expected, _stream_names(rows.where(tested), groups))
    until = max((h.emptied_at[-1] for h in histories if len(h.emptied_at)), default=None)
    return replace(final, outcomes=outcomes, fitted_until=until)


def _thinned(rows: Intervals) -> Intervals:
    """Every so many-th interval of each bin, where there are more than MOST_INTERVALS in all."""
    every = -(-len(rows) // MOST_INTERVALS)
    return rows.where(np.arange(len(rows)) % every == 0) if every > 1 else rows


def _future_expectations(
    rows: Intervals, histories: Sequence[BinHistory], groups: _Groups
) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Growth expected in later intervals by rates fitted on the earlier ones only; and which rows were tested."""
    cuts = [rows.end[min(int(len(rows) * share), len(rows) - 1)] for share in FOLDS]
    tested = rows.start >= cuts[0]
    if tested.sum() < 10:
        tested = np.ones(len(rows), dtype=np.bool_)
        cuts = [np.inf]
    expected = np.zeros(len(rows))
    for index, cut in enumerate(cuts):
        until = cuts[index + 1] if index + 1 < len(cuts) else np.inf
        past = _fit(rows.where(rows.end <= cut), histories, groups)
        fold = tested & (rows.start >= cut) & (rows.start < until) if np.isfinite(cut) else tested
        rate = np.array([past.rate_of(histories[i])[0] for i in range(len(histories))])
        part = rows.where(fold)
        expected[fold] = past.expected_growth(rate[part.bin], _stream_names(part, groups), part.start, part.end)
    return expected[tested], tested


def _fit(rows: Intervals, histories: Sequence[BinHistory], groups: _Groups) -> Rates:
    """Rates and profiles by alternating: impute the censored growth, shrink the rates, update the profile."""
    stream_of_row = groups.stream[rows.bin]
    exposure = _bucket_hours(rows.start, rows.end)
    age = (rows.end.max() if len(rows) else 0.0) - rows.end
    recency = np.exp2(-age / HALF_LIFE_H)
    profile = np.ones((len(groups.streams), BUCKETS))
    levels = _Levels(np.full(len(histories), FALLBACK_RATE), *(np.zeros(0),) * 3, FALLBACK_RATE)
    for _ in range(ROUNDS if len(rows) else 0):
        unit = np.einsum("nk,nk->n", exposure, profile[stream_of_row])
        expected = levels.bin[rows.bin] * unit
        grown = _censored_mean(expected, 8.0 + 0.4 * expected, rows.low, rows.high)
        weight = recency / (20.0**2 + (0.6 * expected) ** 2)
        levels = _shrink(rows, groups, unit, grown, weight)
        profile = _update_profile(profile, exposure, levels.bin[rows.bin], grown, (weight, stream_of_row))
    counts = np.bincount(rows.bin, minlength=len(histories))
    seen_sites, seen_streams = set(groups.site[rows.bin].tolist()), set(stream_of_row.tolist())
    seen_districts = set(groups.district[rows.bin].tolist()) & set(np.flatnonzero(groups.named).tolist())
    return Rates(
        bin_rate={h.bin_id: float(r) for h, r in zip(histories, levels.bin, strict=True)},
        intervals_of={h.bin_id: int(n) for h, n in zip(histories, counts, strict=True)},
        site_rate={key: float(levels.site[i]) for i, key in enumerate(groups.sites) if i in seen_sites},
        stream_rate={key: float(levels.stream[i]) for i, key in enumerate(groups.streams) if i in seen_streams},
        overall=float(levels.overall),
        profile={stream: profile[i] for i, stream in enumerate(groups.streams)},
        outcomes=Outcomes({}),
        district_rate={key: float(levels.district[i]) for i, key in enumerate(groups.districts) if i in seen_districts},
    )


@dataclass(frozen=True, eq=False)
class _Levels:
    """Points an hour by bin, by site and stream, by district and stream, by stream, and over all."""

    bin: Floats
    site: Floats
    district: Floats
    stream: Floats
    overall: float


def _shrink(rows: Intervals, groups: _Groups, unit: Floats, grown: Floats, weight: Floats) -> _Levels:
    """Weighted least squares through zero at each level, drawn to the level above."""
    up, down = weight * unit * grown, weight * unit * unit
    overall = max(float(up.sum() / max(down.sum(), 1e-12)), 1e-4)
    prior = PRIOR_INTERVALS * float(down.sum() / max(weight.sum(), 1e-12)) * float(weight.mean())

    def level(group: Ints, size: int, parent: Floats | float) -> Floats:
        top = np.bincount(group, up, size) + prior * parent
        return np.asarray(np.maximum(top / (np.bincount(group, down, size) + prior), 1e-4))

    stream = level(groups.stream[rows.bin], len(groups.streams), overall)
    parent = np.zeros(len(groups.districts))
    parent[groups.district] = stream[groups.stream]
    district = np.where(groups.named, level(groups.district[rows.bin], len(groups.districts), parent), parent)
    parent_of_site = np.zeros(len(groups.sites))
    parent_of_site[groups.site] = district[groups.district]
    site = level(groups.site[rows.bin], len(groups.sites), parent_of_site)
    return _Levels(level(rows.bin, len(groups.site), site[groups.site]), site, district, stream, overall)


def _update_profile(
    profile: Floats, exposure: Floats, rate: Floats, grown: Floats, weight_and_stream: tuple[Floats, Ints]
) -> Floats:
    """One multiplicative step per stream, drawn towards a flat week, mean 1."""
    weight, stream = weight_and_stream
    new = profile.copy()
    for index in range(len(profile)):
        rows = stream == index
        if rows.sum() < BUCKETS:
            continue
        part, pull = exposure[rows], weight[rows] * rate[rows]
        expected = rate[rows] * (part @ profile[index])
        top, below = (pull * grown[rows]) @ part, (pull * expected) @ part
        draw = PROFILE_PRIOR * below.mean()
        new[index] *= (top + draw) / (below + draw * profile[index] + 1e-12)
        new[index] = np.maximum(new[index] / max(float(new[index].mean()), 1e-9), 0.0)
    return new


def _censored_mean(centre: Floats, scale: Floats, low: Floats, high: Floats) -> Floats:
    """Mean of a logistic variable given that it lies in [low, high]; closed form, stable far out in the tails."""
    a = np.clip((low - centre) / scale, -30, 30)
    b = np.clip((high - centre) / scale, -30, 30)
    below_a, below_b = 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(-b))
    share = below_b - below_a
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (b * below_b - a * below_a - (np.logaddexp(0, b) - np.logaddexp(0, a))) / share
    mean = np.where(share > 1e-9, mean, np.where(a > 0, a, b))
    return np.asarray(np.maximum(np.clip(centre + scale * mean, low, high), 0.0))


def _integral(profile: Floats, at: Floats) -> Floats:
    """Profile hours since a Monday before 1970, up to `at`."""
    weeks, hour = np.divmod(at + MONDAY_SHIFT_H, 168.0)
    edges = np.concatenate([[0.0], np.cumsum(profile) * BUCKET_HOURS])
    return np.asarray(weeks * edges[-1] + np.interp(hour, np.arange(BUCKETS + 1) * float(BUCKET_HOURS), edges))


def _bucket_hours(start: Floats, end: Floats) -> Floats:
    """Hours of each interval that fall in each bucket of the week, shape (n, 28)."""
    first = np.arange(BUCKETS) * float(BUCKET_HOURS)

    def until(at: Floats) -> Floats:
        weeks, hour = np.divmod(at + MONDAY_SHIFT_H, 168.0)
        return np.asarray(weeks[:, None] * BUCKET_HOURS + np.clip(hour[:, None] - first, 0, BUCKET_HOURS))

    return until(end) - until(start)


def _group(histories: Sequence[BinHistory]) -> _Groups:
    sites = list(dict.fromkeys((h.site_id, h.stream) for h in histories))
    districts = list(dict.fromkeys((h.district, h.stream) for h in histories))
    streams = list(dict.fromkeys(h.stream for h in histories))
    site_at = {key: i for i, key in enumerate(sites)}
    district_at = {key: i for i, key in enumerate(districts)}
    stream_at = {key: i for i, key in enumerate(streams)}
    site = np.array([site_at[h.site_id, h.stream] for h in histories], dtype=np.int64)
    district = np.array([district_at[h.district, h.stream] for h in histories], dtype=np.int64)
    stream = np.array([stream_at[h.stream] for h in histories], dtype=np.int64)
    return _Groups(site, district, stream, sites, districts, streams)


def _stream_names(rows: Intervals, groups: _Groups) -> list[str]:
    names = np.asarray(groups.streams, dtype=object)
    return [] if not len(names) else [str(name) for name in names[groups.stream[rows.bin]]]
