"""Embedders for tests: small, deterministic, written against `domain.ports.Embedder`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from domain.errors import ModelUnavailable

MEANINGS = ["rat rats rodent vermin", "overflow overflowing full spilling", "truck lorry vehicle", "snow ice storm"]
CONCEPTS = {word: axis for axis, words in enumerate(MEANINGS) for word in words.split()}  # words of one meaning
HASHED = 508


class ConceptEmbedder:
    """Counts words on 512 axes: four meanings that several words share, the other words by their hash.

    `seen` are all texts that were embedded, in order.
    """

    dimensions = len(MEANINGS) + HASHED

    def __init__(self, name: str = "concepts") -> None:
        self.name = name
        self.seen: list[str] = []

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors; a text without words lies on the last axis."""
        self.seen.extend(texts)
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in text.lower().replace(".", " ").split() or ["nothing"]:
                vectors[row, _axis(word)] += 1
        unit: npt.NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return unit


class NoEmbedder(ConceptEmbedder):
    """An embedder whose model is gone."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Raises ModelUnavailable."""
        raise ModelUnavailable("the embedding model is not installed")


def _axis(word: str) -> int:
    if word in CONCEPTS:
        return CONCEPTS[word]
    return len(MEANINGS) + int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big") % HASHED
