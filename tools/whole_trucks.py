"""Trucks by number are the whole of their list: of "Lkw 1 und 2" nobody means the first alone.

Only the first number of such a list has the word that makes it a truck, so a model that copies word by word may stop
behind it; what code recognises as one list of trucks (a mark of the question) is read on to its end. So are names of
trucks with nothing between them ("T1 T2 run at five").
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set

from pydantic import JsonValue

from domain.name_words import NUMBERS, fold
from domain.trucks import JOINERS
from domain.values import Call
from tools.denial import denied
from tools.mentions import words_marked
from tools.registry import TOOLS, Tool

__all__ = ["with_whole_trucks"]

SAID_OF_ONE = (
    r"is|isn['’]t|was|has|hasn['’]t|does|stays|goes|needs|drives|off|out|down|broken|free|not|can['’]?t?|stops"
    r"|ist|war|hat|bleibt|fährt|kann|está|esta|queda|tiene|sale|va|no|est|reste|a|ne|n['’]est"
)
"""What is said of one truck: before it, not with it, the list ends."""


def with_whole_trucks(call: Call, question: str, marks: Sequence[str], tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with each truck that begins a list of numbers as that list, and with the trucks that stand side by side
    with one of its own; arguments of a single truck stay."""
    declared = tools.get(call.name)
    named = words_marked("truck", marks)
    if declared is None or not named:
        return call
    beside = _side_by_side(named, question)
    for argument in declared.arguments:
        said = call.parameters.get(argument.name)
        if argument.words and argument.words.kind == "truck" and isinstance(said, list):
            longer = _with_neighbours(_whole(said, named), beside, set(call.texts()))
            call = Call(call.name, {**call.parameters, argument.name: longer})
    return call


def _side_by_side(named: Sequence[str], question: str) -> list[list[str]]:
    """Runs of trucks with nothing but space between them in the question, not denied; the last of them is not said to
    be something ("with T1 T2 is broken")."""
    each = "|".join(re.escape(name) for name in sorted(named, key=len, reverse=True))
    runs = re.finditer(rf"(?<!\S)(?:{each})(?:[ \t]+(?:{each}))+(?![\w'’-])(?!\s+(?:{SAID_OF_ONE})\b)", question)
    return [re.findall(each, run[0]) for run in runs if not denied(question, run.start())]


def _with_neighbours(said: Sequence[JsonValue], runs: Sequence[Sequence[str]], others: Set[str]) -> list[JsonValue]:
    """The trucks, each of a run followed by those of it that the call has nowhere."""
    found: list[JsonValue] = []
    for value in said:
        run = next((each for each in runs if value in each), None)
        found += [name for name in run if name == value or name not in others] if run else [value]
    return list(dict.fromkeys(found))


def _whole(said: Sequence[JsonValue], lists: Sequence[str]) -> list[JsonValue]:
    """The trucks, each that only begins one of the lists as that list; what the list holds is not said again."""
    found: list[JsonValue] = []
    for value in said:
        whole = [each for each in lists if isinstance(value, str) and _begins(value, each)]
        found.append(whole[0] if len(whole) == 1 else value)
    grown = [value for value, before in zip(found, said, strict=True) if value != before]
    held = {word for value in grown for word in re.findall(r"\w+", str(value))}
    return list(dict.fromkeys(value for value in found if value in grown or str(value) not in held))


def _begins(value: str, whole: str) -> bool:
    """Whether the rest of the list behind a value is numbers alone, which have no word of their own."""
    rest = whole.removeprefix(value)
    numbers = [fold(each) for each in JOINERS.split(rest) if each]
    return rest != whole and JOINERS.match(rest) is not None and all(n in NUMBERS or n.isdigit() for n in numbers)
