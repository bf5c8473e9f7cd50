"""Tools that are listed beside a question by JSON schema, instead of being declared in our registry.

A model that was tuned on one set of tools should still call a renamed or a new one. So a prompt can carry such tools as
one line each (`ListedTool.signature`), and the decoder is forced to one of them or to one of the three words
(`listed_schema`), with free values limited to what the question says, as for our own tools.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import JsonValue

from domain.errors import BadData
from domain.values import Call
from tools.listed_parameters import (
    DEEPEST,
    Copied,
    Parameters,
    Undecodable,
    closed,
    listed_in,
    properties_of,
    required_of,
    resolved,
    types_of,
)
from tools.listed_said import gives_nothing, is_number_by_name, is_time, whole_quotation
from tools.registry import JsonSchema
from tools.schema import call_schema
from tools.spans import Spans

LONGEST_DESCRIPTION = 120
SENTENCE = re.compile(r"(?<=[^.\s]{2})[.!?](?=\s|$)")
"""The end of a sentence; not the full stop of "e.g." or of an initial."""
SHOWN = {"array": "list"}
SIGNATURE = re.compile(r"(?P<name>\w+)\((?P<parameters>.*?)\)(?: - (?P<about>.+))?")


@dataclass(frozen=True)
class ListedTool:
    """A tool by its name, description and the JSON schema of its parameters (an object)."""

    name: str
    description: str
    parameters: JsonSchema

    @classmethod
    def read(cls, said: JsonValue) -> ListedTool:
        """Of `{"name", "description", "parameters"}`. Raises BadData saying what is wrong."""
        if not isinstance(said, dict) or not isinstance(name := said.get("name"), str) or not name.strip():
            raise BadData("a tool needs a name")
        description, parameters = said.get("description", ""), said.get("parameters", {})
        if not isinstance(description, str) or not isinstance(parameters, dict):
            raise BadData(f"tool {name}: its description must be a text and its parameters an object")
        made = cls(name, description, parameters)
        listed_schema([made])  # whatever cannot be decoded is found here
        return made

    @classmethod
    def of_signature(cls, line: str) -> ListedTool:
        """The tool that `signature` writes as this line, texts in its lists. Raises BadData for another line."""
        found = SIGNATURE.fullmatch(line)
        if not found:
            raise BadData(f"no signature of a tool: {line}")
        properties: JsonSchema = {}
        required: list[JsonValue] = []
        for part in re.split(r", (?=\w+\??: )", found["parameters"]) if found["parameters"] else []:
            name, _, kind = part.partition(": ")
            properties[name.rstrip("?")] = _of_kind(kind)
            required += [] if name.endswith("?") else [name]
        return cls(
            found["name"],
            found["about"] or "",
            {"type": "object", "properties": properties, "required": required},
        )

    def declaration(self) -> str:
        """One line for a prompt that shows whole schemas: JSON of its three parts."""
        return json.dumps({"name": self.name, "description": self.description, "parameters": self.parameters})

    def names(self) -> frozenset[str]:
        """Its parameters' names."""
        return frozenset(properties_of(self.parameters))

    def signature(self) -> str:
        """One line for a prompt: `name(param: type, other?: a/b/c) - description`."""
        required = required_of(self.parameters)
        shown = [
            f"{name}{'' if name in required else '?'}: {_kind(self.parameters, schema)}"
            for name, schema in properties_of(self.parameters).items()
        ]
        about = _first_sentence(self.description)
        return f"{self.name}({', '.join(shown)})" + (f" - {about}" if about else "")


def listed_schema(
    tools: Sequence[ListedTool], spans: Spans | None = None, question: str = "", times: Sequence[str] = ()
) -> JsonSchema:
    """The schema of one decision over listed tools: `anyOf` over `{"name": const, "parameters": closed object}`.

    The three words are always among them, by reference only (tools/words.py). With `spans` a free text is a span of
    what was said and a number one that was said; an optional parameter that nothing could fill is not offered, nor is
    a tool with such a required one. With the `question` a choice and a number that it has in the declaration's own
    words are the only ones, and an optional yes or no that it does not name is not offered; with its `times` (what the
    calendar reads of it) a parameter that is a time by its name holds one, and no other text is one. Raises BadData for
    two tools of one name and for a schema that cannot be decoded.
    """
    names = [tool.name for tool in tools]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise BadData(f"two tools are called {doubled}")
    copied = Copied(spans, question, tuple(times))
    calls: list[JsonValue] = []
    for tool in tools:
        try:
            parameters = Parameters(tool.parameters, copied).object(tool.parameters, 0)
        except Undecodable as error:
            raise BadData(f"tool {tool.name}: {error}") from error
        if parameters is not None:
            calls.append(closed({"name": {"const": tool.name}, "parameters": parameters}, ["name", "parameters"]))
    words = call_schema({}, None)["anyOf"]
    schema: JsonSchema = {"anyOf": [*calls, *(words if isinstance(words, list) else [])]}
    return {"$defs": copied.defs, **schema} if copied.defs else schema


