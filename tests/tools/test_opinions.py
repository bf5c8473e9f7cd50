"""tools/opinions.py: several experts' opinions as one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from tools.argument_classifier import Told
from tools.call_classifier import Thread
from tools.mentions import Mention
from tools.opinions import ArgumentOpinions, CallOpinions, of_arguments, of_calls, pooled

ASKED, DOE, EVANS, T2 = Thread("x"), Mention("site", "Doe"), Mention("site", "Evans"), Mention("truck", "T2")


def logs(**shares: float) -> dict[str, float]:
    return {name: math.log(share) for name, share in shares.items()}


def test_the_pool_is_the_product_and_sums_to_one() -> None:
    both = pooled([logs(a=0.9, b=0.1), logs(a=0.2, b=0.8)])
    assert both["a"] - both["b"] == pytest.approx(math.log(9) + math.log(0.25))
    assert sum(map(math.exp, both.values())) == pytest.approx(1.0)
    assert pooled([logs(b=0.8, a=0.2), logs(a=0.9, b=0.1)]) == pytest.approx(both)


def test_one_opinion_stays_as_it_is_and_what_one_does_not_know_is_left_out() -> None:
    alone = logs(a=0.9, b=0.1)
    assert pooled([alone]) == alone
    assert pooled([logs(a=0.5, b=0.3, c=0.2), alone]).keys() == {"a", "b"}
    assert pooled([logs(a=1.0), logs(b=1.0)]) == {}


def test_the_surer_of_two_prevails() -> None:
    both = pooled([logs(a=0.98, b=0.02), logs(a=0.4, b=0.6)])
    assert both["a"] > both["b"]


@dataclass(frozen=True)
class Expert:
    names: Mapping[str, float]
    told: Told
    odds: Mapping[Mention, float]

    def likely(self, _thread: Thread) -> Mapping[str, float]:
        return self.names

    def likely_choices(self, _thread: Thread, _tool: str) -> Mapping[str, Mapping[str | None, float]]:
        return {"goal": {None: self.names["a"], "cost": self.names["b"]}}

    def likely_roles(self, _thread: Thread, _tool: str) -> Told:
        return self.told

    def staying(self, _thread: Thread) -> Mapping[Mention, float]:
        return self.odds


ROLES = {None: math.log(0.5), "near": math.log(0.5)}
ONE = Expert(logs(a=0.9, b=0.1), {DOE: ROLES, EVANS: ROLES}, {T2: 2.0})
OTHER = Expert(logs(a=0.3, b=0.7), {DOE: {None: math.log(0.9), "near": math.log(0.1)}}, {T2: -1.0})


def test_calls_choices_roles_and_trucks_are_pooled() -> None:
    calls, arguments = CallOpinions((ONE, OTHER)), ArgumentOpinions((ONE, OTHER))
    likely = calls.likely(ASKED)
    assert likely == pytest.approx(pooled([ONE.names, OTHER.names]))
    assert calls.likely_choices(ASKED, "x")["goal"] == pytest.approx({None: likely["a"], "cost": likely["b"]})
    roles = arguments.likely_roles(ASKED, "x")
    assert roles[DOE][None] - roles[DOE]["near"] == pytest.approx(math.log(9))
    assert roles[EVANS] == ROLES  # only one of them tells of it
    assert arguments.staying(ASKED) == {T2: 0.5}


def test_without_experts_there_is_no_opinion() -> None:
    assert of_calls(None, None) is None
    assert of_arguments() is None
    assert of_calls(None, ONE) == CallOpinions((ONE,))
    assert of_arguments(ONE, OTHER) == ArgumentOpinions((ONE, OTHER))
