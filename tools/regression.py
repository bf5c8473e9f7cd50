"""Multinomial logistic regressions on hashed n-grams (Weinberger et al. 2009, arXiv:0902.2206), one file of them.

Several regressions over one table (Caruana 1997): each is a group of scores that exclude each other.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from domain.errors import BadData
from domain.files import file_digest

BUCKETS = 1 << 16
"""Rows of the table; n-grams that share one are not told apart."""
UNREADABLE = (
    OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, SyntaxError, RuntimeError, ArithmeticError,
    BadZipFile, zlib.error, struct.error, TokenError,
)  # fmt: skip
"""What numpy, zipfile, tokenize and json raise for files that are something else or were damaged."""
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


@dataclass(frozen=True)
class FileKind:
    """What a file of regressions must be: its `name` in words and the `command` that makes one, what it was `made_for`
    (the tools, the features), and how many `scores` there are."""

    name: str
    command: str
    made_for: Mapping[str, str]
    scores: int


def check_fit(file: Path, made: Mapping[str, object], needed: Mapping[str, str], command: str) -> None:
    """Raises BadData, with both and the command that makes a right one, for a file that was `made` for others."""
    for name, wanted in needed.items():
        if made[name] != wanted:
            told = f"its {name} is {made[name]}, needed is {wanted}"
            raise BadData(f"{file} does not fit: {told}; make one with {command}")


Loaded = TypeVar("Loaded", bound=Regression)


def load_regression(file: Path, kind: FileKind, of: type[Loaded]) -> Loaded:
    """The regressions of a file, as `of`. Raises BadData when it is unreadable or was made for something else."""
    none = f"{file} is no {kind.name}; make one with {kind.command}"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            about: dict[str, Any] = json.loads(str(stored["about"]))
            made = {name: about.get(name) for name in kind.made_for}
            scale = stored["scale"]
            table = stored["table"].astype(np.float32) * scale
            weights, bias = stored["weights"], stored["bias"]
    except UNREADABLE as unreadable:
        raise BadData(none) from unreadable
    check_fit(file, made, kind.made_for, kind.command)
    columns = weights.shape[-1] if weights.ndim else 0
    shapes = ((BUCKETS, columns), (1, columns), (kind.scores, columns), (kind.scores,))
    parts = (table, scale, weights, bias)
    if any(
        part.shape != shape or part.dtype.kind != "f" or not np.isfinite(part).all()
        for part, shape in zip(parts, shapes, strict=True)
    ):
        raise BadData(none)
    return of(table, weights, bias, file_digest(file))
