"""Which argument of a call takes in each thing that the question names, told by the words around it.

A language model of 135 million parameters drops "nur Kompost", or plans a round *by* the place that "no Birge Path"
leaves out. Which part something plays for a verb is told by the words around it (semantic role labelling: Gildea and
Jurafsky 2002), and a plain linear classifier of these makes other mistakes than the model. It is multinomial logistic
regression on hashed n-grams, a regression of its own for each tool and kind of mark over one table, as in
tools/call_classifier.py. The roles of a call are weighed beside the model's weight of it (products of experts).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from domain.name_words import fold, tokens, words_of
from domain.values import Call
from tools.call_classifier import SAMPLE, Made, Thread, letters, with_kinds
from tools.coverage import ENUMERATED, NUMBER, TAKEN_BY
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, registry_version
from tools.regression import FileKind, Regression, buckets_of, load_regression

TOKEN = re.compile(r"<\w+>|[^\W\d_]+|\d+|[?,;:()!=]")
NEAR, FAR = 3, 7
"""Words around a mark whose order counts, and words that count at all."""
OWN_WORDS = frozenset({"time", "stream", NUMBER})
"""Kinds whose own words tell of their role ("July" is seldom an hour by which)."""
JOINING = words_of("and or y o u und oder et ou plus & , the el la los las der die das den le les el")
MOST_SHARED = 0.6
"""Share of a mark's words that a value holds, so that it is that mark."""


@functools.cache
def roles() -> Mapping[tuple[str, str], tuple[str | None, ...]]:
    """By tool and kind of mark: left out (None), and the arguments that can take it in."""
    found: dict[tuple[str, str], tuple[str | None, ...]] = {}
    for tool in TOOLS.values():
        for kind in (*TAKEN_BY, NUMBER):
            taking = [argument.name for argument in tool.arguments if _takes(argument, kind)]
            if taking:
                found[tool.name, kind] = (None, *taking)
    return found


def _takes(argument: Argument, kind: str) -> bool:
    if kind == NUMBER:
        return argument.schema["type"] == "integer"
    return argument.words is not None and argument.words.kind in TAKEN_BY[kind]


