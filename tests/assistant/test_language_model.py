"""The client of both engines: what it sends, and what it makes of a server that misbehaves."""

from __future__ import annotations

import json
import time
from http.server import BaseHTTPRequestHandler

import pytest
from doubles import ModelServer, Reply, breaks_off, hangs, hangs_up, model_server, says, sends
from pydantic import JsonValue

from assistant.language_model import OpenAIModel
from domain.errors import ModelUnavailable, PromptTooLong
from domain.ports import LanguageModel, ModelAnswer, ModelIdentity

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
    assert body["structured_outputs"] == {"json": {"x-guidance": {"whitespace_flexible": False}, **SCHEMA}}
    assert body["add_special_tokens"] is False
    assert "json_schema" not in body


# ---------------------------------------------------------------- servers that misbehave


def writes(content: bytes, *headers: tuple[str, str], status: int = 200) -> Reply:
    """A whole body of any bytes under any headers."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in (*headers, ("Content-Length", str(len(content)))):
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)

    return reply


def speaks_no_http(handler: BaseHTTPRequestHandler) -> None:
    """The greeting of another protocol."""
    handler.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
    handler.close_connection = True


def breaks_a_stream_off(handler: BaseHTTPRequestHandler) -> None:
    """Two chunks of a stream without its end."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    handler.wfile.write(b'5\r\n{"cho\r\n5\r\nices"\r\n')
    handler.close_connection = True


def trickles(handler: BaseHTTPRequestHandler) -> None:
    """A byte now and then, so that no single read takes long."""
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    for _ in range(40):
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


def never_ends(handler: BaseHTTPRequestHandler) -> None:
    """As many bytes as somebody takes, 200 MB at most."""
    handler.send_response(200)
    handler.end_headers()
    for _ in range(200):
        handler.wfile.write(b" " * 1_000_000)


PASSING_FAULTS: dict[str, Reply] = {
    "a body that breaks off": breaks_off,
    "a stream that breaks off": breaks_a_stream_off,
    "a closed connection": hangs_up,
    "another protocol": speaks_no_http,
    "a body without an end": never_ends,
    "error 500": sends("oops", 500),
    "error 503": sends('{"error": "loading model"}', 503),
    "too many requests": sends("slow down", 429),
    "a page": sends("<html>"),
    "nothing": sends(""),
    "a list": sends("[]"),
    "a number": sends("7"),
    "half a UTF-8 character": writes(b'{"choices": [{"text": "\xc3'),
    "a false content encoding": writes(b"not gzip", ("Content-Encoding", "gzip")),
    "deeper than can be read": sends("[" * 200_000),
    "no choices": sends('{"choices": []}'),
    "choices of another kind": sends('{"choices": {"0": 1}}'),
    "a choice without text": sends('{"choices": [{"text": null}]}'),
    "prose": says("I would look for bins near Sather Gate."),
    "prose with braces": says("Sure! {}"),
    "no parameters": says('{"name": "find_bins"}'),
    "parameters of another kind": says('{"name": "find_bins", "parameters": []}'),
    "a name of another kind": says('{"name": 7, "parameters": {}}'),
    "half a call": says('{"name":"find_bins","parameters":{"near":"Sa'),
    "two calls": says(CALL + CALL),
    "a list of a call": says('["find_bins"]'),
    "nonsense tokens": says("\ufffd<|im_start|>\ufffd" * 50),
    "a call deeper than can be read": says('{"name": "x", "parameters": {"a": ' + "[" * 100_000),
    "a number that is none": says('{"name": "x", "parameters": {"a": NaN}}'),
    "a number without an end": says('{"name": "x", "parameters": {"a": ' + "9" * 5000 + "}}"),
    "half a character": says('{"name": "x", "parameters": {"a": "\\ud83d"}}'),
    "a NUL": says('{"name": "x", "parameters": {"a": "b\\u0000"}}'),
}


@pytest.mark.parametrize("fault", PASSING_FAULTS.values(), ids=PASSING_FAULTS.keys())
async def test_a_passing_fault_is_tried_once_more(fault: Reply) -> None:
    with model_server(fault, says(CALL)) as server:
        assert await decide(server) == CALL
    assert len(server.bodies) == 2


