"""One client for both engines: the embedded llama.cpp and a vLLM server, over the OpenAI completions endpoint.

The prompt is rendered by prompts/render.py and sent raw (`/v1/completions`), so no chat template of an engine can
change what the model was trained on. Each connection is closed after its answer: an engine that drops an idle one
between two questions would otherwise break the second question.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Sequence
from typing import Literal

import httpx
from pydantic import JsonValue

from assistant.token_weights import tokens_told, weight_of_text, weights_of_names
from domain.errors import ModelUnavailable, PromptTooLong
from domain.ports import ModelAnswer, ModelIdentity
from domain.values import Call
from prompts.render import END

Flavour = Literal["llamacpp", "vllm"]
MAX_TOKENS = 200
"""Longest decision; a call with a 40-word note is about 90 tokens."""
LIKELIEST = 20
"""Tokens at each place that a server is asked to tell of: the most that vLLM tells of by default."""
ATTEMPTS = 2
CONNECT_S = 5.0
LONGEST_ANSWER = 1_000_000
"""Bytes of a server's answer that are read at most; 200 tokens with the likeliest at each place are about 350,000."""
UNKEPT = re.compile("[\ud800-\udfff]|" r"(?<!\\)(?:\\\\)*\\u0000")
"""Half a character (a lone surrogate) and NUL: neither UTF-8 nor PostgreSQL has a place for them."""
PASSING = {408, 425, 429}
"""Refusals that another try may get past: timed out, too early, too many (RFC 9110, RFC 8470, RFC 6585)."""
TOO_LONG = re.compile(rb"exceed_context_size|context (?:size|length)|maximum model length", re.I)
"""In a refusal (HTTP 400) of llama.cpp and of vLLM: the prompt does not fit the context."""
COMPACT: dict[str, JsonValue] = {"x-guidance": {"whitespace_flexible": False}}
"""What llguidance, the grammar engine of llama.cpp and of vLLM's `guidance` backend, reads as "no white space"."""


