"""What the trained members look at: one row of figures a window and hour ahead, the same in training and in serving.

Point-in-time by construction: everything is read through `Known`, which holds a bin's past and the moment until which
each window may look, and refuses a look beyond it. A reading counts as smoothed (median of three;
Tukey 1977) once the next one has come; the newest is taken raw beside its forerunners. An emptying is known
once a reading has come after the first one that follows it.

The target of a member is the growth from `start` on: the newest reading or, where an emptying is planned by then, the
usual level after one. Growth is counted over past windows of the same length and hours of the week, without the falls
at emptyings, and without the time in which a full bin could not show that it grows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast import falls
from engines.forecast.columns import Ints
from engines.forecast.history import BinHistory, Floats
from engines.forecast.known import SPAN_H, Known, Tracks, Weeks, on_grid
from engines.forecast.member import Windows

FEATURES_VERSION = "fill-2"
NAMES = (
    "hours", "told", "start", "level", "fell_1", "fell_2", "fell_3", "middle", "age_h", "gap_h", "since_emptied_h",
    "grown_since_emptied", "usual_fresh", "found_mean", "found_max", "cycle_h", "day_1", "day_2", "day_mean", "week_1",
    "week_median", "week_spread", "grown_6h", "grown_12h", "grown_24h", "grown_96h", "ahead_6h", "ahead_24h",
    "ahead_96h", "rate_84d", "rate_7d", "expected_7d", "expected_28d", "expected_84d", "profile_h", "hour", "weekday",
    "end_hour", "end_weekday", "season", "level_p95", "level_p50", "room", "noise", "stream", "habit_4w", "habit_8w",
    "same_hours_26w", "same_hours_8w", "same_hours_days", "open_28d", "pace_7d", "pace_48h", *falls.NAMES,
)  # fmt: skip
PLACE = {name: column for column, name in enumerate(NAMES)}
DAY_H, WEEK_H = 24.0, 168.0
LAST_SIX = np.arange(6)  # emptyings that "usual" means
PRIOR_RATE = 0.3  # points an hour, worth a day of readings: a new bin's rate before it has any
FADE = 0.92  # of a week's weight to the week before it
WEEKS_26, DAYS_7 = WEEK_H * np.arange(1.0, 27.0), DAY_H * np.arange(1.0, 8.0)
WEEKS_8, FADED = WEEKS_26[:8], FADE ** np.arange(26.0)
QUANTILE_LOOKS = 40
FRESH_PCT = 8.0  # left after an emptying, where a bin has shown none yet
FEWEST_READINGS = 12
PAST_H = 40 * 168.0  # older readings are not looked at
BINS_AT_ONCE = 500
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Table:
    """`rows` (n * t, len(NAMES)) in the order of windows, then hours; `start` (n * t,) the level that growth adds to.

    `able` (n,): whether the bin has readings enough to be told of at all. `beyond` (n * t,): points that grow at the
    bin's usual pace after the reach, up to which the rows look.
    """

    rows: Floats
    start: Floats
    able: Mask
    beyond: Floats


def features(windows: Windows, weeks: Weeks, reach_h: Floats | None = None) -> Table:
    """The figures of every window and hour ahead. Rows of windows that are not `able` are NaN.

    `reach_h`, by row of `weeks`: windows without an emptying are cut at so many hours after their origin, and what
    grows after that is told in `beyond`.
    """
    rows = np.full((len(windows), len(windows.ahead_h), len(NAMES) + 1), np.nan)
    reach = np.full(len(weeks.profiles), np.inf) if reach_h is None else reach_h
    able = np.zeros(len(windows), dtype=np.bool_)
    bins = [each for each in windows.by_bin() if len(each[0].readings) >= FEWEST_READINGS]
    for begin in range(0, len(bins), BINS_AT_ONCE):
        _fill(rows, able, windows, (bins[begin : begin + BINS_AT_ONCE], weeks, reach))
    flat = rows.reshape(-1, len(NAMES) + 1)
    return Table(flat[:, :-1].copy(), flat[:, PLACE["start"]].copy(), able, flat[:, -1].copy())


def _fill(
    rows: Floats, able: Mask, windows: Windows, part: tuple[list[tuple[BinHistory, Ints]], Weeks, Floats]
) -> None:
    """The rows of some bins' windows."""
    bins, weeks, reach = part
    first, last = windows.at.min() - PAST_H, windows.at.max()
    tracks = Tracks.of([_cut(history, first, last) for history, _ in bins], weeks)
    which = np.concatenate([mine for _, mine in bins])
    place = np.repeat(np.arange(len(bins)), [len(mine) for _, mine in bins])
    at = on_grid(windows.at[which])
    newest = np.searchsorted(tracks.axis, at + place * SPAN_H, side="right") - 1
    fits = newest >= tracks.first[place] + FEWEST_READINGS - 1
    if not fits.any():
        return
    which, place, newest, at = which[fits], place[fits], newest[fits], at[fits]
    steps = len(windows.ahead_h)
    known = Known(tracks, np.repeat(place, steps), np.repeat(at, steps), np.repeat(newest, steps))
    end, planned = (on_grid(each[which].ravel()) for each in (windows.ends, windows.last_emptied()))
    cut = np.where(np.isfinite(planned), end, np.minimum(end, known.now + reach[tracks.stream[known.bin]]))
    found = _columns(known, cut, planned)
    after = found[:, PLACE["open_28d"]] / np.maximum(found[:, PLACE["profile_h"]], 1e-6)
    beyond = np.maximum(after, 0.0) * (known.usual_hours(end) - known.usual_hours(cut))
    rows[which] = np.column_stack([found, beyond]).reshape(len(which), steps, len(NAMES) + 1)
    able[which] = True


