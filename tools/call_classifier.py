"""Which call a thread is for, told by its words: a second opinion beside the language model's.

A language model of 135 million parameters copies words well; which tool is meant, and which of an argument's choices
("goal": cost, time, emissions), a plain linear classifier of words and letters tells as well, and its mistakes are
others. So the two are multiplied (products of experts: Hinton 2002), as the log-probability of each name or choice by
the model plus WEIGHT times that by the classifier. The classifier is multinomial logistic regression on hashed n-grams
(Weinberger et al. 2009, arXiv:0902.2206) of the question, whose names and times code has recognised, and of the calls
before it; the names and the choices of each argument are regressions of their own over one table (Caruana 1997).
"""

from __future__ import annotations

import hashlib
import itertools
import re
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from domain.name_words import fold
from domain.values import Call
from tools.mentions import Mention
from tools.parts_file import FileKind
from tools.registry import TOOLS, registry_version
from tools.regression import Regression, buckets_of, load_regression
from tools.words import DECLINE_REASONS, QUESTIONS, REPLIES, WORDS, reference

WEIGHT = 1.0
"""What the classifier's log-probability counts beside the language model's: as much (finetune/LOG.md, 2026-11-29)."""
TOKEN = re.compile(r"<\w+>|[^\W\d_]+|\d+|\?")
LETTERS = (3, 4, 5)
"""Lengths of the n-grams of letters."""
BEGINNING = 6
"""Words that begin a question: of two requests the first is called first."""
SAID_BY_WORDS: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("reply", "text"): tuple(map(reference, REPLIES)),
    ("clarify", "question"): tuple(map(reference, QUESTIONS)),
    ("decline", "reason"): DECLINE_REASONS,
}
"""By word and its one argument what the embedded model can say with it."""


class Made(NamedTuple):
    """A call of the thread and how it went."""

    call: Call
    outcome: str


@dataclass(frozen=True)
class Thread:
    """What is read: the newest question, its marks and this turn's calls; the turn before and its calls."""

    question: str
    marks: tuple[str, ...] = ()
    steps: tuple[Made, ...] = ()
    earlier: str = ""
    before: tuple[Made, ...] = ()


SAMPLE = Thread(
    "¿Und 2 camions near Sather Gate by 6:30?",
    ("[site Sather Gate]",),
    (Made(Call("find_bins", {"near": "x"}), "ok"),),
    "tonight's round",
    (Made(Call("plan_round", {"when": "tonight", "goal": "cost"}), "failed: x"),),
)
"""A file keeps the features of this thread, so that a classifier of other features is refused."""


def names() -> tuple[str, ...]:
    """What a call can be named: the tools of this registry, then the words."""
    return (*TOOLS, *WORDS)


def choices() -> dict[tuple[str, str], tuple[str | None, ...]]:
    """By tool and argument what an argument with choices can be: left out (None), or one of the registry's; then what
    each of the three words can say."""
    of_tools: dict[tuple[str, str], tuple[str | None, ...]] = {
        (tool.name, argument.name): (None, *said)
        for tool in TOOLS.values()
        for argument in tool.arguments
        if (said := typing.cast("list[str]", argument.schema.get("enum", [])))
    }
    return {**of_tools, **SAID_BY_WORDS}


def features(thread: Thread) -> list[int]:
    """The buckets of a thread's n-grams, each once, ascending."""
    return buckets_of(_grams(thread))


def _grams(thread: Thread) -> Iterator[str]:
    words = folded_words(with_kinds(thread.question, thread.marks))
    yield from (f"w {word}" for word in words)
    yield from (f"w {a} {b}" for a, b in itertools.pairwise(words))
    yield from (f"s {a} {c}" for a, c in zip(words, words[2:], strict=False))
    yield from (f"l {part}" for word in words for part in letters(word))
    yield from (f"first {' '.join(words[:size])}" for size in (1, 2))
    yield from (f"begin {word}" for word in words[:BEGINNING])
    yield f"size {min(len(words), 12) // 2}"
    for where, made in (("step", thread.steps), ("before", thread.before)):
        context = list(_context(where, made))
        yield from context
        yield from (f"{context[0]} {word}" for word in words)
    earlier = folded_words(thread.earlier)
    yield from (f"earlier {word}" for word in earlier)
    yield from (f"earlier {a} {b}" for a, b in itertools.pairwise(earlier))