class OpenAIModel:
    """A `LanguageModel` behind an OpenAI-compatible server.

    `base_url` with or without `/v1`; `key` is sent as a bearer token and never shown in an error.
    """

    def __init__(
        self, base_url: str, model: str, key: str | None, flavour: Flavour, identity: ModelIdentity | None = None
    ) -> None:
        self.identity = identity or ModelIdentity(model, engine=flavour)
        self._model = model
        self._flavour = flavour
        self._tells_weights = True
        self._http = httpx.AsyncClient(
            base_url=base_url.rstrip("/").removesuffix("/v1"),
            headers={"Connection": "close"} | ({"Authorization": f"Bearer {key}"} if key else {}),
            limits=httpx.Limits(max_keepalive_connections=0),
            timeout=httpx.Timeout(None, connect=CONNECT_S),  # each call has its own deadline
            trust_env=False,  # no proxy and no password from the environment: the server is the one that was named
        )

    async def decide(self, prompt: str, schema: dict[str, JsonValue], *, deadline_s: float) -> ModelAnswer:
        """Complete `prompt` with one JSON object that fits `schema`; its text comes back without white space.

        A broken connection, a server error or an illegal answer is tried once more within the deadline.
        Raises ModelUnavailable; PromptTooLong, which is not tried again, for a prompt beyond the server's context.
        """
        return await self._decided(self._body(prompt, MAX_TOKENS) | self._forced(schema), (), deadline_s)

    async def decide_among(
        self, prompt: str, schema: dict[str, JsonValue], names: Sequence[str], *, deadline_s: float
    ) -> ModelAnswer:
        """As `decide`, and how likely the model found the call, and each of `names`: from its likeliest tokens."""
        began = time.perf_counter()
        plain = self._body(prompt, MAX_TOKENS) | self._forced(schema)
        if not self._tells_weights:
            return await self._decided(plain, (), deadline_s)
        try:
            return await self._decided(plain | {"logprobs": LIKELIEST}, names, deadline_s)
        except _Refused:  # some servers tell of fewer tokens, or of none; for another fault the next line fails as well
            answer = await self._decided(plain, (), max(0.0, deadline_s - (time.perf_counter() - began)))
            self._tells_weights = False
            return answer

    async def _decided(self, body: dict[str, JsonValue], names: Sequence[str], deadline_s: float) -> ModelAnswer:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(deadline_s):
                answer = await self._complete_with_retry(body)
        except TimeoutError:
            raise ModelUnavailable(f"The language model did not answer within {deadline_s:g} seconds.") from None
        usage = answer.get("usage")
        counts = usage if isinstance(usage, dict) else {}
        told = tokens_told(answer)
        return ModelAnswer(
            text=_call_text(answer),
            prompt_tokens=_count(counts.get("prompt_tokens")),
            new_tokens=_count(counts.get("completion_tokens")),
            ms=(time.perf_counter() - started) * 1000,
            names=weights_of_names(told, names),
            weight=weight_of_text(told),
        )

    async def weigh(self, prompt: str, names: Sequence[str], *, deadline_s: float) -> list[float]:
        """The log-probability that a call of each name follows `prompt`: it is made to write them, one after the other.

        Raises ModelUnavailable.
        """
        try:
            async with asyncio.timeout(deadline_s):
                return [_weight_of(await self._complete(self._named(prompt, name)), name) for name in names]
        except TimeoutError:
            raise ModelUnavailable(f"The language model did not answer within {deadline_s:g} seconds.") from None
        except (httpx.RequestError, _Retryable):
            raise ModelUnavailable("The language model is unavailable: it does not weigh calls.") from None

    def _named(self, prompt: str, name: str) -> dict[str, JsonValue]:
        """A request in which the model can only write that name of a call."""
        schema: dict[str, JsonValue] = {
            "type": "object", "properties": {"name": {"const": name}}, "required": ["name"],
            "additionalProperties": False,
        }  # fmt: skip
        return self._body(prompt, MAX_TOKENS) | self._forced(schema) | {"logprobs": 1}

    async def ready(self, *, deadline_s: float = 5.0) -> bool:
        """Whether the server completes one token in time."""
        try:
            async with asyncio.timeout(deadline_s):
                await self._complete(self._body("Hello", 1))
        except (TimeoutError, httpx.RequestError, _Retryable, ModelUnavailable):
            return False
        return True

    async def close(self) -> None:
        """Close open connections."""
        await self._http.aclose()

    def _body(self, prompt: str, max_tokens: int) -> dict[str, JsonValue]:
        stops: list[JsonValue] = list(END.values())
        body: dict[str, JsonValue] = {
            "model": self._model, "prompt": prompt, "max_tokens": max_tokens, "temperature": 0, "stop": stops,
        }  # fmt: skip
        own: dict[str, JsonValue] = {"cache_prompt": True}
        if self._flavour == "vllm":
            own = {"add_special_tokens": False}  # the rendered prompt has its own begin-of-text
        return body | own

    def _forced(self, schema: dict[str, JsonValue]) -> dict[str, JsonValue]:
        if self._flavour == "llamacpp":
            return {"json_schema": {**COMPACT, **schema}}
        return {"structured_outputs": {"json": {**COMPACT, **schema}}}

    async def _complete_with_retry(self, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        why = ""
        for _ in range(ATTEMPTS):
            try:
                answer = await self._complete(body)
                _call_text(answer)
            except httpx.RequestError as broken:
                why = f"the connection failed ({type(broken).__name__})"
            except _Retryable as failed:
                why = str(failed)
            else:
                return answer
        raise ModelUnavailable(f"The language model is unavailable: {why}.")

    async def _complete(self, body: dict[str, JsonValue]) -> dict[str, JsonValue]:
        async with self._http.stream("POST", "/v1/completions", json=body) as response:
            status = response.status_code
            if status >= 500 or status in PASSING:
                raise _Retryable(f"its server answered {status}")
            if status == 400 and TOO_LONG.search(await _read(response)):
                raise PromptTooLong("The conversation is too long for the language model.")
            if status != 200:
                raise _Refused(f"The language model refused the request (HTTP {status}).")
            content = await _read(response)
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            raise _Retryable("its server did not answer in JSON") from None
        if not isinstance(answer, dict):
            raise _Retryable("its server answered in an unknown shape")
        return answer


class _Refused(ModelUnavailable):
    """The server takes no such request."""


class _Retryable(Exception):
    """A failure that may pass by itself; the message is a clause for the user."""


async def _read(response: httpx.Response) -> bytes:
    """The body, as long as it stays within what a completion can need. Raises _Retryable."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > LONGEST_ANSWER:
            raise _Retryable("its server's answer has no end")
    return bytes(content)


def _call_text(answer: dict[str, JsonValue]) -> str:
    """The call in a completion as compact JSON. Raises _Retryable when there is none that can be kept."""
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    text = choice.get("text") if isinstance(choice, dict) else None
    try:
        call = json.loads(text, parse_constant=_no_number) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        call = None
    if not (isinstance(call, dict) and isinstance(call.get("name"), str) and isinstance(call.get("parameters"), dict)):
        raise _Retryable("it did not answer with a call")
    written = Call(call["name"], call["parameters"]).text()
    if UNKEPT.search(written):
        raise _Retryable("it answered with characters that no record can hold")
    return written


def _weight_of(answer: dict[str, JsonValue], name: str) -> float:
    """The sum of the log-probabilities of the tokens up to the name's end. Raises ModelUnavailable without them."""
    text, weight = "", 0.0
    for token in tokens_told(answer):
        text, weight = text + token.text, weight + token.weight
        if f'"name":{json.dumps(name, ensure_ascii=False)[:-1]}' in text:
            return weight
    raise ModelUnavailable("The language model's server does not tell how likely its words are.")


def _no_number(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _count(value: JsonValue) -> int:
    return value if isinstance(value, int) else 0
