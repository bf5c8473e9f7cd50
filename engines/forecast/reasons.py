"""Why a forecast says what it says: what drove it, how the bin fills against its usual pace, days that were like it.

What drove it are the trees' own contributions (TreeSHAP; Lundberg et al., Nature Machine Intelligence 2020), summed
over figures that say one thing to a dispatcher. A driver is faithful when the forecast moves the way it says once the
driver's figures are replaced by those of other windows; `faithful` checks that, and a suite counts it.

Where only emptyings are known there are no trees of the level: the reasons then are the pace at which the bin filled
lately against its usual one, and what crews found that came after about as long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.boosted import Boosted
from engines.forecast.columns import hours
from engines.forecast.features import PLACE
from engines.forecast.history import BinHistory, Floats
from engines.forecast.member import Windows
from engines.forecast.past_windows import Span, past_windows
from engines.forecast.visits import past_visits

DRIVERS: dict[str, tuple[str, ...]] = {
    "the level that it starts from": ("start", "level", "fell_1", "fell_2", "fell_3", "middle", "room", "usual_fresh"),
    "how long the window is": ("hours", "told", "age_h", "gap_h", "profile_h"),
    "what grew in the same hours of past days and weeks": (
        "day_1", "day_2", "day_mean", "week_1", "week_median", "week_spread", "same_hours_26w", "same_hours_8w",
        "same_hours_days", "expected_7d", "expected_28d", "expected_84d", "open_28d", "rate_84d", "rate_7d",
    ),
    "how it filled in the last hours and days": (
        "grown_6h", "grown_12h", "grown_24h", "grown_96h", "ahead_6h", "ahead_24h", "ahead_96h", "pace_7d", "pace_48h",
    ),
    "the time since its last emptying": ("since_emptied_h", "grown_since_emptied", "cycle_h", "habit_4w", "habit_8w"),
    "the hours at which it is found less full": (
        "fell_8w", "fell_26w", "fell_days", "since_fell_h", "falls_to", "falls_from",
    ),
    "the hour and the weekday": ("hour", "weekday", "end_hour", "end_weekday"),
    "the time of the year": ("season",),
    "how full it usually gets": ("level_p95", "level_p50", "found_mean", "found_max"),
    "its stream and its sensor": ("stream", "noise"),
}  # fmt: skip
"""Every figure of `features.py` in the words of a dispatcher."""
COLUMNS = {name: np.array([PLACE[each] for each in each_of]) for name, each_of in DRIVERS.items()}
MOST_DRIVERS = 3
LEAST_POINTS = 0.5  # a driver that adds less is not named
LIKE_DAYS, LIKE_BACK_H = 3, 84 * 24.0
FASTER, SLOWER = 1.25, 0.8
LIKE_VISITS, LATELY_H, FEWEST_LATELY = 3, 28 * 24.0, 3
ABOUT_AS_LONG = float(np.log(1.5))  # up to half as long again, or as much shorter
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Driver:
    """What moved a forecast, and by how many points up (above 0) or down against the usual window."""

    words: str
    points: float


@dataclass(frozen=True)
class LikeDay:
    """A past moment that was like now: when (local), the level then, and the points that grew in as many hours."""

    at: np.datetime64
    level_pct: float
    grown_pct: float


@dataclass(frozen=True)
class Why:
    """The reasons of one forecast: drivers, strongest first; the last two days' pace over the usual; like days."""

    drivers: tuple[Driver, ...]
    pace: float | None
    like_days: tuple[LikeDay, ...]

    def sentences(self) -> list[str]:
        """The reasons in words."""
        told = [
            f"{each.words} {'adds' if each.points > 0 else 'takes'} {abs(each.points):.0f} points"
            for each in self.drivers
        ]
        if self.pace is not None and not SLOWER < self.pace < FASTER:
            way = "faster" if self.pace > 1 else "slower"
            told.append(f"over the last two days it filled {way} than usual ({self.pace:.1f} times its usual pace)")
        if self.like_days:
            days = ", ".join(f"{day.grown_pct:.0f} points ({str(day.at)[:10]})" for day in self.like_days)
            told.append(f"on the days most like this one it gained {days}")
        return told


@dataclass(frozen=True)
class LikeVisit:
    """A past emptying that was like the one asked about: when (local), after how many hours, and the level found."""

    at: np.datetime64
    since_h: float
    level_pct: float


@dataclass(frozen=True)
class WhyFound:
    """The reasons where only emptyings are known: the last four weeks' pace over the usual one, and like emptyings.

    `longest_h`: the longest that the bin was left before, where it was never left for about as long as this.
    """

    pace: float | None
    like_visits: tuple[LikeVisit, ...]
    longest_h: float | None = None

    def sentences(self) -> list[str]:
        """The reasons in words."""
        told = []
        if self.pace is not None and not SLOWER < self.pace < FASTER:
            way = "faster" if self.pace > 1 else "slower"
            told.append(f"over the last four weeks it filled {way} than usual ({self.pace:.1f} times its usual pace)")
        if self.like_visits:
            found = ", ".join(
                f"{each.level_pct:.0f} % after {each.since_h:.0f} h ({str(each.at)[:10]})" for each in self.like_visits
            )
            told.append(f"crews that came after about as long found {found}")
        if self.longest_h is not None:
            told.append(f"it was never left for so long: the longest before was {self.longest_h:.0f} h")
        return told


