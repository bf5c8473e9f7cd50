"""The schema of a call in which things that the question names are in other arguments, or in none."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from domain.name_words import tokens
from domain.values import Call
from tools.argument_classifier import holders, likeness
from tools.coverage import fitting, numbers_fitting
from tools.follow_up import PART_OF, instead_of
from tools.mentions import Mention
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, JsonSchema
from tools.schema import LONGEST_LIST, call_of, calls_by_name, one_of
from tools.spans import Spans


@dataclass(frozen=True)
class Placing:
    """A call, the question, and of marks that shall be elsewhere the argument; None: in none. `staying`: the question's
    other marks."""

    call: Call
    roles: Mapping[Mention, str | None]
    question: str
    staying: Sequence[Mention] = ()

    def coming(self, argument: str) -> list[Mention]:
        """The marks that the argument shall take in."""
        return [
            mark for mark, role in self.roles.items() if role == argument and argument not in holders(mark, self.call)
        ]

    def leaving(self, argument: str) -> list[Mention]:
        """The marks that the argument holds and shall not."""
        return [mark for mark, role in self.roles.items() if role != argument and argument in holders(mark, self.call)]

    def left(self, argument: str) -> JsonValue:
        """The argument's value without the marks that leave it; None where nothing is left.

        What is as much another mark, one that stays, is not taken away.
        """
        said = self.call.parameters.get(argument)
        items = said if isinstance(said, list) else [said]
        stays = [*self.staying, *(mark for mark, role in self.roles.items() if role == argument)]
        gone = set()
        for mark in self.leaving(argument):
            shares = [likeness(mark, item) for item in items]
            at = shares.index(max(shares))
            if all(likeness(other, items[at]) < shares[at] for other in stays):
                gone.add(at)
        kept = [item for at, item in enumerate(items) if at not in gone]
        return (kept or None) if isinstance(said, list) else next(iter(kept), None)

    def gone(self) -> set[str]:
        """The arguments that others take the place of, but for those that hold words of a mark which stays."""
        taking = {role for role in self.roles.values() if role is not None}
        said = {role: [n for mark in self.coming(role) for n in numbers_in(mark.words)] for role in taking}
        others = {other for role in taking for other in instead_of(role, said[role], self.call.parameters)} - taking
        return {name for name in others if not any(touches(mark, self.call, name) for mark in self.staying)}

    def place(self, words: JsonValue) -> int:
        """Where words stand in the question; -1 for those of other turns."""
        return self.question.find(words) if isinstance(words, str) else -1


def touches(mark: Mention, call: Call, name: str) -> bool:
    """Whether an argument of a call has a word or figure of a mark."""
    value = call.parameters.get(name)
    if isinstance(value, int):
        return value in numbers_in(mark.words)
    said = set(tokens(mark.words))
    return any(not said.isdisjoint(tokens(words)) for words in call.texts([name]))


def placed(schema: JsonSchema, placing: Placing) -> JsonSchema | None:
    """The schema of `placing.call` with such roles, everything else as it was; None where no such call is offered.

    `schema` is that of all calls (tools/schema.py). A mark that comes is a span that is like it, or its number, where
    the argument can have it; what stands in its way or instead of it goes, and what means something only beside what
    goes. A required argument that loses its words gets others.
    """
    whole, declared = calls_by_name(schema).get(placing.call.name), TOOLS.get(placing.call.name)
    if whole is None or declared is None:
        return None
    offered: dict[str, Any] = whole["properties"]["parameters"]["properties"]
    taking, gone = {role for role in placing.roles.values() if role is not None}, placing.gone()
    properties: dict[str, JsonValue] = {}
    for argument in declared.arguments:
        name = argument.name
        if name not in offered or name in gone:
            continue
        value = _value(argument, schema, offered[name], placing)
        if value is None and argument.required:
            value = offered[name]
        if value is not None:
            properties[name] = value
    lost = placing.call.parameters.keys() - properties.keys()
    kept = {name: value for name, value in properties.items() if PART_OF.get(name) not in lost}
    if not taking <= kept.keys():
        return None
    return {**schema, "anyOf": [call_of(placing.call.name, kept, list(kept))]}


def _value(argument: Argument, schema: JsonSchema, offered: JsonSchema, placing: Placing) -> JsonSchema | None:
    """What the argument may hold; None for nothing. A list has its items in the question's order."""
    left, coming = placing.left(argument.name), placing.coming(argument.name)
    if not coming:
        return None if left is None else {"const": left}
    if argument.schema["type"] == "integer":
        return numbers_fitting(offered, coming)
    spans = Spans.of([placing.question])
    each = {mark: fitting(argument, schema, [mark], spans, like=functools.partial(likeness, mark)) for mark in coming}
    if not all(each.values()):
        return None
    if offered.get("type") != "array":
        return one_of([span for found in each.values() for span in found])
    kept: list[tuple[int, JsonValue]] = [
        (placing.place(item), {"const": item}) for item in (left if isinstance(left, list) else ())
    ]
    added: list[tuple[int, JsonValue]] = [(placing.place(mark.words), one_of(found)) for mark, found in each.items()]
    items = [one for _, one in sorted([*kept, *added], key=lambda placed: placed[0])]
    size = len(items)
    return {"type": "array", "prefixItems": items, "minItems": size, "maxItems": size} if size <= LONGEST_LIST else None
