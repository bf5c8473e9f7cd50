"""The inner loops of a search in memory, as machine code; importing this imports numba.

Numba keeps what it made beside the module, or in the user's cache folder when the installation is read-only; where
neither can be written it compiles in memory.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["add_word", "load", "sums", "sums_among", "within_chord"]

Codes = npt.NDArray[np.int8]
Asked = npt.NDArray[np.int16]
Sums = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


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
def _all(codes: Codes, asked: Asked, found: Sums) -> None:
    for row in range(codes.shape[0]):
        found[row] = _product(codes, row, asked)


@_compiled
def _some(codes: Codes, asked: Asked, among: Rows, found: Sums) -> None:
    for place in range(len(among)):
        found[place] = _product(codes, among[place], asked)


def sums(codes: Codes, asked: Asked) -> Sums:
    """The inner product of each row of codes with the question, shape (n,)."""
    found = np.empty(len(codes), dtype=np.int32)
    _all(codes, asked, found)
    return found


def sums_among(codes: Codes, asked: Asked, among: Rows) -> Sums:
    """The same of the rows `among`."""
    found = np.empty(len(among), dtype=np.int32)
    _some(codes, asked, among, found)
    return found


@_compiled
def add_word(places: Rows, scores: Floats, sums: Floats, counts: npt.NDArray[np.uint8]) -> None:
    """Add a word's scores to the `sums` at the places that hold it, and one to the `counts`."""
    for n in range(len(places)):
        sums[places[n]] += scores[n]
        counts[places[n]] += 1


@_compiled
def within_chord(points: Floats, places: Rows, middle: Floats, most: float) -> npt.NDArray[np.bool_]:
    """Which of the points (n, 3) at `places` are within a chord, the square root of `most`, of the `middle` (3,)."""
    inside = np.empty(len(places), dtype=np.bool_)
    for n in range(len(places)):
        point = places[n]
        x, y, z = points[point, 0] - middle[0], points[point, 1] - middle[1], points[point, 2] - middle[2]
        inside[n] = x * x + y * y + z * z <= most
    return inside


def load() -> None:
    """Load them all, or compile them, so that no question waits for it."""
    one, codes = np.zeros(1, dtype=np.int64), np.zeros((1, 1), dtype=np.int8)
    sums(codes, np.zeros(1, dtype=np.int16))
    sums_among(codes, np.zeros(1, dtype=np.int16), one)
    add_word(one, np.zeros(1), np.zeros(1), np.zeros(1, dtype=np.uint8))
    within_chord(np.zeros((1, 3)), one, np.zeros(3), 1.0)
