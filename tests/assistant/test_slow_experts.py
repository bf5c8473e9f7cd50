"""A decision whose experts take longer than there is time: the model's call stands, and nobody else waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
from doubles import NamingScript

from assistant.decide import Speaker, decide
from assistant.memory import Past
from assistant.situation import Situation
from domain.values import Call
from tools.call_classifier import Thread, choices, names

ASKED = Situation("berkeley", "dispatcher", "2025-08-31", Past("C-0001"), "plan tonight")
CALL = Call("plan_round", {"when": "tonight"})
SURE = {name: -0.01 if name == "fleet_status" else -9.0 for name in names()}


@dataclass(frozen=True)
class Slow:
    """Thinks of another tool, and of another goal, so many seconds later."""

    names_s: float = 0.0
    choices_s: float = 0.0

    def likely(self, _thread: Thread) -> Mapping[str, float]:
        time.sleep(self.names_s)
        return SURE if self.names_s else {name: -0.01 if name == "plan_round" else -9.0 for name in names()}

    def likely_choices(self, _thread: Thread, tool: str) -> Mapping[str, Mapping[str | None, float]]:
        time.sleep(self.choices_s)
        of = choices()[tool, "goal"]
        return {"goal": {choice: -0.01 if choice == "cost" else -9.0 for choice in of}}


@pytest.mark.parametrize("expert", [Slow(names_s=1.0), Slow(choices_s=1.0)], ids=["names", "choices"])
async def test_the_models_call_stands_at_the_deadline(expert: Slow) -> None:
    model = NamingScript([CALL.text(), '{"name":"fleet_status","parameters":{}}'], {"plan_round": -0.1}, (-1.0,))
    began = time.monotonic()
    ticks = asyncio.create_task(asyncio.sleep(0.05))
    assert await decide(Speaker(model, deadline_s=0.2, classifier=expert), ASKED) == CALL
    assert ticks.done()
    assert time.monotonic() - began < 0.9