def without(tool: ListedTool, names: Collection[str]) -> ListedTool:
    """The tool without some of its parameters."""
    kept: JsonSchema = {name: said for name, said in properties_of(tool.parameters).items() if name not in names}
    required: list[JsonValue] = [name for name in required_of(tool.parameters) if name not in names]
    return replace(tool, parameters={**tool.parameters, "properties": kept, "required": required})


def with_values(form: JsonSchema, values: Mapping[str, JsonValue]) -> JsonSchema:
    """One call's form of `listed_schema` with these values beside what it leaves open."""
    named: Any = form["properties"]
    parameters = named["parameters"]
    fixed = {name: {"const": value} for name, value in values.items()}
    filled = closed({**parameters["properties"], **fixed}, [*parameters["required"], *fixed])
    return closed({**named, "parameters": filled}, ["name", "parameters"])


def read_on(tool: ListedTool, call: Call, question: str) -> Call:
    """The call with its free texts that lie in a quotation of the question as the whole of it: such a text is never a
    part (86 of 86 in training's frames)."""
    return Call(
        call.name,
        {
            name: whole_quotation(value, question) if isinstance(value, str) and _is_words(tool, name) else value
            for name, value in call.parameters.items()
        },
    )


def without_echoes(tool: ListedTool, call: Call) -> Call | None:
    """The call without optional texts that only name things or repeat another parameter.

    None when a required parameter has no other value than such: it is to be asked for.
    """
    properties, required = properties_of(tool.parameters), required_of(tool.parameters)
    kept: dict[str, JsonValue] = {}
    for name in sorted(call.parameters, key=lambda each: each not in required):
        value = call.parameters[name]
        free = isinstance(value, str) and _is_free(tool, name)
        if not free or (value not in kept.values() and not gives_nothing(value, tool.name, properties)):
            kept[name] = value
    if not kept.keys() >= set(required):
        return None
    return Call(call.name, {name: kept[name] for name in call.parameters if name in kept})


def _is_words(tool: ListedTool, name: str) -> bool:
    """Whether a parameter is a text that is neither a choice nor, by its name, a time or a number."""
    return _is_free(tool, name) and is_time(name) is False and not is_number_by_name(name)


def _is_free(tool: ListedTool, name: str) -> bool:
    """Whether a parameter is no choice."""
    return "enum" not in resolved(tool.parameters, properties_of(tool.parameters).get(name, {}))


# ---------------------------------------------------------------- the line for the prompt


def _first_sentence(description: str) -> str:
    """The first sentence with its end, cut at a word within the limit."""
    text = " ".join(description.split())
    end = SENTENCE.search(text)
    text = text[: end.end()] if end else text
    if len(text) > LONGEST_DESCRIPTION:
        text = text[:LONGEST_DESCRIPTION].rpartition(" ")[0] or text[: LONGEST_DESCRIPTION - 1]
    return text if not text or text[-1] in ".!?" else text.rstrip(" ,;:") + "."


def _kind(root: JsonSchema, said: JsonValue, depth: int = 0) -> str:
    """The type of a parameter as the prompt shows it; a choice by its values, by the first that is not null."""
    if depth > DEEPEST:
        return "object"
    schema = resolved(root, said)
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return "/".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    choices = listed_in(schema.get("anyOf")) or listed_in(schema.get("oneOf"))
    kinds = (_kind(root, each, depth + 1) for each in choices) if choices else types_of(schema)
    kind = next((each for each in kinds if each != "null"), "null")
    return SHOWN.get(kind, kind)


def _of_kind(kind: str) -> JsonSchema:
    """What `_kind` shows as `kind`."""
    if "/" in kind:
        return {"enum": list(kind.split("/"))}
    return {"type": "array", "items": {"type": "string"}} if kind == SHOWN["array"] else {"type": kind}
