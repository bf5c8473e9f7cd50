"""Which stops are near each other: for taking stops out together, and for the places where one may go in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

INSERT_NEAR, REMOVE_NEAR = 40, 100
WAIT_WEIGHT, LATE_WEIGHT = 0.2, 1.0  # of unavoidable waiting and lateness between two stops (Vidal et al. 2013)
STRIP = 500


def neighbours_together(metres: I64) -> I64:
    """(n,) an order of stops in which near ones mostly follow each other: always on to the nearest one not yet passed.

    `metres` (n, n) from row to column.
    """
    n = len(metres)
    order, passed = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    at = 0
    for step in range(n):
        order[step], passed[at] = at, 2**62
        at = int(np.argmin(np.maximum(metres[at], passed)))
    return order


def near_lists(cost: I32, secs: I32, windows: tuple[I64, I64]) -> tuple[I32, I32]:
    """(n, m) nearest stops for going in, windows counted, and (n, m') for going out, by way alone; nearest first."""
    n = len(cost)
    inserting = np.zeros((n, min(INSERT_NEAR, max(n - 1, 0))), dtype=np.int32)
    removing = np.zeros((n, min(REMOVE_NEAR, max(n - 1, 0))), dtype=np.int32)
    early, late = windows
    timed = bool((early > 0).any() or (late < late.max(initial=0)).any())
    per_second = float(cost[: min(n, STRIP)].mean() / max(1.0, secs[: min(n, STRIP)].mean())) if n else 1.0
    for begin in range(0, n, STRIP):
        rows = slice(begin, min(begin + STRIP, n))
        way = np.minimum(cost[rows], cost[:, rows].T).astype(np.float32)
        out = _nearest(way, begin, removing.shape[1])
        removing[rows] = out
        inserting[rows] = out[:, : inserting.shape[1]]
        if timed:
            there = cost[rows] + per_second * _friction(secs[rows], early, late, rows)
            back = cost[:, rows].T + per_second * _friction_back(secs[:, rows].T, early, late, rows)
            inserting[rows] = _nearest(np.minimum(there, back).astype(np.float32), begin, inserting.shape[1])
    return inserting, removing


def from_near(cost: I32, near: I32) -> I32:
    """(g, n, m) cost from each stop's near ones to it, so that trying its places reads one short row.

    `cost` (g, n, n) from row to column, `near` (n, m).
    """
    return np.ascontiguousarray(cost[:, near, np.arange(len(near))[:, None]])


def least_on(cost: I32, home: I64) -> I64:
    """(n,) the least that going on from each stop costs: to any other, or home by `home` (kinds of truck, n)."""
    most = np.iinfo(np.int32).max
    least: I64 = home.min(axis=0, initial=most)
    for arcs in cost:
        for i, onward in enumerate(arcs):
            least[i] = min(least[i], onward[:i].min(initial=most), onward[i + 1 :].min(initial=most))
    return least


def _friction(secs: I32, early: I64, late: I64, rows: slice) -> npt.NDArray[np.float64]:
    """Weighted waiting and lateness that going from the rows' stops to all others cannot avoid."""
    wait = np.maximum(0, early[None, :] - secs - np.minimum(late, 10**9)[rows, None])
    lateness = np.maximum(0, early[rows, None] + secs - np.minimum(late, 10**9)[None, :])
    found: npt.NDArray[np.float64] = WAIT_WEIGHT * wait + LATE_WEIGHT * lateness
    return found


def _friction_back(secs: I32, early: I64, late: I64, rows: slice) -> npt.NDArray[np.float64]:
    """The same from all others to the rows' stops."""
    wait = np.maximum(0, early[rows, None] - secs - np.minimum(late, 10**9)[None, :])
    lateness = np.maximum(0, early[None, :] + secs - np.minimum(late, 10**9)[rows, None])
    found: npt.NDArray[np.float64] = WAIT_WEIGHT * wait + LATE_WEIGHT * lateness
    return found


def _nearest(way: npt.NDArray[np.float32], begin: int, most: int) -> I32:
    way[np.arange(len(way)), begin + np.arange(len(way))] = np.inf
    if most < way.shape[1] - 1:
        part = np.argpartition(way, most, axis=1)[:, :most]
    else:
        part = np.argsort(way, axis=1, kind="stable")[:, :most]
    order = np.argsort(np.take_along_axis(way, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1).astype(np.int32)
