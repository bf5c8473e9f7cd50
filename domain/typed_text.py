"""Text as people and programs type it, without what nobody can see."""

from __future__ import annotations

import re
import unicodedata


def cleaned(text: str) -> str:
    """The text without control characters, whitespace squeezed, in composed Unicode."""
    kept = "".join(c if c in "\n\t " or unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())


def as_words(words: str) -> str:
    """The regular expression of these words where they stand as words: no letter, digit or _ right before or behind."""
    return rf"(?<!\w){re.escape(words)}(?!\w)"


def is_said(words: str, text: str) -> bool:
    """Whether the words stand in the text as words, in any case."""
    return re.search(as_words(words), text, re.I) is not None
