"""What a message says as `name=value` or "name: value", with the very name of an argument, is that argument's value.

Programs, and people who have read the tools' pages, write `max_fill_pct=20; when="Friday noon"` or JSON (which is read
as "max fill pct: 20", tools/json_words.py). The names are ours, so code reads them where they leave nothing to choose.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from domain.name_words import AND
from domain.typed_text import is_said
from domain.values import Call
from tools.coverage import QUOTED
from tools.denial import denied
from tools.numbers import numbers_in
from tools.registry import TOOLS, Argument, Tool

__all__ = ["with_pairs"]

FEWEST = 2
"""Pairs of a message that is written in them: one colon stands in any prose ("next bin: 14")."""
ADDRESS = re.compile(r"\S+://\S*")
QUOTES = {'"': '"', "'": "'", "“": "”", "„": "“"}
NEXT = re.compile(
    r"\s*(?:[;|\n})\]]|&(?=\w+=)|\s[/&|-]\s+(?=[\w ]{1,40}(?:=|:\s))|,\s*(?=[\w ]{1,40}(?:\s*=|:\s))"
    r"|\s(?=\w+\s*=)|$)"
)
"""Where a value without quotes ends: before a separator or the name of the next one, or with the message."""
MORE = re.compile(r"[,?!=<>$`«»(){}\[\]]|(?<!\d):|\.\s|\s[-–—/&+]\s|\s(?:" + AND + r"|or|o|oder|ou|please|bitte)\b")
"""What a value without quotes does not hold: it may have more in it than the value."""
NEXT_OF_LIST = re.compile(r"\s*(?:[;|\n})\]]|&(?=\w+=)|,?\s*(?<!\w)(?=\w+\s*=)|$)")
MORE_IN_LIST = re.compile(rf",(?:\s|$)|^,|(?!,)(?:{MORE.pattern})")
"""Likewise of a list, whose things stand between commas without a space."""
NOTHING = frozenset({"null", "none", "nil", "undefined", "nan"})
LONGEST = 300
"""Characters of a value and of what is looked through for its end."""
WHOLE_NUMBER = re.compile(r"\d{1,6}(?:\s?%)?")


@dataclass(frozen=True)
class _Pair:
    """Where a pair stands, its value, whether `=` stands between, and whether it is `plain`: `=` behind a name of
    several words, which no prose has."""

    start: int
    end: int
    words: str
    equals: bool
    plain: bool


def with_pairs(call: Call, question: str, tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with the arguments that the message names once each, outside of addresses and quotations and not denied.

    Choices take the value said; numbers and texts do unless the call holds one of the rest of the message, and a text
    that the model left out only where `=` stands between. Lists do where programs write them (`trucks=1,2`) and are
    left to the model elsewhere. A number that only the pairs say belongs to no other argument.
    """
    declared = tools.get(call.name)
    if declared is None:
        return call
    own = ADDRESS.sub(lambda found: " " * len(found[0]), question)
    quoted = [quotation.span() for quotation in QUOTED.finditer(own)]
    found = {each.name: list(itertools.islice(_pairs(each, own, quoted), 2)) for each in declared.arguments}
    once = {name: pairs[0] for name, pairs in found.items() if len(pairs) == 1}
    if sum(FEWEST if pair.plain else 1 for pair in once.values()) < FEWEST:
        return call
    rest = own
    for pair in once.values():
        rest = rest[: pair.start] + " " * (pair.end - pair.start) + rest[pair.end :]
    said: dict[str, JsonValue] = {}
    for name, pair in once.items():
        argument, before = declared.argument(name), call.parameters.get(name)
        value = _value(argument, pair.words)
        if value is not None and not _stays(before, pair, argument, rest):
            said[name] = value
    paired = {number for name in said for number in numbers_in(once[name].words.replace(",", " "))}
    taken = paired - set(numbers_in(rest))
    kept = {n: v for n, v in call.parameters.items() if n in said or not (type(v) is int and v in taken)}
    return Call(call.name, {**kept, **said}) if said else call


def _pairs(argument: Argument, message: str, quoted: Sequence[tuple[int, int]]) -> Iterator[_Pair]:
    """The pairs of its name that the message means: those of quotations are others' words."""
    name, spelt = argument.name, argument.name.replace("_", "[_ ]")
    ends = (NEXT_OF_LIST, MORE_IN_LIST) if _is_list(argument) else (NEXT, MORE)
    for found in re.finditer(rf"(?<![\w-]){spelt}[\"']?(?:\s*(=)\s*|:\s+)(?=\S)", message, re.I):
        if any(start < found.start() < end for start, end in quoted) or denied(message, found.start()):
            continue
        words, end = _said(message, found.end(), *ends)
        yield _Pair(found.start(), end, words, found[1] is not None, plain=found[1] is not None and "_" in name)


def _said(message: str, at: int, after: re.Pattern[str], more: re.Pattern[str]) -> tuple[str, int]:
    """The value that begins at a character and where it ends; '' for one of which the end is not sure."""
    closing = QUOTES.get(message[at])
    if closing:
        end = re.compile(rf"{re.escape(closing)}(?!\w)").search(message, at + 1, at + LONGEST)
        return (message[at + 1 : end.start()], end.end()) if end else ("", at)
    stop = after.search(message, at, at + LONGEST)
    words = message[at : stop.start()].strip(" .") if stop else ""
    return ("" if more.search(words) or words.casefold() in NOTHING else words), stop.start() if stop else at


def _value(argument: Argument, words: str) -> JsonValue:
    """The words as the argument takes them; None where it takes no such words."""
    schema, bounds = argument.schema, argument.number
    if _is_list(argument):
        return _things(argument, words)
    if not words or (argument.words and len(words.split()) > argument.words.max_words):
        return None
    if isinstance(choices := schema.get("enum"), list):
        return next((each for each in choices if str(each).casefold() == words.casefold()), None)
    if schema.get("type") == "integer":
        number = numbers_in(words)[0] if WHOLE_NUMBER.fullmatch(words) else None
        return number if number is not None and bounds and bounds.least <= number <= bounds.most else None
    return words if schema.get("type") == "string" else None


def _things(argument: Argument, words: str) -> list[JsonValue] | None:
    """The things of a list; None where one of them is none or has more words than such a name."""
    things = [each.strip() for each in words.split(",")]
    most = argument.words.max_words if argument.words else 1
    fitting = all(each and each.casefold() not in NOTHING and len(each.split()) <= most for each in things)
    return list[JsonValue](things) if fitting and not MORE_IN_LIST.search(words) else None


def _stays(before: JsonValue, pair: _Pair, argument: Argument, rest: str) -> bool:
    """Whether what the call holds is not to be replaced: it stands in the rest of the message, or is a list of other
    things or of as many; nor is a list of one thing made, which may be two ("bins=1001 and 1002")."""
    if "enum" in argument.schema:
        return False
    if _is_list(argument):
        others = [each for each in (before if isinstance(before, list) else []) if not is_said(str(each), pair.words)]
        whole = isinstance(before, list) and len(before) > pair.words.count(",")
        return bool(others) or whole or not pair.equals or "," not in pair.words
    if isinstance(before, int):
        return before in numbers_in(rest)
    if before is None:
        return argument.schema.get("type") == "string" and not pair.equals
    return not isinstance(before, str) or is_said(before, rest)


def _is_list(argument: Argument) -> bool:
    return argument.schema.get("type") == "array"
