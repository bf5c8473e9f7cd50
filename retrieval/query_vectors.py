"""The vector that a search is compared by: the embedded question, or one that the caller brings."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, OutOfRange
from domain.ports import Embedder
from retrieval.store import DEFAULT_VECTOR, SearchRequest
from retrieval.words import plain

__all__ = ["QueryVectors"]

Floats = npt.NDArray[np.float32]
QUERIES_KEPT = 512


class QueryVectors:
    """What both back ends do alike. The vectors of the last questions are kept; safe for many threads."""

    def __init__(self, embedder: Embedder | None) -> None:
        self._embedder = embedder
        self._kept = lru_cache(maxsize=QUERIES_KEPT)(self._embedded)

    def asked(self, request: SearchRequest) -> Floats:
        """The vector of the request's text; only with an embedder. Raises ModelUnavailable, BadData (wrong width)."""
        return self._kept(" ".join(plain(request.text).split()))

    def given(self, request: SearchRequest) -> Floats | None:
        """The request's own vector, made one long; None without. Raises OutOfRange with nothing to compare it to."""
        if not request.vectors:
            return None
        (name, vector), *_ = request.vectors.items()
        if self._embedder is None or name != DEFAULT_VECTOR:
            raise OutOfRange(f"I keep no vectors of the name “{name}”.")
        if len(vector) != self._embedder.dimensions:
            wanted = self._embedder.dimensions
            raise OutOfRange(f"The vector “{name}” has {len(vector)} numbers; documents have {wanted}.")
        given = np.asarray(vector, dtype=np.float64)
        unit: Floats = (given / np.linalg.norm(given)).astype(np.float32)
        return unit

    def _embedded(self, text: str) -> Floats:
        assert self._embedder is not None
        vector: Floats = self._embedder.embed([text])[0]
        if vector.shape != (self._embedder.dimensions,):
            wanted = self._embedder.dimensions
            raise BadData(f"{self._embedder.name} gives a question {vector.size} numbers, not {wanted}")
        return vector
