"""The frame language: one line is one way of saying a request, with the call it means written into it.

    which {stream} bins[ near {near}] will overflow by {by}?
    ( cheapest <goal=cost> | quickest <goal=time> ) round for {when}
    open a ticket for bin {bin:id}: {note: the lid is (stuck|broken)} <kind=maintenance>

`{slot}` is filled from the records and its words become that parameter's value, `<name=value>` is an argument that the
words imply, `[...]` is optional, `(a|b)` a choice, `{note: ...}` a clause whose whole text is the value.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

FIXED = re.compile(r"<(\w+)=([^<>]+)>")
SLOT = re.compile(r"\{(\w+)(?::(\w+))?\}")
CLAUSE = re.compile(r"\{(\w+):\s+")


@dataclass(frozen=True)
class Segment:
    """A stretch of the text and the slots it belongs to; `value` is set when it is not the text itself."""

    text: str
    slots: tuple[str, ...] = ()
    value: JsonValue = None


@dataclass
class Said:
    """An expanded frame: the words in segments and the arguments they imply."""

    segments: list[Segment] = field(default_factory=list)
    fixed: dict[str, str] = field(default_factory=dict)


Filler = Callable[[str, str | None, random.Random], tuple[str, JsonValue]]
"""(slot, variant, chance) -> (words, value); the value is the words, a number, or a list of words."""


@dataclass(frozen=True)
class Frame:
    """One line of a frame file and where it stands."""

    text: str
    author: str
    head: str = ""

    def expand(self, fill: Filler, chance: random.Random) -> Said:
        """One way of saying it."""
        said = Said()
        _Expansion(self.text, fill, chance, said).sequence((), stop="")
        return said


class _Expansion:
    """Recursive descent over one frame; emits into `said`."""

    def __init__(self, text: str, fill: Filler, chance: random.Random, said: Said) -> None:
        self.text, self.fill, self.chance, self.said = text, fill, chance, said
        self.at = 0

    def sequence(self, slots: tuple[str, ...], stop: str) -> None:
        while self.at < len(self.text) and self.text[self.at] not in (stop or "\0"):
            self.item(slots)

    def item(self, slots: tuple[str, ...]) -> None:
        rest = self.text[self.at :]
        if found := FIXED.match(rest):
            self.at += found.end()
            self.said.fixed[found.group(1)] = found.group(2).strip()
        elif found := SLOT.match(rest):
            self.at += found.end()
            words, value = self.fill(found.group(1), found.group(2), self.chance)
            self.said.segments.append(Segment(words, (*slots, found.group(1)), value))
        elif found := CLAUSE.match(rest):
            self.at += found.end()
            self.sequence((*slots, found.group(1)), stop="}")
            self.at += 1
        elif rest[0] == "[":
            self.optional(slots)
        elif rest[0] == "(" and "|" in self.text[self.at : self.end_of("(", ")")]:
            self.choice(slots)
        else:
            text = re.match(r"[^\[\]{}()<>|]+|.", rest).group(0)  # type: ignore[union-attr]  # one character always fits
            self.at += len(text)
            self.said.segments.append(Segment(text, slots))

    def end_of(self, opening: str, closing: str) -> int:
        """Index of the bracket that closes the one at `self.at`; ValueError when none does."""
        depth = 0
        for index in range(self.at, len(self.text)):
            depth += (self.text[index] == opening) - (self.text[index] == closing)
            if depth == 0:
                return index
        raise ValueError(f"unclosed {opening} in frame: {self.text}")

    def optional(self, slots: tuple[str, ...]) -> None:
        end = self.end_of("[", "]")
        if self.chance.random() < 0.5:
            self.part(self.text[self.at + 1 : end], slots)
        self.at = end + 1

    def choice(self, slots: tuple[str, ...]) -> None:
        end = self.end_of("(", ")")
        parts = _split(self.text[self.at + 1 : end])
        part = self.chance.choice(parts)
        spaced = any(p != p.strip() for p in parts)
        self.part(part.strip() if spaced else part, slots)
        self.at = end + 1

    def part(self, text: str, slots: tuple[str, ...]) -> None:
        _Expansion(text, self.fill, self.chance, self.said).sequence(slots, stop="")


def _split(text: str) -> list[str]:
    """Split at the bars of this level only."""
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def read_frames(folder: Path, name: str) -> list[Frame]:
    """All frames of the file `name` over all authors, with the part before ` : ` as head for the headed files."""
    headed = name in {"followups", "clarify", "decline", "reply", "tails", "asked"}
    frames = []
    for file in sorted(folder.glob(f"*/{name}.txt")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if not line.strip() or line.startswith("#"):
                continue
            head, _, text = line.partition(" : ") if headed else ("", "", line)
            text = text.rstrip() if name == "tails" else text.strip()
            frames.append(Frame(text or head, file.parent.name, head.strip() if text else ""))
    return frames


def words_of(said: Said) -> str:
    """The sentence, whitespace squeezed."""
    return " ".join("".join(s.text for s in said.segments).split())


def arguments_of(said: Said) -> dict[str, JsonValue]:
    """The call's arguments: implied ones, then those that were said, in the order they were said."""
    found: dict[str, JsonValue] = {}
    for name in dict.fromkeys(slot for s in said.segments for slot in s.slots):
        own = [s for s in said.segments if name in s.slots]
        valued = [s for s in own if s.value is not None and s.slots[-1] == name]
        found[name] = valued[0].value if valued else " ".join("".join(s.text for s in own).split()).strip(" .,;:!?")
    return {**found, **said.fixed}
