"""Words that deny, leave out or take back: where one stands, code does not read a plain word beside it as a wish."""

from __future__ import annotations

import re

__all__ = ["denied", "is_denied"]

STATE = r"(?:is|are|was|were|be|been|stays?|['’]s|['’]re)\s+(?:\w+\s+)?(?:out|off|free|fine)"
TAKING = (
    r"(?:leav(?:e|es|ing)|left|tak(?:e|en|ing)|keep|cut|strike|cross|rule|turn|switch)\s+(?:\S+\s+){0,3}(?:out|off)"
)
"""Of "out", "off", "free" and "fine" only these deny: "find out", "off we go" and "fine, and compost?" don't."""
DENIAL = re.compile(
    r"n['’]t\b|\b(?:no|not|never|none|nothing|neither|nor|without|except|excluding"
    r"|but not|instead of|rather than|out of|skip|ignore|forget|drop|remove|disable|stop|anything but"
    rf"|{STATE}|{TAKING}|nicht|kein\w*|nie|niemals|ohne|außer|ausser|statt|nunca|tampoco|sin|salvo|excepto|menos los|ni"
    r"|pas|ne|sans|sauf|jamais|aucune?)\b",
    re.I,
)
CLAUSE = re.compile(r"[.!?;:,](?=\s|$)")


def is_denied(text: str) -> bool:
    """Whether a text has a word that denies anything."""
    return DENIAL.search(text) is not None


def denied(text: str, at: int) -> bool:
    """Whether such a word stands before that character, in the same clause."""
    begins = max((end.end() for end in CLAUSE.finditer(text, 0, at)), default=0)
    return DENIAL.search(text, begins, at) is not None