@pytest.mark.parametrize("fault", PASSING_FAULTS.values(), ids=PASSING_FAULTS.keys())
async def test_a_lasting_fault_is_a_sentence_after_two_tries(fault: Reply) -> None:
    with model_server(fault) as server, pytest.raises(ModelUnavailable) as raised:
        await decide(server)
    assert len(server.bodies) == 2
    said = str(raised.value)
    assert said.startswith("The language model is unavailable: ")
    assert said.endswith(".")
    assert len(said) < 120
    assert "s3cret" not in said


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (sends("oops", 503), "its server answered 503"),
        (sends("<html>"), "its server did not answer in JSON"),
        (sends("[]"), "its server answered in an unknown shape"),
        (breaks_off, r"the connection failed \(RemoteProtocolError\)"),
        (never_ends, "its server's answer has no end"),
        (says("Sure!"), "it did not answer with a call"),
        (PASSING_FAULTS["a NUL"], "it answered with characters that no record can hold"),
    ],
)
async def test_the_sentence_says_what_was_wrong(fault: Reply, told: str) -> None:
    with model_server(fault) as server, pytest.raises(ModelUnavailable, match=told):
        await decide(server)


@pytest.mark.parametrize("fault", [hangs, trickles, sends("<html>", 500)])
async def test_whatever_a_server_does_it_is_over_at_the_deadline(fault: Reply) -> None:
    started = time.monotonic()
    with model_server(fault) as server, pytest.raises(ModelUnavailable):
        await decide(server, deadline_s=0.5)
    assert time.monotonic() - started < 1.5


async def test_the_words_of_a_call_may_look_like_an_escape() -> None:
    text = json.dumps({"name": "x", "parameters": {"note": "C:\\u0000 \\\\u0000"}}, separators=(",", ":"))
    with model_server(says(text)) as server:
        assert json.loads(await decide(server)) == json.loads(text)
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "fault",
    [hangs, hangs_up, speaks_no_http, sends("oops", 500), sends("no", 404), sends("<html>"), sends("[" * 200_000),
     writes(b"not gzip", ("Content-Encoding", "gzip"))],
)  # fmt: skip
async def test_a_server_that_misbehaves_is_not_ready(fault: Reply) -> None:
    with model_server(fault) as server:
        assert not await OpenAIModel(server.url, "small", None, "vllm").ready(deadline_s=0.5)


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with model_server(says(CALL)) as server:
        assert await decide(server) == CALL


async def test_a_refused_request_is_not_repeated_and_its_body_is_not_shown() -> None:
    refusal = sends('{"error": "key s3cret is wrong for <prompt>"}', 401)
    with model_server(refusal) as server, pytest.raises(ModelUnavailable, match=r"\(HTTP 401\)") as raised:
        await decide(server)
    assert len(server.bodies) == 1
    assert "s3cret" not in str(raised.value)


@pytest.mark.parametrize(
    "body",
    [
        '{"error":{"code":400,"message":"request (5000 tokens) exceeds the available context size (4096 tokens), try '
        'increasing it","type":"exceed_context_size_error"}}',
        '{"error":{"message":"This model\'s maximum context length is 4096 tokens. However, you requested 5000 tokens",'
        '"type":"BadRequestError","code":400}}',
        '{"error":{"message":"The decoder prompt (length 5000) is longer than the maximum model length of 4096."}}',
    ],
)
async def test_a_prompt_beyond_the_context_is_told_apart_and_not_repeated(body: str) -> None:
    with model_server(sends(body, 400)) as server, pytest.raises(PromptTooLong):
        await decide(server)
    assert len(server.bodies) == 1


async def test_another_refusal_of_the_same_status_is_no_matter_of_length() -> None:
    with model_server(sends('{"error": "unknown field"}', 400)) as server, pytest.raises(ModelUnavailable) as raised:
        await decide(server)
    assert not isinstance(raised.value, PromptTooLong)


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


# ---------------------------------------------------------------- how likely calls are

TOKENS = [('{"', -0.5), ("name", 0.0), ('":"', -0.25), ("dump", -2.0), ('_queue","', -1.0), ("parameters", -9.0)]
WRITTEN = '{"name":"dump_queue","parameters":{}}'


def weighed(logprobs: JsonValue) -> Reply:
    """A completion that tells those log-probabilities."""
    return sends(json.dumps({"choices": [{"text": WRITTEN, "logprobs": logprobs}]}))


