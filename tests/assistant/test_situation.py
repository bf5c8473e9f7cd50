"""What a decision is about, as the model reads it: slips of the keyboard mended, and put back into its call."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from desk import a_desk
from doubles import ScriptedModel

from assistant.decide import Speaker, decide
from assistant.memory import Past, PastTurn
from assistant.situation import Situation, as_meant, situation_of, thread_of
from domain.errors import PromptTooLong
from domain.operation import load_operation
from domain.store import Store
from domain.values import Call
from prompts.render import Step
from tools.resolvable import Resolver
from tools.resolve import Setting
from tools.slips import Spelling

FOUND = Call("find_bins", {"near": "the pier"})
NO_PAST = Past("C-0001")
WORDS = Spelling({"without": 99, "truck": 99, "there": 99, "tonight": 99, "easter": 99})


def asked_of(question: str, past: Past = NO_PAST, **more: Any) -> Situation:
    """A dispatcher's question."""
    return Situation("berkeley", "dispatcher", "2025-08-31", past, question, **more)


async def test_the_model_reads_a_question_without_slips_and_the_call_holds_what_was_typed() -> None:
    model = ScriptedModel([Call("propose_ticket", {"kind": "complaint", "note": "without lid"}).text()])
    past = Past("C-0001", (PastTurn("is it theer", (Step(FOUND.text()),)),))
    asked = asked_of("wihtout lid near theere", past, marks=("[site theere]",), names=frozenset({"near"}))
    call = await decide(Speaker(model, spelling=WORDS), asked)
    assert call.parameters["note"] == "wihtout lid near theere"
    assert "wihtout" not in json.dumps(model.schemas[0])
    assert "is it there" in model.prompts[0]
    assert "without lid near theere" in model.prompts[0]
    shown, mended = as_meant(asked, WORDS)
    thread = thread_of(shown)
    assert (thread.question, thread.earlier) == ("without lid near theere", "is it there")
    assert [read.text for read in mended] == ["without lid near theere", "is it there"]


async def test_words_of_an_earlier_turn_are_those_typed_then() -> None:
    model = ScriptedModel([Call("find_bins", {"bins": ["there", "the truck"]}).text()])
    past = Past("C-0001", (PastTurn("bins theer", ()),))
    call = await decide(Speaker(model, spelling=WORDS), asked_of("the turck", past))
    assert call.parameters == {"bins": ["theer", "the turck"]}


@pytest.mark.parametrize(("said", "kept"), [("tonight", "tongiht"), ("easter", "easter")])
async def test_where_code_reads_only_the_mended_words_the_call_keeps_them(said: str, kept: str, store: Store) -> None:
    at = datetime(2025, 9, 1, 8, tzinfo=UTC)
    question = "plan tongiht or eatser"
    resolver = Resolver(Setting(load_operation(store, "smalltown"), at, question))
    model = ScriptedModel([Call("plan_round", {"when": said}).text()])
    call = await decide(Speaker(model, spelling=WORDS), asked_of(question, resolver=resolver))
    assert call.parameters == {"when": kept}


@pytest.mark.parametrize(
    ("question", "call"),
    [
        (
            "shwo the reqeusts by reasno in May",
            Call("operations_report", {"measure": "requests", "group_by": "reason"}),
        ),
        ("comlpaint: no lid", Call("propose_ticket", {"kind": "complaint", "note": "no lid"})),
        ("how good is viison", Call("model_status", {"model": "vision"})),
        ("reuslts", Call("reply", {"text": "results"})),
    ],
)
async def test_words_of_ours_stay_as_they_are(question: str, call: Call) -> None:
    ours = Spelling(dict.fromkeys(["show", "requests", "reason", "complaint", "vision", "results"], 9))
    assert await decide(Speaker(ScriptedModel([call.text()]), spelling=ours), asked_of(question)) == call


async def test_each_argument_is_put_back_for_itself_and_what_was_typed_once_stays(store: Store) -> None:
    question = "ticket wihtout lid for eatser"
    resolver = Resolver(Setting(load_operation(store, "smalltown"), datetime(2025, 9, 1, 8, tzinfo=UTC), question))
    made = Call("propose_ticket", {"kind": "complaint", "note": "without lid", "when": "easter"})
    call = await decide(Speaker(ScriptedModel([made.text()]), spelling=WORDS), asked_of(question, resolver=resolver))
    assert (call.parameters["note"], call.parameters["when"]) == ("wihtout lid for eatser", "easter")
    past = Past("C-0001", (PastTurn("search for truck", ()), PastTurn("is the turck ok", ())))
    search = Call("search_records", {"query": "truck", "kind": "requests"})
    call = await decide(Speaker(ScriptedModel([search.text()]), spelling=WORDS), asked_of("and in May?", past))
    assert call.parameters["query"] == "truck"


async def test_the_thread_that_is_cut_is_told_as_it_was_typed() -> None:
    past = Past("C-0001", (PastTurn("is it theer", ()), PastTurn("is it wihtout lid", ())))
    model = ScriptedModel([PromptTooLong("too long"), FOUND.text()])
    told: list[Past] = []
    await decide(Speaker(model, spelling=WORDS), asked_of("and now?", past), told.append)
    assert [(each.said(), each.most) for each in told] == [(past.said(), 1)]
    assert "is it without lid" in model.prompts[1]


async def test_what_a_question_takes_back_is_not_shown(store: Store, tmp_path: Path) -> None:
    model = ScriptedModel([Call("plan_round", {"when": "Friday"}).text()])
    asked = situation_of(replace(a_desk(store, tmp_path).ctx, question="plan Tuesday no sorry Friday"), NO_PAST)
    call = await decide(Speaker(model, spelling=WORDS), asked)
    assert call.parameters == {"when": "Friday"}
    assert "plan Friday\n[time Friday]" in model.prompts[0]
    assert "Tuesday" not in json.dumps(model.schemas[0])


def test_texts_of_a_programs_values_are_kept(store: Store, tmp_path: Path) -> None:
    asked = replace(a_desk(store, tmp_path).ctx, question='{"text":"gate was locked, crew turned back","bin":"8166"}')
    assert situation_of(asked, NO_PAST).sent == ("gate was locked, crew turned back",)
