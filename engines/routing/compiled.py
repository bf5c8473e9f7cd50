"""Compilation of the annealer's inner loops, and their random numbers.

Numba keeps the machine code beside the module, or in the user's cache folder when the installation is read-only; where
neither can be written it compiles in memory. The random numbers are Marsaglia's xorshift64 (2003): eight bytes of
state, so that a run is repeated exactly from its seed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
import numpy as np
import numpy.typing as npt

P = ParamSpec("P")
R = TypeVar("R")
Rng = npt.NDArray[np.uint64]
MIX = 0x9E3779B97F4A7C15  # the odd constant of splitmix64 (Steele, Lea and Flood 2014): spreads small seeds


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function as machine code, made at its first call and kept for the next process where a folder allows it."""
    make: Any = numba.njit
    try:
        made: Callable[P, R] = make(cache=True, nogil=True, _nrt=False)(function)
    except RuntimeError:  # "no locator available": neither the package's folder nor the user's can be written
        made = make(nogil=True, _nrt=False)(function)
    return made


def folded(function: Callable[P, R]) -> Callable[P, R]:
    """A compiled function that is written into each of its callers: a call would pass every array by value."""
    made: Callable[P, R] = numba.njit(inline="always", nogil=True, _nrt=False)(function)  # type: ignore[call-overload]
    return made


def seeded(seed: int) -> Rng:
    """State of the random numbers, shape (1,), never zero."""
    mixed = (seed + 1) * MIX % 2**64
    mixed ^= mixed >> 31
    return np.array([mixed * MIX % 2**64 or MIX], dtype=np.uint64)


@compiled
def whole(number: int) -> int:
    """The number in 8 bytes, whatever it was, so that no function is compiled once more for 4 bytes or a constant."""
    return np.int64(number)  # type: ignore[return-value]


@folded
def row(number: int) -> int:
    """A number that is not negative as the row of an array, for which no code looks whether it counts from the end."""
    return np.uint32(number)  # type: ignore[return-value]


@compiled
def draw(rng: Rng) -> int:
    """31 random bits as a signed integer."""
    x = rng[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    rng[0] = x
    return np.int64(x >> np.uint64(33))  # type: ignore[return-value]


@compiled
def unit(rng: Rng) -> float:
    """A number in (0, 1)."""
    return (draw(rng) + 0.5) / 2147483648.0


@compiled
def below(rng: Rng, bound: int) -> int:
    """A whole number from 0 to bound - 1."""
    return (draw(rng) * bound) >> 31
