"""What the decoder may write for the parameters of a listed tool, by their declaration and by what was said.

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
from domain.typed_text import as_words
from tools.listed_said import (
    choice_said,
    choices_said,
    is_named,
    is_number_by_name,
    is_time,
    number_said,
    things_said,
    truths_said,
)
from tools.registry import JsonSchema
from tools.schema import LONGEST_LIST
from tools.spans import Spans

COPIED_WORDS = 24
"""Longest span that a text value may be: a message to a driver, not a page."""
TIME_WORDS, TIME_WORDS_MORE = 8, 3
"""Words of the longest span that a time may be, and how many it may have beside those that the calendar reads."""
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
FIGURE = re.compile(
    r"(?<![\w./])(?<![^\W\d_]-)(-?)(\d{1,3}(?:,\d{3}){1,4}|\d{1,15})(\.\d{1,15}|,(?<!\d,\d,)(?<!\d,\d\d,)\d{1,2}(?!,?\d))?"
    r"(?![\d/]|\.\d|k\b|e\d)(\s?%|\s+per\s?cent\b)?",
    re.I,
)
"""A number in digits: its sign, whole part, decimals (behind a point, or one or two behind a comma), and whether it is
a share in percent. "1e5", "5k" and "1/2" are none, and "1,2,3" are three."""


class Undecodable(BadData):
    """A declaration that no decoder's schema can be made of; the message says which part."""


@dataclass
class Copied:
    """What free values may be, given the spans; equal sets of spans become one shared definition.

    `times` are the stretches of the question that the calendar reads.
    """

    spans: Spans | None
    question: str = ""
    times: tuple[str, ...] = ()
    defs: JsonSchema = field(default_factory=dict)

    def text(self, *, timely: bool | None = None) -> JsonSchema | None:
        """A span of what was said, None when nothing was: one that is or holds a time or a part of one where the
        parameter is `timely` and the question has times, one that is more than a time where it is not."""
        if self.spans is None:
            return None
        if not self.times:
            timely = None
        if timely:
            found = [span for span in self.spans.up_to(TIME_WORDS) if any(_timely(span, time) for time in self.times)]
            if found:
                return {"enum": list[JsonValue](found)}
        name = "words" if timely is not False else "untimely"
        if name not in self.defs:
            spans = self.spans if timely is not False else self.spans.outside(self.times)
            pattern, quoted = spans.pattern(COPIED_WORDS), spans.quoted(COPIED_WORDS)
            choices: list[JsonSchema] = [{"type": "string", "pattern": pattern}] if pattern else []
            choices += [{"type": "string", "enum": list(quoted)}] if quoted else []
            if not choices:
                return None
            self.defs[name] = {"anyOf": list(choices)} if len(choices) > 1 else choices[0]
        return {"$ref": f"#/$defs/{name}"}

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
            found |= {n for n, *_ in figures_in(line.text) if kind == "number" or isinstance(n, int)}
        return sorted(found)


def _timely(span: str, time: str) -> bool:
    """Whether a span is the time, words of it, or it with a few words more ("all of this week")."""
    short, long = sorted((span, time), key=len)
    more = len(span.split()) - len(time.split())
    return more <= TIME_WORDS_MORE and re.search(as_words(short), long) is not None


def figures_in(text: str) -> Iterator[tuple[int | float, int, int]]:
    """Numbers in digits with their sign and decimals, and where they stand; "5%" is 5 and 0.05."""
    for match in FIGURE.finditer(text):
        sign, whole, decimals, percent = match.groups()
        digits = whole.replace(",", "")
        value: int | float = (
            float(f"{sign}{digits}{decimals.replace(',', '.')}") if decimals else int(f"{sign}{digits}")
        )
        yield (value, *match.span())
        if percent:
            yield (round(value / 100, 6), *match.span())


