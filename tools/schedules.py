"""A watch's schedule is all of what recurs: of "each evening at 8" no watch means "at 8" alone."""

from __future__ import annotations

import re

from domain.name_words import fold, words_of
from domain.typed_text import as_words
from domain.values import Call
from tools.mentions import is_timely
from tools.numbers import numbers_in

__all__ = ["RECURRING", "with_whole_schedule"]

SCHEDULE = "schedule"
RECURRING = re.compile(
    r"(?<!\w)(?:(?:once|twice|(?:two|three|four) times) (?:each|every|an?|per)|each|every|jede[nmrs]?|alle|cada"
    r"|tod[oa]s l[oa]s|tou(?:s|tes) les|chaque)\s+",
    re.I,
)
"""What begins a schedule."""
AT = words_of("at um las a around gegen")
"""What stands before an hour."""
JOINING = AT | words_of("in on the of to and am im zum nach la el los de por en le les du des y und et other")
"""What may stand between the words of a schedule beside those that the calendar knows."""
PERIODS = words_of("weekday weekdays werktag werktags noches soirs matins nuits")
"""Words of times in which a watch recurs that the calendar knows nothing of."""
NO_PERIOD = words_of("end start beginning asap now today tonight jetzt heute ahora hoy plus")
"""Words of times that no schedule holds."""
HOUR = re.compile(r"(?:[01]?\d|2[0-4])(?:[:.h][0-5]\d)?(?:h|am|pm|a\.m|p\.m)?")
LONGEST = 10
"""Words behind the first one."""


def with_whole_schedule(call: Call, question: str) -> Call:
    """The call with its schedule as all of what recurs, where that is said once."""
    said = call.parameters.get(SCHEDULE)
    if not isinstance(said, str):
        return call
    stretches = {stretch for begin in RECURRING.finditer(question) if (stretch := _recurring(question, begin))}
    holding = [stretch for stretch in stretches if re.search(as_words(said), stretch)]
    if len(holding) != 1 or len(re.findall(as_words(said), question)) != 1:
        return call
    return Call(call.name, {**call.parameters, SCHEDULE: holding[0]})


def _recurring(question: str, begin: re.Match[str]) -> str:
    """From the word that begins a schedule on, as far as all words are of times; nothing where none is."""
    end, before, rest = begin.end(), "", question[begin.end() : begin.end() + 160]
    for count, word in enumerate(re.finditer(r"\s*([^\s,;!?()]+)", rest)):
        plain = fold(word[1].rstrip(".:"))
        timely = _is_period(plain, before, first=count == 0)
        if (not timely and plain not in JOINING) or count > LONGEST:
            break
        if timely:
            end = begin.end() + word.end()
        if word[1][-1] == ":" or rest[word.end() : word.end() + 1] in tuple(",;!?()"):
            break
        before = plain
    whole = question[begin.start() : end].strip().rstrip(".:")
    return whole if end > begin.end() else ""


def _is_period(word: str, before: str, *, first: bool) -> bool:
    """Whether a word is of a schedule: a number only as an hour behind "at" or its like, or right behind "every"."""
    if any(char.isdigit() for char in word) or numbers_in(word):
        often = first and (word.isalpha() or (word.isdigit() and len(word) < 3))
        return often or (before in AT and (word.isalpha() or HOUR.fullmatch(word) is not None))
    return word in PERIODS or (word not in JOINING | NO_PERIOD and is_timely(word))
