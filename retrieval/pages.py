"""A page of any format as sections, and its sections as documents whose address opens the passage.

An address is the file's path in the city folder and a fragment: a heading's anchor, a PDF's page (`page=3`, RFC 8118).
A passage within a long section is named by its first words (`#page=3:~:text=Missed%20pickups`; URL Fragment Text
Directives, WICG), which browsers scroll to and mark.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from urllib.parse import quote

from retrieval.chunks import chunks
from retrieval.store import Document

__all__ = ["Page", "Section", "documents_of_page"]

FEWEST_WORDS = 3  # of a passage's beginning in its address; more when these stand in the section before
CALLED = {
    "contracts": "contract agreement terms",
    "permits": "permit licence authorisation",
}
"""How people name a folder's pages when they mean any of them: as words only."""


@dataclass(frozen=True)
class Section:
    """A part of a page with a place of its own: `place` is the fragment that opens it, empty for the page itself."""

    heading: str
    place: str
    text: str


@dataclass(frozen=True)
class Page:
    """A page's title, empty when it says none, and its sections in order, with white space made single."""

    title: str
    sections: tuple[Section, ...]


def documents_of_page(path: str, page: Page) -> Iterator[Document]:
    """The passages of a page; `path` is its place in the city folder, like "contracts/acme.pdf"."""
    folder, _, name = path.rpartition("/")
    title = page.title or name.rpartition(".")[0].replace("-", " ").replace("_", " ")
    used: set[str] = set()
    for section in page.sections:
        fields = _fields(folder, name, section)
        titled = f"{title}: {section.heading}" if section.heading else title
        for chunk in chunks(section.text):
            ref = _address(path, section, chunk.start, used)
            if ref not in used:
                used.add(ref)
                text = section.text[chunk.start : chunk.end]
                yield Document(id=ref, kind="handbook", title=titled, text=text, url_ref=ref, fields=fields)


def _fields(folder: str, name: str, section: Section) -> dict[str, str]:
    """What a passage is found by besides its text: nothing for the handbook, whose pages are told by their titles."""
    if folder not in CALLED:
        return {}
    page = section.place.removeprefix("page=") if section.place.startswith("page=") else ""
    told = {"called": CALLED[folder], "file": name, "page": page}
    return {key: value for key, value in told.items() if value}


def _address(path: str, section: Section, start: int, used: Collection[str]) -> str:
    """The address of a passage: its section's own, or one with as many first words as tell it from all others.

    One that is used already comes back only for a passage that the page holds twice.
    """
    plain = f"{path}#{section.place}" if section.place else path
    if start == 0 and plain not in used:
        return plain
    words = section.text[start:].split(" ")
    for count in range(min(FEWEST_WORDS, len(words)), len(words) + 1):
        said = " ".join(words[:count])
        address = f"{path}#{section.place}:~:text={_escaped(said)}"
        if section.text.find(said) == start and address not in used:
            break
    return address


def _escaped(said: str) -> str:
    """Percent-encoded, the directive's own signs (`-`, `,`, `&`) too."""
    return quote(said, safe="").replace("-", "%2D")
