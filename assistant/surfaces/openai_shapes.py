"""The shapes of OpenAI's chat completions, as far as Roundsman speaks them."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any, Literal

from fastapi.sse import KEEPALIVE_COMMENT
from pydantic import BaseModel, ConfigDict, Field

from assistant.shown import Answer
from assistant.surfaces.problems import openai_error, problem_of

MODEL = "roundsman"
VENDOR = ("decision_id", "thread", "kind", "proposal", "proposals", "grounded", "degraded", "calls")
USAGE = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
"""Tokens are not what a question costs here; zeros keep clients that need the field working."""


class Part(BaseModel):
    """One part of a message; only text is read."""

    type: str
    text: str = ""


class Message(BaseModel):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None

    def text(self) -> str:
        """The words of it."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content if part.type == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream tells besides."""

    include_usage: bool = False


class Completion(BaseModel):
    """A request as OpenAI's clients send it; what is not listed here is not used."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"model": MODEL, "messages": [{"role": "user", "content": "Which bins are over 80 percent?"}]}]
        }
    )
    model: str = MODEL
    messages: list[Message] = Field(min_length=1, max_length=500)
    stream: bool = False
    stream_options: StreamOptions = StreamOptions()
    metadata: dict[str, str] = Field(default_factory=dict)


def spoken(answer: Answer) -> str:
    """The answer in one text: choices and proposals are said too, because the protocol has no place for them."""
    parts = [answer.text, *(f"- {choice}" for choice in answer.choices), *answer.degraded]
    parts += [f"Proposal {card.proposal_id}: {card.title}. A person must approve it." for card in answer.proposals]
    return "\n".join(part for part in parts if part)


def completion(answer: Answer, at: datetime) -> dict[str, Any]:
    """The whole answer at once."""
    message = {"role": "assistant", "content": spoken(answer), "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {**_head("chat.completion", at), "choices": [choice], "usage": USAGE, MODEL: _vendor(answer)}


async def chunks(happening: AsyncIterator[Answer | None], at: datetime, with_usage: bool) -> AsyncIterator[bytes]:
    """The answer as server-sent events, line by line; comments while it is not there yet."""
    head = _head("chat.completion.chunk", at)
    yield _chunk(head, {"role": "assistant", "content": ""})
    try:
        async for answer in happening:
            if answer is None:
                yield KEEPALIVE_COMMENT
                continue
            for line in spoken(answer).splitlines(keepends=True):
                yield _chunk(head, {"content": line})
            yield _chunk(head, {}, finish="stop", vendor=_vendor(answer))
        if with_usage:
            yield _data({**head, "choices": [], "usage": USAGE})
    except Exception as error:  # noqa: BLE001  # the status has been sent; the stream says it instead
        yield _data(openai_error(problem_of(error)))
    yield b"data: [DONE]\n\n"


def _head(kind: str, at: datetime) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid.uuid4().hex}", "object": kind, "created": int(at.timestamp()), "model": MODEL}


def _vendor(answer: Answer) -> dict[str, Any]:
    whole = answer.as_json()
    return {name: whole[name] for name in VENDOR}


def _chunk(head: dict[str, Any], delta: dict[str, Any], *, finish: str | None = None, vendor: Any = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    return _data({**head, "choices": [choice], **({MODEL: vendor} if vendor else {})})


def _data(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()
