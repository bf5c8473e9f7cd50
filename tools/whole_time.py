"""A time is the user's whole time: of "vendredi matin" no call means the morning of any day.

What the calendar reads as one time (a mark of the question) is read on from the part of it that the model copied,
unless the rest belongs to another argument or stands behind a word that leads to another time ("Monday till Friday").
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from domain.name_words import fold, words_of
from domain.typed_text import as_words
from domain.values import Call
from tools.coverage import TAKEN_BY
from tools.mentions import is_timely, words_marked
from tools.registry import TOOLS, Tool

__all__ = ["with_whole_times"]

PARTING = words_of(
    "to from til till until through by since before after between for over than in"
    " and or plus y o und oder et ou"
    " bis von ab seit vor nach zwischen hasta desde antes despues entre por para jusqu jusqua jusquau"
    " depuis avant apres"
    " hour hours hr hrs h stunden stunde horas hora heures heure minutes minute mins min minuten minutos"
)
"""Words that part one time from another, or from how long something takes."""
PUNCTUATION = re.compile(r"[,;=()|&/–—]|[.:](?!\d)|(?<!\d)-|-(?!\d)")
"""What ends a time or parts a range ("1-15 August"); not the hyphens of a date."""
JOINED = re.compile(
    r"\b(?:por|de|en) la(?= (?:mañana|manana|tarde|noche)\b|\s*$)|\b(?:day|week|weekend|month) (?:before|after)\b", re.I
)
"""Words of one time that part two elsewhere."""
LEADING = words_of("at the of a las la el um on le les der dem den am")
"""What may stand between the words of a time beside those that the calendar knows."""


def with_whole_times(call: Call, question: str, marks: Sequence[str], tools: Mapping[str, Tool] = TOOLS) -> Call:
    """The call with each time that is a part of a time mark as the whole of it."""
    whole = words_marked("time", marks)
    declared = tools.get(call.name)
    if declared is None or not whole:
        return call
    timely = {each.name for each in declared.arguments if each.words and each.words.kind in TAKEN_BY["time"]}
    longer = {
        name: _whole(value, whole, [*_texts(call, but=name), question])
        for name, value in call.parameters.items()
        if name in timely and isinstance(value, str)
    }
    return Call(call.name, {**call.parameters, **longer})


def _texts(call: Call, but: str) -> Iterator[str]:
    for name, value in call.parameters.items():
        if name != but:
            yield from (str(each) for each in (value if isinstance(value, list) else [value]))


def _whole(value: str, marks: Sequence[str], beside: Sequence[str]) -> str:
    """The only mark that holds the value and more, where the rest of it is free; else the value."""
    *others, question = beside
    holding = [mark for mark in dict.fromkeys(marks) if _parts(value, mark)]
    said = len(re.findall(as_words(value), question))
    if len(holding) != 1 or value in marks or said != 1:
        return value
    around = JOINED.sub(" ", " ".join(_parts(value, holding[0])))
    rest, taken = set(fold(around).split()), {word for text in others for word in fold(text).split()}
    plain = not PUNCTUATION.search(around) and all(word in LEADING or is_timely(word) for word in rest)
    return holding[0] if plain and not rest & (PARTING | taken) else value


def _parts(value: str, mark: str) -> tuple[str, ...]:
    """What stands around a value in a mark; nothing where it is the mark or stands in none of it."""
    found = re.search(as_words(value), mark)
    return (mark[: found.start()], mark[found.end() :]) if found and found[0] != mark else ()
