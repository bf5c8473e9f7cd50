"""A decision in which the classifier of roles finds another argument likelier for what the question names."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from doubles import NamingScript

from assistant.decide import Speaker, decide
from assistant.memory import Past
from assistant.situation import Situation
from domain.errors import ModelUnavailable
from domain.values import Call
from tools.call_classifier import WEIGHT
from tools.regression import BUCKETS
from tools.roles import RoleClassifier, groups, roles

ASKED = Situation(
    "berkeley", "dispatcher", "2025-08-31", Past("C-0001"), "run for tonight, T1 T3, no Birge Path",
    marks=("[time tonight]", "[truck T1]", "[truck T3]", "[site Birge Path]"),
)  # fmt: skip
KEPT = {"when": "tonight", "trucks": ["T1", "T3"]}
NEAR, SKIP = Call("plan_round", {**KEPT, "near": "Birge Path"}), Call("plan_round", {**KEPT, "skip": ["Birge Path"]})
ODDS = 6.0


def sure_of(**role_of_kind: str | None) -> RoleClassifier:
    """A classifier that finds one role of each kind e^ODDS times as likely as each other, for a round."""
    bias = np.zeros(sum(map(len, roles().values())), np.float32)
    for kind, role in role_of_kind.items():
        bias[groups()["plan_round", kind].start + roles()["plan_round", kind].index(role)] = ODDS
    return RoleClassifier(np.zeros((BUCKETS, 1), np.float32), np.zeros((len(bias), 1), np.float32), bias)


RIGHT = sure_of(time="when", truck="trucks", site="skip")


@pytest.mark.parametrize(
    ("less", "call"), [(WEIGHT * ODDS - 0.1, SKIP), (WEIGHT * ODDS + 0.1, NEAR)], ids=["likely enough", "too unlikely"]
)
async def test_another_argument_is_taken_where_both_together_find_it_likelier(less: float, call: Call) -> None:
    model = NamingScript([NEAR.text(), SKIP.text()], {}, (-1.0, -1.0 - less))
    assert await decide(Speaker(model, roles=RIGHT), ASKED) == call
    (alternative,) = model.schemas[1]["anyOf"]  # type: ignore[misc,union-attr]
    held = alternative["properties"]["parameters"]["properties"]  # type: ignore[index,call-overload]
    assert {name: held[name] for name in KEPT} == {name: {"const": said} for name, said in KEPT.items()}
    assert "near" not in held


async def test_where_the_classifier_agrees_or_is_left_out_one_decision_is_made() -> None:
    for speaker in (Speaker(NamingScript([SKIP.text()], {}, (-1.0,)), roles=RIGHT),
                    Speaker(NamingScript([NEAR.text()], {}, (-1.0,)))):  # fmt: skip
        assert (await decide(speaker, ASKED)).name == "plan_round"


async def test_of_several_that_are_not_taken_together_the_surest_is_tried_alone() -> None:
    asked = replace(ASKED, question=f"{ASKED.question}, glass for once", marks=(*ASKED.marks, "[stream glass]"))
    first, alone = (Call(call.name, {**call.parameters, "stream": "glass"}) for call in (NEAR, SKIP))
    loth = sure_of(time="when", truck="trucks", site="skip", stream=None)
    loth.bias[groups()["plan_round", "site"]] *= 2  # the surest
    for weights, call in (((-1.0, -2.0), SKIP), ((-1.0, -99.0, -2.0), alone), ((-1.0, -99.0, -99.0), first)):
        model = NamingScript([first.text(), SKIP.text(), alone.text()], {}, weights)
        assert await decide(Speaker(model, roles=loth), asked) == call


@pytest.mark.parametrize("failure", [ModelUnavailable("gone"), "no call"])
async def test_a_call_that_fails_leaves_the_one_before(failure: str | Exception) -> None:
    model = NamingScript([NEAR.text(), failure], {}, (-1.0, -1.0))
    assert await decide(Speaker(model, roles=RIGHT), ASKED) == NEAR


async def test_a_call_whose_weight_is_not_told_and_a_word_stand() -> None:
    word = Call("decline", {"reason": "unsafe"})
    for said, weights in ((NEAR, ()), (word, (-1.0,))):
        assert await decide(Speaker(NamingScript([said.text()], {}, weights), roles=RIGHT), ASKED) == said


async def test_what_only_others_say_has_no_role() -> None:
    quoted = replace(ASKED, question='a note says "no Birge Path", run for tonight, T1 T3 near Birge Path')
    model = NamingScript([NEAR.text(), SKIP.text()], {}, (-1.0, -1.0))
    assert await decide(Speaker(model, roles=RIGHT), quoted) == SKIP
    only = replace(ASKED, question='a note says "no Birge Path", run for tonight, T1 T3')
    assert await decide(Speaker(NamingScript([NEAR.text()], {}, (-1.0,)), roles=RIGHT), only) == NEAR
