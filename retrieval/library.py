"""The pages of a city folder: handbook, contracts and permits, as Markdown, HTML or PDF.

library = read_library(Path("cities/berkeley"))
passage = open_passage(Path("cities/berkeley"), "handbook/overflow-response.md#who-goes")
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from domain.errors import BadData, UnknownName
from retrieval.handbook import markdown_page
from retrieval.html_pages import html_page
from retrieval.pages import Page, documents_of_page
from retrieval.pdf_pages import pdf_page
from retrieval.store import Document

__all__ = ["FOLDERS", "Library", "open_passage", "read_library"]

FOLDERS = ("handbook", "contracts", "permits")
LARGEST_BYTES = 50_000_000
READERS: Mapping[str, Callable[[bytes], Page]] = {
    ".md": lambda data: markdown_page(data.decode("utf-8")),
    ".html": html_page,
    ".htm": html_page,
    ".pdf": pdf_page,
}


@dataclass(frozen=True)
class Library:
    """The bytes of all pages by their path in the city folder, and what could not be read, in sentences.

    `digest` changes with any of them.
    """

    pages: Mapping[str, bytes]
    faults: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Sixty-four hexadecimal digits."""
        whole = hashlib.sha256()
        for path, data in sorted(self.pages.items()):
            whole.update(f"{path}\0{len(data)}\0".encode() + data)
        return whole.hexdigest()

    def documents(self) -> tuple[list[Document], tuple[str, ...]]:
        """The passages of all pages in order of their paths, and a sentence for each page that cannot be read."""
        found: list[Document] = []
        faults = list(self.faults)
        for path, data in sorted(self.pages.items()):
            try:
                found += _passages(path, data)
            except BadData as error:
                faults.append(f"{path} cannot be read: {error}")
        return found, tuple(faults)


def read_library(folder: Path | None) -> Library:
    """The files of the three folders whose names end like a page; an empty library without a folder."""
    pages: dict[str, bytes] = {}
    faults: list[str] = []
    for file in sorted(file for name in FOLDERS for file in (folder / name).glob("*")) if folder else []:
        if file.suffix.lower() not in READERS or not file.is_file():
            continue
        path = f"{file.parent.name}/{file.name}"
        try:
            if file.stat().st_size > LARGEST_BYTES:
                raise BadData(f"it is larger than {LARGEST_BYTES // 1_000_000} MB; split it")
            pages[path] = file.read_bytes()
        except (OSError, BadData) as error:
            faults.append(f"{path} cannot be read: {error}")
    return Library(pages, tuple(faults))


def open_passage(folder: Path, ref: str) -> Document:
    """The passage that an address names, as it is written now; all of a page for an address without a fragment.

    Raises UnknownName when there is none, because the page was changed or there never was one, and BadData for a page
    that cannot be read.
    """
    path = PurePosixPath(ref.partition("#")[0])
    if len(path.parts) != 2 or path.parts[0] not in FOLDERS or path.suffix.lower() not in READERS:
        raise UnknownName("page", ref)
    file = folder / path
    if not file.is_file():
        raise UnknownName("page", ref)
    passages = _passages(str(path), file.read_bytes())
    for document in passages:
        if unquote(document.url_ref) == unquote(ref):
            return document
    if "#" in ref or not passages:
        raise UnknownName("passage", ref)
    whole = "\n\n".join(f"{document.title}\n{document.text}" for document in passages)
    return replace(passages[0], id=ref, url_ref=ref, title=path.name, text=whole)


def _passages(path: str, data: bytes) -> list[Document]:
    """The passages of one page. Raises BadData."""
    try:
        page = READERS[PurePosixPath(path).suffix.lower()](data)
    except (UnicodeDecodeError, LookupError) as error:
        raise BadData(f"it is no UTF-8 text and names no other encoding ({error})") from error
    return list(documents_of_page(path, page))
