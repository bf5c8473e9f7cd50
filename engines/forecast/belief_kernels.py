"""The inner loops of the grid filter as machine code, one bin after another; importing this imports numba.

Shapes: a state is (paces, cells); rows of bins come first everywhere else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engines.forecast.belief import EMPTIED
from engines.routing.compiled import compiled

LEAST_BAG = 1e-3  # so unlikely a number of bags is not told from a still greater one
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@compiled
def grow(state: Floats, bags: float, paces: Floats, spare: Floats) -> None:
    """Let a state grow by Poisson many cells, `bags` of them expected at pace 1; `spare` (cells,) is overwritten."""
    cells = state.shape[1]
    for row in range(state.shape[0]):
        expected = bags * paces[row]
        chance, left, number = np.exp(-expected), 1.0, 0
        spare[:] = 0.0
        while left > 0.0:
            last = left <= LEAST_BAG or number == cells - 1
            share = left if last else chance
            for cell in range(cells):
                spare[min(cell + number, cells - 1)] += share * state[row, cell]
            left = 0.0 if last else left - chance
            number += 1
            chance = chance * expected / number
        for cell in range(cells):
            state[row, cell] = spare[cell]


@compiled
def weigh(state: Floats, likelihood: Floats) -> float:
    """Multiply every cell by its likelihood (cells,) and let all add up to one again; the logarithm of their sum."""
    total = 0.0
    for row in range(state.shape[0]):
        for cell in range(state.shape[1]):
            state[row, cell] *= likelihood[cell]
            total += state[row, cell]
    total = max(total, 1e-300)
    for row in range(state.shape[0]):
        for cell in range(state.shape[1]):
            state[row, cell] /= total
    return np.log(total)  # type: ignore[no-any-return]


@compiled
def forget(state: Floats, kept: float, prior: Floats) -> None:
    """Keep a share of what is known of the pace; the rest goes back to `prior` (paces,), at every level alike."""
    for cell in range(state.shape[1]):
        total = 0.0
        for row in range(state.shape[0]):
            total += state[row, cell]
        for row in range(state.shape[0]):
            state[row, cell] = kept * state[row, cell] + (1.0 - kept) * total * prior[row]


@compiled
def empty(state: Floats) -> None:
    """Set the level to zero at every pace."""
    for row in range(state.shape[0]):
        total = 0.0
        for cell in range(state.shape[1]):
            total += state[row, cell]
            state[row, cell] = 0.0
        state[row, 0] = total


@compiled
def follow(state: Floats, bags: Floats, said: Ints, likelihoods: Floats, known: tuple[Floats, Floats, Floats]) -> float:
    """A bin's state after its reports, and the log-likelihood of what they said. `bags` (events,): growth before each;
    `said` the row of its likelihood, or EMPTIED. `known`: paces, their prior, and what is kept of the pace at an
    emptying and at a reading. The last row of `likelihoods` is room to work in."""
    paces, prior, kept = known
    spare, told = likelihoods[-1], 0.0
    for event in range(said.shape[0]):
        grow(state, bags[event], paces, spare)
        if said[event] == EMPTIED:
            forget(state, kept[0], prior)
            empty(state)
        else:
            told += weigh(state, likelihoods[said[event]])
            forget(state, kept[1], prior)
    return told


@compiled
def follow_all(
    states: Floats, bags: Floats, reports: tuple[Ints, Ints], likelihoods: Floats, known: tuple[Floats, Floats, Floats]
) -> float:
    """The same of every bin, over the reports `span[i, 0]` to `span[i, 1]` of `reports` (said, span)."""
    said, span = reports
    told = 0.0
    for row in range(states.shape[0]):
        first, beyond = span[row, 0], span[row, 1]
        told += follow(states[row], bags[row, first:beyond], said[row, first:beyond], likelihoods, known)
    return told


@compiled
def ahead_all(states: Floats, bags: Floats, paces: Floats, spare: Floats, found: Floats) -> None:
    """Write into `found` (n, times, cells) the shares of the levels after growth of `bags` (n, times) each in turn."""
    for row in range(states.shape[0]):
        for step in range(bags.shape[1]):
            grow(states[row], bags[row, step], paces, spare)
            found[row, step] = 0.0
            for pace in range(states.shape[1]):
                for cell in range(states.shape[2]):
                    found[row, step, cell] += states[row, pace, cell]
