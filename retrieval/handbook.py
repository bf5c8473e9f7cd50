"""Markdown pages: one section for each heading, so that a citation opens at the right place."""

from __future__ import annotations

import re
from collections.abc import Iterator

from retrieval.pages import Page, Section

__all__ = ["anchor", "markdown_page"]

SECTION = re.compile(r"^##\s+(?P<heading>.+?)\s*#*\s*$", re.MULTILINE)
TITLE = re.compile(r"^#\s+(?P<title>.+?)\s*#*\s*$", re.MULTILINE)
ABOUT_THE_PAGE = re.compile(r"^\*[^*\n]+\*$", re.MULTILINE)  # a paragraph in italics: no rule of the operation


def anchor(heading: str) -> str:
    """The anchor of a heading: "Bottles and cans" is "bottles-and-cans" (GitHub's rule)."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def markdown_page(text: str) -> Page:
    """A page by its headings of the second level."""
    found = TITLE.search(text)
    return Page(found["title"] if found else "", tuple(_sections(text)))


def _sections(page: str) -> Iterator[Section]:
    parts = SECTION.split(page)  # what stands before the first heading, then heading, text, heading, text, ...
    yield _section("", "", TITLE.sub("", parts[0]))
    used: dict[str, int] = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        place = anchor(heading)
        times = used[place] = used.get(place, -1) + 1
        yield _section(heading, f"{place}{f'-{times}' if times else ''}", text)


def _section(heading: str, place: str, text: str) -> Section:
    return Section(heading, place, " ".join(ABOUT_THE_PAGE.sub("", text).split()))