async def weigh(server: ModelServer, *names: str) -> list[float]:
    """The weights that a client of the server finds."""
    model = OpenAIModel(server.url, "small", None, "llamacpp")
    try:
        return await model.weigh("<prompt>", names, deadline_s=5)
    finally:
        await model.close()


@pytest.mark.parametrize(
    "logprobs",
    [
        {"content": [{"token": token, "logprob": logprob} for token, logprob in TOKENS]},
        {"tokens": [token for token, _ in TOKENS], "token_logprobs": [logprob for _, logprob in TOKENS]},
    ],
    ids=["llamacpp", "vllm"],
)
async def test_a_name_weighs_its_tokens_and_none_behind_it(logprobs: JsonValue) -> None:
    with model_server(weighed(logprobs)) as server:
        assert await weigh(server, "dump_queue") == [-3.75]
    (body,) = server.bodies
    assert body["logprobs"] == 1
    assert body["json_schema"]["properties"] == {"name": {"const": "dump_queue"}}  # type: ignore[index, call-overload]


async def test_a_name_may_have_any_letters() -> None:
    tokens = [('{"name":"', 0.0), ("räume", -0.5), ('_buchen","', -0.25)]
    content = [{"token": token, "logprob": logprob} for token, logprob in tokens]
    with model_server(weighed({"content": content})) as server:
        assert await weigh(server, "räume_buchen") == [-0.75]


@pytest.mark.parametrize("logprobs", [None, {}, {"content": []}, {"content": [{"token": '{"', "logprob": None}]}, 3])
async def test_a_server_that_tells_no_weights_is_unavailable(logprobs: JsonValue) -> None:
    with model_server(weighed(logprobs)) as server, pytest.raises(ModelUnavailable, match="does not tell how likely"):
        await weigh(server, "dump_queue")


# ---------------------------------------------------------------- how likely the names of a call were

NAMED = ["dump_queue", "decline", "reply"]
LIKELIEST = {"dump": -0.5, "decl": -1.5, "re": -3.0, "a": -8.0, "b": -9.0}
TELLING: JsonValue = {
    "content": [
        {"token": '{"name":"', "logprob": 0.0, "top_logprobs": []},
        {
            "token": "dump", "logprob": -0.5,
            "top_logprobs": [{"token": token, "logprob": logprob} for token, logprob in LIKELIEST.items()],
        },
        {"token": '_queue","', "logprob": -0.25, "top_logprobs": []},
    ]
}  # fmt: skip


async def decide_among(model: OpenAIModel) -> ModelAnswer:
    return await model.decide_among("<prompt>", {"anyOf": []}, NAMED, deadline_s=5)


async def test_the_names_of_a_call_are_weighed_beside_it() -> None:
    with model_server(weighed(TELLING)) as server:
        model = OpenAIModel(server.url, "small", None, "llamacpp")
        answer = await decide_among(model)
        await model.close()
    assert answer.text == WRITTEN
    assert answer.names == pytest.approx({"dump_queue": -0.75, "decline": -1.5, "reply": -3.0})
    assert server.bodies[0]["logprobs"] == 20


async def test_a_server_that_refuses_to_tell_weights_is_asked_without_from_then_on() -> None:
    refuses, answers = sends('{"message": "max_logprobs is 5"}', 400), weighed(None)
    with model_server(refuses, answers, answers) as server:
        model = OpenAIModel(server.url, "small", None, "vllm")
        first, second = await decide_among(model), await decide_among(model)
        await model.close()
    assert (first.text, second.text) == (WRITTEN, WRITTEN)
    assert (first.names, second.names) == ({}, {})
    assert ["logprobs" in body for body in server.bodies] == [True, False, False]


async def test_a_refusal_for_another_reason_is_told_and_weights_are_asked_for_again() -> None:
    refuses = sends('{"message": "no such model"}', 404)
    with model_server(refuses, refuses, weighed(TELLING)) as server:
        model = OpenAIModel(server.url, "small", None, "vllm")
        with pytest.raises(ModelUnavailable, match=r"refused the request \(HTTP 404\)"):
            await decide_among(model)
        answer = await decide_among(model)
        await model.close()
    assert answer.names
    assert ["logprobs" in body for body in server.bodies] == [True, False, True]
