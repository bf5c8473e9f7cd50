"""Which values a question holds for a slot of a listed tool, each with the stretch of the question it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from domain.name_words import AND
from tools.listed_parameters import COPIED_WORDS, figures_in
from tools.listed_slots import Kind, Slot
from tools.numbers import TOKEN, numbers_in
from tools.spans import Spans

BETWEEN = re.compile(rf"\s*(?:,(?!\d{{3}}(?!\d))|;)\s*(?:(?:{AND})\s+)?|\s+(?:{AND}|&|\+)\s+")
"""What stands between the entries of a list; not the comma of 1,200."""
EDGES = "\"'“”„‘’«»()[]{}"
"""Signs around an entry that are none of it."""
MOST_TOGETHER = 4
"""Words of a number ("two hundred and five")."""
JOINS = re.compile(rf"[\s-]+(?:(?:{AND})\s+)?")


@dataclass(frozen=True)
class Stood:
    """A value and the characters of the question it stands in, from `start` to `end`."""

    value: JsonValue
    start: int
    end: int


def values_for(slot: Slot, question: str) -> list[Stood]:
    """Every value that a stretch of the question could be for a slot of such a kind."""
    if slot.kind is Kind.TEXT:
        return texts_in(question)
    if slot.kind is Kind.LIST:
        return [Stood([*_entries(str(each.value))], each.start, each.end) for each in texts_in(question)]
    if slot.kind in (Kind.WHOLE, Kind.NUMBER):
        found = numbers_at(question, fractions=slot.kind is Kind.NUMBER)
        return [each for each in found if isinstance(each.value, int | float) and slot.admits(each.value)]
    return []


def texts_in(question: str) -> list[Stood]:
    """The spans that may be copied (law 5), at most COPIED_WORDS words."""
    found, at = list[Stood](), 0
    for line in Spans.of((question,)).lines:
        at = question.find(line.text, at)
        if at < 0:
            break
        for start, ends in line.chains(COPIED_WORDS):
            found += [Stood(line.text[start:end], at + start, at + end) for end in ends]
        at += len(line.text)
    return found


def numbers_at(question: str, *, fractions: bool) -> list[Stood]:
    """The numbers of a question, in figures and in words; with their decimals too where `fractions` may stand."""
    figures = [Stood(number, start, end) for number, start, end in figures_in(question)]
    whole = [each for each in figures if fractions or isinstance(each.value, int)]
    return whole + list(_worded(question))


def _worded(question: str) -> Iterator[Stood]:
    """Numbers in words, of one word and of several that follow on one another."""
    tokens = [match.span() for match in TOKEN.finditer(question) if not match[0][0].isdigit() and numbers_in(match[0])]
    for first, (start, _) in enumerate(tokens):
        for last in range(first, min(first + MOST_TOGETHER, len(tokens))):
            if last > first and not JOINS.fullmatch(question, tokens[last - 1][1], tokens[last][0]):
                break
            end = tokens[last][1]
            yield from (Stood(number, start, end) for number in numbers_in(question[start:end])[-1:])


def _entries(text: str) -> list[str]:
    return [entry for entry in (each.strip(EDGES) for each in BETWEEN.split(text)) if entry]
