"""Exact nearest neighbours from vectors of one byte a number: filter with their error known, then refine.

    codes = quantise(matrix)
    rows = bounded(codes, query).nearest(depth=200)  # these, and few others
    cosines = matrix[rows] @ query

Each vector is rounded to whole multiples of its own step, which makes it four times smaller, and the length of what was
rounded away is kept. By the Cauchy-Schwarz inequality a cosine with a unit vector is wrong by no more than that, so
whatever cannot be among the nearest is left out for sure, and only the rest is compared by its true numbers: the
vector-approximation file of Weber, Schek and Blott (VLDB 1998) with a bound for inner products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["MOST_DIMENSIONS", "Bounds", "Codes", "bounded", "empty_codes", "quantise"]

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]
LEVELS = 127  # of a document's numbers, on each side of 0
QUERY_LEVELS = 8_191  # of a question's: the sum over 2,064 products stays within 32 bits
MOST_DIMENSIONS = 2_064
AT_ONCE = 16_384  # rows quantised at a time
ROUNDING = 5e-6  # of sums in 32-bit floats, and of cosines that are told to six decimals


@dataclass(frozen=True)
class Codes:
    """Vectors as `numbers` (n, dimensions) of int8 times `steps` (n,); `lost` (n,) is the length of the difference."""

    numbers: npt.NDArray[np.int8]
    steps: Floats
    lost: Floats

    def first(self, count: int) -> Codes:
        """Those of the first rows, without copying."""
        return Codes(self.numbers[:count], self.steps[:count], self.lost[:count])


def empty_codes(rows: int, dimensions: int) -> Codes:
    """Room for the codes of so many vectors of up to 2,064 numbers."""
    if dimensions > MOST_DIMENSIONS:
        raise ValueError(f"vectors of {dimensions} numbers are too long for 32-bit sums")
    made = np.empty((rows, dimensions), dtype=np.int8), np.empty(rows, dtype=np.float32)
    return Codes(*made, np.empty(rows, dtype=np.float32))


def quantise(matrix: Floats, codes: Codes | None = None, start: int = 0) -> Codes:
    """The codes of vectors from row `start` on, written into `codes` where there is room, else into new ones."""
    n, dimensions = matrix.shape
    codes = codes or empty_codes(n, dimensions)
    for begin in range(start, n, AT_ONCE):
        part = slice(begin, min(begin + AT_ONCE, n))
        codes.numbers[part], codes.steps[part], codes.lost[part] = _rounded(matrix[part])
    return codes


@dataclass(frozen=True)
class Bounds:
    """Cosines by the codes, `near`, and by how much each may be `wrong`: two arrays as long as what was compared."""

    near: Floats
    wrong: Floats

    def nearest(self, depth: int) -> Numbers:
        """The places, ascending, of all that may be among the `depth` nearest."""
        if len(self.near) <= depth:
            return np.arange(len(self.near))
        surely = self.near - self.wrong
        worst = np.partition(surely, len(surely) - depth)[len(surely) - depth]
        return np.flatnonzero(self.near + self.wrong >= worst)

    def at_least(self, floor: float) -> Numbers:
        """The places, ascending, of all whose cosine may reach a floor."""
        return np.flatnonzero(self.near + self.wrong >= floor)


def bounded(codes: Codes, query: Floats, among: Numbers | None = None, *, whole: bool = False) -> Bounds:
    """The cosines of rows `among` (of all without) with a unit vector, as the codes tell them.

    `whole`: go over all rows in their order and then take those; quicker where they are a good part of all.
    """
    from retrieval.kernels import cosines, cosines_among  # numba, where a collection is large enough to want it

    step = float(np.abs(query).max()) / QUERY_LEVELS or 1.0
    asked = np.rint(query / step).astype(np.int16)
    question = asked, np.float32(step)
    lost = np.float32(np.linalg.norm(query.astype(np.float64) - asked * step) + ROUNDING)
    near = np.empty(len(codes.steps) if among is None or whole else len(among), dtype=np.float32)
    if among is None or whole:
        cosines(codes.numbers, codes.steps, question, near)
    else:
        cosines_among(codes.numbers, codes.steps, question, among, near)
    if among is None:
        return Bounds(near, codes.lost + lost)
    return Bounds(near[among] if whole else near, codes.lost[among] + lost)


def _rounded(part: Floats) -> tuple[npt.NDArray[np.int8], Floats, Floats]:
    steps = np.abs(part).max(axis=1) / np.float32(LEVELS)
    steps[steps == 0] = 1.0
    numbers = np.rint(part / steps[:, None])
    lost = np.linalg.norm(part - numbers * steps[:, None], axis=1)
    return numbers.astype(np.int8), steps, lost
