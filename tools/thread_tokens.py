"""A thread as an encoder of sentences reads it: pieces of words, with what code recognised as pieces of its kind.

"which bins near [site] by [time] tomorrow noon" is read for "which bins near Sather Gate by tomorrow noon": what a
place is called says nothing of the call, where it stands does (delexicalisation: Henderson et al. 2014, IEEE SLT).
Behind the question stand the calls of this turn and of the one before, and the earlier question.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from domain.name_words import fold
from tools.argument_classifier import MOST, OWN_WORDS, TOKEN, is_several
from tools.call_classifier import Made, Thread, choices
from tools.coverage import NUMBER, QUOTED
from tools.mentions import Mention
from tools.own_pieces import OwnPieces
from tools.said_numbers import numbers_said

KINDS: Mapping[str, str] = {
    "site": "place", "area": "area", "bin": "bin", "truck": "truck", "file": "picture", "stream": "waste",
    "time": "time", NUMBER: "number", "step": "done", "before": "before", "earlier": "earlier",
}  # fmt: skip
"""Pieces of the encoder's own, and the word of its vocabulary that each one begins as."""
MOST_PIECES, MOST_CONTEXT = 160, 120
"""Of the question, and of what stands behind it: both are cut at their ends."""
MOST_OF_MESSAGE = 320
"""Of a message that is read alone."""


@dataclass(frozen=True)
class Pieces:
    """The encoder's tokens of a thread, its own from `vocabulary` on; `places`: of the marks that stand in the question
    once, alone and outside of quotations; `trucks`: of all marks of trucks."""

    tokens: tuple[int, ...]
    places: Mapping[Mention, int]
    trucks: tuple[tuple[Mention, int], ...]


@dataclass(frozen=True)
class Reader(OwnPieces):
    """Cuts threads into pieces of a tokenizer's vocabulary and of KINDS."""

    kinds: ClassVar[Mapping[str, str]] = KINDS

    def pieces(self, thread: Thread) -> Pieces:
        """What is read of a thread."""
        tokens, found = [self.marker("[CLS]")], list[tuple[Mention, int]]()
        for part in _parts(thread):
            if isinstance(part, Mention):
                found.append((part, len(tokens)))
                tokens.append(self.own(part.kind))
            else:
                tokens += self._words(part)
        tokens = [*tokens[:MOST_PIECES], self.marker("[SEP]")]
        found = [(mark, at) for mark, at in found if at < MOST_PIECES]
        context = [piece for kind, said in _context(thread) for piece in (self.own(kind), *self._words(said))]
        times = Counter(mark for mark, _ in found)
        once = [(mark, at) for mark, at in found if times[mark] == 1 and not is_several(mark)]
        trucks = tuple((mark, at) for mark, at in found if mark.kind == "truck")
        return Pieces((*tokens, *context[:MOST_CONTEXT], self.marker("[SEP]")), dict(once[:MOST]), trucks[:MOST])

    def message(
        self, message: str, marks: Sequence[str], places: Sequence[int]
    ) -> tuple[tuple[int, ...], dict[int, int]]:
        """The tokens of a message alone, with all its punctuation, and which of them begins at each of these `places`
        of characters (ascending, none inside a word); of places behind what is read, none. What stands between two
        places is read by itself."""
        tokens, begins = [self.marker("[CLS]")], dict[int, int]()
        for start, end in itertools.pairwise([0, *places, len(message)]):
            begins[start] = len(tokens)
            for part in _parts(Thread(message[start:end], tuple(marks)), _with_signs):
                tokens += [self.own(part.kind)] if isinstance(part, Mention) else self._words(part)
        read = (*tokens[:MOST_OF_MESSAGE], self.marker("[SEP]"))
        return read, {place: begins[place] for place in places if begins[place] < MOST_OF_MESSAGE}

    def _words(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)


def _plain(text: str) -> str:
    """Folded words and punctuation; a figure of more than two digits by their count."""
    return _counted(" ".join(TOKEN.findall(fold(text))))


def _with_signs(text: str) -> str:
    """The same with every sign: full stops and dashes stand between requests."""
    return _counted(fold(text))


def _counted(text: str) -> str:
    return re.sub(r"\d{3,}", lambda found: "0" * len(found[0]), text)


def _parts(thread: Thread, read: Callable[[str], str] = _plain) -> Iterator[str | Mention]:
    """The question's words, and the marks between them; those of kinds whose words tell more are followed by them."""
    marks = [*map(Mention.read, (*thread.marks, *numbers_said(thread.question, thread.marks)))]
    known = {mark.words: mark for mark in reversed(marks)}
    names = "|".join(map(re.escape, sorted(known, key=len, reverse=True)))
    stands = re.compile(rf"(?<!\w)({names})(?!\w)" if names else r"(?!)")
    at = 0
    for quoted in [*QUOTED.finditer(thread.question), None]:
        end = quoted.start() if quoted else len(thread.question)
        for part in _cut(thread.question[at:end], stands):
            mark = known.get(part)
            yield mark or read(part)
            if mark and mark.kind in OWN_WORDS:
                yield read(part)
        if quoted:
            yield read(quoted[0])
            at = quoted.end()


def _cut(text: str, stands: re.Pattern[str]) -> list[str]:
    return [part for part in stands.split(text) if part]


def _context(thread: Thread) -> Iterator[tuple[str, str]]:
    """What stands behind the question, each with the kind of piece that leads it; of the calls the latest first."""
    for where, made in (("step", thread.steps), ("before", thread.before)):
        yield from ((where, _call(each)) for each in reversed(made))
    if thread.earlier:
        yield "earlier", _plain(thread.earlier)


def _call(made: Made) -> str:
    """A call by its name, its arguments, their choices and how it went."""
    call, outcome = made
    chosen = choices()
    said = [
        f"{name} {value}" if (call.name, name) in chosen else name
        for name, value in call.parameters.items()
        if isinstance(value, str | int | list)
    ]
    return _plain(" ".join([call.name.replace("_", " "), *said, outcome.partition(":")[0]]).replace("_", " "))
