"""Tools that are listed beside a question by JSON schema, instead of being declared in our registry.

A model that was tuned on one set of tools should still call a renamed or a new one. So a prompt can carry such tools as
one line each (`ListedTool.signature`), and the decoder is forced to one of them or to one of the three words
(`listed_schema`), with free values limited to what the question says, as for our own tools.

Of JSON schema (draft 2020-12): type, enum, const, properties, required, items, anyOf, oneOf, local $ref, and the bounds
of numbers, texts and lists. What else a declaration says is left to whoever runs the tool.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pydantic import JsonValue

from domain.errors import BadData
from domain.values import Call
from tools.listed_said import choice_said, gives_nothing, is_named, is_number_by_name, number_said, truths_said
from tools.registry import JsonSchema
from tools.schema import LONGEST_LIST, call_schema
from tools.spans import Spans

LONGEST_DESCRIPTION = 120
SENTENCE = re.compile(r"(?<=[^.\s]{2})[.!?](?=\s|$)")
"""The end of a sentence; not the full stop of "e.g." or of an initial."""
COPIED_WORDS = 24
"""Longest span that a text value may be: a message to a driver, not a page."""
NUMBERED_WORDS, MOST_NUMBERED = 3, 60
"""Words of the longest span that is a number of a thing ("RO 20117"), and how many such spans are offered."""
LONGEST_TEXT = 400
"""Characters of a text that is not copied, so that a decision ends within its tokens."""
DEEPEST = 8
"""Levels of nested objects and lists; a schema that refers to itself ends here."""
BOUNDS = {
    "string": ("minLength", "maxLength"),
    "integer": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
}
SHOWN = {"array": "list"}
SIGNATURE = re.compile(r"(?P<name>\w+)\((?P<parameters>.*?)\)(?: - (?P<about>.+))?")
FIGURE = re.compile(r"(?<![\w.])(?<![^\W\d_]-)(-?)(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?(?!\d)(\s?%|\s+per\s?cent\b)?")
"""A number in digits: its sign, whole part, decimals, and whether it is a share in percent."""


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
        return frozenset(_properties(self.parameters))

    def signature(self) -> str:
        """One line for a prompt: `name(param: type, other?: a/b/c) - description`."""
        required = _required(self.parameters)
        shown = [
            f"{name}{'' if name in required else '?'}: {_kind(self.parameters, schema)}"
            for name, schema in _properties(self.parameters).items()
        ]
        about = _first_sentence(self.description)
        return f"{self.name}({', '.join(shown)})" + (f" - {about}" if about else "")


def listed_schema(tools: Sequence[ListedTool], spans: Spans | None = None, question: str = "") -> JsonSchema:
    """The schema of one decision over listed tools: `anyOf` over `{"name": const, "parameters": closed object}`.

    The three words are always among them, by reference only (tools/words.py). With `spans` a free text is a span of
    what was said and a number one that was said; an optional parameter that nothing could fill is not offered, nor is
    a tool with such a required one. With the `question` a choice and a number that it has in the declaration's own
    words are the only ones, and an optional yes or no that it does not name is not offered. Raises BadData for two
    tools of one name and for a schema that cannot be decoded.
    """
    names = [tool.name for tool in tools]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise BadData(f"two tools are called {doubled}")
    copied = _Copied(spans, question)
    calls: list[JsonValue] = []
    for tool in tools:
        try:
            parameters = _Reader(tool.parameters, copied).object(tool.parameters, 0)
        except _Undecodable as error:
            raise BadData(f"tool {tool.name}: {error}") from error
        if parameters is not None:
            calls.append(_closed({"name": {"const": tool.name}, "parameters": parameters}, ["name", "parameters"]))
    words = call_schema({}, None)["anyOf"]
    schema: JsonSchema = {"anyOf": [*calls, *(words if isinstance(words, list) else [])]}
    return {"$defs": copied.defs, **schema} if copied.defs else schema


def without_echoes(tool: ListedTool, call: Call) -> Call | None:
    """The call without optional texts that only name things or repeat another parameter.

    None when a required parameter has no other value than such: it is to be asked for.
    """
    properties, required = _properties(tool.parameters), _required(tool.parameters)
    kept: dict[str, JsonValue] = {}
    for name in sorted(call.parameters, key=lambda each: each not in required):
        value = call.parameters[name]
        free = isinstance(value, str) and "enum" not in _resolved(tool.parameters, properties.get(name, {}))
        if not free or (value not in kept.values() and not gives_nothing(value, tool.name, properties)):
            kept[name] = value
    if not kept.keys() >= set(required):
        return None
    return Call(call.name, {name: kept[name] for name in call.parameters if name in kept})


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
    schema = _resolved(root, said)
    values = schema.get("enum")
    if isinstance(values, list) and values:
        return "/".join(value if isinstance(value, str) else json.dumps(value) for value in values)
    choices = _listed(schema.get("anyOf")) or _listed(schema.get("oneOf"))
    kinds = (_kind(root, each, depth + 1) for each in choices) if choices else _types(schema)
    kind = next((each for each in kinds if each != "null"), "null")
    return SHOWN.get(kind, kind)


def _of_kind(kind: str) -> JsonSchema:
    """What `_kind` shows as `kind`."""
    if "/" in kind:
        return {"enum": list(kind.split("/"))}
    return {"type": "array", "items": {"type": "string"}} if kind == SHOWN["array"] else {"type": kind}


# ---------------------------------------------------------------- the decoder's schema


class _Undecodable(BadData):
    """A declaration that no decoder's schema can be made of; the message says which part."""