def role_of(mark: Mention, call: Call) -> str | None:
    """The argument of a call that holds a mark; None where none does."""
    shares = {
        name: _share(mark, call.parameters[name])
        for name in roles().get((call.name, mark.kind), ())
        if name is not None and name in call.parameters
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= MOST_SHARED else None


def holds(mark: Mention, value: object) -> bool:
    """Whether a value is a mark, or one of its items is."""
    return _share(mark, value) >= MOST_SHARED


def _share(mark: Mention, value: object) -> float:
    """How much of a mark a value, or the best item of a list, holds: 0 to 1."""
    if isinstance(value, list):
        return max((_share(mark, each) for each in value), default=0.0)
    if mark.kind == NUMBER:
        return float(isinstance(value, int) and value in numbers_in(mark.words))
    said, held = set(tokens(mark.words)), set(tokens(str(value)))
    if mark.kind in ENUMERATED:
        said = {word for word in said if any(map(str.isdigit, word))} or said
        return float(bool(said & held))
    if held and held <= said:
        return 1.0
    return len(said & held) / max(len(said), 1)


def groups() -> dict[tuple[str, str], slice]:
    """By tool and kind of mark the scores that exclude each other."""
    ends = itertools.accumulate(map(len, roles().values()))
    return {key: slice(end - len(roles()[key]), end) for key, end in zip(roles(), ends, strict=True)}


class RoleClassifier(Regression):
    """The regressions of a mark's roles, one of each tool and kind of mark."""

    def likely(self, thread: Thread, marks: Sequence[str], tool: str) -> dict[Mention, dict[str | None, float]]:
        """By mark the natural log-probability that each argument of a call of `tool` takes it in; None: that none does.

        `marks`: of the thread's question; those that no argument could take in are left out.
        """
        found, each_of = {}, list(map(Mention.read, marks))
        for mark in each_of:
            if part := groups().get((tool, mark.kind)):
                shares = self.shares(self.read(features(thread, mark, each_of)), part)
                found[mark] = dict(zip(roles()[tool, mark.kind], shares, strict=True))
        return found


Told = Mapping[Mention, Mapping[str | None, float]]
"""By mark the natural log-probability of each of its roles."""


def likelihood(told: Told, call: Call) -> float:
    """The log-probability of all roles of a call."""
    return sum(shares[role_of(mark, call)] for mark, shares in told.items())


def moved(told: Told, call: Call) -> list[tuple[Mention, str | None]]:
    """The marks of which another role is likelier than the call's, with that role; first the surest."""
    best = {mark: max(shares, key=lambda role: shares[role]) for mark, shares in told.items()}
    odds = {mark: told[mark][role] - told[mark][role_of(mark, call)] for mark, role in best.items()}
    return [(mark, best[mark]) for mark in sorted(odds, key=lambda mark: -odds[mark]) if odds[mark] > 0]


def features(thread: Thread, mark: Mention, marks: Sequence[Mention]) -> list[int]:
    """The buckets of the n-grams around a mark. `marks`: all of the question."""
    return buckets_of(_grams(thread, mark, marks))


def made_for() -> dict[str, str]:
    """What a file must have been made for: the tools of this registry, their roles, and the features of this code."""
    marks = [*map(Mention.read, SAMPLE.marks), Mention(NUMBER, "2")]
    read = [features(SAMPLE, mark, marks) for mark in marks]
    sample = hashlib.sha256(f"{list(roles().items())} {read}".encode()).hexdigest()[:12]
    return {"schema_hash": registry_version(), "features_hash": sample}


def load_roles(file: Path) -> RoleClassifier:
    """The classifier of a file. Raises BadData when it is unreadable or was made for other tools or features."""
    scores = sum(map(len, roles().values()))
    kind = FileKind("classifier of roles", "python -m finetune.roles", made_for(), scores)
    return load_regression(file, kind, RoleClassifier)


def _grams(thread: Thread, mark: Mention, marks: Sequence[Mention]) -> Iterator[str]:
    left, right = _around(thread.question, mark, marks)
    head = _head(left)
    yield f"kind {mark.kind}"
    for name, words in (("l", left[::-1]), ("r", right), ("h", head[::-1])):
        yield from (f"{name}{place} {word}" for place, word in enumerate(words[:NEAR]))
        yield from (f"{name} {' '.join(words[:size])}" for size in (2, 3))
        yield from (f"{name}* {word}" for word in words[:FAR])
        yield from (f"{name}+ {a} {b}" for a, b in itertools.pairwise(words[:FAR]))
        yield from (f"{name}- {part}" for word in words[:NEAR] for part in letters(word))
    yield f"lr {' '.join(left[-1:])} {' '.join(right[:1])}"
    whole = [*left, "<*>", *right]
    yield from (f"w {word}" for word in whole)
    yield from (f"w {a} {b}" for a, b in itertools.pairwise(whole))
    yield from (f"wl {part}" for word in whole for part in letters(word))
    own = [each for each in marks if each.kind == mark.kind]
    yield f"place {own.index(mark)} {len(own)}" if mark in own else "place"
    yield f"kinds {' '.join(sorted(each.kind for each in marks))}"
    yield f"size {min(len(whole), 16) // 2}"
    if mark.kind in OWN_WORDS:
        yield from (f"own {word}" for word in _words(mark.words))
    for where, made in (("step", thread.steps), ("before", thread.before)):
        yield from _context(where, made, mark)
    yield from (f"earlier {word}" for word in _words(thread.earlier))


def _around(question: str, mark: Mention, marks: Sequence[Mention]) -> tuple[list[str], list[str]]:
    """The words before and behind a mark, other marks as their kinds."""
    found = re.search(rf"(?<!\w){re.escape(mark.words)}(?!\w)", question)
    start, end = found.span() if found else (len(question), len(question))
    return _words(with_kinds(question[:start], marks)), _words(with_kinds(question[end:], marks))


def _words(text: str) -> list[str]:
    return [re.sub(r"\d", "0", token) for token in TOKEN.findall(fold(text))]


def _head(left: Sequence[str]) -> list[str]:
    """The words before the list that a mark stands in."""
    words = list(left)
    while words and (words[-1] in JOINING or words[-1].startswith("<")):
        words.pop()
    return words


def _context(where: str, made: Sequence[Made], mark: Mention) -> Iterator[str]:
    yield f"{where} {made[-1].call.name if made else 'none'}"
    for call, outcome in made:
        yield f"{where} {call.name} {outcome.partition(':')[0]}"
        yield from (f"{where} {call.name}.{argument}" for argument in call.parameters)
        yield f"{where} held {call.name}.{role_of(mark, call)}"
