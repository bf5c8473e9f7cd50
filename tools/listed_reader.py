"""A listed tool read beside a question by an encoder: whether it serves, and what the question says of its slots.

MiniLM, tuned (finetune/listed_reader.py) on questions to invented tools, reads the declaration's own words: names,
descriptions, choices (schema-guided state tracking: Rastogi et al. 2020, AAAI; descriptions: Lee et al. 2021,
arXiv:2109.07506). A slot is said or not, and if it is, one of its choices is meant or a stretch of the question, from
the beginning that fits best to the end (BERT for SQuAD: Devlin et al. 2019), over all stretches together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from domain.files import file_digest
from retrieval.minilm import Floats, Weights
from tools.listed import ListedTool
from tools.listed_parameters import is_number
from tools.listed_pieces import OWN, ListedReading, Pieces
from tools.listed_slots import IN_WORDS, Kind, Slot, slots_of
from tools.listed_values import numbers_at, values_for
from tools.parts_file import Parts
from tools.regression import log_shares
from tools.thread_tokens import Reader
from tools.tuned_minilm import WIDTH, Heads, base_digest, changed_weights, changes_in, heads_of, part_of, states_of

POINTER = 128
"""Numbers that a slot and a piece of the question are compared by."""
MOST_STRETCH = 40
"""Pieces of the longest stretch."""
KEPT = 8
"""Values of a slot that are told, the likeliest."""
SCORES: Mapping[str, tuple[int, int]] = {
    "serves": (1, 2 * WIDTH), "said": (1, 2 * WIDTH), "chosen": (1, 2 * WIDTH),
    "slot_begins": (POINTER, WIDTH), "slot_ends": (POINTER, WIDTH),
    "piece_begins": (POINTER, WIDTH), "piece_ends": (POINTER, WIDTH),
}  # fmt: skip
"""Heads and their shapes."""
SAMPLE = (
    'Book two bays for truck 4 (urgent) by 5.30, not the early shift, costs 12.5% at "Dock 9"',
    ListedTool(
        "bookBay",
        "Books a bay.",
        {
            "type": "object",
            "properties": {
                "vehicle_no": {"type": "string", "description": "Which vehicle."},
                "bays": {"type": "integer"},
                "shift": {"enum": ["early", "late"]},
                "urgent": {"type": "boolean"},
                "docks": {"type": "array", "items": {"type": "string"}},
            },
        },
    ),
)
"""A question and a tool: a file is of what is read of them."""


@dataclass(frozen=True)
class Meant:
    """A value with its natural log-probability, given that the slot is said; `stretch`: the characters of the question
    it stands in."""

    value: JsonValue
    likely: float
    stretch: tuple[int, int] | None = None


@dataclass(frozen=True)
class Told:
    """The log-odds that the question says anything of a slot, and what; the likeliest first, at most KEPT."""

    said: float
    values: tuple[Meant, ...]


@dataclass(frozen=True)
class ListedReader:
    """MiniLM, tuned; safe for many threads. `own`: (OWN, WIDTH); `heads`: by SCORES. `digest`: SHA-256 of its file."""

    weights: Weights
    own: Floats
    reading: ListedReading
    heads: Mapping[str, Heads]
    digest: str = ""

    def serves(self, question: str, tools: Sequence[ListedTool]) -> list[float]:
        """Of each tool a score; 0 is the score of none of them, and the difference of two their log-odds."""
        return [self._score("serves", _whole(self._states(self.reading.pieces(question, tool)))) for tool in tools]

    def reads(self, question: str) -> bool:
        """Whether a question is read to its end."""
        return self.reading.is_whole(question)

    def slots(self, question: str, tool: ListedTool) -> dict[str, Told]:
        """What the question says of each slot that is read with all its choices, given that it is for this tool."""
        pieces = self.reading.pieces(question, tool)
        states = self._states(pieces)
        begins, ends = (self._by_head(part, states) for part in ("piece_begins", "piece_ends"))
        found = {}
        for slot, at, choices in zip(slots_of(tool), pieces.slots, pieces.choices, strict=True):
            if at is None or slot.kind is Kind.OTHER or len(choices) < len(slot.choices):
                continue
            said = self._score("said", _of_place(states, at))
            if slot.kind in IN_WORDS:
                first = begins @ self._by_head("slot_begins", states[at])
                last = ends @ self._by_head("slot_ends", states[at])
                values = _stretches(question, slot, pieces, (first, last))
            else:
                shares = log_shares(np.array([self._score("chosen", _of_place(states, place)) for place in choices]))
                values = _choices(question, slot, shares)
            found[slot.name] = Told(said, values)
        return found

    def _states(self, pieces: Pieces) -> Floats:
        return states_of(self.weights, self.own, pieces.tokens, self.reading.vocabulary)

    def _score(self, head: str, of: Floats) -> float:
        return float(self._by_head(head, of)[0])

    def _by_head(self, head: str, of: Floats) -> Floats:
        found: Floats = of @ self.heads[head].weights.T + self.heads[head].bias
        return found


def _whole(states: Floats) -> Floats:
    return np.concatenate((states[0], states.mean(0)))


def _of_place(states: Floats, at: int) -> Floats:
    return np.concatenate((states[at], states[0]))


def _choices(question: str, slot: Slot, shares: Sequence[float]) -> tuple[Meant, ...]:
    """The choices by their likelihood; of numbers only those that are said, if any is; of several that may be meant
    together one alone."""
    numbers = [each.value for each in numbers_at(question, fractions=True)]
    said = [choice for choice in slot.choices if is_number(choice) and choice in numbers] or slot.choices
    found = [Meant(choice, share) for choice, share in zip(slot.choices, shares, strict=True) if choice in said]
    found.sort(key=lambda meant: -meant.likely)
    if slot.kind is Kind.CHOICES:
        found = [Meant([each.value], each.likely) for each in found]
    return tuple(found[:KEPT])


def _stretches(question: str, slot: Slot, pieces: Pieces, scores: tuple[Floats, Floats]) -> tuple[Meant, ...]:
    """The values that stand in the question. `scores`: of each token as a stretch's beginning, and as its end."""
    asked = len(pieces.letters)
    first, last = (each[1 : asked + 1] for each in scores)
    total = np.where(legal(pieces), first[:, None] + last[None, :], -np.inf)
    if not np.isfinite(total).any():
        return ()
    norm = np.logaddexp.reduce(total[np.isfinite(total)])
    found = list[Meant]()
    for each in values_for(slot, question):
        tokens = pieces.stretch(each.start, each.end)
        if tokens is not None and np.isfinite(total[tokens[0] - 1, tokens[1] - 1]):
            likely = float(first[tokens[0] - 1] + last[tokens[1] - 1] - norm)
            found.append(Meant(each.value, likely, (each.start, each.end)))
    return tuple(sorted(found, key=lambda meant: -meant.likely)[:KEPT])


