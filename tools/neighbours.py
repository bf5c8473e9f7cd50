"""Words that lean on a period beside them in a call: "the month before", "the previous week", "el mes anterior"."""

from __future__ import annotations

import re
from datetime import datetime

from domain.calendar_days import weekend_beside
from domain.day_spans import ONE_DAY, Days, shifted, unit_beside
from domain.errors import UnclearTime
from domain.time_words import plain
from domain.times import ONE_MINUTE, at_local, period
from domain.values import Period

RELATIVE = re.compile(
    r"(and\s+)?(the\s+)?(((next\s+)?day|week|month|quarter|year)\s+(after|before)|(following|previous|preceding|prior)\s+day|next\s+day)"
    r"|((im|in der|am|der|des|den|zum|zur)\s+)?(vor|folge)(tag|woche|monat|quartal|jahr)(e?s)?"
    r"|((el|la|al|del|de la|en el)\s+)?(d[ií]a|semana|mes|trimestre|a[nñ]o)\s+(anterior|siguiente)"
    r"|((le|la|au|du|à la|de la)\s+)?(jour|semaine|mois|trimestre|ann[eé]e)\s+(pr[eé]c[eé]dente?|suivante?)",
    re.I,
)
"""What leans on the period beside it in a call or else on the time asked before, where there is one."""
NEIGHBOUR = re.compile(
    r"(the\s+|im\s+|in der\s+|der\s+|des\s+)?"
    r"(previous|preceding|prior|following|next|vorige[nrs]?|vorangegangene[nrs]?|folgende[nrs]?)\s+(\w+\s+)?"
    r"((day|week|weekend|month|quarter|year)s?|wochen?|monate?s?|quartale?s?|jahre?s?)"
    r"|(the\s+)?weekend\s+(before|after)",
    re.I,
)
"""What leans on the period beside it in a call, and without one on now."""
SIDE = re.compile(r"(?P<side>last|next) (?:(?P<count>\d{1,3}) )?(?P<unit>day|week|weekend|month|quarter|year)")
DAY_BESIDE = {"yesterday": "last day", "tomorrow": "next day"}


def is_relative(words: str) -> bool:
    """A bare "the day after" leans on the time asked before."""
    return RELATIVE.fullmatch(words.strip()) is not None


def neighbour_of(beside: Period, words: str, now: datetime) -> Period | None:
    """The unit right before or after the period beside the words, None where they name no such unit.

    A period that is one such unit long is followed and led by one of its own length: "the week before" the last 7 days
    are the 7 days before those. A year before or after what is shorter is that period in the other year. Raises
    UnclearTime.
    """
    text = plain(words)
    found = SIDE.fullmatch(DAY_BESIDE.get(text, text))
    if not (found and (is_relative(words) or NEIGHBOUR.fullmatch(words.strip()))):
        return None
    first, last = beside.since.astimezone(now.tzinfo), (beside.until - ONE_MINUTE).astimezone(now.tzinfo)
    whole = Days(first.date(), last.date() + ONE_DAY)
    try:
        if found["unit"] == "year" and not found["count"] and whole.after < shifted(whole.first, 1, "year"):
            moved = period(f"same period {found[0]}", now, beside)
            return Period(moved.since, moved.until, words)
        days = _days_beside(whole, 1 if found["side"] == "next" else -1, found)
    except OverflowError:
        raise UnclearTime(words, "it is too far away") from None
    since, until = (at_local(day, 0, 0, now.tzinfo)[0] for day in (days.first, days.after))
    return Period(since, until, words)


def _days_beside(whole: Days, step: int, found: re.Match[str]) -> Days:
    """The days right before (-1) or after (1) others: so many units, a weekend or the calendar's unit."""
    unit = found["unit"]
    if unit == "weekend":
        return weekend_beside(whole, step * int(found["count"] or 1))
    if found["count"]:
        far = shifted(whole.first if step < 0 else whole.after, step * int(found["count"]), unit)
        return Days(far, whole.first) if step < 0 else Days(whole.after, far)
    return unit_beside(whole, step, unit)
