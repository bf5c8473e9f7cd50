"""The handbook's pages as documents: one for each section, so that a citation opens at the right place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from retrieval.store import Document

__all__ = ["anchor", "handbook_documents"]

SECTION = re.compile(r"^##\s+(?P<heading>.+?)\s*#*\s*$", re.MULTILINE)
TITLE = re.compile(r"^#\s+(?P<title>.+?)\s*#*\s*$", re.MULTILINE)
ABOUT_THE_PAGE = re.compile(r"^\*[^*\n]+\*$", re.MULTILINE)  # a paragraph in italics: no rule of the operation


def handbook_documents(pages: Mapping[str, str]) -> list[Document]:
    """The sections of all pages (file name to Markdown), in order; what has no text is left out."""
    return [document for name in sorted(pages) for document in _sections(name, pages[name])]


def anchor(heading: str) -> str:
    """The anchor of a heading: "Bottles and cans" is "bottles-and-cans" (GitHub's rule)."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def _sections(name: str, page: str) -> Iterator[Document]:
    found = TITLE.search(page)
    title = found["title"] if found else name.removesuffix(".md").replace("-", " ")
    parts = SECTION.split(page)  # what stands before the first heading, then heading, text, heading, text, ...
    yield from _section(name, title, "", TITLE.sub("", parts[0]))
    used: dict[str, int] = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        place = anchor(heading)
        times = used[place] = used.get(place, -1) + 1
        yield from _section(name, f"{title}: {heading}", f"#{place}{f'-{times}' if times else ''}", text)


def _section(name: str, title: str, place: str, text: str) -> Iterator[Document]:
    text = " ".join(ABOUT_THE_PAGE.sub("", text).split())
    if text:
        ref = f"handbook/{name}{place}"
        yield Document(id=ref, kind="handbook", title=title, text=text, url_ref=ref)
