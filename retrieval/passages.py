"""What of a found text is shown: the part that holds the words, and as a quotation, never as an instruction."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["harmless", "is_instruction_like", "passage"]

LONGEST = 240  # characters
BEFORE = 60  # of them before the first word found
MARKUP = re.compile(r"<\|[^|<>]*\|?>?|\[/?INST\]|</?(?:s|system|user|assistant|tool|tool_call)>|\{\{|\}\}", re.I)
INSTRUCTION = re.compile(
    r"""
    \b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instruction|rule|prompt|polic|previous|above|guideline)
    | \b(?:ignor\w*|vergiss|olvida|oublie\w*)\b.{0,40}\b(?:instruc\w+|anweisung\w*|regel\w*|consigne\w*|reglas)
    | \b(?:system|developer)\s+(?:prompt|message|instruction)
    | \byou\s+(?:are\s+now|must\s+now|will\s+now|have\s+been\s+authori[sz]ed|have\s+permission)\b
    | \b(?:as|you\s+are)\s+an?\s+(?:ai|assistant|language\s+model|chatbot)\b
    | \b(?:note|message|attention|dear|hey)\b.{0,12}\b(?:ai|assistant|language\s+model|chatbot|llm)\b
    | ^\W*(?:system|assistant|ai|roundsman)\s*:
    | \b(?:call|invoke|execute|use)\s+(?:the\s+)?(?:tool|function)\b
    | \b(?:propose|plan|find|forecast|inspect|search|approve|dispatch)_\w+
    | \b(?:approve|dispatch|send)\b.{0,40}\bwithout\b.{0,20}\b(?:ask|approv|confirm)
    | "(?:name|parameters|arguments)"\s*:
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def passage(text: str, words: Sequence[str], longest: int = LONGEST) -> str:
    """The part of a text around the first of the words that it holds, at most `longest` characters and the dots."""
    text = " ".join(text.split())
    if len(text) <= longest:
        return harmless(text)
    start = _border(text, max(0, _first(text.lower(), words) - BEFORE))
    cut = text[start : start + longest]
    if start + longest < len(text):
        cut = cut.rsplit(" ", 1)[0] + " …"
    return harmless(("… " if start else "") + cut)


def is_instruction_like(text: str) -> bool:
    """Whether a text talks to a program rather than to people: shown to be noticed, believed by nobody."""
    return MARKUP.search(text) is not None or INSTRUCTION.search(text) is not None


def harmless(text: str) -> str:
    """The text without markup that could end a quotation in a prompt."""
    return MARKUP.sub(" ", text)


def _first(text: str, words: Sequence[str]) -> int:
    """Where the first of the words begins, by its stem: the index has found "collected" for "collection"."""
    places = [text.find(word[: max(4, len(word) - 3)]) for word in words]
    return min((place for place in places if place >= 0), default=0)


def _border(text: str, start: int) -> int:
    """The beginning of a word at or before `start`."""
    return text.rfind(" ", 0, start) + 1 if start else 0