def _cut(history: BinHistory, first: float, last: float) -> BinHistory:
    """The part of a history that windows can look at, never fewer than its first reading."""
    begin, end = (np.datetime64(int(np.floor(at)) * 3600, "s") for at in (first, last + 1))
    kept = (history.read_at >= begin) & (history.read_at <= end) & np.isfinite(history.readings)
    if not kept.any():
        kept[:1] = True
    there = history.read_at[kept]
    emptied = (history.emptied_at >= there[0]) & (history.emptied_at <= end)
    return BinHistory(
        history.bin_id, history.stream, history.site_id, history.emptied_at[emptied], history.levels[emptied],
        there, history.readings[kept], history.step_pct,
    )  # fmt: skip


def _columns(known: Known, end: Floats, planned: Floats) -> Floats:
    """The columns of rows, (m, len(NAMES))."""
    found: dict[str, Floats] = {}
    told = np.isfinite(planned)
    begin = np.where(told, planned, known.newest_at)
    _now(found, known, told, end - begin)
    _cycles(found, known)
    found["start"] = np.where(told, found["usual_fresh"], found["level"])
    _calendar(found, begin, end, known.now)
    _habits(found, known, end)
    _rates(found, known, begin, end)
    _windows_before(found, known, begin, end)
    _levels(found, known)
    found |= falls.falls(known, begin, end)
    found["room"] = found["level_p95"] - found["start"]
    found["stream"] = known.tracks.stream[known.bin].astype(np.float64)
    return np.stack([found[name] for name in NAMES], axis=1)


def _now(found: dict[str, Floats], known: Known, told: Mask, length: Floats) -> None:
    """The newest reading and its forerunners."""
    level = known.raw(0)
    found["hours"], found["told"], found["level"] = length, told.astype(np.float64), level
    for back in (1, 2, 3):
        found[f"fell_{back}"] = known.raw(back) - level
    found["middle"] = np.median(np.stack([level, known.raw(1), known.raw(2)]), axis=0) - level
    found["age_h"], found["gap_h"] = known.now - known.newest_at, known.newest_at - known.settled_at


def _cycles(found: dict[str, Floats], known: Known) -> None:
    """The last emptying and what emptyings usually find and leave."""
    tracks = known.tracks
    found["since_emptied_h"] = known.newest_at - known.emptied_at()
    found["grown_since_emptied"] = known.grown(known.settled_at) - known.emptied(LAST_SIX[:1], tracks.grown_at)[0]
    fresh, level, cycle = (known.emptied(LAST_SIX, column) for column in (tracks.fresh, tracks.found, tracks.cycle_h))
    usual = nan_mean(fresh)
    found["usual_fresh"] = np.where(np.isfinite(usual), usual, FRESH_PCT)
    found["found_mean"], found["cycle_h"] = nan_mean(level), nan_mean(cycle)
    best = np.where(np.isfinite(level), level, -np.inf).max(axis=0)
    found["found_max"] = np.where(np.isfinite(best), best, np.nan)


