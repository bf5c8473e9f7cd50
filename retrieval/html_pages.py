"""Web pages as sections: what a reader sees, cut at headings, with the anchors that the page itself has.

Scripts, styles and what is hidden from readers are left out: text that nobody sees has no business in an answer.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from retrieval.pages import Page, Section

__all__ = ["html_page"]

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
UNSEEN = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "head"})
BESIDE = frozenset({"nav", "footer"})  # of every page of a site, and about none
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
INLINE = frozenset({"a", "abbr", "b", "cite", "code", "em", "i", "kbd", "mark", "q", "s", "small", "span", "strong",
                    "sub", "sup", "time", "u", "var"})  # fmt: skip
HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0(?![.\d])", re.I)
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)
LOOKED_AT = 2_048  # bytes in which a page must name its encoding (HTML standard: 1,024)


def html_page(data: bytes) -> Page:
    """A page by its headings. Raises UnicodeDecodeError or LookupError for an encoding that does not hold."""
    reader = _Reader()
    reader.feed(_decoded(data))
    reader.close()
    reader.end_section()
    return Page(" ".join(reader.title.split()), tuple(reader.sections))


def _decoded(data: bytes) -> str:
    """By its own word, else as UTF-8."""
    named = CHARSET.search(data[:LOOKED_AT])
    return data.decode(named[1].decode("ascii") if named else "utf-8-sig")


class _Reader(HTMLParser):
    """Collects sections; `_unseen` is the open elements that hide what is in them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title = ""
        self.sections: list[Section] = []
        self._unseen: list[str] = []
        self._in_title = False
        self._heading: list[str] | None = None
        self._headline, self._place, self._anchor = "", "", ""
        self._text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        told = dict(attrs)
        if tag == "title":
            self._in_title = not self.title
        if tag in VOID:
            self._text.append(" ")
            return
        if self._unseen or tag in UNSEEN | BESIDE or _is_hidden(told):
            self._unseen.append(tag)
            return
        self._anchor = told.get("id") or (told.get("name") if tag == "a" else None) or self._anchor
        if tag in HEADINGS:
            self.end_section()
            self._heading, self._place, self._anchor = [], told.get("id") or self._anchor, ""
        elif tag not in INLINE:
            self._text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        """An element ends; an end tag that is missing ends with the element around it."""
        if tag == "title":
            self._in_title = False
        if tag in self._unseen:
            while self._unseen.pop() != tag:
                pass
        elif not self._unseen and tag in HEADINGS and self._heading is not None:
            self._headline, self._heading = " ".join("".join(self._heading).split()), None
            self.title = self.title or (self._headline if tag == "h1" else "")
        elif not self._unseen and tag not in INLINE:
            self._text.append(" ")

    def handle_data(self, data: str) -> None:
        """Text."""
        if self._in_title:
            self.title += data
        elif not self._unseen:
            (self._text if self._heading is None else self._heading).append(data)
            self._anchor = self._anchor if data.isspace() else ""  # an anchor before other text is not the heading's

    def end_section(self) -> None:
        """What was read since the last heading is a section, when it says anything."""
        text = " ".join("".join(self._text).split())
        if text:
            heading = "" if self._headline == " ".join(self.title.split()) else self._headline
            self.sections.append(Section(heading, self._place, text))
        self._text, self._headline = [], ""


def _is_hidden(told: dict[str, str | None]) -> bool:
    hidden = "hidden" in told or told.get("aria-hidden") == "true"
    return hidden or HIDDEN_STYLE.search(told.get("style") or "") is not None
