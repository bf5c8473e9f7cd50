"""Which argument of a call takes in each thing that the question names, told by the words around it.

A language model of 135 million parameters drops "nur Kompost", or plans a round *by* the place that "no Birge Path"
leaves out. Which part something plays for a verb is told by the words around it (semantic role labelling: Gildea and
Jurafsky 2002), and a plain linear classifier of these makes other mistakes than the model. It is multinomial logistic
regression on hashed n-grams, a regression of its own for each tool and kind of mark over one table, as in
tools/call_classifier.py. What it says of a call counts beside the model's weight of it (products of experts).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from domain.name_words import fold, tokens, words_of
from domain.values import Call
from tools.call_classifier import Made, Thread, letters
from tools.coverage import ENUMERATED, NUMBER, QUOTED, TAKEN_BY
from tools.mentions import Mention
from tools.numbers import TOKEN as NUMBER_WORD
from tools.numbers import numbers_in
from tools.parts_file import FileKind
from tools.registry import TOOLS, Argument, registry_version
from tools.regression import Regression, buckets_of, load_regression
from tools.said_numbers import numbers_said

TOKEN = re.compile(r"[^\W\d_]+|\d+|[?,;:()!=]")
NEAR, FAR = 3, 7
"""Words around a mark whose order counts, and words around it that count at all."""
OWN_WORDS = frozenset({"time", "stream", NUMBER})
"""Kinds whose own words tell of their role ("July" is seldom an hour by which)."""
JOINING = words_of("and or y o u und oder et ou plus & , the el la los las der die das den dem le les")
"""Between the items of a list."""
SAY = 1.0
"""What the classifier's log-probability counts beside the language model's: as much."""
HALF = 0.5
"""Share of words that a mark and a value have in common, from which on a value can be that mark."""
POLARITY, DRIVES, STAYS = ("any", "truck"), "drives", "stays"
"""What is told of trucks whatever the tool: whether one drives, or is left out ("T2 is down")."""
MOST = 10
"""Marks of a question that are told of."""
MOST_WORDS = 300
"""Words of a question that are read."""
QUOTATION = "<quoted>"


@functools.cache
def roles() -> Mapping[tuple[str, str], tuple[str | None, ...]]:
    """By tool and kind of mark: left out (None), and the arguments that can take it in; and POLARITY."""
    found: dict[tuple[str, str], tuple[str | None, ...]] = {}
    for tool in TOOLS.values():
        for kind in (*TAKEN_BY, NUMBER):
            taking = [argument.name for argument in tool.arguments if _takes(argument, kind)]
            if taking:
                found[tool.name, kind] = (None, *taking)
    return {**found, POLARITY: (DRIVES, STAYS)}


def _takes(argument: Argument, kind: str) -> bool:
    if kind == NUMBER:
        return argument.schema["type"] == "integer"
    return argument.words is not None and argument.words.kind in TAKEN_BY[kind]


# ---------------------------------------------------------------- what a call does with a mark


def holders(mark: Mention, call: Call) -> tuple[str, ...]:
    """The arguments of a call that hold a mark: those that hold most of it, in the registry's order."""
    shares = {
        name: likeness(mark, call.parameters[name])
        for name in roles().get((call.name, mark.kind), ())
        if name is not None and name in call.parameters
    }
    most = max(shares.values(), default=0.0)
    return tuple(name for name, share in shares.items() if share == most > 0)