def _calendar(found: dict[str, Floats], begin: Floats, end: Floats, now: Floats) -> None:
    monday = 72.0  # 1970-01-01 was a Thursday
    found["hour"], found["end_hour"] = begin % DAY_H, end % DAY_H
    found["weekday"], found["end_weekday"] = ((at + monday) % WEEK_H // DAY_H for at in (begin, end))
    found["season"] = now / DAY_H % 365.25 / 30.4


def _habits(found: dict[str, Floats], known: Known, end: Floats) -> None:
    """Share of the last weeks that had an emptying in the same hours."""
    seen = known.emptied_between(known.now - WEEKS_8[:, None], end - WEEKS_8[:, None])
    found["habit_4w"], found["habit_8w"] = nan_mean(seen[:4]), nan_mean(seen)


def _rates(found: dict[str, Floats], known: Known, begin: Floats, end: Floats) -> None:
    """Points an hour of the usual week over the last days, and what they expect of the window."""
    settled, first = known.settled_at, known.first_at
    profile = known.usual_hours(end) - known.usual_hours(begin)
    found["profile_h"] = profile
    for days in (7, 28, 84):
        since = np.maximum(settled - DAY_H * days, first)
        usual = known.usual_hours(settled) - known.usual_hours(since)
        grown = known.grown(settled) - known.grown(since)
        rate = (grown + PRIOR_RATE * DAY_H) / (np.maximum(usual, 0.0) + DAY_H)
        found[f"rate_{days}d"], found[f"expected_{days}d"] = rate, profile * rate
    _paces(found, known, settled, first)


def _paces(found: dict[str, Floats], known: Known, settled: Floats, first: Floats) -> None:
    """The rate while not full, and how the last days went against it and against the same days of past weeks."""
    since = np.maximum(settled - 28 * DAY_H, first)
    grown = known.open_grown(settled) - known.open_grown(since)
    usual_rate = (grown + PRIOR_RATE * DAY_H) / (_open(known, since, settled) + DAY_H)
    found["open_28d"] = usual_rate * found["profile_h"]
    for name, length in (("pace_7d", WEEK_H), ("pace_48h", 48.0)):
        since = np.maximum(settled - length, first)
        grown = known.open_grown(settled) - known.open_grown(since)
        found[name] = (grown + usual_rate * 12.0) / (_open(known, since, settled) + 12.0) / np.maximum(usual_rate, 1e-3)
    for hours in (6, 12, 24, 96):
        since = np.maximum(settled - hours, first)
        found[f"grown_{hours}h"] = known.grown(settled) - known.grown(since)
    for hours in (6, 24, 96):
        past = known.grown_between(settled - hours, settled, WEEKS_8[:4])
        found[f"ahead_{hours}h"] = found[f"grown_{hours}h"] - nan_mean(past)


def _windows_before(found: dict[str, Floats], known: Known, begin: Floats, end: Floats) -> None:
    """Growth in the same hours of past days and weeks, as it was and with full hours left out."""
    weeks = known.grown_between(begin, end, WEEKS_8)
    days = known.grown_between(begin, end, DAYS_7)
    found["week_1"], found["day_1"], found["day_2"] = weeks[0], days[0], days[1]
    found["week_median"], found["week_spread"] = nan_median(weeks), nan_spread(weeks)
    found["day_mean"] = nan_mean(days)
    profile = np.maximum(found["profile_h"], 0.0)
    drawn = found["open_28d"]
    half_year, week = known.open_between(begin, end, WEEKS_26), known.open_between(begin, end, DAYS_7)
    for name, (grown, hours), faded in (
        ("same_hours_8w", (half_year[0][:8], half_year[1][:8]), np.ones(8)),
        ("same_hours_26w", half_year, FADED),
        ("same_hours_days", week, np.ones(7)),
    ):
        points, seen = (own + total(faded[:, None] * each) for own, each in ((drawn, grown), (profile, hours)))
        found[name] = np.where(seen > 0, points / np.maximum(seen, 1e-9) * profile, 0.0)


def _levels(found: dict[str, Floats], known: Known) -> None:
    """How full the bin usually is and how much its sensor flickers, over 28 days."""
    back = 28 * DAY_H * (np.arange(QUANTILE_LOOKS) + 0.5) / QUANTILE_LOOKS
    table = np.sort(known.level_at(known.settled_at - back[:, None]), axis=0)
    found["level_p50"] = (table[QUANTILE_LOOKS // 2 - 1] + table[QUANTILE_LOOKS // 2]) / 2
    found["level_p95"] = table[int(0.95 * QUANTILE_LOOKS)]
    found["noise"] = known.flicker(28 * DAY_H)


def _open(known: Known, since: Floats, until: Floats) -> Floats:
    return np.maximum(known.open_hours(until) - known.open_hours(since), 0.0)


# ---------------------------------------------------------------- figures of rows with gaps


def total(values: Floats) -> Floats:
    """Sum over the first axis, one after the other: `sum` adds a single column in another order than many."""
    return np.asarray(np.add.accumulate(values, axis=0)[-1])


def nan_mean(values: Floats) -> Floats:
    """Mean over the first axis of what is known; NaN where nothing is."""
    seen = np.isfinite(values)
    count = seen.sum(axis=0)
    return np.where(count > 0, total(np.where(seen, values, 0.0)) / np.maximum(count, 1), np.nan)


def nan_median(values: Floats) -> Floats:
    """Median over the first axis of what is known; NaN where nothing is."""
    table = np.sort(values, axis=0)  # NaN last
    count = np.isfinite(values).sum(axis=0)
    columns = np.arange(values.shape[1])
    low, high = table[np.maximum((count - 1) // 2, 0), columns], table[np.maximum(count // 2, 0), columns]
    return np.where(count > 0, (low + high) / 2, np.nan)


def nan_spread(values: Floats) -> Floats:
    """Standard deviation over the first axis of what is known; NaN where nothing is."""
    mean = nan_mean(values)
    return np.sqrt(nan_mean((values - mean) ** 2))
