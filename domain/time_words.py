"""How people say times, brought into one plain English: typos, short forms, Spanish, German and French included.

`plain` knows no calendar: it turns "pasado mañana a las 6 de la tarde" into "overmorrow at 6 afternoon", which the
calendar reads. Words it does not know stay as they are, so that the calendar refuses them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from domain.feasts import FEAST_WORDS, with_feasts
from domain.name_words import fold
from domain.spoken_clock import SPOKEN as SPOKEN_HOUR
from domain.spoken_clock import SpokenClock
from domain.time_phrases import ORDER, PHRASES
from domain.time_vocabulary import (
    FILLERS,
    MONTHS,
    OTHER_WORDS,
    PART,
    SAYING_WORDS,
    TRANSLATION,
    UNIT,
    WEEKDAY,
    WEEKDAYS,
)

DOTTED = re.compile(r"\d{1,2}\.(?:\d{1,2}\.)?")  # "1." and "3.9." are dates
LEADS = ("at", "by", "from", "before", "after", "until", "till", "around", "past", "to", "half")
# "which one am I to empty" is no hour
ONE = (
    "(?:"
    + "|".join(rf"(?<=\b{lead} )one" for lead in LEADS)
    + r"|one(?= ?p)|^one(?= am (?:to(?:day|morrow)|tonight)\b))"
)
HALF_DAY = rf"\b({ONE}|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|thirty) ?([ap])\.? ?m\b\.?"
SHORT_HALF_DAY = r"(?<![\w.:])((?:1[0-2]|0?[1-9])(?:[:.][0-5]\d)?)([ap])(?!\w)(?! (?:semana|quincena|mitad|vez)\b)"
# "6a", "6:30p"; "1a semana" is the Spanish "primera"
NAMES = "|".join(word for word, canonical in TRANSLATION.items() if canonical in {*WEEKDAYS, *MONTHS})
VOCABULARY = tuple(sorted({*TRANSLATION, *FILLERS, *OTHER_WORDS, *(word for word in FEAST_WORDS if len(word) > 7)}))
LONG_WORDS = tuple(word for word in VOCABULARY if len(word) > 3 or word == "the")
ENGLISH = frozenset({*TRANSLATION.values(), *(f"{unit}s" for unit in UNIT.split("|")), "the"})
KNOWN = frozenset({*VOCABULARY, *SAYING_WORDS, *FEAST_WORDS, "halfam", "halfpm"})
HOURS = {word: int(number) for word, number in TRANSLATION.items() if number.isdigit() and 1 <= int(number) <= 12}
HOURS |= {"eins": 1, "una": 1}
LENGTHS = "|".join(word for word, canonical in TRANSLATION.items() if canonical in UNIT.split("|"))
MONTH_NAMES = "|".join(word for word, canonical in TRANSLATION.items() if canonical in MONTHS)
CLOCK = SpokenClock(HOURS, f"{LENGTHS}|{MONTH_NAMES}")

SAYINGS = [(re.compile(rf"(?<!\S)(?:{pattern})(?!\S)"), better) for pattern, better in PHRASES]
ORDERED = [(re.compile(pattern), better) for pattern, better in ORDER]


def plain(words: str) -> str:
    """The words as plain lower-case English without fillers; hours and dates stay for the calendar to read."""
    text = _clean(words)
    text = with_feasts(" ".join(_repaired(token) for token in text.split()))
    for pattern, better in SAYINGS:
        text = pattern.sub(better, text)
    text = CLOCK.digital(" ".join(text.split()))
    text = " ".join(TRANSLATION.get(token, token) for token in text.split())
    text = " ".join(token for token in text.split() if token not in FILLERS)
    for pattern, better in ORDERED:
        text = " ".join(pattern.sub(better, text).split())
    return text


def without_spoken_hours(text: str) -> str:
    """Folded text without hours in words: "leave half past five", "um halb sechs", "six a.m."."""
    digits = re.sub(HALF_DAY, r"\1 half\2m", " ".join(fold(text).split()))
    digits = re.sub(SHORT_HALF_DAY, r"\1 half\2m", digits)
    return re.sub(r"\w+ half[ap]m\b", " ... ", CLOCK.without(digits))


def _clean(words: str) -> str:
    """Folded text; glued forms cut apart ("6pm", "48h", "Aug 1-15"), punctuation gone that carries no time."""
    text = fold(re.sub(r"\b[ldLD][’']", "", words)).replace("–", "-").replace("—", "-")
    text = re.sub(r"(?<=\d)\s*(?:([ap])\.?\s?m\b\.?)", r" half-\1m ", text).replace("half-", "half")
    text = re.sub(HALF_DAY, r"\1 half\2m", text)
    text = re.sub(SHORT_HALF_DAY, r"\1 half\2m", text)
    text = re.sub(r"(?<=half[ap]m)\s*-\s*(?=\d)|(?<=\b\d{4})-(?=[0-2]\d[0-5]\d\b)", " to ", text)
    text = re.sub(r"(\d{4}-\d\d-\d\d)t(?=\d)", r"\1 ", text)
    text = re.sub(r"(\d)(?:st|nd|rd|th|er|ere|eme|o|a)\b", r"\1th", text)
    text = re.sub(r"\b(\d{1,2})h(\d\d)\b", r"\1:\2", text)
    text = re.sub(r"(\d)(?=(?!th\b)[a-z])", r"\1 ", text)
    text = re.sub(r"(?<![\d-])(\d{1,2}(?:th|\.)?)\s*-\s*(?=\d{1,2}(?:th|\.)?(?![\d-]))", r"\1 to ", text)
    text = re.sub(r"(?<=\d:\d\d)\s*-\s*(?=\d)|\s-\s|(?<=\d{4})\s*/\s*(?=\d{4})", " to ", text)
    text = re.sub(rf"\b({NAMES})-({NAMES})\b", r"\1 to \2", text)
    text = re.sub(r"(?<![\d])-|-(?![\d])|[^\w\s:./-]|_", " ", text)
    return " ".join(token if DOTTED.fullmatch(token) else token.rstrip(".") for token in text.split())


def _repaired(token: str) -> str:
    """The token, or the one known word that it is a typing error of, or the two known words it runs together.

    A plain English word comes before short forms and other languages at the same distance; a tie stays unrepaired.
    """
    if token in KNOWN or not token.isalpha() or len(token) < 3:
        return token
    allowed = 1 if len(token) < 7 else 2
    near = extract(token, LONG_WORDS, scorer=OSA.distance, score_cutoff=allowed, limit=None)
    best = [word for word, edits, _ in near if edits == near[0][1]]
    for words in ([word for word in best if word in ENGLISH], best if len(token) > 3 else []):
        if len({TRANSLATION.get(word, word) for word in words}) == 1:
            return words[0]
    cut = next((cut for cut in range(3, len(token) - 2) if {token[:cut], token[cut:]} <= KNOWN), None)
    return f"{token[:cut]} {token[cut:]}" if cut else token


class Hour(NamedTuple):
    """A time of day as it was said. `sure` is False for a bare hour that may be morning or evening."""

    hour: int
    minute: int
    sure: bool


NEAR = "today|tonight|tomorrow|overmorrow|yesterday"
CLOCKS: tuple[str, ...] = (
    rf"(?:\bat )?\b(?P<bare>\d{{1,2}}):(?P<m>\d\d) {SPOKEN_HOUR}(?: half(?P<half>am|pm))?(?!\S)",
    r"(?:\bat )?\b(?P<h>\d{1,2})[:.](?P<m>\d\d)(?::\d\d(?:\.\d+)?)?(?: half(?P<half>am|pm))\b",
    r"(?:\bat )?\b(?P<h>\d{1,2}) half(?P<half>am|pm)\b",
    r"(?:\bat )?\b(?P<h>\d{1,2}):(?P<m>\d\d)(?::\d\d(?:\.\d+)?)?(?: (?:hour|oclock))?(?![\d:])",
    r"\bat (?P<h>\d{1,2})\.(?P<m>\d\d)\b(?!\.)",
    r"\bat (?P<h>[0-2]\d)(?P<m>[0-5]\d)\b",
    r"\bat (?P<h>\d{1,2}) hour\b",
    rf"^(?P<h>[01]\d)(?P<m>[0-5]\d)(?= (?:{WEEKDAY}|{NEAR})\b)",
    rf"^(?P<h>2[0-3])(?P<m>[0-5]\d)(?= (?:{NEAR})\b)",
    rf"^(?P<h>\d{{1,2}})\.(?P<m>00|1[3-9]|[2-5]\d)(?= (?:{WEEKDAY}|{NEAR})\b)",
    r"(?:(?<=day |row )|(?<=tonight ))(?P<h>\d{1,2})\.(?P<m>00|1[3-9]|[2-5]\d)$",
    r"(?<=day |row )(?P<h>0\d)(?P<m>[0-5]\d)$",
    r"(?:(?<=today |orrow )|(?<=tonight ))(?P<h>1\d)(?P<m>[0-5]\d)$",
    r"(?:(?<=today |orrow )|(?<=tonight ))(?P<h>2[0-3])(?P<m>[0-5]\d)$",
    r"(?<!in )(?<!last )(?<!past )\b(?P<h>\d{1,2}) hour\b(?! ago)(?! later)",
    r"^(?P<h>0\d|1[0-8]|2[2-4])(?P<m>[0-5]\d)$",
    r"\bat (?P<bare>\d{1,2})\b(?: oclock)?",
    r"\b(?P<bare>\d{1,2}) oclock\b",
    rf"\b(?P<bare>\d{{1,2}})(?= (?:{PART}|tonight)\b)",
    rf"^(?P<bare>\d{{1,2}})(?= (?:{NEAR}|(?:{WEEKDAY}) (?:{PART}))\b)",
    r"(?<!\S)(?:(?<=^today )|(?<=^tomorrow )|(?<=^tonight ))(?P<bare>\d{1,2})$",
)


def take_hour(text: str) -> tuple[str, Hour | None]:
    """The text without its time of day, and that time; 24:00 is the end of a day, other hours are not checked here."""
    for pattern in CLOCKS:
        found = re.search(pattern, text)
        if found:
            said = found.groupdict()
            rest = " ".join((text[: found.start()] + " " + text[found.end() :]).split())
            return rest, _hour(int(said.get("h") or said["bare"]), int(said.get("m") or 0), said)
    return text, None


def _hour(hour: int, minute: int, said: Mapping[str, str | None]) -> Hour:
    half = said.get("half")
    if half and 1 <= hour <= 12:
        return Hour(hour % 12 + (12 if half == "pm" else 0), minute, True)
    return Hour(hour, minute, not said.get("bare") or hour > 12 or hour == 0)


def take_part(text: str) -> tuple[str, str | None]:
    """The text without its part of the day ("morning", "noon"), and that part; "tonight" is today's night."""
    text = re.sub(r"\btonight\b", "today night", text)
    found = re.search(rf"\b({PART})\b", text)
    if not found:
        return text, None
    return " ".join((text[: found.start()] + " " + text[found.end() :]).split()), found[1]
