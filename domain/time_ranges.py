"""What the two phrases of a range lend each other: "1 to 15 August", "6 am to noon yesterday"."""

from __future__ import annotations

import re

from domain.time_vocabulary import MONTH, WEEKDAY
from domain.time_words import take_hour, take_part

BARE = re.compile(r"(\d{1,2})(?:th|\.)?")
PIECE = re.compile(rf"(?:[1-5]th|last) (?:day|week|weekend|{WEEKDAY}) \S.*")


def same_kind(first: str, last: str) -> bool:
    """Whether two phrases can be a range: "first" of "first and last week of October" is no day of that month."""
    return not (BARE.fullmatch(first) and PIECE.fullmatch(last))


def lent(first: str, last: str) -> tuple[str, str]:
    """ "1" and "15 august 2024" become "1 august 2024" and "15 august 2024"; "6 am" and "noon yesterday" likewise."""
    month = re.compile(rf"\b(?:{MONTH})\b(?: \d{{4}}$)?")
    year = re.compile(r"(?<![-/.\d])(?:19|20|21)\d\d$|(?:last|this|next) year$")
    if BARE.fullmatch(first) and (lender := month.search(last)):
        first = f"{first.rstrip('.')} {lender[0]}"
    if BARE.fullmatch(last) and (lender := month.search(first)):
        last = f"{last.rstrip('.')} {lender[0]}"
    lender = year.search(last)
    if lender and not year.search(first) and re.search(rf"\b(?:{MONTH})$|^q\d$|(?:{MONTH}) \d|\d (?:{MONTH})", first):
        first = f"{first} {lender[0]}"
    return _lent_day(first, last), last


def _lent_day(first: str, last: str) -> str:
    """The first phrase with the day of the last one, when it has an hour or part of a day alone."""
    mine, theirs = (take_part(take_hour(text)[0])[0] for text in (first, last))
    return f"{first} {theirs}" if not mine and theirs and first != "now" else first
