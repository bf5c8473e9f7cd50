"""The inner loops of a search in memory, as machine code; importing this imports numba.

Numba keeps what it made beside the module, or in the user's cache folder when the installation is read-only; where
neither can be written it compiles in memory.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = [
    "add_word", "cosines", "cosines_among", "count_codes", "holding_any", "largest", "load", "mark_near", "mark_rows",
    "mark_within", "within_chord",
]  # fmt: skip

Codes = npt.NDArray[np.int8]
Asked = npt.NDArray[np.int16]
Rows = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Singles = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


def _compiled(function: Any) -> Any:
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # "no locator available": neither the package's folder nor the user's can be written
        return numba.njit(nogil=True)(function)


@_compiled
def _product(codes: Codes, row: int, asked: Asked) -> int:
    total = np.int32(0)
    for column in range(codes.shape[1]):
        total = np.int32(total + np.int32(np.int32(codes[row, column]) * np.int32(asked[column])))
    return total  # type: ignore[return-value]


@_compiled
def cosines(codes: Codes, steps: Singles, question: tuple[Asked, np.float32], found: Singles) -> None:
    """The inner product of each row of codes, times its step, with a question and its step, into `found` (n,)."""
    asked, step = question
    for row in range(codes.shape[0]):
        found[row] = np.float32(_product(codes, row, asked)) * (steps[row] * step)


@_compiled
def cosines_among(
    codes: Codes, steps: Singles, question: tuple[Asked, np.float32], among: Rows, found: Singles
) -> None:
    """The same of the rows `among`."""
    asked, step = question
    for place in range(len(among)):
        row = among[place]
        found[place] = np.float32(_product(codes, row, asked)) * (steps[row] * step)


@_compiled
def add_word(places: Places, scores: Singles, sums: Floats, counts: Bytes) -> None:
    """Add a word's scores to the `sums` at the places that hold it, and one to the `counts`."""
    for n in range(len(places)):
        sums[places[n]] += scores[n]
        counts[places[n]] += 1


@_compiled
def holding_any(within: Rows, sums: Floats, counts: Bytes) -> tuple[Rows, Floats, Bytes]:
    """Those of the places `within` that have a count, with their sums and counts; both are given for all places."""
    size = 0
    for n in range(len(within)):
        size += counts[within[n]] > 0
    places, scores, words = np.empty(size, within.dtype), np.empty(size, sums.dtype), np.empty(size, counts.dtype)
    k = 0
    for n in range(len(within)):
        place = within[n]
        if counts[place] > 0:
            places[k], scores[k], words[k] = place, sums[place], counts[place]
            k += 1
    return places, scores, words


@_compiled
def within_chord(points: Floats, places: Rows, middle: Floats, most: float) -> Mask:
    """Which of the points (n, 3) at `places` are within a chord, the square root of `most`, of the `middle` (3,)."""
    inside = np.empty(len(places), dtype=np.bool_)
    for n in range(len(places)):
        inside[n] = _squared(points, places[n], middle) <= most
    return inside


@_compiled
def mark_within(runs: tuple[Rows, Rows], of: tuple[Rows, Floats], middle: Floats, most: float, mask: Mask) -> None:
    """Mark what lies within a chord, as above, of runs (first, last) in lists of (places, their points)."""
    firsts, lasts = runs
    places, points = of
    for run in range(len(firsts)):
        for n in range(firsts[run], lasts[run]):
            mask[places[n]] = _squared(points, n, middle) <= most


@_compiled
def _squared(points: Floats, n: int, middle: Floats) -> float:
    x, y, z = points[n, 0] - middle[0], points[n, 1] - middle[1], points[n, 2] - middle[2]
    return x * x + y * y + z * z  # type: ignore[no-any-return]


@_compiled
def count_codes(codes: Rows, places: Rows, counts: Rows) -> None:
    """Add one to the count of each place's code."""
    for n in range(len(places)):
        counts[codes[places[n]]] += 1


@_compiled
def largest(values: Floats, places: Rows) -> float:
    """The largest of the values at the places; minus infinity where none is a number."""
    most = -np.inf
    for n in range(len(places)):
        if values[places[n]] > most:
            most = values[places[n]]
    return most


@_compiled
def mark_rows(rows: Rows, places: Rows, mask: Mask) -> int:
    """Mark the row of each place that has one (from 0 on), and count these places."""
    count = 0
    for n in range(len(places)):
        row = rows[places[n]]
        if row >= 0:
            mask[row] = True
            count += 1
    return count


@_compiled
def mark_near(rows: Rows, places: Rows, near: Mask, mask: Mask) -> None:
    """Mark the places whose row is near."""
    for n in range(len(places)):
        row = rows[places[n]]
        if row >= 0 and near[row]:
            mask[places[n]] = True


def load() -> None:
    """Load them all, or compile them, so that no question waits for it."""
    places, codes, values = np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.int8), np.zeros(1)
    single, count = np.zeros(1, dtype=np.float32), np.zeros(1, dtype=np.uint8)
    question = np.zeros(1, dtype=np.int16), np.float32(1)
    mask, point = np.zeros(1, dtype=np.bool_), np.zeros((1, 3))
    cosines(codes, single, question, single)
    cosines_among(codes, single, question, places, single)
    add_word(places.astype(np.int32), single, values, count)
    holding_any(places, values, count)
    within_chord(point, places, point[0], 1.0)
    mark_within((places, places), (places, point), point[0], 1.0, mask)
    count_codes(places, places, places.copy())
    largest(values, places)
    mark_rows(places, places, mask)
    mark_near(places, places, mask, mask)