def with_kinds(question: str, marks: Sequence[str]) -> str:
    """The question with each name and time that code recognised replaced by its kind."""
    kinds = {each.words: each.kind for each in map(Mention.read, marks)}
    if not kinds:
        return question
    known = "|".join(map(re.escape, sorted(kinds, key=len, reverse=True)))
    return re.sub(rf"(?<!\w)(?:{known})(?!\w)", lambda found: f" <{kinds[found[0]]}> ", question)


def folded_words(text: str) -> list[str]:
    """Folded words; numbers by their count of digits."""
    return [re.sub(r"\d", "0", token) for token in TOKEN.findall(fold(text))]


def letters(word: str) -> Iterator[str]:
    """The n-grams of a word's letters, its beginning and end among them."""
    whole = f"({word})"
    yield from (whole[at : at + size] for size in LETTERS for at in range(len(whole) - size + 1))


def _context(where: str, made: Sequence[Made]) -> Iterator[str]:
    """What the calls of a turn say: the last one's name first, then all names, outcomes and arguments."""
    yield f"{where} {made[-1].call.name if made else 'none'}"
    chosen = choices() if made else {}
    for call, outcome in made:
        yield f"{where} made {call.name} {outcome.partition(':')[0]}"
        yield from (f"{where} {call.name}.{argument}" for argument in call.parameters)
        yield from (f"{where} {name}={said}" for name, said in call.parameters.items() if (call.name, name) in chosen)


def groups() -> list[slice]:
    """The scores that exclude each other: first the names', then those of each argument's choices, in their order."""
    sizes = [len(names()), *map(len, choices().values())]
    return [slice(end - size, end) for size, end in zip(sizes, itertools.accumulate(sizes), strict=True)]


class CallClassifier(Regression):
    """The regressions of the names, then of the choices of each argument."""

    def likely(self, thread: Thread) -> dict[str, float]:
        """The natural log-probability of each name."""
        return dict(zip(names(), self.shares(self.read(features(thread)), groups()[0]), strict=True))

    def likely_choices(self, thread: Thread, tool: str) -> dict[str, dict[str | None, float]]:
        """By argument of a call of `tool` (or of a word) the natural log-probability of each choice; None: left out."""
        read = self.read(features(thread))
        return told_choices(tool, lambda group: self.shares(read, group))


def told_choices(tool: str, shares: Callable[[slice], Sequence[float]]) -> dict[str, dict[str | None, float]]:
    """By argument of a call of `tool` (or of a word) the `shares` of its choices' group, each choice with its own."""
    return {
        argument: dict(zip(of, shares(group), strict=True))
        for ((named, argument), of), group in zip(choices().items(), groups()[1:], strict=True)
        if named == tool
    }


def fused(model: Mapping[str, float], classifier: Mapping[str, float]) -> str:
    """The name that both together find likeliest, among those that the model weighed."""
    return max(model, key=lambda name: model[name] + WEIGHT * classifier[name])


def made_for() -> dict[str, str]:
    """What a file must have been made for: the tools of this registry and the features of this code."""
    sample = hashlib.sha256(str(features(SAMPLE)).encode()).hexdigest()[:12]
    return {"schema_hash": registry_version(), "features_hash": sample}


def load_classifier(file: Path) -> CallClassifier:
    """The classifier of a file. Raises BadData when it is unreadable or was made for other tools or features."""
    kind = FileKind("call classifier", "python -m finetune.calls", made_for())
    return load_regression(file, kind, groups()[-1].stop, CallClassifier)
