"""One matcher for names as people say them: typos, partial names, spoken aliases; never a guess between equals.

A name is cut into tokens (folded, abbreviations spelt out, plurals and filler words gone). A question is matched token
by token against the vocabulary of all names; what counts is the weighted share of the question that a name covers
(`score`), then the share of the name that the question covers. Rare words weigh more than common ones (inverse document
frequency, Spärck Jones 1972); words that one may add to any name, such as "hall", weigh little. Typing errors are
counted by optimal string alignment (Damerau 1964): one in words of four letters, two in words of eight.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice, takewhile

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from domain.name_words import ADDABLE, ADDABLE_WEIGHT, ARTICLES, FILLERS, OPPOSITES, tokens

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]

CODE = re.compile(r"^(?P<code>[A-Za-z]{1,2}\d{1,4}|0\d+)\s*[-:.]*\s+(?P<rest>\S.*)$")
PARENTHESES = re.compile(r"\s*\([^()]*\)")

ACCEPTED = 0.72  # a smaller share of the question than this is no match
TIED = 0.05  # scores closer than this are equals
COMPLETE = 0.97  # a name covered to this share was said in full
CHOICES = 5
NEAREST = 3
SHORTEST_MISTYPED, LONG_NAME = 6, 12  # letters of a name that may hold one typing error, and two
RESEMBLING = 0.5  # normalised similarity of a name worth a hint
JOINED = 0.97  # two words written as one, or one as two
PREFIX = 0.85  # the beginning of a longer word
SHORTEST_PREFIX = 3
LONG = 5  # words of a name that people paste rather than say
RARE, SHORTEST_RARE = 4, 4  # entries that a part of a name may stand for, and its letters, to be plain by itself
UNLIKELY = 0.8  # another word, when the one said is itself a known word


class Exactness(Enum):
    """How a form stands to the record's name; a higher value wins."""

    code = 0
    shortened = 1
    spoken = 2
    record = 3


