"""What drives a forecast away from what is usual for its bin, each driver checked before it is named.

A driver is a group of figures that says one thing to a dispatcher. What it adds is the level said less the level that
would be said if these figures, and no others, were as in past windows of the same bin and length (removal; Covert et
al., JMLR 2021). Only the trees see figures: the other members' answers and the calibration are held, so the level is
the one that is told, moved as far as the trees count in it. A driver is named where it adds or takes a point at least
and most of those past windows agree on which; `faithful` asks the same with past windows that naming never saw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from domain.errors import BadData
from engines.forecast.boosted import Boosted
from engines.forecast.columns import Ints, hours
from engines.forecast.ensemble import Ensemble, calibrated
from engines.forecast.features import PLACE, Table
from engines.forecast.history import Floats
from engines.forecast.member import Windows
from engines.forecast.point import best_level
from engines.forecast.stack import mixed

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
COLUMNS = {words: np.array([PLACE[each] for each in each_of]) for words, each_of in DRIVERS.items()}
MOST_DRIVERS = 3
LEAST_POINTS = 1.0  # a driver that moves the level by less is not named
AGREEING = 0.6  # of the past windows must move the level the way their mean does: 8 of 12
USUAL_H: Floats = 149.0 * np.arange(1.0, 13.0)
"""How long ago the windows that are usual begin: over ten weeks, at all hours and weekdays alike (149 is prime)."""
OTHERS_H: Floats = USUAL_H - 67.0
"""The same for those that naming never sees."""
LEAST_SHARE = 0.5  # of the points named must be there when asked again
FEWEST_USUAL = 4
ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class Driver:
    """What moved a forecast, and by how many points up (above 0) or down against the bin's usual window."""

    words: str
    points: float


@dataclass(frozen=True, eq=False)
class Told:
    """n windows of one hour ahead as an ensemble tells them, ready to be asked again with other figures for its trees.

    `own`: the figures of the trees. `held`: the members' levels, (n, 1, 7) each. `moved`: what calibration adds to
    them, (n, 1, 7). `said`: the level that is told, (n,).
    """

    ensemble: Ensemble
    trees: Boosted
    windows: Windows
    own: Table
    held: tuple[Floats, ...]
    moved: Floats
    said: Floats

    @classmethod
    def of(cls, ensemble: Ensemble, windows: Windows) -> Told:
        """Raises BadData for an ensemble without trees, or for more than one hour ahead."""
        trees = ensemble.trees
        if trees is None:
            raise BadData("drivers are told of trees, and this ensemble has none")
        if len(windows.ahead_h) != 1:
            raise BadData("reasons are given for one hour ahead at a time")
        own = trees.table(windows)
        held = tuple(trees.levels(windows, own) if m is trees else m.quantiles(windows) for m in ensemble.members)
        plain = mixed(held, ensemble.weights.table([h.stream for h in windows.histories], windows.ahead_h))
        levels = calibrated(plain, windows, ensemble.offsets)
        return cls(ensemble, trees, windows, own, held, levels - plain, best_level(levels)[:, 0])

    def again(self, rows: Ints, figures: Floats) -> Floats:
        """The level said (m,) of the windows `rows`, with figures (m, f) in place of the trees' own."""
        found = np.empty(len(rows))
        for begin in range(0, len(rows), ROWS_AT_ONCE):
            part = rows[begin : begin + ROWS_AT_ONCE]
            windows = self.windows.where(part)
            able = np.ones(len(part), dtype=np.bool_)
            table = Table(figures[begin : begin + ROWS_AT_ONCE], self.own.start[part], able, self.own.beyond[part])
            changed = self.trees.levels(windows, table)
            members = self.ensemble.members
            levels = [changed if m is self.trees else each[part] for m, each in zip(members, self.held, strict=True)]
            weights = self.ensemble.weights.table([h.stream for h in windows.histories], windows.ahead_h)
            table_of = np.clip(np.sort(mixed(levels, weights) + self.moved[part], axis=2), 0.0, 100.0)
            found[begin : begin + ROWS_AT_ONCE] = best_level(table_of)[:, 0]
        return found

    def without(self, back_h: Floats) -> Floats:
        """What each driver adds to the level said against each of the windows so long ago, (n, d, len(back_h)).

        NaN where the trees cannot tell of the one or the other.
        """
        past = usual_windows(self.windows, back_h)
        table = self.trees.table(past)
        figures = table.rows.reshape(len(self.windows), len(back_h), -1)
        able = table.able.reshape(len(self.windows), len(back_h)) & self.own.able[:, None]
        row, one = np.nonzero(able)
        added = np.full((len(self.windows), len(COLUMNS), len(back_h)), np.nan)
        changed = np.repeat(self.own.rows[row], len(COLUMNS), axis=0)
        for number, columns in enumerate(COLUMNS.values()):
            changed[number :: len(COLUMNS), columns] = figures[row, one][:, columns]
        said = self.again(np.repeat(row, len(COLUMNS)), changed).reshape(len(row), len(COLUMNS))
        added[row, :, one] = self.said[row, None] - said
        return added


