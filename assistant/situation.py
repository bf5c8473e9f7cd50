"""What a decision is about, as the model reads it: thread, question, what code recognises, what may be copied."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from assistant.memory import Past
from domain.values import Call
from prompts.render import Step
from tools.call_classifier import Made, Thread
from tools.context import Ctx
from tools.json_words import texts_in
from tools.mentions import Mention, mentions
from tools.registry import names_in
from tools.resolvable import Resolver
from tools.resolve import readers, setting_of
from tools.schema import Readers
from tools.slips import Mended, Spelling
from tools.spans import Spans

NAMED = frozenset({"site", "area", "bin", "truck", "file"})
"""Kinds of marks whose digits are part of a name."""
LONGEST_QUESTION = 1_200
"""Characters of the current question that the embedded model sees: its beginning and its end."""


@dataclass(frozen=True)
class Situation:
    """What a decision is about: who asks in which city, the thread before, the question, the calls of this turn.

    `readers` tell which spans code can read as a stream or a truck, `marks` what it recognises in the question, `names`
    the words of the city's names, `resolver` what a call's words stand for. The questions are in words
    (tools/json_words.py); `sent` are the texts of several words that a program sent as values of its JSON.
    """

    city: str
    role: str
    today: str
    past: Past
    question: str
    steps: Sequence[Step] = ()
    readers: Readers | None = None
    marks: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    resolver: Resolver | None = None
    sent: tuple[str, ...] = ()


def situation_of(ctx: Ctx, past: Past) -> Situation:
    """The question of `ctx` as it is put to the model for the first call: what code recognises and can read in it."""
    setting = setting_of(ctx)
    marks = tuple(map(str, mentions(setting.question, ctx.city, ctx.now)))
    return Situation(
        ctx.city.name, ctx.actor.role.value, f"{ctx.now:%Y-%m-%d}", past.in_words(), setting.question,
        readers=readers(setting), marks=marks, names=ctx.city.gazetteer.words(), resolver=Resolver(setting),
        sent=texts_in(ctx.question),
    )  # fmt: skip


def as_meant(situation: Situation, spelling: Spelling | None) -> tuple[Situation, Sequence[Mended]]:
    """The situation with questions that have no slips of the keyboard, and these questions, the newest first.

    Names and what code recognised stay as they are.
    """
    if spelling is None:
        return situation, ()
    marks, names, past = situation.marks, situation.names, situation.past
    now, *earlier = (spelling.mended(said, marks, names) for said in (situation.question, *past.said()))
    turns = tuple(replace(turn, question=read.text) for turn, read in zip(past.turns, earlier, strict=True))
    shown = replace(situation, question=now.text, past=replace(past, turns=turns))
    return shown, (now, *reversed(earlier))


def thread_of(situation: Situation) -> Thread:
    """What the classifier reads."""
    before = situation.past.turns[-1] if situation.past.turns else None
    earlier, then = (before.question, before.steps) if before else ("", ())
    now, past = (tuple(Made(Call.read(s.call), s.outcome) for s in steps) for steps in (situation.steps, then))
    return Thread(situation.question, situation.marks, now, earlier, past)


def spans_of(situation: Situation) -> Spans:
    """What may be copied: the user's words of the thread and the values of its calls."""
    calls = calls_of(situation)
    return Spans.of([*situation.past.said(), situation.question], calls=calls, names=_names(situation, calls))


def _names(situation: Situation, calls: Sequence[Call]) -> list[str]:
    """What is known to be a name: the marks of the question, and what earlier calls took for a place, bin or truck."""
    found = map(Mention.read, situation.marks)
    return [each.words for each in found if each.kind in NAMED] + [name for call in calls for name in names_in(call)]


def before(situation: Situation) -> Call | None:
    """The call that ended the turn before this one; None within a turn, and where that one made no call."""
    steps = situation.past.turns[-1].steps if situation.past.turns and not situation.steps else ()
    return Call.read(steps[-1].call) if steps else None


def calls_of(situation: Situation) -> list[Call]:
    """All calls of the thread and of this turn, oldest first."""
    return [*situation.past.calls(), *(Call.read(step.call) for step in situation.steps)]


def shortened(question: str) -> str:
    """A long question by its beginning and end, cut at words."""
    if len(question) <= LONGEST_QUESTION:
        return question
    half = LONGEST_QUESTION // 2
    return f"{question[:half].rsplit(' ', 1)[0]} ... {question[-half:].split(' ', 1)[-1]}"
