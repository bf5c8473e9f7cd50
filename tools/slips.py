"""Slips of the keyboard ("wihtout truck 1"), mended in what the language model reads and copies.

A model of 135 million parameters reads "wihtout" as pieces that mean nothing to it. So a word that is none, and that
one slip turns into a word of the training rows, is shown to the model and its classifier as that word: the noisy
channel (Kernighan, Church and Gale 1990) of one letter swapped with its neighbour, struck twice, or left out (three of
the four slips of Damerau 1964, DOI 10.1145/363958.363994). What the user wrote stays what is recorded, and a
call that copies mended words holds what was typed. Another letter in a word's place or at its end is as often another
form of a word that the lists lack ("minutos", "comparalo"), and who types an accent means it: such words stay.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from rapidfuzz import process
from rapidfuzz.distance import OSA

from domain.errors import BadData
from domain.files import file_digest
from domain.name_words import fold, tokens
from domain.typed_text import as_words
from tools.mentions import Mention

WORD = re.compile(r"(?<![\w'’.@/-])[^\W\d_]+(?:['’][^\W\d_]+)*(?![\w'’@/-]|\.\w)")
"""A word of letters alone, that is no part of a file, an address, or of words joined by hyphens."""
SHORTEST_SWAPPED, SHORTEST = 4, 5
"""Letters of the shortest words that are mended: of neighbours swapped, of another slip."""
LONGEST = 24
OPENING = re.compile(r"(?:^|[?!:\n¿¡]|\w{4}\.)[ \t]*$")
"""What stands before the first word of a sentence; "St." ends none."""
LINE = re.compile(r"(\S+) (\d{1,9})")


@dataclass(frozen=True)
class Slip:
    """What was typed for the word `meant` that begins at `start` of a mended text."""

    start: int
    meant: str
    typed: str


@dataclass(frozen=True)
class Mended:
    """A text without slips, and the slips that it had, in their order."""

    text: str
    slips: tuple[Slip, ...] = ()

    def typed(self, words: str) -> str | None:
        """How words of the text were typed, as they are or at their first place; None where they stand nowhere."""
        places = re.finditer(as_words(words), self.text)
        found = [self._typed(*place.span()) for place in places]
        return words if words in found else next(iter(found), None)

    def _typed(self, start: int, end: int) -> str:
        pieces = []
        for slip in self.slips:
            if start <= slip.start and slip.start + len(slip.meant) <= end:
                pieces += [self.text[start : slip.start], slip.typed]
                start = slip.start + len(slip.meant)
        return "".join([*pieces, self.text[start:end]])


@dataclass(frozen=True)
class Spelling:
    """The words that are known: `counts` tells how many training rows hold one, 0 for others of the dictionaries.

    `digest`: SHA-256 of the file.
    """

    counts: Mapping[str, int]
    digest: str = ""
    _folded: frozenset[str] = field(init=False)
    _trained: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Keep the folded forms, and the words that a slip may have been meant for."""
        object.__setattr__(self, "_folded", frozenset(map(fold, self.counts)))
        object.__setattr__(self, "_trained", tuple(word for word, count in self.counts.items() if count))

    def mended(self, text: str, marks: Sequence[str] = (), names: Set[str] = frozenset()) -> Mended:
        """The text without slips. Words of `marks` ("[truck T2]") stay, words of `names` (as domain/name_words.py
        writes them), and those with a capital letter inside a sentence."""
        stay = names | {word for mark in marks for word in tokens(Mention.read(mark).words, frozenset())}
        pieces, slips, upto, longer = [], list[Slip](), 0, 0
        for found in WORD.finditer(text):
            word, meant = found[0], self._meant(text, found, stay)
            if meant != word:
                slips.append(Slip(found.start() + longer, meant, word))
                pieces += [text[upto : found.start()], meant]
                upto, longer = found.end(), longer + len(meant) - len(word)
        return Mended("".join([*pieces, text[upto:]]), tuple(slips))

    def _meant(self, text: str, found: re.Match[str], stay: Set[str]) -> str:
        """What a word of a text was meant for."""
        word = found[0]
        before = text[max(0, found.start() - 20) : found.start()]
        first = OPENING.search(before) is not None
        lower = word[:1].lower() + word[1:] if first else word
        if not lower.islower() or not stay.isdisjoint(tokens(word, frozenset())):
            return word
        mended = self.word(lower)
        return mended[:1].upper() + mended[1:] if word[:1].isupper() else mended

    def word(self, word: str) -> str:
        """What a word in small letters was meant for; the word itself where it is one or nothing is likely."""
        known = word in self.counts or fold(word) in self._folded
        if known or not word.isascii() or not SHORTEST_SWAPPED <= len(word) <= LONGEST:
            return word
        near = process.extract(word, self._trained, scorer=OSA.distance, score_cutoff=1, limit=None)
        likely = {other: _slip(word, other) + math.log(self.counts[other]) for other, _, _ in near}
        return max(likely, key=lambda other: likely[other]) if likely and max(likely.values()) > -math.inf else word


def _slip(word: str, meant: str) -> float:
    """The logarithm of how often the one slip of `meant` that gives `word` is made, each of the three kinds as often.

    The first letter is rarely missed (Pollock and Zamora 1984, DOI 10.1145/358027.358048): such are no slips here.
    """
    if word[0] != meant[0]:
        return -math.inf
    if sorted(word) == sorted(meant):
        return -math.log(len(meant) - 1)
    twice = any(meant == word[:at] + word[at + 1 :] for at in range(1, len(word)) if word[at] == word[at - 1])
    inside = len(word) < len(meant) and word[-1] == meant[-1]
    return -math.log(len(meant)) if len(word) >= SHORTEST and (twice or inside) else -math.inf


def load_spelling(file: Path) -> Spelling:
    """The words of a file of finetune.words. Raises BadData when it is unreadable or something else."""
    none = f"{file} holds no words; make it with python -m finetune.words"
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as unreadable:
        raise BadData(none) from unreadable
    found = [LINE.fullmatch(line) for line in lines]
    counts = {each[1]: int(each[2]) for each in found if each}
    if not any(counts.values()) or len(counts) < len(lines):
        raise BadData(none)
    return Spelling(counts, file_digest(file))