@dataclass
class _Copied:
    """What free values may be, given the spans; equal sets of spans become one shared definition."""

    spans: Spans | None
    question: str = ""
    defs: JsonSchema = field(default_factory=dict)

    def text(self) -> JsonSchema | None:
        """A span of what was said; None when nothing was."""
        if self.spans is None:
            return None
        if "words" not in self.defs:
            pattern, quoted = self.spans.pattern(COPIED_WORDS), self.spans.quoted(COPIED_WORDS)
            choices: list[JsonSchema] = [{"type": "string", "pattern": pattern}] if pattern else []
            choices += [{"type": "string", "enum": list(quoted)}] if quoted else []
            if not choices:
                return None
            self.defs["words"] = {"anyOf": list(choices)} if len(choices) > 1 else choices[0]
        return {"$ref": "#/$defs/words"}

    def numbered(self) -> JsonSchema | None:
        """A span with a digit in it; None when there is none."""
        spans = self.spans.up_to(NUMBERED_WORDS) if self.spans else ()
        found = [span for span in spans if any(char.isdigit() for char in span)][:MOST_NUMBERED]
        return {"enum": list[JsonValue](found)} if found else None

    def numbers(self, kind: str) -> list[int | float]:
        """The numbers that were said, ascending; shares of a whole too where a fraction may stand."""
        if self.spans is None:
            return []
        found: set[int | float] = {*self.spans.numbers}
        for line in self.spans.lines:
            found |= {n for n in _figures(line.text) if kind == "number" or isinstance(n, int)}
        return sorted(found)


def _figures(text: str) -> Iterator[int | float]:
    """Numbers in digits with their sign and decimals; "5%" is 5 and 0.05."""
    for match in FIGURE.finditer(text):
        sign, whole, decimals, percent = match.groups()
        digits = whole.replace(",", "")
        value: int | float = float(f"{sign}{digits}{decimals}") if decimals else int(f"{sign}{digits}")
        yield value
        if percent:
            yield round(value / 100, 6)


