"""Claims about the OpenAI-compatible endpoint, made with OpenAI's own client where it counts."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openai
import pytest
from doubles import ScriptedAssistant
from surface_cases import ANSWER, CARD, parts_over

from assistant.surfaces.api import make_api
from assistant.surfaces.directory import add_person
from assistant.surfaces.parts import ApiParts
from domain.store import Store
from domain.values import Actor, Role

TITLE_TASK = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: Which bins near Sather Gate will overflow by noon?
ASSISTANT: 18 of 42.
</chat_history>"""
TAGS_TASK = (
    '### Task:\nGenerate 1-3 broad tags.\nJSON format: { "tags": ["tag1"] }\n<chat_history>USER: x</chat_history>'
)


@pytest.fixture
def parts(store: Store, tmp_path: Path) -> ApiParts:
    """Parts of the small city with a scripted assistant."""
    return parts_over(store, tmp_path / "home")


@asynccontextmanager
async def client_of(parts: ApiParts) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client, with a key of the directory."""
    key = add_person(parts.store, Actor("copilot", Role.api, scopes=frozenset({"read"})))
    transport = httpx.ASGITransport(make_api(parts), raise_app_exceptions=False, client=("203.0.113.7", 1))
    async with (
        httpx.AsyncClient(transport=transport) as http,
        openai.AsyncOpenAI(base_url="http://rounds.example/v1", api_key=key, http_client=http, max_retries=0) as made,
    ):
        yield made


def asked(text: str) -> list[openai.types.chat.ChatCompletionMessageParam]:
    """One user message."""
    return [{"role": "user", "content": text}]


def inquiries(parts: ApiParts) -> list[tuple[str, str | None]]:
    """What the assistant was asked, in which thread."""
    assert isinstance(parts.asks, ScriptedAssistant)
    return [(inquiry.question, inquiry.thread) for inquiry in parts.asks.inquiries]


async def test_the_one_model_is_listed(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        assert [model.id async for model in client.models.list()] == ["roundsman"]


async def test_an_answer_comes_with_its_decision_in_the_vendor_field(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        found = await client.chat.completions.create(
            model="roundsman", messages=[{"role": "system", "content": "Be rude."}, *asked("overflow?")], temperature=2
        )
    assert found.choices[0].message.content == ANSWER.text
    assert found.choices[0].finish_reason == "stop"
    vendor = (found.model_extra or {})["roundsman"]
    assert (vendor["decision_id"], vendor["thread"]) == ("D-0001", "t-1")
    assert vendor["calls"][0]["result"]["why"]


async def test_a_streamed_answer_has_the_same_words_and_ends_with_usage(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        stream = await client.chat.completions.create(
            model="roundsman", messages=asked("send it"), stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text.startswith("The round for two trucks is ready to send.")
    assert CARD.proposal_id in text
    assert chunks[-1].usage is not None
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"


async def test_content_in_parts_is_read_as_text(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        content = [{"type": "text", "text": "which bins"}, {"type": "text", "text": "overflow?"}]
        await client.chat.completions.create(model="roundsman", messages=[{"role": "user", "content": content}])  # type: ignore[list-item,misc]
    assert inquiries(parts) == [("which bins overflow?", None)]


async def test_a_conversation_sent_back_goes_on_in_its_thread(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        first = await client.chat.completions.create(model="roundsman", messages=asked("overflow?"))
        said = first.choices[0].message.content or ""
        so_far = [*asked("overflow?"), {"role": "assistant", "content": said}]
        await client.chat.completions.create(model="roundsman", messages=[*so_far, *asked("send it")])  # type: ignore[list-item]
        await client.chat.completions.create(model="roundsman", messages=asked("overflow?"))
    assert inquiries(parts) == [("overflow?", None), ("send it", "t-1"), ("overflow?", None)]


async def test_a_thread_may_be_named_in_the_metadata(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        await client.chat.completions.create(
            model="roundsman", messages=asked("overflow?"), metadata={"thread": "t-77"}
        )
    assert inquiries(parts) == [("overflow?", "t-77")]


@pytest.mark.parametrize(
    ("task", "name", "value"), [(TITLE_TASK, "title", "Which bins near Sather Gate will"), (TAGS_TASK, "tags", [])]
)
async def test_a_client_s_own_title_and_tags_cost_no_question(
    parts: ApiParts, task: str, name: str, value: object
) -> None:
    async with client_of(parts) as client:
        found = await client.chat.completions.create(model="roundsman", messages=asked(task))
    assert json.loads(found.choices[0].message.content or "") == {name: value}
    assert (found.model_extra or {})["roundsman"]["decision_id"] is None
    assert inquiries(parts) == []


async def test_a_question_about_titles_is_still_a_question(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        await client.chat.completions.create(
            model="roundsman", messages=asked("what is the title of the overflow rule?")
        )
    assert len(inquiries(parts)) == 1


async def test_refusals_are_errors_that_the_client_knows(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        with pytest.raises(openai.UnprocessableEntityError, match="characters"):
            await client.chat.completions.create(model="roundsman", messages=asked("x " * 4_000))
        with pytest.raises(openai.InternalServerError, match="disk is full"):
            await client.chat.completions.create(model="roundsman", messages=asked("broken store"))
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="nobody").chat.completions.create(
                model="roundsman", messages=asked("overflow?")
            )


async def test_a_stream_that_fails_says_so_and_still_ends(parts: ApiParts) -> None:
    async with client_of(parts) as client:
        stream = await client.chat.completions.create(model="roundsman", messages=asked("broken store"), stream=True)
        with pytest.raises(openai.APIError, match="disk is full"):
            _ = [chunk async for chunk in stream]
