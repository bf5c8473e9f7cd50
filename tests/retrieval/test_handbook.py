"""Handbook pages become sections that a citation opens."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.handbook import anchor, markdown_page
from retrieval.pages import documents_of_page
from retrieval.store import Document

PAGE = """# Contamination

*Demo handbook, written for this demonstration.*

## Rejected loads

A load with glass
is rejected.

## Bottles & cans (mixed)

Rinse them.

## Rejected loads

Again.

## Empty
"""


def handbook_documents(pages: dict[str, str]) -> list[Document]:
    """The sections of all pages, by name."""
    return [
        document
        for name in sorted(pages)
        for document in documents_of_page(f"handbook/{name}", markdown_page(pages[name]))
    ]


def test_each_section_is_a_document_with_the_address_that_opens_it() -> None:
    found = handbook_documents({"contamination.md": PAGE})
    assert [(d.url_ref, d.title, d.text) for d in found] == [
        ("handbook/contamination.md#rejected-loads", "Contamination: Rejected loads", "A load with glass is rejected."),
        ("handbook/contamination.md#bottles--cans-mixed", "Contamination: Bottles & cans (mixed)", "Rinse them."),
        ("handbook/contamination.md#rejected-loads-1", "Contamination: Rejected loads", "Again."),
    ]
    assert {d.kind for d in found} == {"handbook"}


def test_a_page_without_sections_is_one_document() -> None:
    (only,) = handbook_documents({"overflow.md": "# Overflowing bins\n\nServed within four hours.\n"})
    assert (only.id, only.title, only.text) == ("handbook/overflow.md", "Overflowing bins", "Served within four hours.")


def test_a_page_without_a_title_is_called_by_its_file() -> None:
    (only,) = handbook_documents({"snow-days.md": "No service.\n"})
    assert only.title == "snow days"


@pytest.mark.parametrize(
    ("heading", "place"), [("Stop work", "stop-work"), ("Who pays?", "who-pays"), ("Über 5 m", "über-5-m")]
)
def test_an_anchor_is_the_one_that_web_pages_give(heading: str, place: str) -> None:
    assert anchor(heading) == place


@pytest.mark.parametrize("city", ["berkeley", "boston", "montevideo"])
def test_every_page_that_ships_has_sections_with_addresses_of_their_own(city: str) -> None:
    folder = Path(__file__).parents[2] / "cities" / city / "handbook"
    pages = {page.name: page.read_text(encoding="utf-8") for page in folder.glob("*.md")}
    found = handbook_documents(pages)
    assert len({d.id for d in found}) == len(found) >= 3 * len(pages)
    assert {d.id.split("#")[0].removeprefix("handbook/") for d in found} == set(pages)
