"""What the outside must offer, said once; doubles for tests are written against these."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue


class Embedder(Protocol):
    """Turns texts into unit vectors, shape (len(texts), dimensions), float32."""

    name: str
    dimensions: int

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Embed; the same text gives the same vector."""
        ...


class MatrixProvider(Protocol):
    """Travel between points as integer metres and seconds, each of shape (n, n); asymmetric allowed."""

    @property
    def name(self) -> str:
        """What a plan says about its distances."""
        ...

    def matrix(self, points: Sequence[tuple[float, float]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """(metres, seconds) between all (lat, lon) points."""
        ...


@dataclass(frozen=True)
class ModelAnswer:
    """What the language model said, and what it cost."""

    text: str
    prompt_tokens: int = 0
    new_tokens: int = 0
    ms: float = 0.0


@dataclass(frozen=True)
class ModelIdentity:
    """Which weights speak: recorded with every decision."""

    model: str
    adapter: str | None = None
    engine: str = "unknown"
    digests: dict[str, str] = field(default_factory=dict)


class LanguageModel(Protocol):
    """One step of decoding, forced by a JSON schema."""

    identity: ModelIdentity

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """Complete `prompt` with one JSON object that fits `schema`. Raises ModelUnavailable."""
        ...
