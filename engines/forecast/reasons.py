"""Why a forecast says what it says: what drove it, how the bin fills against its usual pace, days that were like it.

What drove it are groups of figures that move the level told away from what it would be if they were as usual for the
bin, each checked before it is named (`drivers.py`).

Where only emptyings are known there are no trees of the level: the reasons then are the pace at which the bin filled
lately against its usual one, and what crews found that came after about as long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from domain.values import counted
from engines.forecast.columns import hours
from engines.forecast.drivers import USUAL_H, Driver, Told, named
from engines.forecast.ensemble import Ensemble
from engines.forecast.features import PLACE
from engines.forecast.history import BinHistory
from engines.forecast.member import Windows
from engines.forecast.past_windows import Span, past_windows
from engines.forecast.visits import past_visits

LIKE_DAYS, LIKE_BACK_H = 3, 84 * 24.0
FASTER, SLOWER = 1.25, 0.8
LEAST_PACE = 0.05  # below, and below 0 where a level fell without an emptying, no multiple of the usual is told
LIKE_VISITS, LATELY_H, FEWEST_LATELY = 3, 28 * 24.0, 3
ABOUT_AS_LONG = float(np.log(1.5))  # up to half as long again, or as much shorter
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class LikeDay:
    """A past moment that was like now: when (local), the level then, and the points that grew in as many hours."""

    at: np.datetime64
    level_pct: float
    grown_pct: float


@dataclass(frozen=True)
class Why:
    """The reasons of one forecast: drivers, strongest first; the last two days' pace over the usual; like days.

    `drivers` is None where the bin's past is too short to say what is usual.
    """

    drivers: tuple[Driver, ...] | None
    pace: float | None
    like_days: tuple[LikeDay, ...]

    def sentences(self) -> list[str]:
        """The reasons in words."""
        told = [_of_driver(each) for each in self.drivers or ()]
        told[:1] = [f"against its usual, {each}" for each in told[:1]]
        if self.drivers == ():
            told.append("nothing that is known of it surely moves the forecast by a point against its usual")
        if self.pace is not None and self.pace < LEAST_PACE:
            told.append("over the last two days it hardly filled")
        elif self.pace is not None and not SLOWER < self.pace < FASTER:
            way = "faster" if self.pace > 1 else "slower"
            told.append(f"over the last two days it filled {way} than usual ({self.pace:.1f} times its usual pace)")
        if self.like_days:
            days = ", ".join(f"{counted(round(day.grown_pct), 'point')} ({str(day.at)[:10]})" for day in self.like_days)
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


def _of_driver(driver: Driver) -> str:
    points = counted(round(abs(driver.points)), "point")
    return f"{driver.words} {f'adds {points} to' if driver.points > 0 else f'takes {points} off'} what it gains"


def reasons_of(ensemble: Ensemble, windows: Windows) -> list[Why | None]:
    """The reasons of each window's level if nobody comes; None for bins that its trees cannot tell of.

    Raises BadData for an ensemble without trees, or for windows with more than one hour ahead.
    """
    told = Told.of(ensemble, windows)
    drivers = named(told.without(USUAL_H))
    found: list[Why | None] = []
    for row, history in enumerate(windows.histories):
        if not told.own.able[row]:
            found.append(None)
            continue
        pace = float(told.own.rows[row, PLACE["pace_48h"]])
        like = _like_days(history, float(windows.at[row]), float(windows.ahead_h[0]))
        found.append(Why(drivers[row], round(pace, 2) if np.isfinite(pace) else None, like))
    return found


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
