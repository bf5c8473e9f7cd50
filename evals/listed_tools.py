"""One decision over tools that are listed beside the question: what the suites `toolcalling` and `new_tools` share.

The model reads the tools in the order of tools/listed_order.py, nearest to the question first.
"""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from assistant.decide import GRACE_S, Speaker
from assistant.situation import shortened
from domain.errors import ModelUnavailable
from domain.ports import WeighingModel
from domain.values import Call
from prompts.render import ONLY_LISTED, Setting, Turn, render, without_control_tokens
from retrieval.embedder import MiniLM
from tools.listed import ListedTool, listed_schema, read_on, with_values, without, without_echoes
from tools.listed_choice import MOST_WEIGHED, chosen
from tools.listed_filling import ASK, filled, unread
from tools.listed_order import ToolOrder
from tools.listed_reader import ListedReader
from tools.mentions import words_marked
from tools.numbers import numbers_in
from tools.registry import JsonSchema
from tools.spans import Spans

CITY, ROLE, TODAY = "berkeley", "manager", "2025-08-31"
"""What the prompt says beside the tools; nothing in these cases depends on it."""
LONGEST_BLOCK = 9_000
"""Characters of signatures in a prompt: about 2,700 tokens of the embedded model's 4,096."""
NAME = re.compile(r'["“]([^"”]+)["”]|((?:[A-Z][\w\'-]*)(?: [A-Z][\w\'-]*)*)')


@dataclass(frozen=True)
class Asked:
    """What a user said (oldest first, at least one text), the tools there are, and what code recognised in the last."""

    said: tuple[str, ...]
    tools: tuple[ListedTool, ...]
    marks: tuple[str, ...] = ()

    def times(self) -> list[str]:
        """The stretches of the last text that the calendar reads."""
        return words_marked("time", self.marks)


@functools.cache
def tool_order() -> ToolOrder:
    """The order that rows and measurements share; loads nothing before the first question."""
    return ToolOrder(MiniLM())


async def choose(speaker: Speaker, asked: Asked, reader: ListedReader | None = None) -> Call:
    """The call of a listed tool, or one of the three words; what a tool needs and nobody said is asked for.

    With a `reader` the tool of a single message that it reads to the end is chosen by both, and what it reads is filled
    in by it. Raises ModelUnavailable.
    """
    prompt = prompt_of(speaker, asked)
    if speaker.style == "small" and speaker.copying and asked.tools and isinstance(speaker.model, WeighingModel):
        heard = reader if reader and len(asked.said) == 1 and reader.reads(asked.said[0]) else None
        return await _weighed(speaker, speaker.model, asked, prompt, heard)
    spans = Spans.of(asked.said) if speaker.copying else None
    return await _written(speaker, prompt, await asyncio.to_thread(listed_schema, asked.tools, spans))


async def _weighed(
    speaker: Speaker, model: WeighingModel, asked: Asked, prompt: str, reader: ListedReader | None
) -> Call:
    """The tool by its weight first, then the call of it."""
    question = asked.said[-1]
    tools = tool_order().nearest_first(question, asked.tools)[:MOST_WEIGHED]
    likely = await model.weigh(prompt, [*(tool.name for tool in tools), "decline"], deadline_s=speaker.deadline_s)
    serves = await asyncio.to_thread(reader.serves, question, tools) if reader else ()
    tool = chosen(tools, tool_order().nearness(question, tools), likely, serves)
    if tool is None:
        return await _written(speaker, prompt, listed_schema([]))
    told = await asyncio.to_thread(reader.slots, question, tool) if reader else {}
    read = filled(tool, told, question)
    call = None if read is None else Call(tool.name, read)
    if call is not None and (reader is None or unread(tool, told)):
        call = await _completed(speaker, prompt, asked, without(tool, told.keys()), call.parameters)
    return (call and without_echoes(tool, read_on(tool, call, question))) or Call("clarify", dict(ASK))


