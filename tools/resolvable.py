"""A call whose words code cannot resolve, and the schema of the calls that it can: execution-guided decoding.

A small language model copies "chapter and verse" into a time. Wang et al. (2018, arXiv:1807.03100) leave programs that
fail when run out of the beam; here a call that would end in a question back is decoded twice more: without those words,
and with places, bins, trucks, streams and times limited to words that code can resolve. All are weighed, for a name
that no record has may well be what was said, and then is to be asked about.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from domain.errors import AskAgain, UnclearTime, UnknownName
from domain.trucks import leave_out
from domain.values import Call
from tools.registry import TOOLS, Argument, JsonSchema, Tool
from tools.resolve import RESOLVED_KINDS, Setting, points_back, resolved
from tools.schema import call_of, calls_by_name, list_of, one_of

__all__ = ["DOUBT", "Resolver"]

DOUBT = 2.0
"""How much likelier, as a logarithm, the model must find a call that code cannot resolve than the best that it can.

Of right calls with names that no record has it is 2.8 and more, 11 in the middle (held-out rows of finetune.rows).
"""


@dataclass(frozen=True)
class Resolver:
    """What the words of a question resolve to, by the records and the calendar."""

    setting: Setting

    def unresolved(self, call: Call) -> tuple[str, ...]:
        """The arguments of a call whose words name nothing in the records or are no time."""
        declared = TOOLS.get(call.name)
        said = ((each, list(call.texts([each.name]))) for each in declared.arguments) if declared else ()
        return tuple(
            argument.name
            for argument, words in said
            if (kind := _kind(argument))
            and not points_back(argument, words)
            and not all(self._reads(kind, each) for each in words)
        )

    def trucks(self, words: str) -> frozenset[str]:
        """The trucks that words mean, by the records' names; the words themselves where no record has such."""
        try:
            return frozenset(self.setting.operation.gazetteer.trucks([words]).names)
        except AskAgain:
            return frozenset({words.casefold()})

    def _reads(self, kind: str, words: str) -> bool:
        """Whether code makes something of words, be it more than one thing or an hour that it asks about."""
        try:
            resolved(kind, [words], self.setting)
        except UnclearTime as unclear:
            return unclear.hour_in_doubt
        except UnknownName:
            return False
        except AskAgain:
            return True
        return True

    def only_resolvable(self, schema: JsonSchema, candidates: Iterable[str]) -> JsonSchema:
        """`schema` of all calls (tools/schema.py), with those of `candidates` that code can resolve, where it resolves.

        An argument that none of them fits is not offered, nor a tool that requires it.
        """
        words = tuple(dict.fromkeys(candidates))
        fitting = functools.cache(lambda kind: [each for each in words if self._reads(kind, each)])
        made = []
        for name, whole in calls_by_name(schema).items():
            declared = TOOLS.get(name)
            kept = _narrowed(declared, whole["properties"]["parameters"], fitting) if declared else whole
            if kept is not None:
                made.append(kept)
        return {**schema, "anyOf": made}


def _narrowed(declared: Tool, offered: Mapping[str, Any], fitting: Callable[[str], list[str]]) -> JsonValue | None:
    """A tool's offered parameters as a schema of calls with words that fit; None where a required one has none."""
    properties: JsonSchema = {}
    for argument in declared.arguments:
        schema = offered["properties"].get(argument.name)
        if schema is None:
            continue
        kind = _kind(argument)
        words = fitting(kind) if kind else []
        if kind is None:
            properties[argument.name] = schema
        elif words:
            properties[argument.name] = _copied(argument, words)
        elif argument.required:
            return None
    return call_of(declared.name, properties, offered["required"])


def _copied(argument: Argument, words: list[str]) -> JsonSchema:
    also = [*map(leave_out, words)] if argument.words and argument.words.leaving else []
    one = one_of([*words, *also])
    return list_of(one) if argument.words and argument.words.many else one


def _kind(argument: Argument) -> str | None:
    """The kind of an argument's words where they stand for something in the records or the calendar."""
    return argument.words.kind if argument.words and argument.words.kind in RESOLVED_KINDS else None