@dataclass(frozen=True)
class Parameters:
    """Turns the parameters of one tool into what the decoder may write."""

    root: JsonSchema
    copied: Copied

    def object(self, schema: JsonSchema, depth: int) -> JsonSchema | None:
        """A closed object of the properties that can be filled; None when a required one cannot be."""
        required = [name for name in required_of(schema) if name in properties_of(schema)]
        properties: JsonSchema = {}
        for name, said in properties_of(schema).items():
            meant = self._meant(name, said, schema)
            value: JsonSchema | None = {"const": meant} if meant is not None else self._limited(name, said, depth + 1)
            if meant is not None and name not in required:
                required = [*required, name]
            if value is not None and (name in required or not self._unsaid(name, said)):
                properties[name] = value
            elif name in required:
                return None
        return closed(properties, required)

    def _limited(self, name: str, said: JsonValue, depth: int) -> JsonSchema | None:
        """What a value may be, by its parameter's name too: a number that names a thing has a digit, and a yes or no
        is a yes where nothing is denied."""
        schema = resolved(self.root, said)
        if self.copied.question and not {"enum", "const"} & schema.keys():
            if types_of(schema) == ["string"] and is_number_by_name(name):
                return self.copied.numbered()
            if types_of(schema) == ["boolean"] and is_named(name, self.copied.question):
                return {"enum": truths_said(self.copied.question)}
            if types_of(schema) == ["string"]:
                about = schema.get("description")
                return self.copied.text(timely=is_time(name, about if isinstance(about, str) else ""))
        return self.value(said, depth)

    def _meant(self, name: str, said: JsonValue, within: JsonSchema) -> JsonValue:
        """The value that the question has in the declaration's own words; None for none."""
        schema = resolved(self.root, said)
        if not self.copied.question:
            return None
        if isinstance(values := schema.get("enum"), list):
            return choice_said(values, properties_of(within).keys() - {name}, self.copied.question)
        if types_of(schema) == ["array"]:
            return self._meant_list(name, schema, within)
        if types_of(schema) not in (["integer"], ["number"]):
            return None
        number = number_said(name, self.copied.question)
        bounds = {each: schema[each] for each in BOUNDS["integer"] if is_number(schema.get(each))}
        return number if number is not None and is_within(number, bounds) else None

    def _meant_list(self, name: str, schema: JsonSchema, within: JsonSchema) -> JsonValue:
        """A list's choices in their own words, or its things by their numbers; None for none."""
        items = resolved(self.root, schema.get("items", {"type": "string"}))
        if isinstance(values := items.get("enum"), list):
            found = choices_said(values, properties_of(within).keys() - {name}, self.copied.question)
        else:
            found = things_said(name, self.copied.question) if types_of(items) == ["string"] else []
        return found or None

    def _unsaid(self, name: str, said: JsonValue) -> bool:
        """Whether it is a yes or no that the question does not name."""
        asked = self.copied.question
        return bool(asked) and types_of(resolved(self.root, said)) == ["boolean"] and not is_named(name, asked)

    def value(self, said: JsonValue, depth: int, within: Sequence[JsonSchema] = ()) -> JsonSchema | None:
        """What a value may be; None when nothing said could fill it, or when it is a choice `within` itself again."""
        if depth > DEEPEST:
            return None
        schema = resolved(self.root, said)
        if any(schema is each for each in within):
            return None
        if "const" in schema:
            return {"const": schema["const"]}
        if isinstance(values := schema.get("enum"), list) and values:
            return {"enum": list(values)}
        several = listed_in(schema.get("anyOf")) or listed_in(schema.get("oneOf"))
        kinds = several or [{**schema, "type": kind} for kind in types_of(schema)]
        if len(kinds) == 1 and not several:
            return self._of_type(schema, types_of(schema)[0], depth)
        choices = [self.value(kind, depth + 1, (*within, schema)) for kind in kinds]
        fitting: list[JsonValue] = [each for each in choices if each is not None]
        return {"anyOf": fitting} if fitting else None

    def _of_type(self, schema: JsonSchema, kind: str, depth: int) -> JsonSchema | None:
        if kind == "object":
            return self.object(schema, depth) if properties_of(schema) else self._open_object()
        if kind == "array":
            return self._list(schema, depth)
        if kind in ("boolean", "null"):
            return {"type": kind}
        if kind not in BOUNDS:
            raise Undecodable(f"no type {kind!r} in JSON schema")
        bounds: JsonSchema = {name: schema[name] for name in BOUNDS[kind] if is_number(schema.get(name))}
        if self.copied.spans is None:
            cap: JsonSchema = {"maxLength": LONGEST_TEXT} if kind == "string" else {}
            return {"type": kind, **cap, **bounds}
        if kind == "string":
            return self.copied.text()
        fitting = [n for n in self.copied.numbers(kind) if is_within(n, bounds)]
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


def closed(properties: JsonSchema, required: Sequence[str]) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}


def is_within(number: float, bounds: JsonSchema) -> bool:
    """Whether a number is within a declaration's bounds."""
    limits = {name: float(limit) for name, limit in bounds.items() if isinstance(limit, int | float)}
    inside = limits.get("minimum", number) <= number <= limits.get("maximum", number)
    above = "exclusiveMinimum" not in limits or number > limits["exclusiveMinimum"]
    return inside and above and ("exclusiveMaximum" not in limits or number < limits["exclusiveMaximum"])


# ---------------------------------------------------------------- what a declaration says


def resolved(root: JsonSchema, said: JsonValue) -> JsonSchema:
    """A schema, behind its local reference if it is one."""
    for _ in range(DEEPEST):
        if not isinstance(said, dict):
            raise Undecodable(f"{json.dumps(said)} stands where a schema should")
        reference = said.get("$ref")
        if not isinstance(reference, str):
            return said
        said = _at(root, reference)
    raise Undecodable("its references go round in a circle")


def _at(root: JsonSchema, reference: str) -> JsonValue:
    found: JsonValue = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None or not reference.startswith("#/"):
        raise Undecodable(f"its reference {reference} leads nowhere")
    return found


def properties_of(schema: JsonSchema) -> dict[str, JsonValue]:
    found = schema.get("properties", {})
    if not isinstance(found, dict):
        raise Undecodable("its properties are no object")
    return found


def required_of(schema: JsonSchema) -> list[str]:
    return [name for name in listed_in(schema.get("required")) if isinstance(name, str)]


def types_of(schema: JsonSchema) -> list[str]:
    """The types that a schema admits; without any it is an object if it has properties, else a text."""
    said = schema.get("type")
    found = [kind for kind in (said if isinstance(said, list) else [said]) if isinstance(kind, str)]
    return found or ["object" if "properties" in schema else "array" if "items" in schema else "string"]


def listed_in(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else []


def is_number(value: JsonValue) -> bool:
    """Whether it is a number, which a yes or no is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
