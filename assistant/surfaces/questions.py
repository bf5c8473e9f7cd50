"""What a surface takes as a question, a thread and a moment. The same for all of them, said in one place."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from assistant.question import LONGEST, refusal
from domain.errors import AskAgain, UnclearTime
from domain.typed_text import cleaned

LONGEST_QUESTION = LONGEST
LONGEST_THREAD = 64
YEARS = range(1990, 2101)


def read_question(text: str) -> str:
    """The question in clean text. Raises AskAgain for one that nobody could answer."""
    asked = cleaned(text)
    if (why := refusal(asked)) is not None:
        raise AskAgain(why)
    return asked


def read_thread(text: str | None) -> str | None:
    """A thread's id, or None. Raises AskAgain when it cannot be one."""
    if text is None:
        return None
    if not re.fullmatch(rf"[A-Za-z0-9][\w.:-]{{0,{LONGEST_THREAD - 1}}}", text, re.ASCII):
        raise AskAgain(f"A thread's name has letters, digits and . : _ - in it, at most {LONGEST_THREAD}.")
    return text


def read_now(text: str | None, zone: ZoneInfo) -> datetime | None:
    """An ISO 8601 moment, in the city's zone when it names none; None for None. Raises UnclearTime."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise UnclearTime(text, "that is no ISO 8601 time") from None
    if moment.year not in YEARS:
        raise UnclearTime(text, "that year is out of range")
    return moment.replace(tzinfo=zone) if moment.tzinfo is None else moment.astimezone(zone)
