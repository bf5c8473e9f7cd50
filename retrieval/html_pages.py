"""Web pages as sections: what a reader sees, cut at headings, with the anchors that the page itself has.

Scripts, styles and what is hidden from readers are left out: text that nobody sees has no business in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from retrieval.pages import Page, Section

__all__ = ["html_page"]

HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
UNSEEN = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "head"})
BESIDE = frozenset({"nav", "footer"})  # of every page of a site, and about none
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
INLINE = frozenset({"a", "abbr", "b", "cite", "code", "em", "i", "kbd", "mark", "q", "s", "small", "span", "strong",
                    "sub", "sup", "time", "u", "var"})  # fmt: skip
HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|font-size\s*:\s*0(?![.\d])"
    r"|(?<![-\w])opacity\s*:\s*(?:0(?:\.0*)?|\.0+)(?![.\d])"
    r"|(?<![-\w])(?:left|right|top|bottom|text-indent|margin-left|margin-top)\s*:\s*-(?:\d{4,}|999)",
    re.I,
)
SIMPLE = re.compile(r"([\w-]*)((?:[.#][\w-]+)*)")
CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?([\w-]+)", re.I)
LOOKED_AT = 2_048  # bytes in which a page must name its encoding (HTML standard: 1,024)


def html_page(data: bytes) -> Page:
    """A page by its headings. Raises UnicodeDecodeError or LookupError for an encoding that does not hold."""
    text = _decoded(data)
    reader = _Reader(_hiding(text))
    reader.feed(text)
    reader.close()
    reader.end_section()
    return Page(" ".join(reader.title.split()), tuple(reader.sections))


def _decoded(data: bytes) -> str:
    """By its own word, else as UTF-8."""
    named = CHARSET.search(data[:LOOKED_AT])
    return data.decode(named[1].decode("ascii") if named else "utf-8-sig")


Simple = tuple[str, frozenset[str]]
"""An element's name ("" for any) and the classes (".x") and id ("#y") that it must have."""


def _hiding(text: str) -> list[Simple]:
    """What the page's own style elements hide by rules of a name, classes and an id, unconditionally."""
    found = []
    for selectors, style in _rules(text):
        if HIDDEN_STYLE.search(style):
            for selector in selectors.split(","):
                simple = SIMPLE.fullmatch(selector.strip().removeprefix("*"))
                if simple and simple[0]:
                    found.append((simple[1].lower(), frozenset(re.findall(r"[.#][\w-]+", simple[2]))))
    return found


def _rules(text: str) -> Iterator[tuple[str, str]]:
    """Selectors and declarations of style elements, without what holds for print or small screens only."""
    parts = [part.partition(">")[2] for part in re.split("<style", text, flags=re.I)[1:]]
    sheet = " ".join(re.split("</style", part, maxsplit=1, flags=re.I)[0] for part in parts)
    first, *others = sheet.split("/*")
    opened: list[str] = []
    last = ""
    for piece in re.split("([{}])", first + " ".join(part.partition("*/")[2] for part in others)):
        if piece == "{":
            opened.append(last.rpartition(";")[2])
        elif piece == "}":
            selectors = opened.pop() if opened else "@"
            if not opened and "@" not in selectors:
                yield selectors, last
        last = "" if piece in "{}" else piece


class _Reader(HTMLParser):
    """Collects sections; `_unseen` is the open elements that hide what is in them, `hiding` what rules hide."""

    def __init__(self, hiding: list[Simple]) -> None:
        super().__init__(convert_charrefs=True)
        self._hiding = hiding
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
        if self._unseen or tag in UNSEEN | BESIDE or _is_hidden(told) or self._is_ruled_out(tag, told):
            self._unseen.append(tag)
            return
        self._anchor = told.get("id") or (told.get("name") if tag == "a" else None) or self._anchor
        if tag in HEADINGS:
            self.end_section()
            self._heading, self._place, self._anchor = [], told.get("id") or self._anchor, ""
        elif tag not in INLINE:
            self._text.append(" ")

    def _is_ruled_out(self, tag: str, told: dict[str, str | None]) -> bool:
        own = {f".{name}" for name in (told.get("class") or "").split()} | {f"#{told.get('id')}"}
        return any(name in {"", tag} and needs <= own for name, needs in self._hiding)

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
