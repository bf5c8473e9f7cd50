"""The forward pass of a small BERT sentence encoder, in numpy alone.

BERT: Devlin et al. 2019, arXiv 1810.04805; mean of the last layer's tokens at unit length: Reimers and Gurevych 2019,
arXiv 1908.10084; the weights: Wang et al. 2020 (MiniLM), arXiv 2002.10957. sentence-transformers computes the same
(a test holds the two together), but takes ten seconds and 300 MB to import before it answers the first question.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Weights = Mapping[str, Floats]

HEADS = 12
LAYER_NORM_EPSILON = np.float32(1e-12)
MASKED = np.float32(-1e9)


class _Limited:
    """Numpy's threads while passes are under way: those of the first of several at once."""

    def __init__(self) -> None:
        self._lock, self._passes = threading.Lock(), 0
        self._limit: Any = None

    def enter(self, threads: int) -> None:
        with self._lock:
            if not self._passes:
                self._limit = _pools().limit(limits=threads, user_api="blas")
            self._passes += 1

    def leave(self) -> None:
        with self._lock:
            self._passes -= 1
            if not self._passes:
                self._limit.restore_original_limits()


_LIMITED = _Limited()


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """At most so many cores for numpy's products. The limit is the process's: of passes that overlap the first sets it
    and the last takes it back, in whatever order they end."""
    _LIMITED.enter(threads)
    try:
        yield
    finally:
        _LIMITED.leave()


@functools.cache
def _pools() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def encode(weights: Weights, tokens: Sequence[Sequence[int]]) -> Floats:
    """Unit vectors, shape (texts, width), of texts given as token ids with their markers, none of them empty."""
    ids, mask = _padded(tokens)
    x = states(weights, ids, mask)
    mean = (x * mask[:, :, None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
    unit: Floats = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return unit


def states(weights: Weights, ids: npt.NDArray[np.int64], mask: Floats) -> Floats:
    """The last layer, shape (texts, tokens, width), of ids and mask of shape (texts, tokens)."""
    x = _embedded(weights, ids)
    blocked = ((1 - mask) * MASKED)[:, None, None, :]
    for layer in range(_layers(weights)):
        x = _layer(weights, f"encoder.layer.{layer}", x, blocked)
    return x


def _padded(tokens: Sequence[Sequence[int]]) -> tuple[npt.NDArray[np.int64], Floats]:
    """Ids and mask, both of shape (texts, longest)."""
    longest = max(len(each) for each in tokens)
    ids = np.zeros((len(tokens), longest), dtype=np.int64)
    mask = np.zeros((len(tokens), longest), dtype=np.float32)
    for row, each in enumerate(tokens):
        ids[row, : len(each)] = each
        mask[row, : len(each)] = 1
    return ids, mask


def _layers(weights: Weights) -> int:
    return sum(name.endswith(".attention.self.query.weight") for name in weights)


def _embedded(weights: Weights, ids: npt.NDArray[np.int64]) -> Floats:
    word = weights["embeddings.word_embeddings.weight"][ids]
    place = weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
    kind = weights["embeddings.token_type_embeddings.weight"][0]
    return _normed(weights, "embeddings.LayerNorm", word + place + kind)


def _layer(weights: Weights, name: str, x: Floats, blocked: Floats) -> Floats:
    """One transformer layer; x and the result have shape (texts, tokens, width)."""
    seen = _linear(weights, f"{name}.attention.output.dense", _attended(weights, f"{name}.attention.self", x, blocked))
    x = _normed(weights, f"{name}.attention.output.LayerNorm", x + seen)
    wide = _gelu(_linear(weights, f"{name}.intermediate.dense", x))
    return _normed(weights, f"{name}.output.LayerNorm", x + _linear(weights, f"{name}.output.dense", wide))


def _attended(weights: Weights, name: str, x: Floats, blocked: Floats) -> Floats:
    query, key, value = (_heads(_linear(weights, f"{name}.{part}", x)) for part in ("query", "key", "value"))
    scores = query @ key.transpose(0, 1, 3, 2) * np.float32(1 / sqrt(query.shape[-1])) + blocked
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares = scores / scores.sum(axis=-1, keepdims=True)
    joined: Floats = (shares @ value).transpose(0, 2, 1, 3).reshape(x.shape)
    return joined


def _heads(x: Floats) -> Floats:
    """(texts, tokens, width) to (texts, heads, tokens, width of a head)."""
    return x.reshape(*x.shape[:2], HEADS, -1).transpose(0, 2, 1, 3)


def _linear(weights: Weights, name: str, x: Floats) -> Floats:
    out: Floats = x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
    return out


def _normed(weights: Weights, name: str, x: Floats) -> Floats:
    centred = x - x.mean(axis=-1, keepdims=True)
    spread = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + LAYER_NORM_EPSILON)
    out: Floats = centred / spread * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return out


def _gelu(x: Floats) -> Floats:
    out: Floats = x * (1 + _erf(x * np.float32(1 / sqrt(2)))) * np.float32(0.5)
    return out


def _erf(x: Floats) -> Floats:
    """The error function to 1.5e-7: Abramowitz and Stegun 1964, formula 7.1.26."""
    t = 1 / (1 + np.float32(0.3275911) * np.abs(x))
    series = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    out: Floats = np.copysign(1 - series * np.exp(-x * x), x)
    return out