async def _completed(
    speaker: Speaker, prompt: str, asked: Asked, tool: ListedTool, read: Mapping[str, JsonValue]
) -> Call | None:
    """The model's call of a tool without what was read, and these values; None when something it needs was not said."""
    schema = await asyncio.to_thread(listed_schema, [tool], Spans.of(asked.said), asked.said[-1], asked.times())
    forms, words = schema["anyOf"], listed_schema([])["anyOf"]
    calls = [form for form in forms if form not in words] if isinstance(forms, list) and isinstance(words, list) else []
    pinned = [with_values(form, read) for form in calls if isinstance(form, dict)]
    return await _written(speaker, prompt, {**schema, "anyOf": [*pinned]}) if pinned else None


async def _written(speaker: Speaker, prompt: str, schema: JsonSchema) -> Call:
    try:
        async with asyncio.timeout(speaker.deadline_s + GRACE_S):
            answer = await speaker.model.decide(prompt, schema, deadline_s=speaker.deadline_s)
    except TimeoutError:
        raise ModelUnavailable(f"The language model did not answer within {speaker.deadline_s:g} seconds.") from None
    try:
        return Call.read(answer.text)
    except ValueError as error:
        raise ModelUnavailable("the language model did not answer with a call") from error


def prompt_of(speaker: Speaker, asked: Asked) -> str:
    """The bytes the model completes: the product's renderer, with the tools in the block that is for them."""
    tools = tool_order().nearest_first(asked.said[-1], asked.tools)
    block = _signatures(tools) if speaker.style == "small" else "\n".join(tool.declaration() for tool in tools)
    earlier = [Turn(text) for text in asked.said[:-1]]
    now = Turn(shortened(asked.said[-1]), (), asked.marks)
    return render(speaker.style, Setting(CITY, ROLE, without_control_tokens(block), TODAY), [*earlier, now])


def _signatures(tools: Sequence[ListedTool]) -> str:
    """A line each under the header that says there are no others; without their descriptions when they are too many."""
    lines = [tool.signature() for tool in tools]
    if sum(map(len, lines)) > LONGEST_BLOCK:
        lines = [line.partition(") - ")[0] + ")" for line in lines]
    return "\n".join([ONLY_LISTED, *lines])[:LONGEST_BLOCK]


def share(of: Sequence[bool]) -> float | None:
    """How many of all, 0..1; None of none."""
    return round(sum(of) / len(of), 4) if of else None


# ---------------------------------------------------------------- the naive answers to the same question


def nearest_tool(asked: Asked) -> Call:
    """The baseline without a language model: `first_tool` of the tools in order of their nearness to the question."""
    return first_tool(replace(asked, tools=tuple(tool_order().nearest_first(asked.said[-1], asked.tools))))


def first_tool(asked: Asked) -> Call:
    """The baseline: always the first tool, its required parameters from what stands at hand in the question.

    Numbers in the order they were said, the first choice of a choice, texts the names and quotations in their order.
    """
    if not asked.tools:
        return Call("decline", {"reason": "out_of_scope"})
    tool, question = asked.tools[0], asked.said[-1]
    numbers = [n for token in re.findall(r"[\w.,%½-]+", question) for n in numbers_in(token)[:1]]
    names = [quoted or name for quoted, name in NAME.findall(question)]
    properties: Any = tool.parameters.get("properties", {})
    required: Any = tool.parameters.get("required", [])
    return Call(
        tool.name, {name: _at_hand(properties[name], numbers, names) for name in required if name in properties}
    )


def _at_hand(schema: JsonSchema, numbers: list[int], names: list[str]) -> JsonValue:
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return values[0]
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return numbers.pop(0) if numbers else 0
    if kind == "boolean":
        return True
    if kind == "array":
        of_numbers = isinstance(items := schema.get("items"), dict) and items.get("type") in ("integer", "number")
        return list[JsonValue](numbers if of_numbers else names)
    return {} if kind == "object" else names.pop(0) if names else ""
