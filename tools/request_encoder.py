"""The shipped classifier of requests: n-grams and a tuned MiniLM, as one opinion of where another request begins.

N-grams (tools/request_parts.py) know the words that they have seen beside a gap; MiniLM, tuned on the same messages,
reads the whole one. Their probabilities are multiplied (a product of experts: Hinton 2002), so that both must find it
likely, or one be much surer than the other is of the contrary.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from domain.files import file_digest
from retrieval.minilm import Floats, Weights
from tools import request_parts
from tools.regression import regression_of
from tools.request_parts import MOST, SCORES, RequestGrams, gaps
from tools.thread_tokens import KINDS, Reader
from tools.tuned_minilm import WIDTH, Heads, base_digest, changed_weights, changes_in, heads_of, part_of, states_of

SURE = 1.5
"""Odds, as their natural logarithm, from which on a request begins. Two in five of the messages that are learned from
hold several requests, one in fifty of people's: between the surest wrong one of the development halves (0.8) and the
least sure right one of those above zero (2.3)."""
POSSIBLE = -2.0
"""Odds from which on a request may begin, where the experts on calls are sure of what stands on either side. Between
the least that parts rightly in the development halves (-1.7) and the surest that would part wrongly (-2.6)."""
SEEN = 3 * WIDTH
"""Numbers that the scores are made of: the states on either side of a gap, and the mean of all."""


@dataclass(frozen=True)
class RequestEncoder:
    """MiniLM, tuned; safe for many threads. `own`: (KINDS, WIDTH), its pieces behind the vocabulary's."""

    weights: Weights
    own: Floats
    reader: Reader
    head: Heads

    def odds(self, message: str, marks: Sequence[str], places: Sequence[int]) -> dict[int, float]:
        """By place the natural logarithm of the odds that a request begins there; of those that it reads as far as."""
        tokens, begins = self.reader.message(message, marks, places)
        if not begins:
            return {}
        seen = states_of(self.weights, self.own, tokens, self.reader.vocabulary)
        mean = seen.mean(0)
        found = {}
        for place, at in begins.items():
            no, yes = self.head.shares(np.concatenate((seen[at], seen[at - 1], mean)), SCORES)
            found[place] = yes - no
        return found


@dataclass(frozen=True)
class RequestParts:
    """Both experts on requests."""

    grams: RequestGrams
    encoder: RequestEncoder

    @property
    def digest(self) -> str:
        """SHA-256 of the file."""
        return self.grams.digest

    def odds(self, message: str, marks: Sequence[str]) -> Mapping[int, float]:
        """By gap the natural logarithm of the odds that a request begins there."""
        places = gaps(message, marks)
        told = self.encoder.odds(message, marks, places)
        return {at: self.grams.odds(message, marks, at) + told.get(at, 0.0) for at in places}

    def begins(self, message: str, marks: Sequence[str]) -> list[int]:
        """Where requests begin behind the first, the likeliest first; of more than MOST the first ones."""
        return [at for at, told in self.possible(message, marks).items() if told > SURE]

    def possible(self, message: str, marks: Sequence[str]) -> dict[int, float]:
        """The odds of where requests begin or may begin, the likeliest first; at most MOST - 1 of either."""
        odds = self.odds(message, marks)
        sure = itertools.islice((at for at, told in odds.items() if told > SURE), MOST - 1)
        unsure = sorted((at for at, told in odds.items() if POSSIBLE < told <= SURE), key=lambda at: -odds[at])
        return {at: odds[at] for at in sorted([*sure, *unsure[: MOST - 1]], key=lambda at: -odds[at])}


def made_for(read: Reader) -> dict[str, str]:
    """What a file must have been made for: the features of both experts, and the base of one."""
    message, marks = request_parts.SAMPLE
    pieces = read.message(message, marks, gaps(message, marks))
    return {**request_parts.made_for(pieces), "base_digest": base_digest()}


def load_request_parts(file: Path) -> RequestParts:
    """The classifier of a file. Raises BadData when it is unreadable or was made for other features or weights."""
    with changes_in(file, "classifier of requests", "python -m finetune.requests", made_for) as found:
        grams = regression_of(found.parts, SCORES.stop, RequestGrams, file_digest(file))
        own = part_of(found.parts, "own", (len(KINDS), WIDTH))
        head = heads_of(found.parts, "begins", (SCORES.stop, SEEN))
        weights = changed_weights(found.base, found.parts)
        return RequestParts(grams, RequestEncoder(weights, own, found.reader, head))
