"""Which values a question holds for a slot of a listed tool, each with the stretch of the question it stands in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from domain.name_words import AND
from tools.listed_parameters import COPIED_WORDS, figures_in
from tools.listed_slots import Kind, Slot
from tools.numbers import TOKEN, quantity_of
from tools.spans import Spans

BETWEEN = re.compile(rf"\s*(?:,(?!\d{{3}}(?!\d))|;)\s*(?:(?:{AND})\s+)?|\s+(?:{AND}|&|\+)\s+")
"""What stands between the entries of a list; not the comma of 1,200."""
EDGES = "\"'“”„‘’«»()[]{}"
"""Signs around an entry that are none of it."""
MOST_TOGETHER = 7
"""Words of a number ("two hundred and five")."""
JOINS = re.compile(r"[\s-]+")


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
    """The numbers of a question, in figures and in words; with their decimals too where `fractions` may stand. Nothing
    within a longer one is a number."""
    worded = list(_worded(question))
    figures = [Stood(number, start, end) for number, start, end in figures_in(question)]
    alone = [each for each in figures if not any(of.start <= each.start < of.end for of in worded)]
    return [each for each in (*alone, *worded) if fractions or isinstance(each.value, int)]


def _worded(question: str) -> Iterator[Stood]:
    """Numbers in words, or of a figure and words ("2 dozen"), each as long as it is."""
    tokens = list(TOKEN.finditer(question))
    at = 0
    while at < len(tokens):
        longest = None
        for last in range(at, min(at + MOST_TOGETHER, len(tokens))):
            if last > at and not JOINS.fullmatch(question, tokens[last - 1].end(), tokens[last].start()):
                break
            words = [token[0].casefold() for token in tokens[at : last + 1]]
            value = quantity_of(words)
            if value is not None and (last > at or not words[0][0].isdigit()):
                longest = last, value
        if longest:
            last, value = longest
            number = int(value) if value.denominator == 1 else round(float(value), 6)
            yield Stood(number, tokens[at].start(), tokens[last].end())
            at = last
        at += 1


def _entries(text: str) -> list[str]:
    return [entry for entry in (each.strip(EDGES) for each in BETWEEN.split(text)) if entry]
