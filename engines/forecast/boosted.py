"""The member `boosted`: gradient-boosted trees for all bins at once, one model a share, and one for overflows.

LightGBM (Ke et al., NeurIPS 2017) with the pinball loss (Koenker and Bassett 1978) on the growth until an hour ahead,
from windows of many lengths out of the past, cut by the emptyings that really came. No bin is named: a bin that was
never trained on is told from its own past like any other. The overflow model answers "below 80 now: will two readings
in a row be at 80 or above within so many hours?".

Without an emptying a bin is hardly ever seen for longer than its usual cycle. Beyond `reach_h`, what trees have seen
in nine of ten such windows of its stream, the bin goes on at its own usual pace.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from engines.forecast.features import NAMES, Table, features
from engines.forecast.history import BinHistory, Floats
from engines.forecast.known import Weeks, fit_weeks
from engines.forecast.member import SHARES_OUT, Windows
from engines.forecast.past_windows import OVERFLOW_PCT, Outcomes, Span, past_windows

DAY_LENGTHS_H = {18.0: 12.0, 24.0: 1.0, 30.0: 12.0}
"""Lengths of the windows of about a day, with models of their own, each with the least hours between its origins: it is
what is asked most, and models of all lengths at once tell it 2 % worse."""
OTHER_LENGTHS_H = {1.0: 24.0, 3.0: 24.0, 6.0: 12.0, 12.0: 12.0, 18.0: 24.0, 24.0: 18.0, 36.0: 18.0, 48.0: 12.0,
                   72.0: 24.0, 120.0: 36.0, 168.0: 36.0, 336.0: 48.0}  # fmt: skip
"""The same for all other lengths."""
ABOUT_A_DAY_H = (16.0, 30.0)
KNOTS_H = np.array([1.0, 3.0, 6.0, 12.0, 18.0, 24.0, 36.0, 48.0, 72.0, 120.0, 168.0, 336.0])
FEWEST_ROWS = 500
ROUNDS = 220
TREES = {
    "learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 100, "feature_fraction": 0.6, "bagging_fraction": 0.7,
    "bagging_freq": 1, "lambda_l2": 5.0, "max_bin": 127, "num_threads": 1, "deterministic": True,
    "force_col_wise": True, "verbosity": -1,
}  # fmt: skip
REACH_SHARE = 0.9
LEAST_REACH_H = 24.0


@dataclass(frozen=True, eq=False)
class Boosted:
    """The trained trees as LightGBM text: one a share of SHARES_OUT about a day ahead, one a share for other hours, and
    the overflow model.

    `reach_h` by row of `weeks`: how far ahead without an emptying the trees have seen.
    """

    weeks: Weeks
    reach_h: Floats
    day: tuple[str, ...]
    other: tuple[str, ...]
    overflow: str
    name: str = "boosted"

    def quantiles(self, windows: Windows) -> Floats:
        """Levels (n, t, 7); NaN for bins with fewer than twelve readings by then."""
        if windows.planned is None and len(windows.ahead_h) > len(KNOTS_H):
            return self._between_knots(windows)
        return self.levels(windows, self.table(windows))

    def chances(self, windows: Windows, levels: Floats | None = None) -> Floats:
        """Chance (n, t) that a bin now below 80 has two readings in a row at 80 or above within the hours; NaN as
        above. The trees look at no `levels`."""
        table = self.table(windows)
        found = np.full(len(table.rows), np.nan)
        rows = np.repeat(table.able, len(windows.ahead_h))
        if rows.any():
            found[rows] = self._overflow.predict(table.rows[rows], num_threads=1)
        chances = found.reshape(len(windows), len(windows.ahead_h))
        return np.asarray(np.maximum.accumulate(chances, axis=1))

    def table(self, windows: Windows) -> Table:
        """The figures that the trees look at."""
        return features(windows, self.weeks, self.reach_h)

    def _between_knots(self, windows: Windows) -> Floats:
        """Levels at the knots, linear between them: trees are asked a dozen times instead of a hundred."""
        last = windows.ahead_h[-1]
        knots = np.append(KNOTS_H[last > KNOTS_H], last)
        asked = Windows(windows.histories, windows.at, knots)
        table = self.table(asked)
        levels = self.levels(asked, table)
        first = np.repeat(table.start.reshape(len(windows), -1)[:, :1, None], len(SHARES_OUT), axis=2)
        levels = np.concatenate([first, levels], axis=1)
        place = np.interp(windows.ahead_h, np.concatenate([[0.0], knots]), np.arange(len(knots) + 1.0))
        left = np.minimum(np.floor(place).astype(np.int64), len(knots) - 1)
        part = (place - left)[:, None]
        return np.asarray(levels[:, left] * (1 - part) + levels[:, left + 1] * part)

    def levels(self, windows: Windows, table: Table) -> Floats:
        """Levels (n, t, 7) from the windows' figures, or from figures changed to see what others would say."""
        shape = (len(windows), len(windows.ahead_h), len(SHARES_OUT))
        levels = np.full((len(table.rows), len(SHARES_OUT)), np.nan)
        able = np.repeat(table.able, len(windows.ahead_h))
        day = np.tile(about_a_day(windows.ahead_h), len(windows))
        for rows, trees in zip((able & day, able & ~day), self._trees, strict=True):
            if rows.any():
                grown = np.stack([each.predict(table.rows[rows], num_threads=1) for each in trees], axis=1)
                levels[rows] = (table.start + table.beyond)[rows, None] + np.sort(grown, axis=1)
        levels = np.clip(levels, 0.0, 100.0).reshape(shape)
        alone = ~np.isfinite(windows.last_emptied())
        risen = np.maximum.accumulate(np.where(alone[..., None], levels, 0.0), axis=1)
        rising = alone[..., None] & (windows.ahead_h >= LEAST_REACH_H)[None, :, None]  # sensor noise may fall before
        return np.asarray(np.where(rising & np.isfinite(levels), np.maximum(levels, risen), levels))

    @functools.cached_property
    def _trees(self) -> tuple[list[Any], list[Any]]:
        return [_booster(text) for text in self.day], [_booster(text) for text in self.other]

    @functools.cached_property
    def _overflow(self) -> Any:
        return _booster(self.overflow)