@dataclass(frozen=True)
class _Reader:
    """Turns the parameters of one tool into what the decoder may write."""

    root: JsonSchema
    copied: _Copied

    def object(self, schema: JsonSchema, depth: int) -> JsonSchema | None:
        """A closed object of the properties that can be filled; None when a required one cannot be."""
        required = [name for name in _required(schema) if name in _properties(schema)]
        properties: JsonSchema = {}
        for name, said in _properties(schema).items():
            meant = self._meant(name, said, schema)
            value: JsonSchema | None = {"const": meant} if meant is not None else self._limited(name, said, depth + 1)
            if meant is not None and name not in required:
                required = [*required, name]
            if value is not None and (name in required or not self._unsaid(name, said)):
                properties[name] = value
            elif name in required:
                return None
        return _closed(properties, required)

    def _limited(self, name: str, said: JsonValue, depth: int) -> JsonSchema | None:
        """What a value may be, by its parameter's name too: a number that names a thing has a digit, and a yes or no
        is a yes where nothing is denied."""
        schema = _resolved(self.root, said)
        if self.copied.question and not {"enum", "const"} & schema.keys():
            if _types(schema) == ["string"] and is_number_by_name(name):
                return self.copied.numbered()
            if _types(schema) == ["boolean"] and is_named(name, self.copied.question):
                return {"enum": truths_said(self.copied.question)}
        return self.value(said, depth)

    def _meant(self, name: str, said: JsonValue, within: JsonSchema) -> JsonValue:
        """The value that the question has in the declaration's own words; None for none."""
        schema = _resolved(self.root, said)
        if not self.copied.question:
            return None
        if isinstance(values := schema.get("enum"), list):
            return choice_said(values, _properties(within).keys() - {name}, self.copied.question)
        if _types(schema) not in (["integer"], ["number"]):
            return None
        number = number_said(name, self.copied.question)
        bounds = {each: schema[each] for each in BOUNDS["integer"] if _is_number(schema.get(each))}
        return number if number is not None and _within(number, bounds) else None

    def _unsaid(self, name: str, said: JsonValue) -> bool:
        """Whether it is a yes or no that the question does not name."""
        asked = self.copied.question
        return bool(asked) and _types(_resolved(self.root, said)) == ["boolean"] and not is_named(name, asked)

    def value(self, said: JsonValue, depth: int, within: Sequence[JsonSchema] = ()) -> JsonSchema | None:
        """What a value may be; None when nothing said could fill it, or when it is a choice `within` itself again."""
        if depth > DEEPEST:
            return None
        schema = _resolved(self.root, said)
        if any(schema is each for each in within):
            return None
        if "const" in schema:
            return {"const": schema["const"]}
        if isinstance(values := schema.get("enum"), list) and values:
            return {"enum": list(values)}
        several = _listed(schema.get("anyOf")) or _listed(schema.get("oneOf"))
        kinds = several or [{**schema, "type": kind} for kind in _types(schema)]
        if len(kinds) == 1 and not several:
            return self._of_type(schema, _types(schema)[0], depth)
        choices = [self.value(kind, depth + 1, (*within, schema)) for kind in kinds]
        fitting: list[JsonValue] = [each for each in choices if each is not None]
        return {"anyOf": fitting} if fitting else None

    def _of_type(self, schema: JsonSchema, kind: str, depth: int) -> JsonSchema | None:
        if kind == "object":
            return self.object(schema, depth) if _properties(schema) else self._open_object()
        if kind == "array":
            return self._list(schema, depth)
        if kind in ("boolean", "null"):
            return {"type": kind}
        if kind not in BOUNDS:
            raise _Undecodable(f"no type {kind!r} in JSON schema")
        bounds: JsonSchema = {name: schema[name] for name in BOUNDS[kind] if _is_number(schema.get(name))}
        if self.copied.spans is None:
            cap: JsonSchema = {"maxLength": LONGEST_TEXT} if kind == "string" else {}
            return {"type": kind, **cap, **bounds}
        if kind == "string":
            return self.copied.text()
        fitting = [n for n in self.copied.numbers(kind) if _within(n, bounds)]
        return {"enum": list(fitting)} if fitting else None

    def _open_object(self) -> JsonSchema | None:
        """An object whose properties the declaration leaves open: names of any kind, texts as values."""
        free: JsonSchema = {"type": "string", "maxLength": LONGEST_TEXT}
        text = free if self.copied.spans is None else self.copied.text()
        return {"type": "object", "additionalProperties": text} if text else None

    def _list(self, schema: JsonSchema, depth: int) -> JsonSchema | None:
        one = self.value(schema.get("items", {"type": "string"}), depth + 1)
        if one is None:
            return None
        least, most = schema.get("minItems"), schema.get("maxItems")
        low = least if isinstance(least, int) else 1  # an empty list says nothing: leave it out
        high = min(most, LONGEST_LIST) if isinstance(most, int) else LONGEST_LIST
        return {"type": "array", "items": one, "minItems": low, "maxItems": max(low, high)}


def _closed(properties: JsonSchema, required: Sequence[str]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def _within(number: float, bounds: JsonSchema) -> bool:
    limits = {name: float(limit) for name, limit in bounds.items() if isinstance(limit, int | float)}
    inside = limits.get("minimum", number) <= number <= limits.get("maximum", number)
    above = "exclusiveMinimum" not in limits or number > limits["exclusiveMinimum"]
    return inside and above and ("exclusiveMaximum" not in limits or number < limits["exclusiveMaximum"])


# ---------------------------------------------------------------- what a declaration says


def _resolved(root: JsonSchema, said: JsonValue) -> JsonSchema:
    """A schema, behind its local reference if it is one."""
    for _ in range(DEEPEST):
        if not isinstance(said, dict):
            raise _Undecodable(f"{json.dumps(said)} stands where a schema should")
        reference = said.get("$ref")
        if not isinstance(reference, str):
            return said
        said = _at(root, reference)
    raise _Undecodable("its references go round in a circle")


def _at(root: JsonSchema, reference: str) -> JsonValue:
    found: JsonValue = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None or not reference.startswith("#/"):
        raise _Undecodable(f"its reference {reference} leads nowhere")
    return found


def _properties(schema: JsonSchema) -> dict[str, JsonValue]:
    found = schema.get("properties", {})
    if not isinstance(found, dict):
        raise _Undecodable("its properties are no object")
    return found


def _required(schema: JsonSchema) -> list[str]:
    return [name for name in _listed(schema.get("required")) if isinstance(name, str)]


def _types(schema: JsonSchema) -> list[str]:
    """The types that a schema admits; without any it is an object if it has properties, else a text."""
    said = schema.get("type")
    found = [kind for kind in (said if isinstance(said, list) else [said]) if isinstance(kind, str)]
    return found or ["object" if "properties" in schema else "array" if "items" in schema else "string"]


def _listed(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def _is_number(value: JsonValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