@dataclass(frozen=True)
class Named:
    """Something with a name: `key` is the record's id, `aliases` what people call it."""

    key: str
    name: str
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Match:
    """One name that fits. `score` is the weighted share 0..1 of the words it covers; `exact` orders full hits."""

    key: str
    name: str
    score: float
    exact: Exactness | None = None
    complete: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the words mean: `one` match, `several` equals, or none (then `nearest` holds up to three)."""

    matches: tuple[Match, ...]
    nearest: tuple[Match, ...] = ()

    @property
    def one(self) -> Match | None:
        """The clear winner, or None."""
        return self.matches[0] if len(self.matches) == 1 else None


@dataclass(frozen=True)
class _Form:
    """One way to say an entry."""

    entry: int
    tokens: tuple[str, ...]
    exact: Exactness
    literal: tuple[str, ...]


@dataclass(frozen=True)
class _Hit:
    """A known word that a token of the question may mean, and the forms that hold it."""

    word: str
    likeness: float
    rows: Rows
    weight: float


def forms_of(named: Named) -> Iterable[tuple[str, Exactness]]:
    """Every way to say a name: in full, without its code, without what is in parentheses, by code, by alias."""
    yield named.name, Exactness.record
    coded = CODE.match(named.name)
    bare = coded["rest"] if coded else named.name
    if coded:
        yield bare, Exactness.spoken
        yield coded["code"], Exactness.code
    short = PARENTHESES.sub("", bare).strip()
    if short and short != bare:
        yield short, Exactness.shortened
    for alias in named.aliases:
        yield alias, Exactness.spoken


class NameIndex:
    """Names prepared for matching; building costs about 0.1 ms a name, a question well under 5 ms at 5,000 names."""

    def __init__(self, names: Sequence[Named]) -> None:
        self._names = tuple(names)
        self._forms = tuple(self._each_form())
        self._entry_of = np.asarray([form.entry for form in self._forms], dtype=np.intp)
        self._whole: dict[tuple[str, ...], list[_Form]] = {}
        words: dict[str, list[int]] = {}
        pairs: dict[str, list[int]] = {}
        self._parts: dict[str, tuple[str, str]] = {}
        self._numbers_of: dict[str, list[list[str]]] = {}
        for row, form in enumerate(self._forms):
            self._numbers_of.setdefault(self._names[form.entry].key, []).append(_numbers(form.tokens))
            for whole in {form.tokens, form.literal}:
                self._whole.setdefault(whole, []).append(form)
            if form.exact is Exactness.code:
                continue
            for token in set(form.tokens):
                words.setdefault(token, []).append(row)
            for pair in zip(form.tokens, form.tokens[1:], strict=False):
                pairs.setdefault("".join(pair), []).append(row)
                self._parts["".join(pair)] = pair
        self._rows = {token: np.asarray(rows, dtype=np.intp) for token, rows in words.items()}
        self._pair_rows = {token: np.asarray(rows, dtype=np.intp) for token, rows in pairs.items()}
        self._compact = ["".join(form.tokens) for form in self._forms]
        self._vocabulary = tuple(sorted(self._rows))
        self._pair_vocabulary = tuple(sorted(self._pair_rows))
        self._openings = frozenset(form[0] for form in self._whole if len(form) >= LONG)
        self._whole_weight = np.asarray([sum(map(self._weight, set(f.tokens))) or 1.0 for f in self._forms])

    def words(self) -> frozenset[str]:
        """The words of all names and aliases, as domain/name_words.py writes them."""
        return frozenset(self._vocabulary)

    def _each_form(self) -> Iterable[_Form]:
        for entry, named in enumerate(self._names):
            seen: set[tuple[str, ...]] = set()
            for text, exact in forms_of(named):
                words, literal = tokens(text), tokens(text, ARTICLES)
                if words and literal not in seen:
                    seen.add(literal)
                    yield _Form(entry, words, exact, literal)

    def _weight(self, token: str) -> float:
        """Inverse document frequency, scaled so that a unique or unknown word weighs 1."""
        if token in ADDABLE or (len(token) == 1 and not token.isdigit()):
            return ADDABLE_WEIGHT
        count = len(self._rows[token]) if token in self._rows else 1
        return float(1 - 0.6 * np.log(count) / np.log(len(self._forms) + 2))

    def find(self, words: str) -> Verdict:
        """The names that fit `words`: one, several equals (at most five), or none with the nearest three."""
        said = tokens(words)
        exact = self._exact(tokens(words, ARTICLES)) or self._exact(said) or self._exact(("".join(said),))
        if exact or set(said) <= FILLERS:
            return Verdict(tuple(exact[:CHOICES]))
        mistyped = self._mistyped(said)
        if mistyped:
            return Verdict(tuple(mistyped[:CHOICES]))
        ranked = self.rank(words)
        fitting = self._in_order(said, _equals([match for match in ranked if match.score >= ACCEPTED]))
        if not any(token.isalpha() and len(token) > 2 and token not in ADDABLE for token in said) and _numbers(said):
            # a number alone tells little: "C 99" is no stop 99 of some circuit C
            fitting = [match for match in fitting if match.complete]
        return Verdict(tuple(fitting[:CHOICES]), () if fitting else tuple(ranked[:NEAREST] or self._resembling(said)))

    def _resembling(self, said: tuple[str, ...]) -> list[Match]:
        """Names written a little like the words, for a hint when not even one word is known."""
        near = extract("".join(said), self._compact, scorer=OSA.normalized_similarity, score_cutoff=RESEMBLING, limit=9)
        keys = dict.fromkeys(int(self._entry_of[row]) for _, _, row in near)
        return [Match(self._names[e].key, self._names[e].name, 0.0) for e in keys][:NEAREST]

    def _in_order(self, said: tuple[str, ...], matches: list[Match]) -> list[Match]:
        """The matches that hold the numbers in the order said, if any do: "circuit 7 stop 12" is not 12 and 7."""
        numbers = _numbers(said)
        ordered = [match for match in matches if any(_follows(numbers, form) for form in self._numbers_of[match.key])]
        return ordered or matches

    def _mistyped(self, said: tuple[str, ...]) -> list[Match]:
        """Entries with a whole form that differs by one typing error (two in long names).

        Never in a number, nor by a word that is right as it stands: "North Path" is no mistyped "South Path".
        """
        joined = "".join(said)
        allowed = 0 if len(joined) < SHORTEST_MISTYPED else 1 if len(joined) < LONG_NAME else 2
        near = extract(joined, self._compact, scorer=OSA.distance, score_cutoff=allowed, limit=None) if allowed else []
        right = [token for token in said if token in self._rows or token in OPPOSITES]
        rows = [
            (edits, self._forms[row])
            for text, edits, row in near
            if _numbers(self._forms[row].tokens) == _numbers(said) and all(token in text for token in right)
        ]
        fewest = [form for edits, form in rows if edits == rows[0][0] and form.exact is not Exactness.code]
        return self._best(fewest)

    def plainly(self, words: str) -> str | None:
        """The key of the best entry with a form of exactly these words, else of one that holds them as rare words.

        One lookup a word and no spelling tolerance, so that every stretch of a sentence can be tried.
        """
        literal, said = tokens(words, ARTICLES), tokens(words)
        if set(said) <= FILLERS:
            return None
        exact = self._exact(literal) or self._exact(said)
        if exact:
            return exact[0].key
        if not _telling(words, said) or not all(token in self._rows for token in said):
            return None
        shared = set(self._rows[said[0]].tolist()).intersection(*(self._rows[token].tolist() for token in said[1:]))
        entries = {int(self._entry_of[row]) for row in shared}
        return self._names[min(entries)].key if 0 < len(entries) <= RARE else None

    def is_whole(self, words: str) -> bool:
        """Whether an entry has a form of exactly these words."""
        return tokens(words, ARTICLES) in self._whole

    def opens_long(self, word: str) -> bool:
        """Whether a form of LONG words and more begins with this one."""
        return bool(set(tokens(word, ARTICLES)[:1]) & self._openings)

    def _exact(self, said: tuple[str, ...]) -> list[Match]:
        """Entries with a form of exactly these words."""
        return self._best(self._whole.get(said, []))

    def _best(self, hits: Sequence[_Form]) -> list[Match]:
        """The entries of these forms, only those of the best kind of exactness."""
        best = max((hit.exact.value for hit in hits), default=0)
        entries = {hit.entry: hit.exact for hit in hits if hit.exact.value == best}
        return [Match(self._names[e].key, self._names[e].name, 1.0, exact, True) for e, exact in entries.items()]

    def rank(self, words: str) -> list[Match]:
        """The entries that share a word with the question, best first (ties in record order), exact or not."""
        said = tokens(words)
        if not said or not self._forms:
            return []
        covered, named = self._coverage(said)
        order = np.argsort(-(covered + 0.01 * named), kind="stable")
        found: dict[int, Match] = {}
        for row in order[: 20 * CHOICES]:
            entry = int(self._entry_of[row])
            if covered[row] <= 0:
                break
            if entry not in found:
                score, complete = float(covered[row]), bool(named[row] >= COMPLETE)
                found[entry] = Match(self._names[entry].key, self._names[entry].name, score, None, complete)
        return list(found.values())

    def _coverage(self, said: tuple[str, ...]) -> tuple[Floats, Floats]:
        """For each form: the share of the question it covers, and the share of it that the question covers."""
        size = len(self._forms)
        asked, total, lacking = np.zeros(size), 0.0, np.zeros(size, dtype=bool)
        meant: dict[tuple[str, int], _Hit] = {}
        for place, token in enumerate(said):
            best, likely = np.zeros(size), (0.0, 1.0)
            for hit in self._hits(said, place):
                best[hit.rows] = np.maximum(best[hit.rows], hit.likeness)
                likely = max(likely, (hit.likeness, hit.weight))
                meant[hit.word, id(hit.rows)] = hit
            weight = min(likely[1], self._weight(token)) if token in ADDABLE or len(token) == 1 else likely[1]
            asked, total = asked + weight * best, total + weight
            if any(char.isdigit() for char in token):
                lacking |= best == 0
        share = asked / total
        return np.where(lacking, np.minimum(share, ACCEPTED - TIED), share), self._named_share(meant.values())

    def _named_share(self, meant: Iterable[_Hit]) -> Floats:
        """The weighted share of each form that is among the meant words."""
        named = np.zeros(len(self._forms))
        for hit in meant:
            named[hit.rows] += hit.weight
        share: Floats = np.minimum(named / self._whole_weight, 1.0)
        return share

    def _hits(self, said: tuple[str, ...], place: int) -> Iterator[_Hit]:
        """The known words that one token of the question may mean, words written as one or two included."""
        token = said[place]
        known = token in self._rows
        for word, likeness in alike(token, self._vocabulary):
            likely = UNLIKELY if known and word != token else 1.0
            yield _Hit(word, likeness * likely, self._rows[word], self._weight(word))
        for pair in (said[max(place - 1, 0) : place + 1], said[place : place + 2]):
            joined = "".join(pair)
            if len(pair) == 2 and joined in self._rows:
                yield _Hit(joined, JOINED, self._rows[joined], self._weight(joined))
        for word, likeness in alike(token, self._pair_vocabulary) if len(token) > SHORTEST_PREFIX else ():
            if word == token or not known:
                weight = sum(map(self._weight, self._parts[word]))
                yield _Hit(word, likeness * JOINED, self._pair_rows[word], weight)


def allowed_edits(token: str) -> int:
    """Typing errors that a word may hold: none in short words and numbers, two in words of eight letters."""
    if len(token) < 4 or any(char.isdigit() for char in token):
        return 0
    return 1 if len(token) < 8 else 2


def alike(token: str, vocabulary: Sequence[str]) -> Iterator[tuple[str, float]]:
    """The words of a sorted vocabulary that a token may be: itself, with typing errors, or its beginning."""
    start = bisect_left(vocabulary, token)
    if start < len(vocabulary) and vocabulary[start] == token:
        yield token, 1.0
    if len(token) < SHORTEST_PREFIX or any(char.isdigit() for char in token):
        return
    seen = {token}
    allowed = allowed_edits(token)
    near = extract(token, vocabulary, scorer=OSA.distance, score_cutoff=allowed, limit=8) if allowed else []
    for word, edits, _ in near:
        if word not in seen and not any(char.isdigit() for char in word):
            seen.add(word)
            yield word, 1 - 0.5 * edits / len(token)
    for word in takewhile(lambda word: word.startswith(token), islice(vocabulary, start, None)):
        if word not in seen:
            yield word, PREFIX


def _telling(words: str, said: Sequence[str]) -> bool:
    """Whether a part of a name is written like a name: a capital or several words, and a word that tells something."""
    own = [token for token in said if token.isalpha() and len(token) >= SHORTEST_RARE]
    own = [token for token in own if token not in ADDABLE | OPPOSITES]
    return bool(own) and (words[:1].isupper() or len(said) > 1)


def _numbers(words: Sequence[str]) -> list[str]:
    """The numbers among the words: a typing error in one of them names something else."""
    return [word for word in words if word.isdigit()]


def _follows(numbers: Sequence[str], others: Sequence[str]) -> bool:
    """Whether the numbers stand among the others, in their order."""
    rest = iter(others)
    return all(number in rest for number in numbers)


def _equals(ranked: list[Match]) -> list[Match]:
    """The matches that cannot be told apart: a name said in full wins over longer ones, a clearly better score too."""
    best = [match for match in ranked if match.score >= ranked[0].score - TIED]
    return [match for match in best if match.complete] or best