@dataclass(frozen=True, eq=False)
class Lesson:
    """Rows to learn from: features (m, f), growth in points, whether it overflowed, and whether it was below 80."""

    rows: Floats
    grown: Floats
    overflows: Floats
    below: np.ndarray


def fit_boosted(histories: Sequence[BinHistory], seed: int = 0, rounds: int = ROUNDS) -> Boosted:
    """The trees, `rounds` a model, from everything in the histories; cut them with `until` first.

    Raises BadData for too little.
    """
    read = [h for h in histories if len(h.readings)]
    weeks = fit_weeks(read)
    day, other = (
        [past_windows(read, length, Span(every_h=every)) for length, every in lengths.items()]
        for lengths in (DAY_LENGTHS_H, OTHER_LENGTHS_H)
    )
    lessons = [_lesson(parts, weeks) for parts in (day, other)]
    if min(len(lesson.rows) for lesson in lessons) < FEWEST_ROWS:
        least = min(len(lesson.rows) for lesson in lessons)
        raise BadData(f"{least} windows with a known outcome: {FEWEST_ROWS} are needed to learn from")
    how = (rounds, seed)
    shares = [tuple(_quantile(lesson, share, how) for share in SHARES_OUT) for lesson in lessons]
    return Boosted(weeks, _reach([*day, *other], weeks), shares[0], shares[1], _overflows(lessons, how))


def _quantile(lesson: Lesson, share: float, how: tuple[int, int]) -> str:
    import lightgbm

    rounds, seed = how
    asked = {**TREES, "objective": "quantile", "alpha": share, "seed": seed}
    data = lightgbm.Dataset(lesson.rows, lesson.grown, params=TREES)
    return str(lightgbm.train(asked, data, rounds).model_to_string())


def _overflows(lessons: Sequence[Lesson], how: tuple[int, int]) -> str:
    import lightgbm

    rounds, seed = how
    rows = np.concatenate([lesson.rows[lesson.below] for lesson in lessons])
    overflows = np.concatenate([lesson.overflows[lesson.below] for lesson in lessons])
    data = lightgbm.Dataset(rows, overflows, params=TREES)
    return str(lightgbm.train({**TREES, "objective": "binary", "seed": seed}, data, rounds).model_to_string())


def _lesson(parts: Sequence[Outcomes], weeks: Weeks) -> Lesson:
    rows, grown, overflows, below = [], [], [], []
    for part in parts:
        if not len(part):
            continue
        table = features(part.windows, weeks)
        rows.append(table.rows[table.able])
        grown.append((part.smooth - table.start)[table.able])
        overflows.append(part.overflows[table.able].astype(np.float64))
        below.append((part.level < OVERFLOW_PCT)[table.able])
    if not rows:
        return Lesson(np.empty((0, len(NAMES))), np.empty(0), np.empty(0), np.empty(0, dtype=np.bool_))
    return Lesson(np.concatenate(rows), np.concatenate(grown), np.concatenate(overflows), np.concatenate(below))


def _reach(parts: Sequence[Outcomes], weeks: Weeks) -> Floats:
    """By stream, the length that a tenth of the windows without an emptying exceeds; of all for the mean's row."""
    lengths: list[Floats] = [np.empty(0) for _ in range(len(weeks.streams) + 1)]
    for part in parts:
        alone = ~part.emptied
        number = np.array([weeks.number(name) for name in part.streams[alone]], dtype=np.int64)
        length = np.full(len(number), float(part.windows.ahead_h[0]))
        for row in range(len(lengths)):
            own = length if row == len(weeks.streams) else length[number == row]
            lengths[row] = np.concatenate([lengths[row], own])
    reach = [float(np.quantile(each, REACH_SHARE)) if len(each) else LEAST_REACH_H for each in lengths]
    return np.asarray(np.maximum(np.array(reach), LEAST_REACH_H))


def about_a_day(ahead_h: Floats) -> npt.NDArray[np.bool_]:
    """Which hours ahead the models of a day answer."""
    return np.asarray((ahead_h > ABOUT_A_DAY_H[0]) & (ahead_h <= ABOUT_A_DAY_H[1]))


def _booster(text: str) -> Any:
    import lightgbm

    return lightgbm.Booster(model_str=text)
