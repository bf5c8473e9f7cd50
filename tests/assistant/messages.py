"""A message of two requests, told apart by what ships, and its answers."""

from __future__ import annotations

import functools

from desk import ANA, Answers, Desk, call
from doubles import ScriptedModel

from app import SHIPPED_REQUESTS
from assistant.ports import Inquiry
from assistant.shown import Answer
from tools.request_encoder import RequestParts, load_request_parts

BOTH = "How full is bin 101 now? And when was it emptied last?"
FULL, EMPTIED = call("find_bins", bins=["101"]), call("service_history", bins=["101"])
OPEN = "request 2 of 2 in this message is not answered yet"


@functools.cache
def shipped_requests() -> RequestParts:
    """What tells requests apart."""
    return load_request_parts(SHIPPED_REQUESTS)


async def told(desk: Desk, question: str, answers: Answers, thread: str | None = None) -> tuple[Answer, ScriptedModel]:
    """The answer to a question whose requests are told apart, and the model that was asked."""
    model = ScriptedModel(answers)
    return await desk.assistant(model, requests=shipped_requests()).ask(Inquiry(question, ANA, thread)), model


def of_requests(answer: Answer) -> list[str]:
    """What is said of requests that are not answered."""
    return [each for each in answer.degraded if "request" in each]
