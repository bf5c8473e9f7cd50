"""The inner loops of comparing codes, as machine code; importing this imports numba.

Numba keeps what it made beside the module, or in the user's cache folder when the installation is read-only; where
neither can be written it compiles in memory.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["sums", "sums_among"]

Codes = npt.NDArray[np.int8]
Asked = npt.NDArray[np.int16]
Sums = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]


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