def likeness(mark: Mention, value: object) -> float:
    """How much a value, or the item of a list that is most like it, is a mark: 0 to 1.

    Of names the figures must be the same ("Gate 3" is no "Gate 4", but part of "Gate 3 and Gate 4"), and of bins and
    trucks no other words may stand beside them ("BOS-001" is not "1 North Market Street"). Of words more than half of
    all must be the same, or half of them where one says no more than the other.
    """
    if isinstance(value, list):
        return max((likeness(mark, each) for each in value), default=0.0)
    if mark.kind == NUMBER:
        return float(isinstance(value, int) and value in numbers_in(mark.words))
    said, held = (_told(words, mark.kind) for words in (mark.words, str(value)))
    if mark.kind != "time" and _figures(said) != _figures(held):
        return HALF if _figures(said) and said < held else 0.0
    if mark.kind in ENUMERATED and _figures(said):
        mine, other = _without_figures(said), _without_figures(held)
        return float(not mine or not other or bool(mine & other))
    share = len(said & held) / max(len(said | held), 1)
    return share if share > HALF or (share == HALF and (said <= held or held <= said)) else 0.0


def _told(words: str, kind: str) -> set[str]:
    """The words that tell a name apart, of times all ("next week" is not "last week")."""
    return set(tokens(words, frozenset()) if kind == "time" else tokens(words))


def figures(words: str) -> set[str]:
    """The numbers in the words for trucks or bins."""
    return _figures(_told(words, "truck"))


def _figures(words: set[str]) -> set[str]:
    """The numbers in words: "t1" and "1" are the same truck."""
    return {found.lstrip("0") for word in words for found in re.findall(r"\d+", word)}


def _without_figures(words: set[str]) -> set[str]:
    return {word for word in words if not any(map(str.isdigit, word))}


# ---------------------------------------------------------------- what is read


@dataclass(frozen=True)
class Read:
    """A thread as the classifier reads it: the question's words, a mark as one of them, and the buckets that all marks
    share. `trucks`: all marks of trucks, lists of them and what stands there twice as well, and their places."""

    words: tuple[str, ...]
    places: Mapping[Mention, int]
    trucks: tuple[tuple[Mention, int], ...]
    shared: frozenset[int]
    thread: Thread

    @classmethod
    def of(cls, thread: Thread) -> Read:
        """Words of others are one word; `places`: of the marks, numbers among them, that stand there once and alone."""
        said = QUOTED.sub(f" {QUOTATION} ", thread.question)
        marks = list(map(Mention.read, (*thread.marks, *numbers_said(thread.question, thread.marks))))
        known = {mark.words: mark for mark in reversed(marks)}
        words: list[str] = []
        found: list[tuple[Mention, int]] = []
        for part in _parts(said, sorted(known, key=len, reverse=True)):
            if mark := known.get(part):
                found.append((mark, len(words)))
                words.append(f"<{mark.kind}>")
            else:
                words += [QUOTATION] if part == QUOTATION else _words(part)
        times = Counter(mark for mark, _ in found)
        once = {mark: at for mark, at in found if times[mark] == 1 and at < MOST_WORDS and not is_several(mark)}
        trucks = [(mark, at) for mark, at in found if mark.kind == "truck" and at < MOST_WORDS]
        kept, places = tuple(words[:MOST_WORDS]), dict(list(once.items())[:MOST])
        shared = frozenset(buckets_of(_shared(kept, list(once), thread)))
        return cls(kept, places, tuple(trucks[:MOST]), shared, thread)

    def features(self, mark: Mention, at: int | None = None) -> list[int]:
        """The buckets of the n-grams of one of the marks, at one of its places."""
        return sorted(self.shared.union(buckets_of(self._around(mark, self.places[mark] if at is None else at))))

    def _around(self, mark: Mention, at: int) -> Iterator[str]:
        left, right = self.words[:at][-FAR:], self.words[at + 1 :][:FAR]
        yield f"kind {mark.kind}"
        for name, words in (("l", left[::-1]), ("r", right), ("h", _head(self.words[:at])[::-1])):
            yield from (f"{name}{place} {word}" for place, word in enumerate(words[:NEAR]))
            yield from (f"{name} {' '.join(words[:size])}" for size in (2, 3))
            yield from (f"{name}* {word}" for word in words)
            yield from (f"{name}+ {a} {b}" for a, b in itertools.pairwise(words))
            yield from (f"{name}- {part}" for word in words[:NEAR] for part in letters(word))
        yield f"lr {' '.join(left[-1:])} {' '.join(right[:1])}"
        own = [each for each in self.places if each.kind == mark.kind]
        yield f"place {own.index(mark)} {len(own)}" if mark in own else f"place of a list {len(own)}"
        if mark.kind in OWN_WORDS:
            yield from (f"own {word}" for word in _words(mark.words))
        for where, made in (("step", self.thread.steps), ("before", self.thread.before)):
            yield from (f"{where} held {call.name}.{name}" for call, _ in made for name in holders(mark, call))


