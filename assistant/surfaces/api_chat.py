"""POST /api/chat: a question, answered as JSON or as a stream of Server-Sent Events."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from fastapi.sse import KEEPALIVE_COMMENT, EventSourceResponse, format_sse_event
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from assistant.ports import Inquiry
from assistant.shown import Answer, StepEvent
from assistant.surfaces.gate import Gate
from assistant.surfaces.identity import CurrentActor, parts_of, require_own_thread, require_scope
from assistant.surfaces.once import MayRepeat, once
from assistant.surfaces.problems import Problem, problem_of
from assistant.surfaces.progress import ask_with_steps
from assistant.surfaces.questions import LONGEST_QUESTION, read_now, read_question, read_thread
from domain.values import Actor

router = APIRouter(tags=["chat"])
SURFACE = "api"
EVENTS = "text/event-stream"


class Question(BaseModel):
    """A question to Roundsman."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"question": "Which bins near Sather Gate will overflow by tomorrow noon?"}]},
    )
    question: str = Field(description=f"In your own words, at most {LONGEST_QUESTION:,} characters.")
    thread: str | None = Field(None, description="The conversation to go on with; a new one when left out.")
    now: str | None = Field(None, description="The moment of asking, ISO 8601; the clock when left out.")


class AnswerShown(BaseModel):
    """The answer: every number in it comes from a result under `calls`."""

    answer: str
    kind: str = Field(description="answer, clarify, decline or proposal")
    reason: str | None
    choices: list[str]
    calls: list[dict[str, JsonValue]]
    proposal: dict[str, JsonValue] | None = Field(description="The newest of `proposals`.")
    proposals: list[dict[str, JsonValue]]
    decision_id: str | None
    thread: str
    grounded: bool
    degraded: list[str]
    ms: float


@router.post(
    "/api/chat",
    summary="Ask a question",
    responses={
        200: {
            "model": AnswerShown,
            "description": "The answer; with `Accept: text/event-stream` events `step` ..., then `answer`.",
            "content": {EVENTS: {"schema": {"type": "string"}}},
        }
    },
)
async def chat(request: Request, question: Question, actor: CurrentActor, key: MayRepeat = None) -> Response:
    """One question, one answer."""
    require_scope(actor, "read")
    inquiry = _inquiry(request, question, actor)
    await require_own_thread(request, actor, inquiry.thread)
    gate: Gate = request.app.state.gate
    if EVENTS in request.headers.get("accept", ""):
        if key is not None:
            raise Problem(400, "An Idempotency-Key goes with a JSON answer, not with a stream of events.")
        gate.look()  # refuses with a status while that is possible; the stream takes its own place
        return EventSourceResponse(_events(request, inquiry, gate))

    async def work() -> dict[str, Any]:
        with gate.enter():
            return (await parts_of(request).asks.ask(inquiry)).as_json()

    return await once(request, actor, work)


def _inquiry(request: Request, question: Question, actor: Actor) -> Inquiry:
    request.state.sent = question.model_dump()
    at = read_now(question.now, parts_of(request).operation.zone)
    return Inquiry(read_question(question.question), actor, read_thread(question.thread), SURFACE, at)


async def _events(request: Request, inquiry: Inquiry, gate: Gate) -> AsyncIterator[bytes]:
    parts, number = parts_of(request), 0
    try:
        with gate.enter():
            async for happened in ask_with_steps(parts.asks, inquiry, parts.limits.keep_alive_s):
                number += happened is not None
                yield KEEPALIVE_COMMENT if happened is None else _event(happened, number)
    except Exception as error:  # noqa: BLE001  # the status has been sent; the event says it instead
        problem = problem_of(error, {"question": inquiry.question}).as_json()
        yield format_sse_event(event="problem", data_str=json.dumps(problem), id=str(number + 1))


def _event(happened: StepEvent | Answer, number: int) -> bytes:
    if isinstance(happened, Answer):
        return format_sse_event(event="answer", data_str=json.dumps(happened.as_json()), id=str(number))
    return format_sse_event(event="step", data_str=json.dumps(asdict(happened)), id=str(number))
