"""The thread: what was said and called before, and what "it" and "the plan" stand for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from domain.repositories.threads import add_turn, named_thread, open_thread, turns_of
from domain.store import Store
from domain.values import Actor, Call
from domain.work_records import Turn
from prompts.render import Step
from prompts.render import Turn as SaidTurn
from tools.context import AskedFor, ThreadView
from tools.json_words import in_words
from tools.words import WORDS, reference

JsonObject = dict[str, JsonValue]

LONGEST_PAST = 3_000
"""Characters of earlier turns in a prompt: about 900 tokens of the embedded model's 4,096."""
PLAN_ID = re.compile(r"^P-\d{4,}$")
TIME_FACTS = {"since": "period", "when": "when"}
"""Arguments that name a time, and the fact that restates it ("2025-07-01 to 2025-07-31")."""
DATE = re.compile(r"\d{4}-\d\d-\d\d")


def step_of_word(word: Call) -> tuple[Step, ...]:
    """What is kept of a turn that a word alone answered, so that the next prompt has the turn as training had it: the
    question back, the refusal's reason, the reply; nothing where no model spoke."""
    if word.parameters.get("text") == reference("unavailable"):
        return ()
    if word.name == "decline":
        word = Call(word.name, {"reason": word.parameters.get("reason")})
    return (Step(word.text()),)


@dataclass(frozen=True)
class PastTurn:
    """A turn as it is remembered. `results` are the results' JSON in the order of the calls that ran."""

    question: str
    steps: tuple[Step, ...]
    results: tuple[JsonObject, ...] = ()
    decision_id: str | None = None


@dataclass(frozen=True)
class Past:
    """The thread so far; at most the newest `most` turns go into a prompt."""

    thread_id: str
    turns: tuple[PastTurn, ...] = ()
    most: int | None = None

    @property
    def cut(self) -> int:
        """How many turns are left out of what the model sees."""
        return len(self.turns) - len(self.for_prompt())

    def fewer(self) -> Past | None:
        """The thread with half as many turns in the prompt, the oldest left out; None when there is none to leave."""
        shown = len(self.for_prompt())
        return replace(self, most=shown // 2) if shown else None

    def in_words(self) -> Past:
        """The thread as the model reads it: what a program sent as JSON, in words."""
        turns = (replace(turn, question=in_words(turn.question)) for turn in self.turns)
        return replace(self, turns=tuple(turns))

    def said(self) -> list[str]:
        """The user's words, oldest first."""
        return [turn.question for turn in self.turns]

    def calls(self) -> list[Call]:
        """All calls of tools, oldest first."""
        calls = (Call.read(step.call) for turn in self.turns for step in turn.steps)
        return [call for call in calls if call.name not in WORDS]

    def for_prompt(self) -> list[SaidTurn]:
        """The newest whole turns that fit the prompt, oldest first."""
        kept: list[SaidTurn] = []
        room = LONGEST_PAST
        for turn in reversed(self.turns[len(self.turns) - self.most :] if self.most is not None else self.turns):
            room -= len(turn.question) + sum(len(step.call) + len(step.outcome) for step in turn.steps)
            if room < 0:
                break
            kept.insert(0, SaidTurn(turn.question, turn.steps))
        return kept

    def view(self, zone: ZoneInfo) -> ThreadView:
        """What tools may know: the newest plan, subject, decision and asked time (shown in the city's `zone`)."""
        plan = subject = earlier = first = forecast = None
        for turn in self.turns:
            for step, result in zip(turn.steps, turn.results, strict=False):
                call = Call.read(step.call)
                facts = cast(JsonObject, result.get("facts") or {})
                made = str(facts.get("plan_id", ""))
                plan, subject = (made, made) if PLAN_ID.match(made) else (plan, subject)
                if call.name == "forecast_fill":
                    subject, forecast = "forecast", _asked_for(facts, zone)
                earlier = _time_asked(call, facts, zone) or earlier
                top = facts.get("top_bin") or facts.get("fullest_bin")
                first = str(top).split()[0] if top else first
        decisions = [turn.decision_id for turn in self.turns if turn.decision_id]
        newest = decisions[-1] if decisions else None
        return ThreadView(self.thread_id, plan, subject, newest, earlier, first, forecast, tuple(self.said()))


def _asked_for(facts: JsonObject, zone: ZoneInfo) -> AskedFor | None:
    """By when and of which level a forecast told; None where it told of none."""
    by, threshold = facts.get("by"), facts.get("threshold_pct")
    if not isinstance(by, str) or not isinstance(threshold, int):
        return None
    return AskedFor(datetime.fromisoformat(by).replace(tzinfo=zone), threshold)


def _time_asked(call: Call, facts: JsonObject, zone: ZoneInfo) -> datetime | None:
    """The deadline or the round's start of a result; the last day of a period, or the day, that was asked for."""
    at = facts.get("by") or facts.get("round_starts")
    if not at:
        fact = next((fact for said, fact in TIME_FACTS.items() if said in call.parameters), "")
        at = next(reversed(DATE.findall(str(facts.get(fact)))), None)
    return datetime.fromisoformat(str(at)).replace(tzinfo=zone) if at else None


class Memory:
    """Threads in the records. A thread belongs to one city; its owner is who opened it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open(self, thread: str | None, city: str, actor: Actor, now: datetime) -> str:
        """The thread's id, made when None or new."""
        with self._store.write() as session:
            if thread is None:
                return open_thread(session, city, actor.name, now).id
            return named_thread(session, thread, city, actor.name, now).id

    def past(self, thread_id: str) -> Past:
        """What was said and called in the thread."""
        with self._store.read() as session:
            rows = turns_of(session, thread_id)
        return Past(thread_id, tuple(_past_turn(row) for row in rows))

    def add(self, turn: Turn) -> None:
        """Append a turn."""
        with self._store.write() as session:
            add_turn(session, turn)


def _past_turn(row: Turn) -> PastTurn:
    steps = [cast(dict[str, str], each) for each in cast(Sequence[JsonValue], row.calls)]
    results = tuple(cast(JsonObject, each) for each in cast(Sequence[JsonValue], row.results))
    return PastTurn(row.question, tuple(Step(s["call"], s["outcome"]) for s in steps), results, row.decision_id)
