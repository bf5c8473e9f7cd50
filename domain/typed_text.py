"""Text as people and programs type it, without what nobody can see."""

from __future__ import annotations

import unicodedata


def cleaned(text: str) -> str:
    """The text without control characters, whitespace squeezed, in composed Unicode."""
    kept = "".join(c if c in "\n\t " or unicodedata.category(c)[0] != "C" else " " for c in text)
    return " ".join(unicodedata.normalize("NFC", kept).split())
