"""Light noise on what people type, for training rows: case, a typing error, an opening, a closing."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from itertools import pairwise

from pydantic import JsonValue

from finetune.frames import Segment

OPENERS = ["hey ", "hi, ", "hello, ", "please ", "pls ", "ok ", "quick one: ", "morning, ", "good morning. ", "so ",
           "um ", "and ", "sorry, ", "can you ", "one more: ", "for the meeting: ", "hey there, "]  # fmt: skip
CLOSERS = [
    " please",
    " pls",
    " thanks",
    " thx",
    "?",
    "??",
    "!",
    " asap",
    " when you can",
    ", cheers",
    " - urgent",
    "...",
]
IN_METRES = re.compile(r"\s?(?:m|met(?:re|er)s?|metros?|m[eè]tres?|metern?)(?!\w)", re.IGNORECASE)
LENGTHS = {"1 km": 1000, "2 km": 2000, "1.5 km": 1500, "3km": 3000, "half a kilometre": 500, "two kilometres": 2000,
           "half a mile": 805, "a mile": 1609, "1/2 mile": 805, "a quarter mile": 402, "2 miles": 3219,
           "three miles": 4828, "one and a half miles": 2414, "500 yards": 457, "200 yds": 183, "1,000 feet": 305,
           "300 ft": 91}  # fmt: skip
SAID_OTHERWISE = 0.15
"""Share of the distances in metres that are said in another unit."""


def roughen(segments: list[Segment], chance: random.Random) -> list[Segment]:
    """Surface noise that never touches what a value is: case for all, typos and trimmings outside the slots; and
    some distances in another unit."""
    segments = _other_lengths(segments, chance)
    kind = chance.random()
    if kind < 0.38:
        segments = [_lower(s) for s in segments]
    elif kind < 0.42:
        segments = [replace(s, text=s.text.upper()) if not s.slots else s for s in segments]
    if chance.random() < 0.12:
        segments = [_typo(s, chance) if not s.slots else s for s in segments]
    if chance.random() < 0.12:
        segments = [Segment(chance.choice(OPENERS)), *segments]
    if chance.random() < 0.10:
        segments = [*segments, Segment(chance.choice(CLOSERS))]
    elif chance.random() < 0.25 and segments and not segments[-1].slots:
        segments = [*segments[:-1], replace(segments[-1], text=segments[-1].text.rstrip("?.! "))]
    return segments


def _other_lengths(segments: list[Segment], chance: random.Random) -> list[Segment]:
    """A distance before the word for metres, now and then in kilometres, miles, yards or feet."""
    for place, (segment, after) in enumerate(pairwise(segments)):
        unit = IN_METRES.match(after.text)
        if segment.slots[-1:] == ("within_m",) and unit and not after.slots and chance.random() < SAID_OTHERWISE:
            words, metres = chance.choice([*LENGTHS.items()])
            said = [replace(segment, text=words, value=metres), replace(after, text=after.text[unit.end() :])]
            return [*segments[:place], *said, *segments[place + 2 :]]
    return segments


def _lower(segment: Segment) -> Segment:
    value: JsonValue = segment.value
    if isinstance(value, list):
        value = [str(v).lower() for v in value]
    keep = {"plan", "subject", "decision", "image"} & set(segment.slots)
    return segment if keep else Segment(segment.text.lower(), segment.slots, value)


def _typo(segment: Segment, chance: random.Random) -> Segment:
    text = segment.text
    if len(text) < 6:
        return segment
    at = chance.randrange(1, len(text) - 2)
    if not (text[at].isalpha() and text[at + 1].isalpha()):
        return segment
    changed = chance.choice(
        [
            text[:at] + text[at + 1] + text[at] + text[at + 2 :],
            text[:at] + text[at + 1 :],
            text[:at] + text[at] + text[at:],
        ]
    )
    return replace(segment, text=changed)
