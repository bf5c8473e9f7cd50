"""How much each member counts: weights per horizon band and stream, learnt on windows that no member had seen.

The ensemble's level at a share is the weighted mean of the members' levels at that share (quantile averaging; Busetti
2017, Lichtendahl et al., Management Science 2013), with weights that are not negative and sum to 1. They make the
pinball loss least (exponentiated gradient; Kivinen and Warmuth 1997). A member whose absence costs less than
`LEAST_GAIN` of a band's loss over all streams gets 0 in that band, so what counts must help. A stream's weights are
drawn towards those of all streams: a stream has few bins, and its best weights of one season are partly chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engines.forecast.columns import Ints
from engines.forecast.history import Floats
from engines.forecast.member import SHARES_OUT

BAND_ENDS_H = (8.0, 16.0, 30.0, 96.0)
BANDS = ("up to 8 h", "8 to 16 h", "16 to 30 h", "30 to 96 h", "beyond 96 h")
FEWEST_ROWS = 400
LEAST_GAIN = 0.015
MOST_ROWS = 2_000  # of a band and stream, evenly taken: two or three weights need no more
ROUNDS, STEP = 100, 2.0
OWN_SHARE = 0.75
"""How much of a stream's weights is its own; of four quarters the least loss in Prague from July to October 2024."""
EVERY = ""
"""The stream name of the weights for bins of a stream without its own."""


@dataclass(frozen=True, eq=False)
class Weights:
    """`of[band, stream]`: one weight a member, in the order of `members`."""

    members: tuple[str, ...]
    of: dict[tuple[int, str], Floats]

    def table(self, streams: Sequence[str], ahead_h: Floats) -> Floats:
        """Weights (n, t, m) for bins of these streams at these hours ahead."""
        found = np.zeros((len(streams), len(ahead_h), len(self.members)))
        bands = band_of(ahead_h)
        names = np.asarray(streams, dtype=object)
        for stream in dict.fromkeys(streams):
            found[names == stream] = np.stack([self.at(int(band), stream) for band in bands])
        return found

    def at(self, band: int, stream: str) -> Floats:
        """The weights of a stream in a band, or of all streams, or of the nearest band that has some; else equal."""
        for other in sorted(range(len(BANDS)), key=lambda each: abs(each - band)):
            for name in (stream, EVERY):
                if (other, name) in self.of:
                    return self.of[other, name]
        return np.full(len(self.members), 1.0 / len(self.members))


def band_of(ahead_h: Floats) -> Ints:
    """Which of BANDS hours ahead lie in."""
    return np.asarray(np.searchsorted(BAND_ENDS_H, ahead_h - 1e-9, side="left"), dtype=np.int64)


def mixed(levels: Sequence[Floats], weights: Floats) -> Floats:
    """Members' levels (n, t, 7) each, by weights (n, t, m). A member that cannot tell leaves its weight to the others;
    where those that count cannot tell, all that can are used alike."""
    table = np.stack(levels, axis=-1)
    known = np.isfinite(table).all(axis=2)
    used = np.where(known, weights, 0.0)
    total = used.sum(axis=2, keepdims=True)
    used = np.where(total > 0, used, known.astype(np.float64))
    total = used.sum(axis=2, keepdims=True)
    share = used / np.maximum(total, 1e-12)
    mean = (np.nan_to_num(table) * share[:, :, None, :]).sum(axis=-1)
    return np.where(total > 0, mean, np.nan)


@dataclass(frozen=True, eq=False)
class Unseen:
    """What members said of k windows that none had seen: `levels` (k, 7) each, the truth, horizon and stream."""

    levels: tuple[Floats, ...]
    truth: Floats
    ahead_h: Floats
    streams: npt.NDArray[np.object_]


def fit_weights(members: Sequence[str], unseen: Unseen) -> Weights:
    """The weights that would have been best, by band and stream, and by band over all streams."""
    bands, found = band_of(unseen.ahead_h), {}
    usable = np.all([np.isfinite(levels).all(axis=1) for levels in unseen.levels], axis=0)

    def rows_of(band: int, stream: str) -> Ints:
        rows = np.flatnonzero(usable & (bands == band) & ((unseen.streams == stream) | (stream == EVERY)))
        return rows[:: max(1, len(rows) // MOST_ROWS)]

    for band in range(len(BANDS)):
        rows = rows_of(band, EVERY)
        if len(rows) < FEWEST_ROWS:
            continue
        found[band, EVERY] = every = _best(np.stack([each[rows] for each in unseen.levels]), unseen.truth[rows])
        kept = np.flatnonzero(every > 0)
        for stream in dict.fromkeys(unseen.streams.tolist()):
            rows = rows_of(band, str(stream))
            if len(rows) >= FEWEST_ROWS:
                own, _ = _descend(np.stack([unseen.levels[k][rows] for k in kept]), unseen.truth[rows])
                found[band, str(stream)] = (1 - OWN_SHARE) * every
                found[band, str(stream)][kept] += OWN_SHARE * own
    return Weights(tuple(members), found)


def _best(levels: Floats, truth: Floats) -> Floats:
    """Weights (m,) for levels (m, k, 7): all members first, then without each that does not help."""
    kept = list(range(len(levels)))
    weights, loss = _descend(levels[kept], truth)
    while len(kept) > 1:
        without = [_descend(levels[[k for k in kept if k != one]], truth) for one in kept]
        least = min(range(len(kept)), key=lambda place: without[place][1])
        if without[least][1] > loss * (1 + LEAST_GAIN):
            break
        kept.pop(least)
        weights, loss = without[least]
    full = np.zeros(len(levels))
    full[kept] = weights
    return full


def _descend(levels: Floats, truth: Floats) -> tuple[Floats, float]:
    """Exponentiated gradient on the mean pinball loss, from equal weights; the best point on the way."""
    shares = np.array(SHARES_OUT)
    weights = np.full(len(levels), 1.0 / len(levels))
    best, least = weights, np.inf
    for round_ in range(ROUNDS if len(levels) > 1 else 1):
        error = truth[:, None] - np.einsum("m,mkq->kq", weights, levels)
        loss = float(np.maximum(shares * error, (shares - 1) * error).mean())
        if loss < least:
            best, least = weights, loss
        slope = np.where(error > 0, -shares, 1 - shares)
        gradient = np.einsum("mkq,kq->m", levels, slope) / error.size
        weights = weights * np.exp(-STEP / np.sqrt(round_ + 1.0) * (gradient - gradient.mean()))
        weights = weights / weights.sum()
    return best, least
