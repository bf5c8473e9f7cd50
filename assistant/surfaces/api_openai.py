"""POST /v1/chat/completions and GET /v1/models: Roundsman for programs that speak OpenAI's protocol.

The last user message is the question. Tools run here; tools, sampling settings and system messages of the caller are
not used. The protocol knows no approval: a proposal comes with its id in the vendor field `roundsman`, and is approved
under /api/approvals. A conversation goes on in the same thread when the caller sends back our answers unchanged, or
names the thread in `metadata.thread`.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.sse import EventSourceResponse

from assistant.ports import Inquiry
from assistant.shown import Answer
from assistant.surfaces.gate import Gate
from assistant.surfaces.housekeeping import answer_housekeeping
from assistant.surfaces.identity import CurrentActor, parts_of, require_own_thread, require_scope
from assistant.surfaces.openai_shapes import MODEL, Completion, Message, chunks, completion, spoken
from assistant.surfaces.problems import Problem
from assistant.surfaces.progress import ask_with_steps
from assistant.surfaces.questions import read_question, read_thread
from domain.values import Actor

router = APIRouter(prefix="/v1", tags=["openai"])
SURFACE = "openai"
MOST_THREADS = 1_000


class ThreadsByTalk:
    """Which thread a conversation was, by the hash of its messages so far. Kept in this process, newest thousand."""

    def __init__(self) -> None:
        self._threads: OrderedDict[str, str] = OrderedDict()

    def of(self, actor: Actor, messages: list[Message]) -> str | None:
        """The thread of a conversation that ended with these messages."""
        return self._threads.get(_talk(actor, messages))

    def remember(self, actor: Actor, messages: list[Message], thread: str) -> None:
        """The conversation with these messages is this thread."""
        self._threads[_talk(actor, messages)] = thread
        while len(self._threads) > MOST_THREADS:
            self._threads.popitem(last=False)


@router.get("/models", summary="The one model")
async def models(request: Request, actor: CurrentActor) -> dict[str, Any]:
    """The list that clients ask for first."""
    return {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": MODEL}]}


@router.post("/chat/completions", summary="Ask a question (OpenAI-compatible)", response_model=None)
async def completions(request: Request, wanted: Completion, actor: CurrentActor) -> Response:
    """The last user message is asked; the answer is complete before its first word is sent (law 2)."""
    require_scope(actor, "read")
    said = [m for m in wanted.messages if m.role in {"user", "assistant"}]
    if not said or said[-1].role != "user":
        raise Problem(422, "The last message must be the user's question.")
    request.state.sent = {"question": said[-1].text()}
    own = answer_housekeeping(said[-1].text(), said[0].text() if len(said) > 1 else "")
    if own is not None:
        reply = Answer(own, "answer", "", None)
        return await _reply(request, wanted, _one(reply))
    known: ThreadsByTalk = request.app.state.threads_by_talk
    thread = read_thread(wanted.metadata.get("thread")) or known.of(actor, said[:-1])
    await require_own_thread(request, actor, thread)
    inquiry = Inquiry(read_question(said[-1].text()), actor, thread, SURFACE)
    request.app.state.gate.look()
    return await _reply(request, wanted, _asked(request, inquiry, said))


async def _reply(request: Request, wanted: Completion, happening: AsyncIterator[Answer | None]) -> Response:
    at = parts_of(request).wall()
    if wanted.stream:
        return EventSourceResponse(chunks(happening, at, wanted.stream_options.include_usage))
    return JSONResponse(completion([answer async for answer in happening if answer is not None][-1], at))


async def _asked(request: Request, inquiry: Inquiry, said: list[Message]) -> AsyncIterator[Answer | None]:
    """The answer at the end; None now and then to keep the connection alive."""
    parts, gate = parts_of(request), request.app.state.gate
    assert isinstance(gate, Gate)
    with gate.enter():
        async for happened in ask_with_steps(parts.asks, inquiry, parts.limits.keep_alive_s):
            if isinstance(happened, Answer):
                reply = Message(role="assistant", content=spoken(happened))
                request.app.state.threads_by_talk.remember(inquiry.actor, [*said, reply], happened.thread)
            if happened is None or isinstance(happened, Answer):
                yield happened


async def _one(answer: Answer) -> AsyncIterator[Answer | None]:
    yield answer


def _talk(actor: Actor, messages: list[Message]) -> str:
    whole = json.dumps([actor.name, [[m.role, m.text().strip()] for m in messages]])
    return hashlib.sha256(whole.encode()).hexdigest()
