"""The fixed schedule, tuned as well as it can be: a four-week pattern for each bin, on the training part's growth.

For each bin the pattern with the least cost of driving there, time at the bin and overflow; since a detour is short
where a neighbour is visited the same day, bins are chosen anew in turn, three times (coordinate descent). That patterns
repeat in whole weeks and fit into each other is Roundy's power-of-two idea (1985), made finer by weekdays.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from evals.operations.rounds import Aim
from evals.operations.town import DAY_H, FULL_PCT, Floats, Town

CYCLE_DAYS = 28
SWEEPS = 3
NEARLY_FULL = ((FULL_PCT, 0.7), (85.0, 0.2), (70.0, 0.1))
"""What a day counts on which a bin reached so many percent. Half a year seldom shows the rare bad day, so days that
came near it count in part; without them no cost of overflow would make a schedule safe enough to be compared."""
Bools = npt.NDArray[np.bool_]


@cache
def patterns() -> Bools:
    """All patterns, shape (169, 28): every set of weekdays, every day of two weeks, every day of four; day 0 Monday."""
    weekdays = [[(mask >> day) & 1 for day in range(7)] * 4 for mask in range(1, 128)]
    fortnights = [[day % 14 == first for day in range(CYCLE_DAYS)] for first in range(14)]
    months = [[day == first for day in range(CYCLE_DAYS)] for first in range(CYCLE_DAYS)]
    return np.array([*weekdays, *fortnights, *months], dtype=np.bool_)


def full_days(grown: Floats, leave_h: int) -> Floats:
    """Days in a cycle on which a bin stands full, or nearly, under each pattern: shape (bins, patterns).

    `grown` (bins, hours + 1): points grown in all up to each hour, from a Monday midnight on.
    """
    marks = np.arange(leave_h, grown.shape[1], DAY_H)
    at = grown[:, marks]
    days = at.shape[1] - 1
    found = np.zeros((len(grown), len(patterns())))
    for index, pattern in enumerate(patterns()):
        visited = pattern[np.arange(days) % CYCLE_DAYS]
        last = np.maximum.accumulate(np.where(visited, np.arange(days), -1))
        known = last >= 0
        level = at[:, 1:][:, known] - at[:, last[known]]
        for reached, counts in NEARLY_FULL:
            found[:, index] += counts * CYCLE_DAYS * (level >= reached).mean(axis=1)
    return found


def tuned_schedule(town: Town, grown: Floats, overflow_cost: float, aim: Aim = Aim.cost) -> Bools:
    """Which days of a cycle each bin is visited, shape (bins, 28); `overflow_cost` per full bin and day, in the aim's
    unit: currency, or kilometres."""
    truck = town.trucks[0]
    per_km, per_hour = (1.0, 0.0) if aim is Aim.km else (truck.cost_per_km, truck.cost_per_hour)
    per_m = per_km / 1000 + per_hour / 3600 * _seconds_per_m(town)
    at_bin = per_hour / 3600 * town.service_s
    overflow = overflow_cost * full_days(grown, int(town.leave_h))
    way = 2 * per_m * town.between_m
    np.fill_diagonal(way, np.inf)
    depot = town.metres[0, town.first_bin :] + town.metres[town.first_bin :, 0]
    alone = per_m * depot.astype(np.float64)
    visits = patterns().sum(axis=1)
    usual = np.minimum(np.sort(way, axis=1)[:, : min(3, len(way))].mean(axis=1), alone)
    chosen = np.argmin(overflow + (at_bin + usual)[:, None] * visits, axis=1)
    order = np.random.default_rng(0).permutation(len(chosen))
    for _ in range(SWEEPS):
        for bin_index in order:
            on = patterns()[chosen].copy()
            on[bin_index] = False
            near = np.where(on, way[bin_index][:, None], np.inf).min(axis=0)
            detour = np.minimum(near, alone[bin_index])
            chosen[bin_index] = np.argmin(overflow[bin_index] + patterns() @ (at_bin + detour))
    return np.asarray(patterns()[chosen])


def _seconds_per_m(town: Town) -> float:
    metres, seconds = town.metres.sum(), town.seconds.sum()
    return float(seconds) / max(float(metres), 1.0)
