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
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from domain.files import file_digest
from domain.values import Call
from retrieval.minilm import Floats, Weights
from tools import argument_classifier, call_classifier
from tools.argument_classifier import POLARITY, Told, roles, told_roles
from tools.call_classifier import Made, Thread, names, told_choices
from tools.mentions import Mention
from tools.parts_file import Array, Parts
from tools.registry import registry_version
from tools.thread_tokens import KINDS, Pieces, Reader
from tools.tuned_minilm import WIDTH, Heads, base_digest, changed_weights, changes_in, heads_of, part_of, states_of

NAME, COMMAND = "thread encoder", "python -m finetune.encoder"
KEPT = 8
"""Threads whose states are kept: a decision asks of the same one several times."""
LONG = replace(
    call_classifier.SAMPLE,
    steps=tuple(Made(Call("find_bins", {"near": "x", letter: 1}), "ok") for letter in "abcdefghijklmnopqrstuvwxyz"),
)
"""A thread that is cut: a file is of what is read of it, and of the classifiers' samples."""


class Seen(NamedTuple):
    """A thread's pieces, and their states: of the whole (2 WIDTH,), of each piece (pieces, WIDTH)."""

    pieces: Pieces
    whole: Floats
    states: Floats


@dataclass
class ThreadEncoder:
    """A member with the heads of calls and of marks; safe for many threads. `digest`: SHA-256 of its file.

    `own`: (KINDS, WIDTH), its pieces behind the vocabulary's.
    """

    weights: Weights
    own: Floats
    reader: Reader
    calls: Heads
    marks: Heads
    digest: str = ""
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
        found = states_of(self.weights, self.own, pieces.tokens, self.reader.vocabulary)
        return Seen(pieces, np.concatenate((found[0], found.mean(0))), found)


def _at(seen: Seen, at: int) -> Floats:
    """What the scores of a mark are made of, (2 WIDTH,)."""
    return np.concatenate((seen.states[at], seen.whole[WIDTH:]))


# ---------------------------------------------------------------- the file


def made_for(read: Reader) -> dict[str, str]:
    """What a file must have been made for: the tools of this registry, what is read of three threads, the base."""
    samples = (call_classifier.SAMPLE, argument_classifier.SAMPLE, LONG)
    told = [repr(read.pieces(sample)) for sample in samples] + [repr(list(roles().items()))]
    return {
        "schema_hash": registry_version(),
        "features_hash": hashlib.sha256("".join(told).encode()).hexdigest()[:12],
        "base_digest": base_digest(),
    }


def load_encoders(file: Path) -> tuple[ThreadEncoder, ...]:
    """The members of a file. Raises BadData when it is unreadable or was made for other tools, pieces or weights."""
    with changes_in(file, NAME, COMMAND, made_for) as found:
        members, digest = _by_member(found.parts), file_digest(file)
        own = [part_of(each, "own", (len(KINDS), WIDTH)) for each in members]
        return tuple(
            ThreadEncoder(changed_weights(found.base, each), pieces, found.reader, *_both_heads(each), digest)
            for each, pieces in zip(members, own, strict=True)
        )


def part_name(member: int, name: str) -> str:
    """What a member's part is called in a file."""
    return f"{member}/{name}"


def _by_member(parts: Parts) -> list[Parts]:
    """Each member's parts. Raises ValueError without any, and for numbers that do not follow each other."""
    found: dict[str, dict[str, Array]] = {}
    for name, value in parts.items():
        number, _, own = name.partition("/")
        found.setdefault(number, {})[own] = value
    if not found or found.keys() != {*map(str, range(len(found)))}:
        raise ValueError(found.keys())
    return [found[str(number)] for number in range(len(found))]


def scores() -> dict[str, int]:
    """How many scores there are of calls and of marks."""
    return {
        "calls": call_classifier.groups()[-1].stop,
        "marks": list(argument_classifier.groups().values())[-1].stop,
    }


def _both_heads(parts: Parts) -> tuple[Heads, Heads]:
    calls, marks = (heads_of(parts, of, (count, 2 * WIDTH)) for of, count in scores().items())
    return calls, marks