def reasons_of(boosted: Boosted, windows: Windows) -> list[Why | None]:
    """The reasons of each window's median, one hour ahead each; None for bins that the trees cannot tell of.

    Raises BadData for windows with more than one hour ahead.
    """
    rows, grouped = _grouped(boosted, windows)
    found: list[Why | None] = []
    for row, history in enumerate(windows.histories):
        if not np.isfinite(grouped[row]).all():
            found.append(None)
            continue
        order = np.argsort(-np.abs(grouped[row]))[:MOST_DRIVERS]
        names = [*DRIVERS]
        drivers = [Driver(names[i], round(float(grouped[row, i]), 2)) for i in order]
        pace = float(rows[row, PLACE["pace_48h"]])
        like = _like_days(history, float(windows.at[row]), float(windows.ahead_h[0]))
        named = tuple(each for each in drivers if abs(each.points) >= LEAST_POINTS)
        found.append(Why(named, round(pace, 2) if np.isfinite(pace) else None, like))
    return found


def faithful(boosted: Boosted, windows: Windows, others: int = 12) -> tuple[float, int]:
    """(share, count) of first drivers whose removal moves the forecast the way they say.

    Removed is a driver by giving its figures the values of other windows of the same set, evenly taken, `others` times;
    what the forecast is without it is the mean of those.
    """
    rows, grouped = _grouped(boosted, windows)
    usable = np.flatnonzero(np.isfinite(grouped).all(axis=1))
    rows, grouped = rows[usable], grouped[usable]
    if not len(rows):
        return 0.0, 0
    ahead = float(windows.ahead_h[0])
    first = np.argmax(np.abs(grouped), axis=1)
    named = np.abs(grouped[np.arange(len(rows)), first]) >= LEAST_POINTS
    with_it = boosted.medians(rows, ahead)
    without = np.zeros(len(rows))
    for turn in range(others):
        other = (np.arange(len(rows)) + (2 * turn + 1) * len(rows) // (2 * others)) % len(rows)
        changed = rows.copy()
        for number, columns in enumerate(COLUMNS.values()):
            mine = np.flatnonzero(first == number)
            changed[np.ix_(mine, columns)] = rows[np.ix_(other[mine], columns)]
        without += boosted.medians(changed, ahead) / others
    moved = np.sign(with_it - without) == np.sign(grouped[np.arange(len(rows)), first])
    return (float(moved[named].mean()) if named.any() else 0.0), int(named.sum())


def _grouped(boosted: Boosted, windows: Windows) -> tuple[Floats, Floats]:
    """(features (n, f), points by driver (n, d))."""
    if len(windows.ahead_h) != 1:
        raise BadData("reasons are given for one hour ahead at a time")
    rows, told = boosted.contributions(windows)
    return rows, np.stack([told[:, columns].sum(axis=1) for columns in COLUMNS.values()], axis=1)


def _like_days(history: BinHistory, now: float, ahead_h: float) -> tuple[LikeDay, ...]:
    """Past moments of about this hour with about this level, weekday alike, whose outcome is known; nearest first."""
    past = past_windows([history], ahead_h, Span(now - LIKE_BACK_H, now - 1e-6))
    read = hours(history.read_at)
    newest = int(np.searchsorted(read, now, side="right")) - 1
    alone = past.where(~past.emptied)
    alone = alone.where(alone.windows.at + ahead_h + 3 <= now)
    if newest < 0 or not len(alone):
        return ()
    at, level = alone.windows.at, float(history.readings[newest])
    away_h = np.abs((at - now + 12) % 24 - 12)
    weekend = (((at + 72) % 168 >= 120) != ((now + 72) % 168 >= 120)).astype(np.float64)
    distance = away_h / 2 + np.abs(alone.level - level) / 10 + 2 * weekend + (now - at) / LIKE_BACK_H
    found: list[LikeDay] = []
    for row in np.argsort(distance, kind="stable").tolist():
        day = np.datetime64(int(at[row] * 3600), "s")
        if all(abs((day - each.at).astype(np.int64)) >= 18 * 3600 for each in found):
            found.append(LikeDay(day, float(alone.level[row]), float(alone.found[row] - alone.level[row])))
        if len(found) == LIKE_DAYS:
            break
    return tuple(found)


def why_found(history: BinHistory, now: np.datetime64, at: np.datetime64) -> WhyFound:
    """The reasons for a level at the local moment `at`, from emptyings up to `now`; later ones are not looked at."""
    known = history.until(now)
    visits, level, since = past_visits([known])
    if not len(visits) or not len(known.emptied_at):
        return WhyFound(None, ())
    last, end, ask = (float(each) for each in hours(np.array([known.emptied_at[-1], now, at], dtype="datetime64[s]")))
    lately = visits.at >= end - LATELY_H
    usual = level.sum() / since.sum()
    pace = None
    if lately.sum() >= FEWEST_LATELY and usual > 0:
        pace = round(float(level[lately].sum() / since[lately].sum() / usual), 2)
    weekend = ((visits.at + 72) % 168 >= 120) != ((ask + 72) % 168 >= 120)
    away = np.abs(np.log(since / max(ask - last, 1.0)))
    if not (away <= ABOUT_AS_LONG).any():
        return WhyFound(pace, (), float(since.max()) if ask - last > since.max() else None)
    distance = 3 * away + 0.5 * weekend + (end - visits.at) / 8766
    nearest = [row for row in np.argsort(distance, kind="stable").tolist() if away[row] <= ABOUT_AS_LONG][:LIKE_VISITS]
    moments = (visits.at[nearest] * 3600).round().astype(np.int64).astype("datetime64[s]")
    like = zip(moments, since[nearest].tolist(), level[nearest].tolist(), strict=True)
    return WhyFound(pace, tuple(LikeVisit(*each) for each in like))
