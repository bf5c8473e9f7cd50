"""What can be asked at all: a question is text with something in it, not too long."""

from __future__ import annotations

LONGEST = 4_000
EMPTY = "That was empty. Type a question, for example: Which bins near Sather Gate will overflow by tomorrow noon?"
WORDLESS = "I found no words in that. Ask in a sentence, for example: Plan tonight's round for two trucks."


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
