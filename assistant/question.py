"""What can be asked at all: a question is text with something in it, not too long."""

from __future__ import annotations

import unicodedata

LONGEST = 4_000
EMPTY = "That was empty. Type a question, for example: Which bins near Sather Gate will overflow by tomorrow noon?"
WORDLESS = "I found no words in that. Ask in a sentence, for example: Plan tonight's round for two trucks."


def cleaned(text: str) -> str:
    """The question without control characters, whitespace squeezed, in composed Unicode."""
    kept = "".join(c if c in "\n\t " or unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())


def refusal(text: str) -> str | None:
    """Why a cleaned question cannot be answered, or None."""
    if not text:
        return EMPTY
    if len(text) > LONGEST:
        return f"That is {len(text):,} characters; I read up to {LONGEST:,}. Please shorten it or ask in parts."
    letters = sum(c.isalnum() for c in text)
    if not letters or text.count("\N{REPLACEMENT CHARACTER}") > letters:
        return WORDLESS
    return None