def is_several(mark: Mention) -> bool:
    """Whether it names several things at once ("T1 T3"), which may part."""
    return mark.kind in ENUMERATED and len(_figures(_told(mark.words, mark.kind))) > 1


def _parts(text: str, marked: Sequence[str]) -> list[str]:
    """The text cut at its marks and quotations, these among the parts."""
    known = "|".join(map(re.escape, marked))
    return re.split(rf"({QUOTATION}|(?<!\w)(?:{known})(?!\w))" if known else f"({QUOTATION})", text)


def _words(text: str) -> list[str]:
    """Folded words and punctuation; numbers by their count of digits."""
    return [re.sub(r"\d", "0", token) for token in TOKEN.findall(fold(text))]


def _head(left: Sequence[str]) -> tuple[str, ...]:
    """The words before the list that a mark stands in."""
    end = len(left)
    while end and (left[end - 1] in JOINING or left[end - 1].startswith("<")):
        end -= 1
    return tuple(left[:end][-FAR:])


def _shared(words: Sequence[str], marks: Sequence[Mention], thread: Thread) -> Iterator[str]:
    """What is read of the whole question and the calls before."""
    yield from (f"w {word}" for word in words)
    yield from (f"w {a} {b}" for a, b in itertools.pairwise(words))
    yield from (f"wl {part}" for word in words for part in letters(word))
    yield f"kinds {' '.join(sorted(each.kind for each in marks))}"
    yield f"size {min(len(words), 16) // 2}"
    for where, made in (("step", thread.steps), ("before", thread.before)):
        yield f"{where} {made[-1].call.name if made else 'none'}"
        for call, outcome in made:
            yield f"{where} {call.name} {outcome.partition(':')[0]}"
            yield from (f"{where} {call.name}.{argument}" for argument in call.parameters)
    yield from (f"earlier {word}" for word in _words(thread.earlier)[:MOST_WORDS])


# ---------------------------------------------------------------- what is told


def _counted(question: str) -> Counter[int]:
    """How many words of the question are each number."""
    return Counter(each for word in NUMBER_WORD.finditer(question) for each in set(numbers_in(word[0])))


Told = Mapping[Mention, Mapping[str | None, float]]
"""By mark the natural log-probability of each of its roles."""


@functools.cache
def groups() -> dict[tuple[str, str], slice]:
    """By tool and kind of mark the scores that exclude each other."""
    ends = itertools.accumulate(map(len, roles().values()))
    return {key: slice(end - len(roles()[key]), end) for key, end in zip(roles(), ends, strict=True)}


def told_roles(
    thread: Thread, tool: str, marks: Iterable[Mention], shares: Callable[[Mention, slice], Sequence[float]]
) -> Told:
    """The `shares` of each mark's group, each role with its own, as `likely_roles` of ArgumentClassifier tells them."""
    found, times = {}, _counted(thread.question)
    for mark in marks:
        part = groups().get((tool, mark.kind))
        if part and not (mark.kind == NUMBER and any(times[each] > 1 for each in numbers_in(mark.words))):
            found[mark] = dict(zip(roles()[tool, mark.kind], shares(mark, part), strict=True))
    return found


