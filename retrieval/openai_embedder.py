"""Embeddings of OpenAI's service, or of one that speaks like it. Off unless a key is given: texts leave the house."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

from domain.embedding_costs import CostBook
from domain.errors import BadData, ModelUnavailable

__all__ = ["OpenAIEmbedder", "OpenAIOptions"]

Floats = npt.NDArray[np.float32]
URL = "https://api.openai.com/v1"
LONGEST_CHARACTERS = 8_000  # the service takes 8,191 tokens, and few scripts have more tokens than characters
MOST_TEXTS, MOST_CHARACTERS = 256, 200_000  # in one request; the service takes 2,048 texts and 300,000 tokens
ATTEMPTS = 5
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 20.0
AGAIN = frozenset({408, 409, 429, 500, 502, 503, 504})
WIDTHS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072, "text-embedding-ada-002": 1536}
DOLLARS_PER_MILLION = {"text-embedding-3-small": 0.02, "text-embedding-3-large": 0.13, "text-embedding-ada-002": 0.10}
"""List prices of openai.com/api/pricing for a million tokens; what a contract says is another matter."""


@dataclass(frozen=True)
class OpenAIOptions:
    """Which model, how wide (None: its own width), where, and how long one question or one batch may take."""

    model: str = "text-embedding-3-small"
    dimensions: int | None = None
    url: str = URL
    question_s: float = 1.2
    batch_s: float = 120.0


class _Row(BaseModel):
    model_config = ConfigDict(extra="ignore")
    index: int
    embedding: list[float]


class _Usage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    total_tokens: int = 0


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore")
    data: list[_Row]
    usage: _Usage = _Usage()


class OpenAIEmbedder:
    """Embeds by HTTP; safe for many threads. Each request is noted in `costs`. Raises BadData for an unknown width.

    Another service than OpenAI's is part of the name: what it calls by a model's name may be another model.
    """

    def __init__(self, key: str, costs: CostBook, options: OpenAIOptions | None = None) -> None:
        self._options = options or OpenAIOptions()
        width = self._options.dimensions or WIDTHS.get(self._options.model)
        if width is None:
            raise BadData(f"How many numbers {self._options.model} gives is not known; say so in the settings.")
        self.name, self.dimensions = _name(self._options), width
        self._costs = costs
        self._http = httpx.Client(base_url=self._options.url, headers={"Authorization": f"Bearer {key}"})

    def embed(self, texts: Sequence[str]) -> Floats:
        """Shape (len(texts), dimensions). One text is a question and must be quick; more are a batch and may wait.

        Raises ModelUnavailable when the service is out, refuses the key or has no quota; BadData for another width.
        """
        ends = time.monotonic() + (self._options.question_s if len(texts) == 1 else self._options.batch_s)
        vectors = [self._embedded(batch, ends) for batch in _batches([_clean(text) for text in texts])]
        return np.concatenate(vectors) if vectors else np.zeros((0, self.dimensions), dtype=np.float32)

    def close(self) -> None:
        """Close open connections."""
        self._http.close()

    def _embedded(self, batch: Sequence[str], ends: float) -> Floats:
        answer = self._answer(batch, ends)
        price = DOLLARS_PER_MILLION.get(self._options.model, 0.0)
        self._costs.add(self._options.model, answer.usage.total_tokens, answer.usage.total_tokens * price / 1e6)
        rows = sorted(answer.data, key=lambda row: row.index)
        if [row.index for row in rows] != list(range(len(batch))):
            raise ModelUnavailable(f"{self.name} answered {len(rows)} vectors to {len(batch)} texts.")
        if {len(row.embedding) for row in rows} != {self.dimensions}:
            raise BadData(f"{self.name} gives {len(rows[0].embedding)} numbers, not {self.dimensions}.")
        vectors = np.array([row.embedding for row in rows], dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or lengths.min() == 0:
            raise ModelUnavailable(f"{self.name} answered numbers that are no direction.")
        unit: Floats = vectors / lengths
        return unit

    def _answer(self, batch: Sequence[str], ends: float) -> _Answer:
        """One request, tried again while the service is busy and time is left."""
        body: dict[str, object] = {"model": self._options.model, "input": list(batch), "encoding_format": "float"}
        if self._options.dimensions:
            body["dimensions"] = self._options.dimensions
        why, wait_s = "no time was left", FIRST_WAIT_S
        for _ in range(ATTEMPTS):
            left_s = ends - time.monotonic()
            if left_s <= 0:
                break
            try:
                response = self._http.post("/embeddings", json=body, timeout=left_s)
            except httpx.RequestError as error:
                why, told_s = f"the connection failed ({type(error).__name__})", None
            else:
                if response.is_success:
                    return _read(response, self.name)
                why, told_s = _refusal(response, self.name), _seconds(response.headers.get("retry-after"))
            wait_s = min(told_s if told_s is not None else wait_s, LONGEST_WAIT_S, max(0.0, ends - time.monotonic()))
            time.sleep(wait_s)
            wait_s = max(FIRST_WAIT_S, 2 * wait_s)
        raise ModelUnavailable(f"{self.name} cannot be reached: {why}")


def _name(options: OpenAIOptions) -> str:
    if options.url.rstrip("/") == URL:
        return f"openai:{options.model}"
    return f"openai:{options.model}@{urlsplit(options.url).netloc.rpartition('@')[2]}"


def _refusal(response: httpx.Response, name: str) -> str:
    """Why the service did not answer. Raises ModelUnavailable for what trying again does not mend."""
    if response.status_code in {401, 403}:
        raise ModelUnavailable(f"{name} refuses the key; check ROUNDSMAN_OPENAI_KEY")
    if "insufficient_quota" in response.text:
        raise ModelUnavailable(f"{name} has no quota left for this key")
    if response.status_code not in AGAIN:
        raise ModelUnavailable(f"{name} refuses the request (HTTP {response.status_code}); check ROUNDSMAN_EMBEDDER")
    return f"HTTP {response.status_code}"


def _read(response: httpx.Response, name: str) -> _Answer:
    try:
        return _Answer.model_validate_json(response.content)
    except ValidationError as error:
        raise ModelUnavailable(f"{name} answered something that is no embedding.") from error


def _seconds(told: str | None) -> float | None:
    """A Retry-After in seconds; its other form, a date, is passed over."""
    return float(told) if told and told.replace(".", "", 1).isdigit() else None


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    for text in texts:
        if batch and (len(batch) == MOST_TEXTS or sum(map(len, batch)) + len(text) > MOST_CHARACTERS):
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _clean(text: str) -> str:
    """What the service takes: no lone surrogates, not too long, and never nothing at all."""
    return text[:LONGEST_CHARACTERS].encode("utf-8", "replace").decode() if text.strip() else "."
