"""The JSON schema that is forced on each decision of the model: one of the tools, or one of the three words.

With the spans of a thread, free arguments can only be copied: a place, a time or a note is a literal span of what the
user said, a number is one that was said (one said in percent only where a share is wanted), and an argument that
nothing said could fill is not offered at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import JsonValue

from domain.trucks import LEAVING_OUT, leave_out
from tools.arguments import Words
from tools.registry import Argument, JsonSchema, Tool
from tools.spans import Spans
from tools.words import DECLINE_REASONS, QUESTIONS, REPLIES, WORD_SCHEMAS, reference

LONGEST_LIST = 12
"""Most items of a list argument: keeps a decision inside its token limit."""


READ_WORDS = 6
"""Longest span that is tried as a stream or a truck."""
MOST_READ = 60
LEFT_OUT = "truck_or_without"
"""The definition of trucks that drive or, behind "without", don't."""
Readers = Mapping[str, Callable[[str], bool]]
"""By kind of words: whether code can read a span as that kind (a stream, a truck)."""


@dataclass(frozen=True)
class Freedom:
    """What decoding depends on beside the spans: own words in replies, `readers` of spans."""

    own_words: bool = False
    readers: Readers | None = None


def call_schema(tools: Mapping[str, Tool], spans: Spans | None, freedom: Freedom | None = None) -> JsonSchema:
    """The schema of one decision over `tools`: all of them whoever asks, for code checks rights and says who may.

    Shape: `anyOf` over `{"name": const, "parameters": closed object}`; arguments in the registry's order. Without
    `spans` free arguments are any words. `own_words` lets `reply`, `clarify` and `decline` use own words beside the
    references of tools/words.py; the embedded model has only the references. With `readers` an argument of their kinds
    takes only spans that code can read, as long as there are any: what nobody can read is asked back, not excluded.
    A decoder writes arguments in the schema's order; training rows have the same one.
    """
    free = freedom or Freedom()
    part = _Parts(spans, free.readers or {})
    fillable = [tool for tool in tools.values() if part.fillable(tool)]
    calls = [_call(tool.name, part.parameters(tool)) for tool in fillable]
    words = WORD_SCHEMAS if free.own_words else _closed_words()
    said = [_call(name, schema) for name, schema in words.items()]
    schema: JsonSchema = {"anyOf": [*calls, *said]}
    return {"$defs": part.defs, **schema} if part.defs else schema


def call_of(name: str, arguments: JsonSchema, required: Sequence[str]) -> JsonValue:
    """The schema of the calls of a tool that hold no other `arguments` than these."""
    return _call(name, _closed(arguments, required))


def calls_by_name(schema: JsonSchema) -> dict[str, Any]:
    """The alternatives of a schema of calls by their names."""
    alternatives: Any = schema["anyOf"]
    return {each["properties"]["name"]["const"]: each for each in alternatives}


def list_of(one: JsonSchema) -> JsonSchema:
    """The schema of a list argument of such values."""
    return {"type": "array", "items": one, "minItems": 1, "maxItems": LONGEST_LIST}


def _call(name: str, parameters: JsonSchema) -> JsonValue:
    return _closed({"name": {"const": name}, "parameters": parameters}, ["name", "parameters"])


def _closed(properties: JsonSchema, required: Sequence[str]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def one_of(values: Sequence[str]) -> JsonSchema:
    """The schema of one of these texts, each told once."""
    return {"type": "string", "enum": list(dict.fromkeys(values))}


def _closed_words() -> dict[str, JsonSchema]:
    """The three words with references instead of free text."""
    texts, questions = ([reference(name) for name in names] for names in (REPLIES, QUESTIONS))
    return {
        "reply": _closed({"text": one_of(texts)}, ["text"]),
        "clarify": _closed({"question": one_of(questions)}, ["question"]),
        "decline": _closed({"reason": one_of(DECLINE_REASONS)}, ["reason"]),
    }


@dataclass
class _Parts:
    """Builds argument schemas; equal sets of spans become one shared definition."""

    spans: Spans | None
    readers: Readers = field(default_factory=dict)
    defs: JsonSchema = field(default_factory=dict)
    tried: set[str] = field(default_factory=set)

    def fillable(self, tool: Tool) -> bool:
        """Whether each required argument can be given a value."""
        return all(self._value(a) is not None for a in tool.arguments if a.required)

    def parameters(self, tool: Tool) -> JsonSchema:
        """The closed object of the arguments that something said could fill."""
        values = {argument.name: self._value(argument) for argument in tool.arguments}
        properties: JsonSchema = {name: value for name, value in values.items() if value is not None}
        return _closed(properties, [a.name for a in tool.arguments if a.required])

    def _value(self, argument: Argument) -> JsonSchema | None:
        """The schema of one argument's value; None when nothing said could fill it."""
        if self.spans is None:
            return argument.schema
        if argument.schema["type"] == "integer":
            share = argument.number is not None and argument.number.unit.strip() == "%"
            return _number(argument.schema, self.spans.numbers if share else self.spans.counts)
        if argument.words is None:
            return argument.schema
        one = self._copied(self.spans, argument.words)
        if one is None or not argument.words.many:
            return one
        return list_of(one)

    def _copied(self, spans: Spans, words: Words) -> JsonSchema | None:
        if words.kind in self.readers and self._read(spans, words.kind):
            return {"$ref": f"#/$defs/{LEFT_OUT if words.leaving else words.kind}"}
        name = f"words{words.max_words}"
        if name not in self.defs:
            made = _spans(spans, words.max_words)
            if made:
                self.defs[name] = made
        copied: JsonSchema | None = {"$ref": f"#/$defs/{name}"} if name in self.defs else None
        if not words.also:
            return copied
        own = one_of(words.also)
        return {"anyOf": [own, copied]} if copied else own

    def _read(self, spans: Spans, kind: str) -> bool:
        """Whether any span can be read as `kind`; those that can become the definition of that name."""
        if kind not in self.tried:
            self.tried.add(kind)
            found = [span for span in spans.up_to(READ_WORDS) if self.readers[kind](span)]
            if kind == "truck":
                found = [span for span in found if not LEAVING_OUT.match(span)]
            if found:
                self.defs[kind] = one_of(found[:MOST_READ])
            if found and kind == "truck":
                self.defs[LEFT_OUT] = one_of([*found[:MOST_READ], *map(leave_out, found[:MOST_READ])])
        return kind in self.defs


def _spans(spans: Spans, most: int) -> JsonSchema | None:
    """The schema of all spans of at most `most` words; None when there are none."""
    pattern, quoted = spans.pattern(most), spans.quoted(most)
    plain: JsonSchema = {"type": "string", "pattern": pattern}
    if pattern and quoted:
        return {"anyOf": [plain, one_of(quoted)]}
    return plain if pattern else one_of(quoted) if quoted else None


def _number(schema: JsonSchema, numbers: Sequence[int]) -> JsonSchema | None:
    least, most = schema["minimum"], schema["maximum"]
    fitting = [n for n in numbers if isinstance(least, int) and isinstance(most, int) and least <= n <= most]
    return {"enum": list(fitting)} if fitting else None
