"""The client of both engines: what it sends, and what it makes of a server that misbehaves."""

from __future__ import annotations

import json
import time

import pytest
from doubles import ModelServer, Reply, breaks_off, hangs, hangs_up, model_server, says, sends
from pydantic import JsonValue

from assistant.language_model import OpenAIModel
from domain.errors import ModelUnavailable
from domain.ports import LanguageModel, ModelIdentity

CALL = '{"name":"find_bins","parameters":{"near":"café Strada"}}'
SCHEMA: dict[str, JsonValue] = {"anyOf": [{"type": "object"}]}


async def decide(server: ModelServer, *, flavour: str = "llamacpp", deadline_s: float = 5.0) -> str:
    """One decision by a client of `server`, its text."""
    model = OpenAIModel(server.url, "small", "s3cret", "vllm" if flavour == "vllm" else "llamacpp")
    try:
        return (await model.decide("<prompt>", SCHEMA, deadline_s=deadline_s)).text
    finally:
        await model.close()


async def test_answer_carries_the_call_its_tokens_and_its_time() -> None:
    with model_server(says(CALL)) as server:
        model: LanguageModel = OpenAIModel(server.url + "/v1", "small", None, "llamacpp", ModelIdentity("named"))
        answer = await model.decide("<prompt>", SCHEMA, deadline_s=5)
    assert (answer.text, answer.prompt_tokens, answer.new_tokens) == (CALL, 70, 25)
    assert answer.ms > 0
    assert model.identity.model == "named"


async def test_white_space_of_an_engine_does_not_reach_the_thread() -> None:
    with model_server(says('{\n "name": "find_bins",\n "parameters": {"near": "café Strada"}\n}')) as server:
        assert await decide(server) == CALL


async def test_llamacpp_is_sent_the_raw_prompt_and_a_compact_schema() -> None:
    with model_server(says(CALL)) as server:
        await decide(server)
    (body,) = server.bodies
    assert body["prompt"] == "<prompt>"
    assert body["json_schema"] == {"x-guidance": {"whitespace_flexible": False}, **SCHEMA}
    assert body["temperature"] == 0
    assert body["max_tokens"] == 200
    assert "<|im_end|>" in str(body["stop"])
    assert server.headers[0]["Authorization"] == "Bearer s3cret"


async def test_vllm_is_sent_structured_outputs_and_adds_no_second_begin_of_text() -> None:
    with model_server(says(CALL)) as server:
        await decide(server, flavour="vllm")
    (body,) = server.bodies
    assert body["structured_outputs"] == {"json": SCHEMA}
    assert body["add_special_tokens"] is False
    assert "json_schema" not in body


@pytest.mark.parametrize(
    "fault",
    [breaks_off, hangs_up, sends("oops", 500), sends("<html>"), sends("[]"), sends('{"choices": []}'), says("I would"),
     says('{"name": "find_bins"}'), says('{"name":"find_bins","parameters":{"near":"Sa'), says('["find_bins"]')],
)  # fmt: skip
async def test_a_passing_fault_is_tried_once_more(fault: Reply) -> None:
    with model_server(fault, says(CALL)) as server:
        assert await decide(server) == CALL
    assert len(server.bodies) == 2


@pytest.mark.parametrize("fault", [breaks_off, hangs_up, sends("oops", 503), sends("<html>"), says("Sure! {}")])
async def test_a_lasting_fault_is_model_unavailable_after_two_tries(fault: Reply) -> None:
    with model_server(fault) as server, pytest.raises(ModelUnavailable, match="unavailable") as raised:
        await decide(server)
    assert len(server.bodies) == 2
    assert "s3cret" not in str(raised.value)


async def test_a_refused_request_is_not_repeated_and_its_body_is_not_shown() -> None:
    refusal = sends('{"error": "key s3cret is wrong for <prompt>"}', 401)
    with model_server(refusal) as server, pytest.raises(ModelUnavailable, match=r"\(HTTP 401\)") as raised:
        await decide(server)
    assert len(server.bodies) == 1
    assert "s3cret" not in str(raised.value)


async def test_a_server_that_hangs_is_given_up_at_the_deadline() -> None:
    started = time.monotonic()
    with model_server(hangs) as server, pytest.raises(ModelUnavailable, match=r"within 0\.3 seconds"):
        await decide(server, deadline_s=0.3)
    assert time.monotonic() - started < 1.5


async def test_the_deadline_holds_for_both_tries_together() -> None:
    with model_server(says("no call"), hangs) as server, pytest.raises(ModelUnavailable, match=r"within 0\.4 seconds"):
        await decide(server, deadline_s=0.4)
    assert len(server.bodies) == 2


async def test_a_server_that_is_not_there_is_model_unavailable() -> None:
    model = OpenAIModel("http://127.0.0.1:9", "small", None, "vllm")
    with pytest.raises(ModelUnavailable, match="ConnectError"):
        await model.decide("<prompt>", SCHEMA, deadline_s=5)
    assert not await model.ready(deadline_s=1)


async def test_ready_asks_for_one_token() -> None:
    with model_server(says("x")) as server:
        model = OpenAIModel(server.url, "small", None, "vllm")
        assert await model.ready()
    assert server.bodies[0]["max_tokens"] == 1


async def test_a_server_that_hangs_is_not_ready() -> None:
    with model_server(hangs) as server:
        assert not await OpenAIModel(server.url, "small", None, "vllm").ready(deadline_s=0.2)


async def test_each_question_opens_its_own_connection() -> None:
    with model_server(says(CALL)) as server:
        model = OpenAIModel(server.url, "small", None, "llamacpp")
        for _ in range(2):
            await model.decide("<prompt>", SCHEMA, deadline_s=5)
    assert [headers["Connection"] for headers in server.headers] == ["close", "close"]


async def test_an_answer_may_hold_whatever_the_user_wrote() -> None:
    odd = json.dumps({"name": "propose_ticket", "parameters": {"note": 'say "lid\\broken"\n½'}}, separators=(",", ":"))
    with model_server(says(odd)) as server:
        assert json.loads(await decide(server)) == json.loads(odd)
