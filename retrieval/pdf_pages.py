"""PDF files as sections, one for each page. Text is read as it stands in the file: a scan without text has none."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from domain.errors import BadData
from retrieval.pages import Page, Section

if TYPE_CHECKING:
    from pypdf import PdfReader

__all__ = ["pdf_page"]

MOST_PAGES = 2_000
RUNNING = 0.5  # share of the pages on which a line is no text but a running head or foot
FEWEST_RUNNING = 3  # pages that this takes
HYPHEN = re.compile(r"(\w)[-\u00ad]\n(?=[a-z])")
LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
"""Signs that printers set for several letters, under which nobody looks for a word."""
NUMBER = re.compile(r"\d+")
BROKEN = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError, AssertionError)
"""What a damaged file can raise out of the reader besides its own errors."""


def pdf_page(data: bytes) -> Page:
    """The file's pages with text. Raises BadData for a file that is damaged, locked, too long or without any text."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and not reader.decrypt(""):
            raise BadData("it wants a password; save it without one")
        if len(reader.pages) > MOST_PAGES:
            raise BadData(f"it has {len(reader.pages)} pages, more than {MOST_PAGES}; split it")
        texts = [page.extract_text() for page in reader.pages]
        title = _title(reader)
    except (PyPdfError, *BROKEN) as error:
        raise BadData(f"it is damaged ({type(error).__name__}); save it anew") from error
    sections = [Section(f"page {number}", f"page={number}", text) for number, text in _told(texts) if text]
    if not sections:
        raise BadData("it holds no text; a scan must go through text recognition (OCR) first")
    return Page(title, tuple(sections))


def _title(reader: PdfReader) -> str:
    """The title in the file's own data, where that is words and no file name."""
    told = reader.metadata.title if reader.metadata else None
    return " ".join(str(told).split()) if told and " " in str(told).strip() else ""


def _told(texts: Sequence[str]) -> list[tuple[int, str]]:
    """Number and text of each page, without running heads and feet, words that were cut at a line's end whole again."""
    lines = [[line.strip() for line in text.translate(LIGATURES).splitlines() if line.strip()] for text in texts]
    seen = Counter(form for page in lines for form in {_form(line) for line in (*page[:2], *page[-2:])})
    enough = max(FEWEST_RUNNING, RUNNING * len(lines))
    running = {form for form, times in seen.items() if times >= enough}
    found = []
    for number, page in enumerate(lines, 1):
        kept = [
            line for at, line in enumerate(page) if not (_form(line) in running and (at < 2 or at >= len(page) - 2))
        ]
        found.append((number, " ".join(HYPHEN.sub(r"\1", "\n".join(kept)).split())))
    return found


def _form(line: str) -> str:
    """A line without its numbers: "Page 3 of 9" is the same foot as "Page 4 of 9"."""
    return NUMBER.sub("0", line)
