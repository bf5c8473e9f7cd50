"""A decision in which the argument classifier finds another argument likelier for what the question names."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from doubles import NamingScript, sure_of_arguments

from app import SHIPPED_ARGUMENTS
from assistant.decide import Speaker, decide
from assistant.memory import Past
from assistant.situation import Situation
from domain.errors import ModelUnavailable
from domain.values import Call
from tools.argument_classifier import SAY, ArgumentClassifier, Told, groups, load_arguments
from tools.call_classifier import Thread

ASKED = Situation(
    "berkeley", "dispatcher", "2025-08-31", Past("C-0001"), "run for tonight, T1 T3, no Birge Path",
    marks=("[time tonight]", "[truck T1 T3]", "[site Birge Path]"),
)  # fmt: skip
KEPT = {"when": "tonight", "trucks": ["T1", "T3"]}
NEAR, SKIP = Call("plan_round", {**KEPT, "near": "Birge Path"}), Call("plan_round", {**KEPT, "skip": ["Birge Path"]})
ODDS = 6.0
RIGHT = sure_of_arguments("plan_round", time="when", truck="trucks", site="skip")


@pytest.mark.parametrize(
    ("less", "call"), [(SAY * ODDS - 0.1, SKIP), (SAY * ODDS + 0.1, NEAR)], ids=["likely enough", "too unlikely"]
)
async def test_another_argument_is_taken_where_both_together_find_it_likelier(less: float, call: Call) -> None:
    model = NamingScript([NEAR.text(), SKIP.text()], {}, (-1.0, -1.0 - less))
    assert await decide(Speaker(model, arguments=RIGHT), ASKED) == call
    (alternative,) = model.schemas[1]["anyOf"]  # type: ignore[misc,union-attr]
    held = alternative["properties"]["parameters"]["properties"]  # type: ignore[index,call-overload]
    assert {name: held[name] for name in KEPT} == {name: {"const": said} for name, said in KEPT.items()}
    assert "near" not in held


async def test_where_the_classifier_agrees_or_is_left_out_one_decision_is_made() -> None:
    agreeing = Speaker(NamingScript([SKIP.text()], {}, (-1.0,)), arguments=RIGHT)
    for speaker, call in ((agreeing, SKIP), (Speaker(NamingScript([NEAR.text()], {}, (-1.0,))), NEAR)):
        assert await decide(speaker, ASKED) == call


async def test_of_several_that_are_not_taken_together_the_surest_is_tried_alone() -> None:
    asked = replace(ASKED, question=f"{ASKED.question}, glass for once", marks=(*ASKED.marks, "[stream glass]"))
    first, alone = (Call(call.name, {**call.parameters, "stream": "glass"}) for call in (NEAR, SKIP))
    loth = sure_of_arguments("plan_round", time="when", truck="trucks", site="skip", stream=None)
    loth.bias[groups()["plan_round", "site"]] *= 2  # the surest
    for weights, call in (((-1.0, -2.0), SKIP), ((-1.0, -99.0, -2.0), alone), ((-1.0, -99.0, -99.0), first)):
        model = NamingScript([first.text(), SKIP.text(), alone.text()], {}, weights)
        assert await decide(Speaker(model, arguments=loth), asked) == call


OTHER_TOOL = Call("find_bins", {"bins": ["Birge Path"]}).text()


@pytest.mark.parametrize("failure", [ModelUnavailable("gone"), "no call", OTHER_TOOL], ids=["gone", "none", "another"])
async def test_a_call_that_fails_leaves_the_one_before(failure: str | Exception) -> None:
    model = NamingScript([NEAR.text(), failure], {}, (-1.0, -1.0))
    assert await decide(Speaker(model, arguments=RIGHT), ASKED) == NEAR


async def test_a_call_whose_weight_is_not_told_a_word_and_own_words_stand() -> None:
    word = Call("decline", {"reason": "unsafe"})
    for said, weights in ((NEAR, ()), (word, (-1.0,))):
        assert await decide(Speaker(NamingScript([said.text()], {}, weights), arguments=RIGHT), ASKED) == said
    free = Speaker(NamingScript([NEAR.text()], {}, (-1.0,)), arguments=RIGHT, copying=False)
    assert await decide(free, ASKED) == NEAR


async def test_what_only_others_say_changes_nothing() -> None:
    shipped = load_arguments(SHIPPED_ARGUMENTS)
    for question in (
        'a note says "no Birge Path", run for tonight, T1 T3 near Birge Path',
        'a note says "no Birge Path", run for tonight, T1 T3',
    ):
        model = NamingScript([NEAR.text()], {}, (-1.0,))
        assert await decide(Speaker(model, arguments=shipped), replace(ASKED, question=question)) == NEAR


class Slow(ArgumentClassifier):
    def likely_roles(self, thread: Thread, tool: str) -> Told:
        time.sleep(1.0)
        return super().likely_roles(thread, tool)


async def test_a_classifier_that_takes_long_leaves_the_call_at_the_deadline() -> None:
    began = time.monotonic()
    slow = Slow(RIGHT.table, RIGHT.weights, RIGHT.bias)
    speaker = Speaker(NamingScript([NEAR.text()], {}, (-1.0,)), deadline_s=0.2, arguments=slow)
    ticks = asyncio.create_task(asyncio.sleep(0.05))
    assert await decide(speaker, ASKED) == NEAR
    assert ticks.done()  # nobody else waited
    assert time.monotonic() - began < 0.9


async def test_a_plan_is_made_without_the_trucks_that_stay() -> None:
    asked = replace(ASKED, question="T2 is down, tonight's round?", marks=("[truck T2]", "[time tonight]"))
    copied = Call("plan_round", {"when": "tonight", "trucks": ["T2"]})
    for staying, trucks in ((True, ["without T2"]), (False, ["T2"])):
        classifier = sure_of_arguments("plan_round", staying=staying, time="when", truck="trucks")
        speaker = Speaker(NamingScript([copied.text()], {}, (-1.0,)), arguments=classifier)
        assert (await decide(speaker, asked)).parameters["trucks"] == trucks
    bare = Speaker(NamingScript([copied.text()] * 2, {}, (-1.0,) * 2))  # without a classifier plain words count
    assert await decide(bare, asked) == copied
    plain = await decide(bare, replace(asked, question="tonight's round without T2"))
    assert plain.parameters["trucks"] == ["without T2"]
