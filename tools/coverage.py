"""What code recognised in a question and a call leaves out, and the call written again so that it takes that in.

A language model of 135 million parameters writes `["T1"]` for "T1 T2", or drops the place of "by Chavez, anything past
60". Coverage models of machine translation mark down what leaves words of the source out (Tu et al. 2016,
arXiv:1601.04811; as a term of the score when candidates are ranked: Wu et al. 2016, arXiv:1609.08144). Here the words
are the marks of the question, and the term is how much oftener a right call takes a mark in than it leaves it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from domain.name_words import tokens
from domain.typed_text import as_words
from domain.values import Call
from tools.follow_up import instead_of
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, JsonSchema, Tool
from tools.schema import LONGEST_LIST, call_of, one_of
from tools.spans import Spans

__all__ = [
    "NUMBER", "QUOTED", "TURN_END", "Lacking", "demanded", "fitting", "gain", "keeps", "kind_of",
    "left_out", "numbers_fitting", "taking_in",
]  # fmt: skip

GAINS: Mapping[str, float] = {
    "area": 2.8, "bin": 3.1, "file": 3.4, "number": 2.5, "site": 2.8, "stream": 2.6, "time": 1.8,
    "truck": 2.3,
}  # fmt: skip
"""The logarithm of how many marks of a kind the calls of training rows take in for each that they leave out; most of
those belong to a second request in the same message. `python -m finetune.rows` prints it."""
GAINS_AT_END: Mapping[str, float] = {
    "area": 4.9, "bin": 6.7, "file": 5.7, "number": 3.7, "site": 4.0, "stream": 3.6, "time": 2.4,
    "truck": 4.0,
}  # fmt: skip
"""The same of all calls of a turn together, where nothing more is called."""
NUMBER = "number"
"""The kind of a mark that is a number (tools/said_numbers.py); only here, the model is shown none."""
TURN_END = "reply"
"""The word that ends a turn whose calls are made."""
TAKEN_BY: Mapping[str, frozenset[str]] = {
    "area": frozenset({"place", "bin"}), "bin": frozenset({"bin"}), "file": frozenset({"image"}),
    "site": frozenset({"place", "bin"}), "stream": frozenset({"stream"}), "truck": frozenset({"truck"}),
    "time": frozenset({"time", "period", "until"}),
}  # fmt: skip
"""Kinds of arguments that take a mark of each kind."""
ENUMERATED = frozenset({"bin", "truck"})
"""Kinds of marks that can name several things by their figures ("T1 and T2"): each of them counts."""
MOST_SPANS = 60
"""Spans around a mark that a value may be, the shortest."""
QUOTED = re.compile(
    r"\"[^\"]{0,300}\"|“[^”]{0,300}”|[«»][^«»]{0,300}[«»]|„[^“”\"]{0,300}[“”\"]|(?<!\w)['‘](?:[^'’]|['’](?=\w)){0,300}['’](?!\w)"
)
"""Words of others: what they name is often not what is asked for, and an instruction in them is none."""


def demanded(marks: Sequence[str], question: str) -> tuple[str, ...]:
    """The marks that stand in the question outside of quotation marks."""
    own = QUOTED.sub(" ... ", question)
    return tuple(mark for mark in marks if re.search(as_words(Mention.read(mark).words), own))


def left_out(marks: Sequence[str], calls: Sequence[Call]) -> tuple[str, ...]:
    """The marks ("[truck T1 T2]") that the calls' texts hold no word of, or of whose figures they lack one.

    Less is left out than what an answer says it did not use (tools/unused.py): a call is written again only for what it
    certainly lacks.
    """
    held = {word for call in calls for value in call.texts() for word in tokens(value, frozenset())}
    counted = {number for call in calls for number in _numbers_of(call)}
    return tuple(mark for mark in marks if _lacks(Mention.read(mark), held, counted))


def kind_of(mark: str) -> str:
    """The kind of a mark."""
    return Mention.read(mark).kind


def gain(marks: Iterable[str], *, at_end: bool = False) -> float:
    """What it counts, as a logarithm, that a call takes these marks in; `at_end`: instead of ending the turn."""
    gains = GAINS_AT_END if at_end else GAINS
    return sum(gains.get(kind_of(mark), 0.0) for mark in marks)


def _numbers_of(call: Call) -> Iterator[int]:
    yield from (value for value in call.parameters.values() if isinstance(value, int))
    yield from (number for text in call.texts() for number in numbers_in(text))


def _lacks(each: Mention, held: Collection[str], counted: Collection[int]) -> bool:
    if each.kind == NUMBER:
        return set(numbers_in(each.words)).isdisjoint(counted)
    said = set(tokens(each.words))
    figures = {word for word in said if any(map(str.isdigit, word))} if each.kind in ENUMERATED else set()
    return not figures <= set(held) if figures else said.isdisjoint(held)


@dataclass(frozen=True)
class Lacking:
    """A call that leaves marks of the question out, and the question's spans. `names`: tools that could be called."""

    call: Call
    left: tuple[str, ...]
    names: frozenset[str]
    spans: Spans