class ArgumentClassifier(Regression):
    """The regressions of a mark's roles, one of each tool and kind of mark."""

    def likely_roles(self, thread: Thread, tool: str) -> Told:
        """By mark of the question, and by number in it, how likely each argument of a call of `tool` takes it in; None:
        that none does. Left out are marks that stand there twice or in quotations, numbers that something else in the
        question is as well ("three trucks, 3 hours"), and what no argument could take in.
        """
        read = Read.of(thread)
        return told_roles(
            thread, tool, read.places, lambda mark, part: self.shares(self.read(read.features(mark)), part)
        )

    def staying(self, thread: Thread) -> dict[Mention, float]:
        """By mark of trucks in the question the natural logarithm of the odds that they are left out, not driving: the
        sum over all places where it stands.
        """
        read = Read.of(thread)
        found: dict[Mention, float] = defaultdict(float)
        for mark, at in read.trucks:
            drives, stays = self.shares(self.read(read.features(mark, at)), groups()[POLARITY])
            found[mark] += float(stays - drives)
        return dict(found)


def likelihood(told: Told, call: Call) -> float:
    """The log-probability of what a call does with all marks; of a name that it holds twice that of the unlikelier."""
    return sum(_likely(mark, shares, call) for mark, shares in told.items())


def _likely(mark: Mention, shares: Mapping[str | None, float], call: Call) -> float:
    """Two arguments may have the same number, one of them from another turn; a place is not both near and left out."""
    held = [shares[name] for name in holders(mark, call)]
    return (max if mark.kind == NUMBER else min)(held, default=shares[None])


def moved(told: Told, call: Call) -> list[tuple[Mention, str | None]]:
    """The marks of which another role is likelier than the call's, with that role; first the surest."""
    best = {mark: max(shares, key=lambda role: shares[role]) for mark, shares in told.items()}
    odds = {mark: told[mark][role] - _likely(mark, told[mark], call) for mark, role in best.items()}
    found = [mark for mark, gained in odds.items() if gained > 0 and not _in_several(mark, call)]
    return [(mark, best[mark]) for mark in sorted(found, key=lambda mark: -odds[mark])]


def _in_several(mark: Mention, call: Call) -> bool:
    """Whether a number is in several arguments: which of them has it from elsewhere is not known."""
    return mark.kind == NUMBER and len(holders(mark, call)) > 1


# ---------------------------------------------------------------- the file

SAMPLE = Thread(
    '¿Und 2 camions near Sather Gate, not Doe or Evans Hall, by 6:30 on Friday "no Doe" (glass), T1, and not T2, T4?',
    ("[site Sather Gate]", "[site Doe]", "[site Evans Hall]", "[time 6:30 on Friday]", "[stream glass]", "[truck T1]",
     "[truck T2, T4]"),
    (Made(Call("find_bins", {"near": "the Evans Hall"}), "ok"),),
    "tonight's round for 3 trucks",
    (Made(Call("plan_round", {"when": "tonight", "trucks": ["T1"], "goal": "cost"}), "failed: x"),),
)  # fmt: skip
"""A file keeps the features of this thread, so that a classifier of other features is refused."""


def made_for() -> dict[str, str]:
    """What a file must have been made for: the tools of this registry, their roles, and the features of this code."""
    read = Read.of(SAMPLE)
    told = [(str(mark), read.features(mark, at)) for mark, at in (*read.places.items(), *read.trucks)]
    sample = hashlib.sha256(f"{list(roles().items())} {told}".encode()).hexdigest()[:12]
    return {"schema_hash": registry_version(), "features_hash": sample}


def load_arguments(file: Path) -> ArgumentClassifier:
    """The classifier of a file. Raises BadData when it is unreadable or was made for other tools or features."""
    scores = sum(map(len, roles().values()))
    kind = FileKind("argument classifier", "python -m finetune.arguments", made_for())
    return load_regression(file, kind, scores, ArgumentClassifier)
