"""Text that a page hides is not read, and text that it shows is."""

from __future__ import annotations

import pytest

from retrieval.html_pages import html_page

SHEET = """<style>/* .seen {display:none} */ .x, p.y.z {display: none} #secret {visibility:hidden}
@media print {.noprint {display:none} .other {color:red}} .wide > .inner {display:none} .dim {opacity: 0.5}</style>"""


def text_of(body: str, sheet: str = SHEET) -> str:
    page = html_page(f"<html><head>{sheet}</head><body><h1>T</h1>{body}<p>end</p></body></html>".encode())
    return " ".join(section.text for section in page.sections)


@pytest.mark.parametrize(
    "hidden",
    [
        "<p class=x>no</p>",
        "<p class='a x b'>no</p>",
        "<p class='z y'>no</p>",
        "<div id=secret><p>no</p></div>",
        "<p style='position:absolute;left:-9999px'>no</p>",
        "<p style='text-indent:-999em'>no</p>",
        "<p style='opacity:0'>no</p>",
        "<p style='opacity: 0.0; color: red'>no</p>",
        "<p hidden>no</p>",
    ],
)
def test_hidden_text_is_not_read(hidden: str) -> None:
    assert text_of(hidden) == "end"


@pytest.mark.parametrize(
    "shown",
    [
        "<p class=seen>yes</p>",
        "<p class=y>yes</p>",
        "<div class='y z'>yes</div>",
        "<p class=noprint>yes</p>",
        "<p class=inner>yes</p>",
        "<p class=dim>yes</p>",
        "<p style='opacity:0.5'>yes</p>",
        "<p style='opacity:.05'>yes</p>",
        "<p style='margin-left:-10px; fill-opacity:0'>yes</p>",
    ],
)
def test_what_is_seen_is_read(shown: str) -> None:
    assert text_of(shown) == "yes end"


def test_a_style_element_after_the_text_counts_and_a_broken_one_does_no_harm() -> None:
    assert text_of("<p class=x>no</p>" + SHEET, sheet="") == "end"
    assert text_of("<p>yes</p>", sheet="<style>" * 50_000 + "/*" * 50_000 + "@" * 100_000 + "</style>") == "yes end"
    assert text_of("<p>yes</p>", sheet="<style>@media { .x { { } , {display:none} } {</style>") == "yes end"