def usual_windows(windows: Windows, back_h: Floats) -> Windows:
    """The windows of the same bins so many hours earlier, (n * len(back_h)) in the order of windows.

    Each begins as long after a reading as its window does, so that it differs by what happened and not by when asked.
    """
    at = (windows.at[:, None] - back_h).ravel()
    histories = [history for history in windows.histories for _ in back_h]
    for history, rows in windows.by_bin():
        read = hours(history.read_at)
        if not len(read):
            continue
        newest = np.maximum(np.searchsorted(read, windows.at[rows], side="right") - 1, 0)
        places = (rows[:, None] * len(back_h) + np.arange(len(back_h))).ravel()
        before = np.maximum(np.searchsorted(read, at[places], side="right") - 1, 0)
        at[places] = read[before] + np.repeat(np.maximum(windows.at[rows] - read[newest], 0.0), len(back_h))
    shift = None if windows.shift_h is None else np.repeat(windows.shift_h, len(back_h))
    return Windows(histories, at, windows.ahead_h, shift_h=shift)


def named(added: Floats) -> list[tuple[Driver, ...] | None]:
    """Of what drivers add against each of several windows (n, d, k): those to name, strongest first.

    None where too few windows are known to say what is usual.
    """
    words = list(COLUMNS)
    found: list[tuple[Driver, ...] | None] = []
    for each in added:
        usable = each[:, np.isfinite(each).all(axis=0)]
        if usable.shape[1] < FEWEST_USUAL:
            found.append(None)
            continue
        points = usable.mean(axis=1)
        agreeing = (np.sign(usable) == np.sign(points)[:, None]).mean(axis=1)
        strong = (np.abs(points) >= LEAST_POINTS) & (agreeing >= AGREEING)
        order = [place for place in np.argsort(-np.abs(points), kind="stable").tolist() if strong[place]]
        found.append(tuple(Driver(words[place], round(float(points[place]), 2)) for place in order[:MOST_DRIVERS]))
    return found


@dataclass(frozen=True)
class Faithful:
    """Of windows: in how many a driver was named, how many drivers, and how many moved it as said again."""

    windows: int
    told: int
    named: int
    moved: int

    @property
    def share(self) -> float:
        """How many of the drivers named moved it as said; 0 where none is named."""
        return self.moved / self.named if self.named else 0.0


def faithful(ensemble: Ensemble, windows: Windows) -> Faithful:
    """Every driver named in windows without a plan, asked again with past windows of the bin that naming never saw.

    It moved the level as said when, on average over them, it does so in the direction named and by at least half of the
    points.
    """
    told = Told.of(ensemble, windows)
    drivers, again = named(told.without(USUAL_H)), told.without(OTHERS_H)
    able = np.flatnonzero(np.isfinite(again).any(axis=(1, 2))).tolist()
    place = {words: number for number, words in enumerate(COLUMNS)}
    moves = [
        np.nanmean(again[row, place[driver.words]]) / driver.points >= LEAST_SHARE
        for row in able
        for driver in drivers[row] or ()
    ]
    return Faithful(len(able), sum(bool(drivers[row]) for row in able), len(moves), int(np.sum(moves)))