def taking_in(schema: JsonSchema, lacking: Lacking, tools: Mapping[str, Tool] = TOOLS) -> JsonSchema | None:
    """The schema of the calls that take in one of the marks more; None where no argument of a tool could.

    `schema` is that of all calls (tools/schema.py). One alternative for each argument that takes marks of such a kind:
    the argument is required, and holds a span that shares a word with the mark, the number that the mark is, or one
    item more than in the call. The call's own tool keeps its other arguments, but for those that the new one stands
    instead of.
    """
    alternatives: Any = schema["anyOf"]
    made = []
    for whole in alternatives:
        declared = tools.get(whole["properties"]["name"]["const"])
        if declared is None or declared.name not in lacking.names:
            continue
        own = lacking.call.parameters if declared.name == lacking.call.name else {}
        offered = whole["properties"]["parameters"]["properties"]
        for argument in declared.arguments:
            if argument.name not in offered:
                continue
            value = _value(argument, schema, offered[argument.name], own.get(argument.name), lacking)
            if value is not None:
                made.append(_requiring(whole, argument.name, value, own))
    return {**schema, "anyOf": made} if made else None


def _requiring(whole: Mapping[str, Any], name: str, value: JsonSchema, own: Mapping[str, JsonValue]) -> JsonValue:
    """A call's schema in which an argument has such a value, and the others those of the call before."""
    choices: Any = value.get("enum", ())
    gone = instead_of(name, choices, own)
    kept = {other: {"const": said} for other, said in own.items() if other != name and other not in gone}
    parameters = whole["properties"]["parameters"]
    properties = {
        each: value if each == name else kept.get(each, schema)
        for each, schema in parameters["properties"].items()
        if not own or each == name or each not in gone
    }
    required = [each for each in properties if each == name or each in kept or each in parameters["required"]]
    return call_of(whole["properties"]["name"]["const"], properties, required)


def _value(
    argument: Argument, schema: JsonSchema, offered: JsonSchema, before: JsonValue, lacking: Lacking
) -> JsonSchema | None:
    """What the argument may hold so that it takes in one of the marks more; None where nothing."""
    if argument.schema["type"] == "integer":
        return numbers_fitting(offered, list(map(Mention.read, lacking.left)))
    spans = fitting(argument, schema, list(map(Mention.read, lacking.left)), lacking.spans)
    if not spans:
        return None
    if isinstance(before, list):
        return _grown(offered, before)
    return {**offered, "items": one_of(spans)} if offered.get("type") == "array" else one_of(spans)


def numbers_fitting(offered: JsonSchema, marks: Sequence[Mention]) -> JsonSchema | None:
    """The numbers among marks that the argument may be; None where none is."""
    said = {n for each in marks if each.kind == NUMBER for n in numbers_in(each.words)}
    values = offered.get("enum")
    fitting = [value for value in values if value in said] if isinstance(values, list) else []
    return {"enum": list(fitting)} if fitting else None


def fitting(
    argument: Argument,
    schema: JsonSchema,
    marks: Sequence[Mention],
    spans: Spans,
    like: Callable[[str], float] = lambda _: True,
) -> list[str]:
    """The spans that share a word with a mark that the argument takes, and are `like` it; of those that code can read,
    where it reads."""
    if argument.words is None:
        return []
    kind = argument.words.kind
    wanted = {word for each in marks if kind in TAKEN_BY.get(each.kind, ()) for word in tokens(each.words)}
    if not wanted:
        return []
    defined: Any = schema.get("$defs", {})
    read = defined.get(kind, {}).get("enum")
    offered = read if read is not None else spans.up_to(argument.words.max_words)
    found = (span for span in offered if not wanted.isdisjoint(tokens(span)) and like(span))
    return sorted(found, key=len)[:MOST_SPANS]


def _grown(offered: JsonSchema, before: Sequence[JsonValue]) -> JsonSchema | None:
    """A list with one item more; None for a full one."""
    return {**offered, "minItems": len(before) + 1} if len(before) < LONGEST_LIST else None


def keeps(call: Call, before: Call) -> bool:
    """Whether the lists of a call hold all that those of the call before it held, of the same tool."""
    if call.name != before.name:
        return True
    return all(
        set(map(str, value)) <= set(map(str, grown))
        for name, value in before.parameters.items()
        if isinstance(value, list) and isinstance(grown := call.parameters.get(name), list)
    )
