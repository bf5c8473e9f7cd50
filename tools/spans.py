"""The literal word spans of a thread: what the model may copy into an argument (law 5).

A text is cut at white space, a word's edge punctuation falls off ("Gate?" is "Gate"), and a span is what stands between
the start of one word and the end of a later one, byte for byte. Some words have more than one start or end: "St." also
ends behind its full stop, "library's" before its "'s", "bins=B-1042" also starts behind the "=".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pydantic import JsonValue

from domain.typed_text import as_words
from domain.values import Call
from tools.numbers import numbers_in, without_percents

NOW_WORDS = 120
"""Words of the current turn that can be copied: the first 80 and the last 40 of a longer one."""
NOW_TAIL_WORDS = 40
EARLIER_WORDS = 120
EARLIER_SPAN_WORDS = 8
LONGEST_WORD = 120
LONGEST_GIVEN = 600
WORD = re.compile(r"\S+")
GAP = re.compile(r"[ \t\r\n\xa0\u2009\u202f]{1,8}")
BROKEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
EDGE = r"\s()\[\]{}<>\"'“”‘’«»‹›„‚`*_~¿¡.,;:!?–—…|=/\\&+"
OPENING = re.compile(rf"[{EDGE}#@-]*")
CLOSING = re.compile(rf"[{EDGE}-]*$")
INNER = re.compile(r"(?<=\w)(?:[=/,;&+–—|]|:(?!\d))(?=[\w#@])|(?<=[^\W\d_])-(?=[^\W\d_])")
QUOTED_IN_JSON = re.compile(r'["\\\x00-\x1f]')
MOST_QUOTED = 200
SPECIAL = re.compile(r"[\\.^$|?*+()\[\]{}]")
CLOSING_PAIRS = frozenset(')]}"”»')
EMPTY_WORDS = re.compile(
    r"[Tt]he|[Aa]n|[Oo]f|[Aa]t|[Ff]or|[Aa]nd|[Oo]r|[Bb]y|[Ww]ith|[Nn]ear|[Ii]s|[Aa]re|[Ww]as|[Ww]ere|[Pp]lease"
)
"""What names nothing alone: no span holds only such. Not "it" (a plan), "a" (a zone), "OR" (a state), "on", "in"."""
POSSESSIVE = re.compile(r"['’]s?$", re.I)


@dataclass(frozen=True)
class Word:
    """One word of a line: the offsets at which a span may start in it, and those at which one may end.

    An `empty` word is part of spans, but a span needs another one beside it.
    """

    starts: tuple[int, ...]
    ends: tuple[int, ...]
    empty: bool = False


@dataclass(frozen=True)
class Line:
    """A stretch of what one turn said. Spans never leave it and have at most `most` words.

    None lies inside a `barred` stretch (start, end); it may hold one whole and more.
    """

    text: str
    words: tuple[Word, ...]
    most: int
    barred: tuple[tuple[int, int], ...] = ()

    def chains(self, most: int) -> Iterator[tuple[int, list[int]]]:
        """(start, its ends ascending) of all spans of at most `most` words."""
        for first, word in enumerate(self.words):
            reach = self.words[first : first + min(most, self.most)]
            named = next((number for number, each in enumerate(reach) if not each.empty), len(reach))
            ends = [end for last in reach[named:] for end in last.ends]
            for start in word.starts if ends else ():
                least = max([start, *(end for begin, end in self.barred if begin <= start < end)])
                if longer := [end for end in ends if end > least]:
                    yield start, longer

    def spans(self, most: int) -> Iterator[str]:
        """The spans themselves, by their start and then their length."""
        for start, ends in self.chains(most):
            yield from (self.text[start:end] for end in ends)


@dataclass(frozen=True)
class Spans:
    """What can be copied from a thread: `lines` (the current turn's first), whole values `given`, and `numbers`.

    `counts` are the numbers without those that were said in percent only.
    """

    lines: tuple[Line, ...]
    given: tuple[str, ...]
    numbers: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def of(
        cls,
        turn_texts: Sequence[str],
        *,
        calls: Sequence[Call] = (),
        given: Sequence[str] = (),
        names: Sequence[str] = (),
    ) -> Spans:
        """Spans of the user's turns, oldest first; the last one is the current turn.

        `calls` are the earlier calls of the thread, whose values can be said again; `given` are other whole values that
        the user handed over, such as names of uploads; the digits of `names` ("zone 4") are no numbers. Bounded in
        size and time whatever the length of a turn.
        """
        lines = _lines(turn_texts[-1], NOW_WORDS, NOW_WORDS) if turn_texts else []
        left = EARLIER_WORDS
        for text in reversed(turn_texts[:-1]):
            found = _lines(text, left, EARLIER_SPAN_WORDS) if left > 0 else []
            left -= sum(len(line.words) for line in found)
            lines += found
        values = [value for call in reversed(calls) for value in _values(call)]
        said = [v for v in [*given, *values] if isinstance(v, str) and 0 < len(v) <= LONGEST_GIVEN]
        said = [v for v in dict.fromkeys(said) if not BROKEN.search(v)]
        texts = [_without(names, text) for text in [*(line.text for line in lines), *said]]
        called = {v for v in values if isinstance(v, int) and not isinstance(v, bool)}
        numbers = {n for text in texts for n in numbers_in(text)} | called
        counts = {n for text in texts for n in numbers_in(without_percents(text))} | called
        return cls(tuple(lines), tuple(said), tuple(sorted(numbers)), tuple(sorted(counts)))

    def outside(self, stretches: Sequence[str]) -> Spans:
        """The same without spans that lie inside one of the stretches, wherever these stand."""
        lines = [
            replace(line, barred=tuple(m.span() for each in stretches for m in re.finditer(re.escape(each), line.text)))
            for line in self.lines
        ]
        given = [value for value in self.given if not any(value in each for each in stretches)]
        return replace(self, lines=tuple(lines), given=tuple(given))

    def up_to(self, most: int) -> tuple[str, ...]:
        """All distinct spans of at most `most` words, the current turn's first, then the whole values."""
        return tuple(dict.fromkeys([span for line in self.lines for span in line.spans(most)] + list(self.given)))

    def pattern(self, most: int) -> str:
        """A regular expression for the plain ones of `up_to(most)`, anchored; '' when there are none.

        Nested from each start, `near( the( library)?)?`, so it grows with the words and not with the spans: grammar
        engines compile it many times faster than the list of its strings.
        """
        chains = [_nested(line.text, *chain) for line in self.lines for chain in line.chains(most)]
        whole = [_escaped(value) for value in self.given if not QUOTED_IN_JSON.search(value)]
        parts = list(dict.fromkeys(filter(None, chains + whole)))
        return f"^({'|'.join(parts)})$" if parts else ""

    def quoted(self, most: int) -> tuple[str, ...]:
        """Those of `up_to(most)` that JSON writes with escapes: engines differ on these in patterns. At most 200."""
        odd = Spans(
            tuple(line for line in self.lines if QUOTED_IN_JSON.search(line.text)),
            tuple(value for value in self.given if QUOTED_IN_JSON.search(value)),
            (),
            (),
        )
        return tuple(span for span in odd.up_to(most) if QUOTED_IN_JSON.search(span))[:MOST_QUOTED]


def _nested(text: str, start: int, ends: Sequence[int]) -> str:
    """The pattern of the spans from `start` to each of `ends`, as far as nothing in them needs an escape in JSON."""
    barrier = QUOTED_IN_JSON.search(text, start)
    within = [end for end in ends if not barrier or end <= barrier.start()]
    pieces = [_escaped(text[a:b]) for a, b in pairwise([start, *within])]
    return "(".join(pieces) + ")?" * (len(pieces) - 1)


@functools.lru_cache(maxsize=2048)
def _escaped(text: str) -> str:
    return SPECIAL.sub(r"\\\g<0>", text)


def _without(names: Sequence[str], text: str) -> str:
    """The text without those names in it that hold a digit and a letter, whatever their case: "3" may be a count."""
    for name in (name for name in names if any(map(str.isdigit, name)) and any(map(str.isalpha, name))):
        text = re.sub(as_words(name), " ... ", text, flags=re.I)
    return text


def _values(call: Call) -> Iterator[JsonValue]:
    for value in call.parameters.values():
        yield from value if isinstance(value, list) else [value]


def _lines(text: str, most_words: int, most: int) -> list[Line]:
    """The lines of a turn, cut where something stands that cannot be copied or is beyond `most_words`."""
    found = list(WORD.finditer(text))
    if len(found) > most_words:
        tail = min(NOW_TAIL_WORDS, most_words // 3)
        head = found[: most_words - tail]
        return _joined(text, head, most) + _joined(text, found[-tail:] if tail else [], most)
    return _joined(text, found, most)


def _joined(text: str, found: Sequence[re.Match[str]], most: int) -> list[Line]:
    """Runs of neighbouring words; a word that cannot be copied, or an odd gap, ends a run."""
    runs: list[list[re.Match[str]]] = [[]]
    for match in found:
        whole = len(match[0]) <= LONGEST_WORD and not BROKEN.search(match[0])
        if not whole or (runs[-1] and not GAP.fullmatch(text, runs[-1][-1].end(), match.start())):
            runs.append([])
        if whole:
            runs[-1].append(match)
    return [_line(text, run, most) for run in runs if run]


def _line(text: str, run: Sequence[re.Match[str]], most: int) -> Line:
    zero = run[0].start()
    words = tuple(word for match in run if (word := _word(match[0], match.start() - zero)).starts)
    return Line(text[zero : run[-1].end()], words, most)


def _word(word: str, at: int) -> Word:
    """Where spans may start and end in `word`, which stands at offset `at` of its line."""
    bare = OPENING.match(word)
    start = bare.end() if bare else 0
    if start == len(word):
        return Word((), ())
    closing = CLOSING.search(word, start)
    end = closing.start() if closing else len(word)
    starts, ends = {start}, {end}
    if word[start - 1 : start] in {"#", "@", "-"}:
        starts.add(start - 1)
    if word[end : end + 1] == "." and (end - start <= 4 or "." in word[start:end]):
        ends.add(end + 1)
    if word[end : end + 1] in CLOSING_PAIRS:
        ends.add(end + 1)
    for match in INNER.finditer(word, start, end):
        starts.add(match.end())
        ends.add(match.start())
    owner = POSSESSIVE.search(word, start, end)
    if owner and owner.start() > start:
        ends.add(owner.start())
    empty = EMPTY_WORDS.fullmatch(word, start, end) is not None
    return Word(tuple(sorted(at + s for s in starts)), tuple(sorted(at + e for e in ends)), empty)
