"""Multinomial logistic regressions on hashed n-grams (Weinberger et al. 2009, arXiv:0902.2206), one file of them.

Several regressions over one table (Caruana 1997): each is a group of scores that exclude each other.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from domain.files import file_digest
from tools.parts_file import UNREADABLE, FileKind, Parts, read_parts

BUCKETS = 1 << 16
"""Rows of the table; n-grams that share one are not told apart."""
Floats = npt.NDArray[np.float32]


def buckets_of(grams: Iterable[str]) -> list[int]:
    """The rows of the table that n-grams fall into, each once, ascending."""
    return sorted({zlib.crc32(each.encode()) % BUCKETS for each in grams})


def log_shares(scores: Floats) -> list[float]:
    """The natural log-probabilities of scores that exclude each other."""
    scores = scores - scores.max()
    shares: list[float] = (scores - np.log(np.exp(scores).sum())).tolist()
    return shares


@dataclass(frozen=True)
class Regression:
    """`table`: (BUCKETS, D); `weights` (N, D) and `bias` (N,) of all groups' scores; `digest`: SHA-256 of the file."""

    table: Floats
    weights: Floats
    bias: Floats
    digest: str = ""

    def read(self, buckets: Sequence[int]) -> Floats:
        """What the scores are made of, (D,)."""
        read: Floats = self.table[buckets].sum(0) / np.sqrt(max(len(buckets), 1))
        return read

    def shares(self, read: Floats, group: slice) -> list[float]:
        """The natural log-probabilities of a group."""
        return log_shares(self.weights[group] @ read + self.bias[group])


Loaded = TypeVar("Loaded", bound=Regression)


def load_regression(file: Path, kind: FileKind, scores: int, of: type[Loaded]) -> Loaded:
    """The regressions of a file, as `of`, with so many scores. Raises BadData when it is unreadable or was made for
    something else."""
    parts = read_parts(file, kind)
    try:
        return regression_of(parts, scores, of, file_digest(file))
    except UNREADABLE as unfit:
        raise kind.none(file) from unfit


def regression_of(parts: Parts, scores: int, of: type[Loaded], digest: str) -> Loaded:
    """The regressions that a file's parts hold. Raises KeyError for a missing part, and ValueError for one of another
    shape or with numbers that are none."""
    scale, weights, bias = parts["scale"], parts["weights"], parts["bias"]
    table = parts["table"].astype(np.float32) * scale
    columns = weights.shape[-1] if weights.ndim else 0
    shapes = ((BUCKETS, columns), (1, columns), (scores, columns), (scores,))
    for part, shape in zip((table, scale, weights, bias), shapes, strict=True):
        if part.shape != shape or part.dtype.kind != "f" or not np.isfinite(part).all():
            raise ValueError(f"a part is {part.dtype} {part.shape}, needed are numbers of shape {shape}")
    return of(table, weights, bias, digest)
