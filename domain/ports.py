"""What the outside must offer, said once; doubles for tests are written against these."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

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


NO_WAY = 1_000_000_000
"""In place of metres or seconds: there is no way between the two points."""


@dataclass(frozen=True, eq=False)
class Travel:
    """Travel between n points as integer metres and seconds, each of shape (n, n); asymmetric allowed.

    `source` is what a plan says about its distances, `roads` whether they follow roads. `degraded` is the sentence
    for the answer when they are not from where they should be.
    """

    metres: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.int64]
    source: str
    roads: bool = False
    degraded: str | None = None


class MatrixProvider(Protocol):
    """Where distances come from."""

    @property
    def name(self) -> str:
        """What a plan says about its distances when all is well."""
        ...

    def travel(self, points: Sequence[tuple[float, float]], source: str | None = None) -> Travel:
        """Between all (lat, lon) points in degrees; with the `source` of an earlier plan from there, if it can be.

        Raises BadData for points that are no coordinates; never for a server that fails.
        """
        ...


@dataclass(frozen=True)
class ModelAnswer:
    """What the language model said, and what it cost.

    `names`: the log-probability (natural, of the unrestricted model) of each name that a call could have had, for those
    that were asked about; of a name that it hardly thinks of, an upper bound. `weight`: the log-probability of the
    whole text; None where it is not told.
    """

    text: str
    prompt_tokens: int = 0
    new_tokens: int = 0
    ms: float = 0.0
    names: dict[str, float] = field(default_factory=dict)
    weight: float | None = None


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


@runtime_checkable
class NamingModel(LanguageModel, Protocol):
    """A model that also tells, beside its call, how likely it found it, and each name for it."""

    async def decide_among(
        self, prompt: str, schema: dict[str, JsonValue], names: Sequence[str], *, deadline_s: float
    ) -> ModelAnswer:
        """As `decide`, with `names` and `weight` of the answer filled in. Raises ModelUnavailable."""
        ...


@runtime_checkable
class WeighingModel(LanguageModel, Protocol):
    """A model that also tells how likely it finds calls that it is shown."""

    async def weigh(self, prompt: str, names: Sequence[str], *, deadline_s: float) -> list[float]:
        """The log-probability (natural, of the unrestricted model) that a call of each name follows `prompt`.

        Raises ModelUnavailable.
        """
        ...


DECILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""The shares at which foundation forecasters answer."""


@dataclass(frozen=True, eq=False)
class Foretold:
    """What a forecaster says of n series: `values` (n, hours, 9) at DECILES, rising along the last axis; None when
    there is no answer, and then `degraded` is the sentence that says why."""

    values: npt.NDArray[np.float64] | None
    source: str
    degraded: str | None = None


class Forecaster(Protocol):
    """A pretrained forecaster outside this house (Chronos, TimesFM), which needs no training on our records."""

    @property
    def name(self) -> str:
        """What a forecast says about where it is from when all is well."""
        ...

    def foretell(self, series: Sequence[npt.NDArray[np.float64]], hours: int) -> Foretold:
        """The next hours of hourly series, oldest value first; never raises for a forecaster that fails."""
        ...


@dataclass(frozen=True)
class RegisteredVersion:
    """A model version for the register: where its folder is, its manifest's digest, its test's figures."""

    version: str
    folder: str
    digest: str
    metrics: Mapping[str, JsonValue] = field(default_factory=dict)


class ModelRegister(Protocol):
    """The register of models that people look at (MLflow). Answers never wait for it."""

    def record(self, name: str, versions: Sequence[RegisteredVersion], aliases: Mapping[str, str]) -> None:
        """Brings the register in line: versions that it lacks are added, aliases set and cleared. Raises NotNow."""
        ...

    def aliases(self, name: str) -> dict[str, str]:
        """Alias -> version as the register has them; empty for a model that it does not know. Raises NotNow."""
        ...