def legal(pieces: Pieces) -> Floats:
    """(pieces, pieces): whether a stretch may be from one piece of the question to another."""
    asked = len(pieces.letters)
    reach = np.arange(asked)
    ahead = reach[None, :] - reach[:, None]
    near = (ahead >= 0) & (ahead < MOST_STRETCH)
    found: Floats = near & np.array(pieces.begins, bool)[:, None] & np.array(pieces.ends, bool)[None, :]
    return found


# ---------------------------------------------------------------- the file


def reading_of(read: Reader) -> ListedReading:
    """The reading of MiniLM's tokenizer."""
    return ListedReading(read.tokenizer)


def made_for(read: Reader) -> dict[str, str]:
    """What a file must have been made for: what is read of a question and a tool, and the base."""
    pieces = reading_of(read).pieces(*SAMPLE)
    return {
        "features_hash": hashlib.sha256(repr((pieces, sorted(SCORES.items()))).encode()).hexdigest()[:12],
        "base_digest": base_digest(),
    }


def load_listed_reader(file: Path) -> ListedReader:
    """The reader of a file. Raises BadData when it is unreadable or was made for other pieces or weights."""
    with changes_in(file, "reader of listed tools", "python -m finetune.listed_reader", made_for) as found:
        own = part_of(found.parts, "own", (len(OWN), WIDTH))
        weights = changed_weights(found.base, found.parts)
        return ListedReader(weights, own, reading_of(found.reader), _heads(found.parts), file_digest(file))


def _heads(parts: Parts) -> dict[str, Heads]:
    return {name: heads_of(parts, name, shape) for name, shape in SCORES.items()}
